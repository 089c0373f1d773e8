"""Two digests agree only if every bit of every command does."""

from __future__ import annotations

import math

import pytest

from edgectl.model.command import Command
from edgectl.store.digest import SIZE, fold

COMMAND = Command("EH-101", 40.0, 5_000_000_000, 41.0, ("hot",), "temperature")


@pytest.mark.parametrize(
    "other",
    [
        COMMAND._replace(value=math.nextafter(40.0, 41.0)),
        COMMAND._replace(value=-40.0),
        COMMAND._replace(expires_ns=5_000_000_001),
        COMMAND._replace(demanded=math.nextafter(41.0, 0.0)),
        COMMAND._replace(demanded=None),
        COMMAND._replace(restricted_by=()),
        COMMAND._replace(restricted_by=("hot", "hot")),
        COMMAND._replace(restricted_by=("h", "ot")),
        COMMAND._replace(source="ph"),
        COMMAND._replace(actuator="FV-101"),
    ],
)
def test_any_difference_counts(other: Command) -> None:
    assert fold(b"", [other]) != fold(b"", [COMMAND])


def test_zero_none_and_minus_zero_are_three_demands() -> None:
    digests = {fold(b"", [COMMAND._replace(demanded=demand)]) for demand in (0.0, -0.0, None)}
    assert len(digests) == 3


def test_order_and_history_count() -> None:
    other = COMMAND._replace(actuator="FV-101")
    assert fold(b"", [COMMAND, other]) != fold(b"", [other, COMMAND])
    assert fold(fold(b"", [COMMAND]), [other]) != fold(fold(b"", [other]), [COMMAND])
    assert fold(b"", [COMMAND]) == fold(b"", (COMMAND,))
    assert len(fold(b"", [])) == SIZE
