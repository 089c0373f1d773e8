"""The shares of a loop's output: what each of its actuators is asked for, and which output the actuators really stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from edgectl.model.loop_plan import SegmentPlan

_SAME: Final = 1e-9  # of the span of a share: rounding, when a value is compared with that of a plateau


class Piece(NamedTuple):
    """One straight piece of a share, from loop output ``start`` to ``end``."""

    start: float
    end: float
    low: float
    high: float
    slope: float


@dataclass(frozen=True, slots=True)
class Share:
    """One segment of a loop, and the safe value of its actuator.

    ``per_out`` is its steepest slope, ``least`` and ``most`` the ends of what it asks for.
    """

    plan: SegmentPlan
    actuator: str
    per_out: float
    safe: float
    pieces: tuple[Piece, ...]
    least: float
    most: float


def share_of(plan: SegmentPlan, safe: float) -> Share:
    """One segment with everything that depends on the plan alone worked out."""
    points = plan.points or ((plan.out_low, plan.low), (plan.out_high, plan.high))
    pieces = tuple(Piece(x0, x1, y0, y1, (y1 - y0) / (x1 - x0)) for (x0, y0), (x1, y1) in pairwise(points))
    values = [value for _, value in points]
    return Share(
        plan=plan,
        actuator=plan.actuator,
        per_out=max((piece.slope for piece in pieces), key=abs),
        safe=safe,
        pieces=pieces,
        least=min(values),
        most=max(values),
    )


def asked(share: Share, output: float) -> float:
    """The actuator's value for a loop output: linear within each piece of its share, the nearer end outside."""
    first, last = share.pieces[0], share.pieces[-1]
    if output <= first.start:
        return first.low
    if output >= last.end:
        return last.high
    piece = next(piece for piece in share.pieces if output <= piece.end)
    return piece.low + (output - piece.start) * piece.slope


def achieved_output(
    shares: Iterable[Share], output: float, actual: Mapping[str, float], grain: float
) -> float:
    """The loop output that the actuators really stand for, nearest to ``output``.

    An actuator at the end of its share stands for every output beyond that end, on a plateau for the whole plateau, and where it rises and falls for the
    nearer of the two. Where the actuators disagree, the one furthest from what was asked tells.
    """
    worst = output
    for share in shares:
        stands_for = _reach(share, actual[share.actuator], output)
        if abs(stands_for - output) > abs(worst - output):
            worst = stands_for
    return worst if abs(worst - output) > grain else output


def _reach(share: Share, actual: float, output: float) -> float:
    """The output nearest to ``output`` for which ``actual`` stands; a value no output asks for counts as the nearest that one does."""
    value = min(max(actual, share.least), share.most)
    return min(_standing(share, value, output), key=lambda x: abs(x - output))


def _standing(share: Share, value: float, output: float) -> Iterator[float]:
    """Of each piece that has ``value`` the output nearest to ``output``. Both ends of a share go on for ever."""
    first, last = share.pieces[0], share.pieces[-1]
    same = _SAME * (share.most - share.least)
    for piece in share.pieces:
        low = -float("inf") if piece is first and abs(value - piece.low) <= same else piece.start
        high = float("inf") if piece is last and abs(value - piece.high) <= same else piece.end
        if not piece.slope:
            if abs(value - piece.low) <= same:
                yield min(max(output, low), high)
            continue
        reached = piece.start + (value - piece.low) / piece.slope
        if reached <= piece.start:
            if low < piece.start:
                yield min(output, piece.start)
            elif abs(value - piece.low) <= same:
                yield piece.start
        elif reached >= piece.end:
            if high > piece.end:
                yield max(output, piece.end)
            elif abs(value - piece.high) <= same:
                yield piece.end
        else:
            yield reached
