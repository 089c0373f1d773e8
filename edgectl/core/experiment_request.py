"""Experiments as requests, and their place in a scan: begun, watched, led and ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.experiment import keep, level, listen, room, swing
from edgectl.core.experiment_watch import Scene, objection, standing
from edgectl.core.loop import TUNING, Loop
from edgectl.core.refusal import Refusal
from edgectl.core.turn import Turn
from edgectl.model.experiment import Experiment, Method, Side, Stage, TunePlan
from edgectl.model.loop import LoopState, PidState
from edgectl.model.measurement import Measurement
from edgectl.model.request import Request

KEEP_S = 3600.0  # what an experiment found can be read for so long after its end
STOP = "stop"

_OVER = "over"
_ACTOR = "experiment"


def serve_tune(
    scene: Scene, experiments: dict[str, Experiment], loops: dict[str, LoopState], request: Request
) -> tuple[str, str, str]:
    """Begin or stop an experiment. ``value`` is ``stop``, or ``relay`` or ``step`` and perhaps the side: ``relay up``.

    Raises:
        Refusal: something speaks against it, or none runs.
    """
    loop = scene.unit.loops.get(request.target)
    if loop is None:
        raise Refusal(f"there is no loop named {request.target}; known: {', '.join(scene.unit.loops)}")
    running = next((n for n, state in experiments.items() if state.stage is not Stage.OVER), "")
    if request.value == STOP:
        if running != loop.name:
            raise Refusal(f"no experiment runs on {loop.name}")
        before = label(experiments[running])
        _finish(experiments, loops, running, f"stopped by {request.who}: {request.reason}", complete=False)
        return "experiment", before, _OVER
    method, side = _wanted(request)
    if running:
        raise Refusal(f"an experiment runs on {running} already")
    experiments.clear()
    started = experiments[loop.name] = _begin(scene, loop, method, side, request.who)
    return "experiment", _OVER, label(started)


def _begin(scene: Scene, loop: Loop, method: Method, side: Side, who: str) -> Experiment:
    plan, state = loop.plan.tune, scene.loops[loop.name]
    if plan is None:
        raise Refusal(
            f"no limits of experiments are declared for {loop.name}; write for example in unit.yaml: tune: {{amplitude: 5 %, within: 0.5, longest: 2 h}}"
        )
    if reason := objection(scene, loop, None):
        raise Refusal(reason)
    found = room(loop, state.achieved, side, plan.amplitude)
    if isinstance(found, str):
        raise Refusal(found)
    return Experiment(method, side, who, state.setpoint, state.achieved, alarms=standing(scene))


def _wanted(request: Request) -> tuple[Method, Side]:
    words = str(request.value).split()
    methods, sides = {m.value: m for m in Method}, {s.value: s for s in Side}
    if not 1 <= len(words) <= 2 or words[0] not in methods or (words[1:] and words[1] not in sides):
        allowed = f"{', '.join(methods)} or {STOP}; a method may be followed by {', '.join(sides)}"
        raise Refusal(f"tune must be one of {allowed}; found {request.value!r:.40}")
    return methods[words[0]], sides[words[1]] if words[1:] else Side.BOTH


def label(state: Experiment) -> str:
    """One experiment in a few words."""
    side = "" if state.side is Side.BOTH else f" {state.side.value}"
    return _OVER if state.stage is Stage.OVER else f"{state.stage.value}, {state.method.value}{side}"


def _finish(
    experiments: dict[str, Experiment],
    loops: dict[str, LoopState],
    name: str,
    reason: str,
    *,
    complete: bool,
) -> None:
    """The loop has its output again, and begins at the one that held before."""
    state = experiments[name]
    experiments[name] = replace(state, stage=Stage.OVER, ended=reason, complete=complete)
    own = loops[name]
    if own.condition == TUNING:
        loops[name] = replace(own, achieved=state.base, pid=PidState(state.base))


def conduct(
    this: Turn,
    scene: Scene,
    experiments: dict[str, Experiment],
    loops: dict[str, LoopState],
    period_s: float,
) -> dict[str, float]:
    """Watch and lead every experiment; the outputs that they ask for now, by loop."""
    asked: dict[str, float] = {}
    for name, before in list(experiments.items()):
        loop = this.unit.loops.get(name)
        plan = None if loop is None else loop.plan.tune
        if before.stage is Stage.OVER or loop is None or plan is None:
            after = replace(before, over_s=before.over_s + this.dt_s)
            experiments[name] = after
            if after.over_s > KEEP_S or plan is None:
                del experiments[name]
            continue
        try:
            after, reason = _step(this, scene, loop, plan, before, period_s)
        except Exception as bug:  # noqa: BLE001 - whatever it is, it costs the experiment and nobody's regulation
            after, reason = before, f"aborted: {type(bug).__name__}: {bug}"
        experiments[name] = after
        if reason:
            _finish(experiments, loops, name, reason, complete=after.complete)
            this.tell("experiment", name, label(before), _OVER, _ACTOR, reason)
        elif after.stage is Stage.SWINGING:
            asked[name] = level(after)
            if before.stage is not after.stage:
                this.tell("experiment", name, label(before), label(after), _ACTOR, "it has listened enough")
    return asked


def _step(
    this: Turn, scene: Scene, loop: Loop, plan: TunePlan, before: Experiment, period_s: float
) -> tuple[Experiment, str]:
    """The experiment after this scan, and why it is over (empty: it goes on)."""
    state = replace(before, elapsed_s=before.elapsed_s + this.dt_s)
    if reason := objection(scene, loop, state):
        return state, f"aborted: {reason}"
    if state.elapsed_s > plan.longest_s:
        return state, "aborted: its time is over"
    measured, still = scene.measured[loop.tag], set(standing(scene))
    assert measured.value is not None
    state = replace(state, alarms=tuple(name for name in state.alarms if name in still))
    if state.stage is Stage.LISTENING:
        state = listen(loop, state, plan, measured, scene.loops[loop.name].achieved, period_s)
        return state, f"aborted: {state.ended}" if state.ended else ""
    state = swing(loop, state, plan, measured.value, this.dt_s)
    return state, "complete" if state.complete else ""


def record(
    experiments: Mapping[str, Experiment],
    tags: Mapping[str, Loop],
    settled: Mapping[str, LoopState],
    measured: Mapping[str, Measurement],
) -> dict[str, Experiment]:
    """Keep what every running experiment achieved in this scan."""
    kept = dict(experiments)
    for name, state in experiments.items():
        if state.stage is not Stage.OVER:
            value = measured[tags[name].tag].value
            kept[name] = state if value is None else keep(state, settled[name].achieved, value)
    return kept
