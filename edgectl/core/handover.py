"""The hand-over from one servo of a loop to the next: a servo further from rest is entered only when it has been wanted for a while.

The way back has no wait: what was added last is taken away first, and at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edgectl.core.share import Share


class Gate(NamedTuple):
    """The border at which the share of one servo begins, on the way from rest: upwards, or downwards (``sign`` -1)."""

    border: float
    sign: float
    wait_s: float
    reason: str


def rest_of(low: float, high: float) -> float:
    """The output at which a loop does nothing: 0, or the end nearest to it."""
    return min(max(0.0, low), high)


def gates_of(shares: Iterable[Share], rest: float, words: Iterable[str]) -> tuple[Gate, ...]:
    """The gates of all shares that have a wait, nearest to rest first: a servo is entered where it begins to rise. ``words`` name each for people."""
    gates = []
    for share, word in zip(shares, words, strict=True):
        if not share.plan.wait_s:
            continue
        above = [max(piece.start, rest) for piece in share.pieces if piece.end > rest and piece.slope > 0.0]
        below = [min(piece.end, rest) for piece in share.pieces if piece.start < rest and piece.slope < 0.0]
        reason = f"waiting for {word}"
        if above:
            gates.append(Gate(min(above), 1.0, share.plan.wait_s, reason))
        if below:
            gates.append(Gate(max(below), -1.0, share.plan.wait_s, reason))
    return tuple(sorted(gates, key=lambda gate: abs(gate.border - rest)))


class Passage(NamedTuple):
    """What the gates make of an output: for how long each has been wanted (s), and the one that keeps the output at its border (empty: none)."""

    output: float
    waited: tuple[float, ...]
    reason: str


def pass_gates(
    gates: tuple[Gate, ...],
    waited: tuple[float, ...],
    achieved: float,
    output: float,
    dt_s: float,
    grain: float,
) -> Passage:
    """Keep ``output`` at the border of a servo until it has been wanted beyond it for the servo's wait.

    Time in which it is not wanted counts back, so that noise at a border neither opens it at once nor keeps it shut. Where the actuators are beyond
    the border already (by hand, by a mode, after a restart), there is nothing to wait for.
    """
    if len(waited) != len(gates):
        waited = (0.0,) * len(gates)
    after: list[float] = []
    reason = ""
    for gate, before in zip(gates, waited, strict=True):
        if gate.sign * (achieved - gate.border) > grain:
            before = gate.wait_s  # noqa: PLW2901 - it stands beyond, so it has waited
        beyond = gate.sign * (output - gate.border) > grain
        passed = min(max(before + (dt_s if beyond else -dt_s), 0.0), gate.wait_s)
        if beyond and passed < gate.wait_s:
            output, reason = gate.border, gate.reason
        after.append(passed)
    return Passage(output, tuple(after), reason)
