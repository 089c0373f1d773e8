"""G19: one PID step of ours beside one call of simple-pid with the same gains."""

from __future__ import annotations

import time
from collections.abc import Callable

from simple_pid import PID


def microseconds(step: Callable[[], object], count: int = 20_000) -> float:
    """Least of five rounds: the machine's noise only adds."""
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(count):
            step()
        rounds.append((time.perf_counter() - begun) / count * 1e6)
    return min(rounds)


def simple_pid_us() -> float:
    pid = PID(2.0, 0.1, 1.0, setpoint=37.0, sample_time=None, output_limits=(0.0, 100.0))
    return microseconds(lambda: pid(36.5, dt=1.0))
