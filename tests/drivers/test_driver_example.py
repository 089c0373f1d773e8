"""A new driver is one file, and one file of frames beside the others; nothing else has to know of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgectl.drivers
from tests.drivers import test_driver_faults, test_driver_frames
from tests.drivers.conversation import driver_names, play, transcripts
from tests.drivers.transcript import Transcript

EXAMPLE = Path(__file__).parent / "example"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Transcript:
    """The example of the README, laid beside the drivers that exist."""
    monkeypatch.setattr(edgectl.drivers, "__path__", [*edgectl.drivers.__path__, str(EXAMPLE)])
    return transcripts(EXAMPLE)[0]


def test_a_new_file_is_a_new_driver(example: Transcript) -> None:
    assert example.name in driver_names()
    for section in example.sections:
        outcome, _ = play(example, section, section.exchanges)
        test_driver_frames.expect(section, outcome)


def fault_checks() -> list[Callable[[Any], None]]:
    """The checks every driver is driven through, one reply at a time."""
    named = [check for name, check in vars(test_driver_faults).items() if name.startswith("test_")]
    return [check for check in named if list(inspect.signature(check).parameters) == ["case"]]


@pytest.mark.parametrize("check", fault_checks(), ids=lambda check: str(check.__name__))
def test_a_new_driver_is_driven_through_every_fault(
    example: Transcript, check: Callable[[Any], None]
) -> None:
    asked = test_driver_faults.cases("read", "write", among=(example,))
    assert len(asked) == 3
    for case in asked:
        check(case)


def test_a_new_driver_without_frames_is_noticed(example: Transcript) -> None:
    with pytest.raises(AssertionError):
        test_driver_frames.test_every_driver_has_its_frames()


def test_a_driver_that_believes_anything_does_not_pass(
    example: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shared checks can fail: with a checksum that is always right a flipped bit becomes a speed."""
    monkeypatch.setattr("edgectl.wire.frame.intact", lambda _frame: True)
    with pytest.raises(AssertionError, match="gave"):
        test_driver_faults.test_a_flipped_bit_is_no_value(
            test_driver_faults.cases("read", among=(example,))[0]
        )
