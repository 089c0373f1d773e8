"""An exception in one loop's own arithmetic costs that loop its regulation, and nobody else.

Contained are the law of one loop and what it learns from what was achieved: the loop takes its fallback, and all that protects (judging,
interlocks, hazards, the chain that every demand passes) still stands between it and the plant. Nothing else is contained: after an
exception in what protects, nobody knows what is protected, so it ends the process with outputs safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgectl.core.loop import FALLBACK, Loop, Move, move, settle
from edgectl.model.loop import BLANK, LoopState, Mode
from edgectl.model.measurement import Measurement

MOST_FAULTS = 3  # then only a person tries it again
RETRY_S = 10.0
FORGET_S = 600.0


def decide(
    loop: Loop,
    state: LoopState,
    measured: Measurement,
    master: float | None,
    slave: Mode | None,
    dt_s: float,
    step_s: float,
    instead: float | None,
    inputs: Sequence[float | None] = (),
) -> tuple[Move, str]:
    """``move``, and what went wrong in it (empty: nothing). The law is not tried again for 10 s, and after the third time not at all."""
    if _barred(state):
        return _fall_back(loop, state, dt_s), ""
    try:
        return move(loop, state, measured, master, slave, dt_s, step_s, instead, inputs), ""
    except Exception as bug:  # noqa: BLE001 - whatever it is, it is this loop's alone
        return _fall_back(loop, state, dt_s), _words(bug, state)


def learn(
    loop: Loop,
    state: LoopState,
    planned: Move,
    achieved: float,
    fault: str,
    dt_s: float,
    step_s: float,
    *,
    forced: bool,
    locked: bool,
) -> tuple[LoopState, str]:
    """``settle`` after ``decide`` with its ``fault``, and what went wrong in either."""
    try:
        after = settle(loop, state, planned, achieved, step_s, forced=forced, locked=locked)
    except Exception as bug:  # noqa: BLE001 - as above
        after = replace(state, achieved=achieved, pid=BLANK, condition=FALLBACK, kept=None)
        fault = fault or ("" if _barred(state) else _words(bug, state))
    if fault:
        # The integral of a law that failed is not believed.
        blank = replace(after, pid=BLANK, condition=FALLBACK, kept=None)
        return replace(blank, faults=state.faults + 1, calm_s=0.0), fault
    if not state.faults:
        return after, ""
    calm_s = state.calm_s + dt_s
    if state.faults < MOST_FAULTS and calm_s >= FORGET_S:
        return after, ""
    return replace(after, faults=state.faults, calm_s=calm_s), ""


def _barred(state: LoopState) -> bool:
    wants = state.mode in (Mode.AUTO, Mode.CAS)
    recent = state.faults > 0 and state.calm_s < RETRY_S
    return wants and (recent or state.faults >= MOST_FAULTS)


def _fall_back(loop: Loop, state: LoopState, dt_s: float) -> Move:
    output = loop.plan.fallback
    return Move(FALLBACK, state.target, state.setpoint, output, output, BLANK, state.unsure_s + dt_s)


def _words(bug: Exception, state: LoopState) -> str:
    """The exception for people; empty when it was told often enough."""
    times = state.faults + 1
    if times > MOST_FAULTS:
        return ""
    final = times == MOST_FAULTS
    then = "not tried again until somebody sets its mode" if final else f"tried again in {RETRY_S:g} s"
    return f"{type(bug).__name__}: {bug}; failed {times} of {MOST_FAULTS} times, {then}"
