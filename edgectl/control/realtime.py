"""What the kernel and the interpreter can do for punctuality. Everything here is wanted and nothing is needed."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_SET_TIMERSLACK = 29
_CAP_IPC_LOCK = 14
_SWITCH_S = 0.0005


class Grant(NamedTuple):
    """Something asked of the kernel: whether it was granted, and if not, why."""

    name: str
    granted: bool
    detail: str


def claim(priority: int = 50) -> tuple[Grant, ...]:
    """Ask for SCHED_FIFO, locked memory and exact timers for this process. Never fails.

    Also lets other threads of the interpreter hold it for half a millisecond at most between two bytecodes.
    """
    sys.setswitchinterval(_SWITCH_S)
    return (_fifo(priority), _locked_memory(), _timer_slack())


def _fifo(priority: int) -> Grant:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        return Grant(
            "SCHED_FIFO", granted=False, detail=f"{error.strerror}; CAP_SYS_NICE or LimitRTPRIO= grants it"
        )
    return Grant("SCHED_FIFO", granted=True, detail=f"priority {priority}")


def _locked_memory() -> Grant:
    # With a finite limit mlockall(2) would succeed and a later allocation fail: worse than a page fault.
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY and not _may_lock():
        return Grant("locked memory", granted=False, detail="LimitMEMLOCK=infinity or CAP_IPC_LOCK grants it")
    libc = ctypes.CDLL(None, use_errno=True)
    # ONFAULT locks what is used and not every stack whole: the process stays small (mlock2(2)).
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return Grant("locked memory", granted=False, detail=os.strerror(ctypes.get_errno()))
    return Grant("locked memory", granted=True, detail="")


def _may_lock() -> bool:
    try:
        status = Path("/proc/self/status").read_bytes()
    except OSError:
        return False
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith(b"CapEff:")), b"0")
    return bool(int(effective, 16) >> _CAP_IPC_LOCK & 1)


def _timer_slack() -> Grant:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0:
        return Grant("timer slack", granted=False, detail=os.strerror(ctypes.get_errno()))
    return Grant("timer slack", granted=True, detail="1 ns")


class Collector:
    """Garbage collection at chosen moments only: call it right after a scan with the time that is left.

    Young garbage is collected when there is some and a few milliseconds are left; everything once a minute, when three times what that
    took last time is left.
    """

    _YOUNG = 5_000
    _LEAST_S = 0.003
    _FULL_EVERY_S = 60.0

    def __init__(self) -> None:
        self._full_at = time.monotonic() + self._FULL_EVERY_S
        self._full_cost_s = 0.0

    def begin(self) -> None:
        """What exists stays, and nothing is collected by itself from here on."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def __call__(self, slack_s: float) -> None:
        """Collect, if it is time and there is time."""
        begun = time.monotonic()
        if begun >= self._full_at and slack_s > max(self._LEAST_S, 3 * self._full_cost_s):
            gc.collect()
            self._full_cost_s = time.monotonic() - begun
            self._full_at = begun + self._FULL_EVERY_S
        elif gc.get_count()[0] > self._YOUNG and slack_s > self._LEAST_S:
            gc.collect(0)

    def end(self) -> None:
        """As it was."""
        gc.enable()
        gc.unfreeze()
