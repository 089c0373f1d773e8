"""G19: one PID step of ours beside one call of simple-pid with the same gains."""

from __future__ import annotations

import time
from collections.abc import Callable

from simple_pid import PID

from edgectl.core.pid import step, tuning_of
from edgectl.model.loop import PidState
from edgectl.model.loop_plan import LoopPlan
from tests.bench.verdict import Verdict

GAIN, INTEGRAL_S, DERIVATIVE_S = 2.0, 20.0, 10.0


def microseconds(call: Callable[[], object], count: int = 20_000) -> float:
    """Least of five rounds: the machine's noise only adds."""
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(count):
            call()
        rounds.append((time.perf_counter() - begun) / count * 1e6)
    return min(rounds)


def simple_pid_us() -> float:
    """simple-pid with all three terms and its limits."""
    law = PID(
        GAIN,
        GAIN / INTEGRAL_S,
        GAIN * DERIVATIVE_S,
        setpoint=37.0,
        sample_time=None,
        output_limits=(0.0, 100.0),
    )
    return microseconds(lambda: law(36.5, dt=1.0))


def ours_us() -> float:
    """Ours, with the filtered derivative."""
    plan = LoopPlan(
        "TIC", "TT", "degC", (), 0.0, 100.0, 37.0, 0.0, 100.0, GAIN, INTEGRAL_S, 0.0, derivative_s=DERIVATIVE_S, filter_s=1.0
    )  # fmt: skip
    tuning, state = tuning_of(plan), PidState(20.0, 36.4)
    return microseconds(lambda: step(tuning, state, 37.0, 36.5, 1.0, 1.0))


def judge() -> list[Verdict]:
    """G19."""
    ours, anchor = ours_us(), simple_pid_us()
    why = "a simple-pid object is made for each step, so that the loop's memory stays plain data that replays"
    return [
        Verdict(
            "G19",
            "PID step <= 1x simple-pid",
            f"{ours:.2f} us, {ours / anchor:.1f}x",
            f"simple-pid {anchor:.2f} us a call",
            ours <= anchor,
            "" if ours <= anchor else why,
        )
    ]
