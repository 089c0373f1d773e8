"""An experiment on one loop: how it listens, how it swings the output, and what it keeps of it.

First the loop regulates as always, while its noise and the output that holds are measured. Then the output stands at one of two values around
that, and changes between them when the value has turned far enough: a relay. It never leaves the declared range, and its size follows the swing of
the value, so that a strong plant is not driven to the limit. When a swing does not come to its end, the time for one ends it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Final

from edgectl.core.loop import Loop
from edgectl.core.text import figure
from edgectl.model.experiment import Experiment, Method, Point, Side, Stage, Tally, TunePlan
from edgectl.model.measurement import Measurement

MOST_POINTS: Final = 600
LISTEN_S: Final = 60.0
LISTEN_SCANS: Final = 60

_SWINGS = {Method.RELAY: 7, Method.STEP: 3}
_TURN = 0.06  # of ``within``: how far the value goes at least before the output changes
_GOAL = 0.35  # of ``within``: how far before a long swing ends
_PEAK = 0.5  # of ``within``: how far it may go until it has turned
_GROWTH = 1.5  # of the range, from one swing to the next
_NOISE = 3.0  # standard deviations of noise that turn nothing
_BRIEF_SCANS = 8.0  # a swing shorter than this teaches nothing
_LONG = {
    Method.RELAY: 5,
    Method.STEP: 0,
}  # the swings from this one on go all the way: what is slow shows in them
_STEP = 0.25  # of the hysteresis: less is no progress
_REST = 2.0  # times as long as it has moved, the value has not moved any further
_REST_SCANS = 30.0
_DRIFT = 0.25  # of the amplitude: the mean output may move so far while it is listened to
_LEAST_SHARE = 0.15
_DANGER = 0.7  # of ``within``: beyond, the whole range brings the value back
_ROOM = 0.5  # of the amplitude: less than this between the ends excites nothing


def listen_s(plan: TunePlan, period_s: float) -> float:
    """How long an experiment listens before it touches anything."""
    return min(max(LISTEN_S, LISTEN_SCANS * period_s), plan.longest_s / 8.0)


def room(loop: Loop, base: float, side: Side, amplitude: float) -> tuple[float, float] | str:
    """The lowest and the highest output an experiment may ask for, or why there is none.

    It stays within one actuator's share of the output, since the next one's is another plant.
    """
    plan = loop.plan
    shares = (end for s in plan.segments for end in (s.out_low, s.out_high))
    edges = sorted({plan.out_low, plan.out_high, *shares})
    grain = 0.02 * amplitude
    around = [(a, b) for a, b in pairwise(edges) if a - grain <= base <= b + grain]
    if len(around) > 1:
        if side is Side.BOTH:
            return f"the output stands at {figure(base, '')}, between two actuators: say which, up or down"
        around = around[:1] if side is Side.DOWN else around[-1:]
    low, high = around[0]
    low = base if side is Side.UP else max(low, base - amplitude)
    high = base if side is Side.DOWN else min(high, base + amplitude)
    if high - low < _ROOM * amplitude:
        return f"the output stands at {figure(base, '')}, too near an end of its range for an amplitude of {figure(amplitude, '')}"
    return low, high


def listen(
    loop: Loop, state: Experiment, plan: TunePlan, measured: Measurement, output: float, period_s: float
) -> Experiment:
    """One scan of listening. ``output`` is what the actuators stand at. ``ended`` is set when there is no point in going on."""
    early = state.elapsed_s < listen_s(plan, period_s) / 2.0
    heard = _hear(state.heard, measured, output, early=early)
    state = replace(state, heard=heard)
    if state.elapsed_s < listen_s(plan, period_s):
        return state
    steps = max(1, heard.samples - 1)
    noise: float = (heard.squares / steps / 2.0) ** 0.5
    base, value = heard.output / heard.scans, heard.total / heard.samples
    turn = max(_NOISE * noise, 1.5 * heard.grain, _TURN * plan.within)
    if turn > _GOAL * plan.within:
        unit = loop.plan.unit
        why = f"the noise of {loop.tag} ({figure(noise, unit)}, step {figure(heard.grain, unit)}) is too large for swings within {figure(plan.within, unit)}"
        return replace(state, ended=why, noise=noise)
    if reason := _unsteady(heard, plan):
        return replace(state, ended=reason, noise=noise)
    found = room(loop, base, state.side, plan.amplitude)
    if isinstance(found, str):
        return replace(state, ended=found, noise=noise)
    reach = 0.3 * plan.within
    center = min(max(value, state.setpoint - reach), state.setpoint + reach)
    return _swinging(loop, replace(state, base=base, noise=noise, center=center, hysteresis=turn), found)


def _unsteady(heard: Tally, plan: TunePlan) -> str:
    """Why the output that was heard is not one that holds; empty if it is."""
    late = heard.scans - heard.early_scans
    drift = abs((heard.output - heard.early) / late - heard.early / max(heard.early_scans, 1))
    moved = max(drift / _DRIFT, (heard.most - heard.least) / 2.0)
    if moved <= plan.amplitude:
        return ""
    words = f"by {figure(heard.most - heard.least, plan.unit)}, on average by {figure(drift, plan.unit)}"
    return f"not steady: the output moved {words} while it was listened to"


def _swinging(loop: Loop, state: Experiment, found: tuple[float, float]) -> Experiment:
    """The first swing: to where there is room, and towards the set point where there is room on both sides."""
    low, high = found
    below = (state.center < state.setpoint) == (loop.plan.gain > 0)
    both = min(high - state.base, state.base - low) >= 0.2 * (high - low)
    up = below if both else high - state.base > state.base - low
    return replace(state, stage=Stage.SWINGING, low=low, high=high, up=up, began_s=state.elapsed_s)


def _hear(heard: Tally, measured: Measurement, output: float, *, early: bool) -> Tally:
    """Samples are counted once each, however often the scan sees them."""
    assert measured.value is not None
    first = not heard.scans
    heard = heard._replace(
        scans=heard.scans + 1,
        output=heard.output + output,
        early_scans=heard.early_scans + early,
        early=heard.early + (output if early else 0.0),
        least=output if first else min(heard.least, output),
        most=output if first else max(heard.most, output),
    )
    if measured.at.mono_ns == heard.last_ns and not first:
        return heard
    move = 0.0 if first else abs(measured.value - heard.last)
    return heard._replace(
        samples=heard.samples + 1,
        total=heard.total + measured.value,
        squares=heard.squares + move * move,
        grain=min(move, heard.grain or move) if move else heard.grain,
        last=measured.value,
        last_ns=measured.at.mono_ns,
    )


def swing(loop: Loop, state: Experiment, plan: TunePlan, value: float, dt_s: float) -> Experiment:
    """One scan of swinging: whether the output changes to the other end now, and by how much."""
    rising = 1.0 if loop.plan.gain > 0 else -1.0
    beyond = (value - state.center) * rising * (1.0 if state.up else -1.0)
    held_s, peak = state.held_s + dt_s, max(state.peak, abs(value - state.center))
    state = _progress(state, beyond, held_s)
    swings = _SWINGS[state.method]
    longest_s = (plan.longest_s - state.elapsed_s + held_s) / (swings + 1 - state.swings)
    goal = max(_GOAL * plan.within, state.hysteresis)
    enough = goal if _LONG[state.method] <= state.swings else state.hysteresis
    brief = held_s < _BRIEF_SCANS * dt_s and beyond < goal
    if (beyond <= enough or brief) and held_s < longest_s and not _settled(state, held_s, dt_s):
        return replace(state, held_s=held_s, peak=peak, hard=beyond < -_DANGER * plan.within)
    return replace(
        state,
        up=not state.up,
        share=_share(state, plan, peak) if state.swings else state.share,
        held_s=0.0,
        peak=0.0,
        swings=state.swings + 1,
        hard=False,
        least=0.0,
        best=0.0,
        best_s=0.0,
        complete=state.swings + 1 >= swings,
    )


def _progress(state: Experiment, beyond: float, held_s: float) -> Experiment:
    """How far the value went against this swing, and along it since; small steps do not count as progress."""
    if not state.held_s or beyond < state.least:
        return replace(state, least=beyond, best=beyond, best_s=held_s)
    if beyond > state.best + _STEP * state.hysteresis:
        return replace(state, best=beyond, best_s=held_s)
    return state


def _settled(state: Experiment, held_s: float, dt_s: float) -> bool:
    """Whether the plant has answered this swing and come to rest: waiting longer teaches nothing."""
    answered = state.best - state.least > state.hysteresis
    return answered and held_s > _REST * state.best_s + _REST_SCANS * dt_s


def _share(state: Experiment, plan: TunePlan, peak: float) -> float:
    """The share of the range with which the value would swing as far as it shall; ``peak`` is how far it went."""
    aim = max(_PEAK * plan.within, 1.5 * state.hysteresis)
    ratio = min(max(aim / peak, 0.4), _GROWTH) if peak else _GROWTH
    if state.swings + 1 == _LONG[state.method]:
        ratio = min(ratio, 0.5)  # the value gathers speed in a long swing
    return min(max(state.share * ratio, _LEAST_SHARE), 1.0)


def level(state: Experiment) -> float:
    """The output that a swinging experiment asks for."""
    end = state.high if state.up else state.low
    return min(
        max(state.base + (1.0 if state.hard else state.share) * (end - state.base), state.low), state.high
    )


def keep(state: Experiment, output: float, value: float) -> Experiment:
    """Keep what this scan achieved. When there are too many points, each two become one."""
    sums, count = state.pending, state.count + 1
    at_s = sums.t_s if state.count else state.elapsed_s
    sums = Point(at_s, sums.output + output, sums.value + value)
    if count < state.every:
        return replace(state, pending=sums, count=count)
    points = (*state.points, Point(at_s, sums.output / count, sums.value / count))
    every = state.every
    if len(points) >= MOST_POINTS:
        points = tuple(_mean(a, b) for a, b in zip(points[::2], points[1::2], strict=True))
        every *= 2
    return replace(state, points=points, every=every, pending=Point(0.0, 0.0, 0.0), count=0)


def _mean(a: Point, b: Point) -> Point:
    return Point(a.t_s, (a.output + b.output) / 2.0, (a.value + b.value) / 2.0)
