"""The wall clock of a computer that was off is believed only where something vouches for it."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import pytest

from edgectl.control import moment


class Kernel:
    """adjtimex(2) answers with a state of the clock: 0 synchronised, 5 not, -1 not permitted."""

    def __init__(self, state: int) -> None:
        self.state = state

    def adjtimex(self, buffer: object) -> int:
        del buffer
        return self.state


@pytest.mark.parametrize(
    ("state", "ahead_s", "doubt"),
    [
        (0, None, ""),
        (4, None, ""),
        (5, None, "not synchronised and there is no battery clock"),
        (-1, None, "not synchronised and there is no battery clock"),
        (5, 0, ""),
        (5, -9, ""),
        (5, 12, "s away from the battery clock"),
        (5, -3600, "s away from the battery clock"),
    ],
)
def test_a_clock_nobody_vouches_for_is_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: int, ahead_s: int | None, doubt: str
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Kernel(state))
    rtc = tmp_path / "since_epoch"
    if ahead_s is not None:
        rtc.write_text(f"{int(time.time()) + ahead_s}\n")
    found = moment.wall_doubt(rtc)
    assert doubt in found
    assert bool(found) == bool(doubt)


def test_a_battery_clock_that_tells_nonsense_vouches_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Kernel(5))
    rtc = tmp_path / "since_epoch"
    rtc.write_text("never")
    assert "no battery clock" in moment.wall_doubt(rtc)


def test_the_real_kernel_can_be_asked() -> None:
    """Whatever it answers: a boot has an identity, and two stamps of one boot are in order."""
    first, second = moment.stamp_now(), moment.stamp_now()
    assert first.boot == second.boot != ""
    assert first.mono_ns <= second.mono_ns


def test_a_kernel_without_a_boot_identity_gives_an_empty_one(tmp_path: Path) -> None:
    assert moment.boot_id(tmp_path / "none") == ""
