"""What ails a loop, from what is known of it; ``health_word`` says it in a line.

The share of time at a limit, the share not regulating and the error against its own history follow the usual practice of control performance
assessment (M. Jelali, "An overview of control performance assessment technology and industrial applications", Control Engineering Practice 14, 2006, 441-466):
a loop is compared with its own good past instead of with a model of its plant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from edgectl.core.health_swing import Cycle, cycle
from edgectl.core.health_word import Words
from edgectl.core.loop import REGULATING, Loop
from edgectl.core.output import NOT_FOLLOWING
from edgectl.model.health import Ailment, Bin, Chart, Finding, Word
from edgectl.model.health_plan import HealthPlan
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.state import ActuatorState, CheckState

_EASE = 0.8  # of a limit: what stands ends below this
_STICKS, _SLAMS = 0.92, 0.87  # form factors, see health_swing
_END_TO_END = 0.3  # of the output span: mean |deviation| of an output that slams
_FAR = 0.2  # of the output span: a move that must have an effect
_NO_LESS = 0.8  # of the worst error: it has not got less
_PATIENCE = 0.25  # settling times until a move must have had an effect,
_SLOTS = 100.0  # and slots at least
_KNOWN_S = 6 * 3600.0  # of history, before the error is compared with it
_FLOOR = 0.25  # of the band: a smaller error is well whatever it was before
_ENOUGH = 0.5  # of the window must have been settled, to say anything of it


class Evidence(NamedTuple):
    """What else is looked at: read-backs, plausibility checks, and which batch it is."""

    actuators: Mapping[str, ActuatorState]
    checks: Mapping[str, CheckState]
    batch: str


class Window(NamedTuple):
    """Sums over the bins of the window.

    Seconds, and of them idle and settled; of the settled ones at either limit and at rest; and the mean |error| of those that have something to do (None:
    too few).
    """

    passed_s: float
    idle_s: float
    settled_s: float
    high_s: float
    low_s: float
    rest_s: float
    error: float | None


def label(finding: Finding) -> str:
    """A finding in a word or two."""
    if finding.ailment is Ailment.NONE:
        return finding.word.value
    return f"{finding.word.value}: {finding.ailment.value}"


def find(
    loop: Loop,
    plan: HealthPlan,
    actuators: tuple[str, ...],
    checks: tuple[str, ...],
    chart: Chart,
    state: LoopState,
    evidence: Evidence,
    now: Instant,
) -> Finding:
    """How the loop does now."""
    words = Words(loop.plan, actuators, now)
    if state.mode in (Mode.MAN, Mode.OOS):
        return Finding(line=words.unwanted(state.mode.value))
    for name in actuators:
        if NOT_FOLLOWING in evidence.actuators[name].restricted_by:
            return Finding(Word.BAD, Ailment.ASTRAY, words.astray(name))
    for name in checks:
        if evidence.checks[name].failed:
            return Finding(
                Word.BAD, Ailment.IMPLAUSIBLE, words.implausible(name, evidence.checks[name].reason)
            )
    window = summed(chart.bins)
    look = _Look(plan, words, chart, window)
    return (
        look.swinging(loop.plan.out_high - loop.plan.out_low)
        or look.no_effect(loop, state)
        or look.at_limit(evidence, actuators)
        or look.idle(state)
        or look.spreading()
        or look.well()
    )


def summed(bins: tuple[Bin, ...]) -> Window:
    """The bins together."""
    passed = idle = settled = high = low = rest = active = absolute = 0.0
    for seen in bins:
        passed += seen.passed_s
        idle += seen.idle_s
        settled += seen.settled_s
        high += seen.high_s
        low += seen.low_s
        rest += seen.rest_s
        if seen.settled_s - seen.rest_s >= _ENOUGH * seen.passed_s:
            active += seen.settled_s
            absolute += seen.absolute
    error = absolute / active if active >= _ENOUGH * passed and active > 0.0 else None
    return Window(passed, idle, settled, high, low, rest, error)


class _Look(NamedTuple):
    """One look at a loop: each question answers with a finding, or None."""

    plan: HealthPlan
    words: Words
    chart: Chart
    window: Window

    def _eased(self, limit: float, ailment: Ailment) -> float:
        return limit * _EASE if self.chart.told.ailment is ailment else limit

    def swinging(self, span: float) -> Finding | None:
        told = self.chart.told
        known = told.ailment in (Ailment.SWINGING, Ailment.STICKING, Ailment.SLAMMING)
        found = cycle(self.plan, self.chart.swing, known=known)
        if found is None:
            return None
        bad = found.amplitude >= self.plan.band * (_EASE if known and told.word is Word.BAD else 1.0)
        ailment = _shape(found, span)
        return Finding(Word.BAD if bad else Word.WATCH, ailment, self.words.swings(found, ailment))

    def no_effect(self, loop: Loop, state: LoopState) -> Finding | None:
        chase, plan = self.chart.chase, self.plan
        moved = (state.output - chase.output) * chase.side
        right = moved if loop.plan.gain > 0.0 else -moved
        span = loop.plan.out_high - loop.plan.out_low
        enough = self._eased(_FAR, Ailment.NO_EFFECT) * span
        patience_s = max(_PATIENCE * plan.settle_s, _SLOTS * plan.slot_s)
        if not chase.side or right < enough or chase.length_s < patience_s:
            return None
        if abs(chase.last) < _NO_LESS * chase.worst:
            return None
        return Finding(Word.BAD, Ailment.NO_EFFECT, self.words.no_effect(right / span, chase.length_s))

    def at_limit(self, evidence: Evidence, actuators: tuple[str, ...]) -> Finding | None:
        window = self.window
        if not self._long_enough(window.settled_s):
            return None
        high = window.high_s >= window.low_s
        share = (window.high_s if high else window.low_s) / window.passed_s
        if share < self._eased(self.plan.at_limit, Ailment.AT_LIMIT):
            return None
        restrictions = dict.fromkeys(r for name in actuators for r in evidence.actuators[name].restricted_by)
        bad = window.error is not None and window.error > self.plan.band
        line = self.words.at_limit(share, self.plan.window_s, tuple(restrictions), high=high, off=bad)
        return Finding(Word.BAD if bad else Word.WATCH, Ailment.AT_LIMIT, line)

    def idle(self, state: LoopState) -> Finding | None:
        share = self.window.idle_s / self.window.passed_s if self._long_enough(self.window.passed_s) else 0.0
        if share < self._eased(self.plan.idle, Ailment.IDLE) or not share:
            return None
        now = "" if state.condition == REGULATING else state.condition
        return Finding(Word.WATCH, Ailment.IDLE, self.words.idle(share, self.plan.window_s, now))

    def spreading(self) -> Finding | None:
        error, history, band = self.window.error, self.chart.history, self.plan.band
        if error is None or history.known_s < _KNOWN_S or error < _FLOOR * band:
            return None
        if error < self._eased(self.plan.spread, Ailment.SPREADING) * history.usual:
            return None
        word = Word.BAD if error > band else Word.WATCH
        return Finding(word, Ailment.SPREADING, self.words.spreads(error, history.usual))

    def well(self) -> Finding:
        if not self._long_enough(self.window.settled_s):
            return Finding(line=self.words.too_early(self.chart.settle_s))
        return Finding(Word.GOOD, Ailment.NONE, self.words.well(self.window.error))

    def _long_enough(self, seconds: float) -> bool:
        return seconds >= _ENOUGH * self.plan.window_s


def _shape(found: Cycle, span: float) -> Ailment:
    if found.out_form >= _SLAMS and found.out_mean >= _END_TO_END * span:
        return Ailment.SLAMMING
    return Ailment.STICKING if found.form >= _STICKS else Ailment.SWINGING
