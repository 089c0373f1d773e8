"""What a calibration may look like: the line through the standards, and what speaks against it in words a technician can act on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from edgectl.core.text import figure
from edgectl.model.calibration import Calibration, Kind, Standard

MV_PER_PH: Final = (
    59.16  # Nernst slope at 25 degC; instruments hand over pH that is compensated for temperature already
)
SAMPLE: Final = "off-line sample"
_NEUTRAL = 7.0
_MOST = 10
_HUGE = 1e9  # beyond it nothing is a quantity of a plant


class Limits(NamedTuple):
    """What is plausible of one kind.

    ``slope`` is the reading's per true one, ``offset`` how far the reading may be off at ``about`` (in the unit; infinite: as far as it likes), ``apart`` how far the outer standards have to be
    from each other, ``misfit`` how far any of them may be from the line (of its own value where ``relative``), ``proven`` whether each needs a lot and a date of expiry.
    """

    slope: tuple[float, float]
    good: tuple[float, float]
    offset: float
    about: float
    apart: float
    misfit: float
    relative: bool = False
    proven: bool = False


# pH: 90 to 105 % and 30 mV are the limits of USP <791>; below 80 % or beyond 60 mV no maker lets a probe go on.
# DO: zero within 3 % saturation. Pt100 (IEC 60751 class B with its cable) is not 2 K off unless it is broken. Pumps: tubing varies by half at most.
LIMITS: Final[dict[Kind, Limits]] = {
    Kind.PH: Limits((0.80, 1.05), (0.90, 1.05), 60.0 / MV_PER_PH, _NEUTRAL, 1.5, 0.03, proven=True),
    Kind.OXYGEN: Limits((0.70, 1.30), (0.85, 1.15), 3.0, 0.0, 50.0, 1.0),
    Kind.TEMPERATURE: Limits((0.98, 1.02), (0.99, 1.01), 2.0, 25.0, 10.0, 0.1),
    Kind.SCALE: Limits((0.95, 1.05), (0.98, 1.02), math.inf, 0.0, 0.0, 0.002, relative=True),
    Kind.FLOW: Limits((0.80, 1.25), (0.95, 1.05), math.inf, 0.0, 0.0, 0.03, relative=True),
    Kind.PUMP: Limits((0.50, 2.00), (0.67, 1.50), 0.0, 0.0, 0.0, 0.01, relative=True),
}


def fitted(kind: Kind, standards: Sequence[Standard], before: Calibration | None) -> tuple[float, float]:
    """Slope and offset of the line through the standards. One standard moves one of the two and leaves the other as it was.

    What one standard moves: of DO at more than half saturation, a scale with a weight and a flow the slope; of all others the offset. A pump gives nothing when told nothing.
    """
    if not standards or not all(_is_number(standard) for standard in standards):
        return math.nan, math.nan
    slope, offset = (1.0, 0.0) if before is None else (before.slope, before.offset)
    if kind is Kind.PUMP or (kind is Kind.FLOW and len({s.true for s in standards}) == 1):
        squares = sum(s.true * s.true for s in standards)
        return (sum(s.true * s.reading for s in standards) / squares if squares else math.nan), 0.0
    count = len(standards)
    mean_true, mean_reading = (
        sum(column) / count for column in zip(*(s[:2] for s in standards), strict=True)
    )
    squares = sum((s.true - mean_true) ** 2 for s in standards)
    if squares > 0.0:
        slope = sum((s.true - mean_true) * (s.reading - mean_reading) for s in standards) / squares
    elif (kind is Kind.OXYGEN and mean_true > 50.0) or (kind is Kind.SCALE and mean_true > 0.0):
        return (mean_reading - offset) / mean_true, offset
    return slope, mean_reading - slope * mean_true


def _is_number(standard: Standard) -> bool:
    return all(abs(value) < _HUGE for value in standard[:2])


def objection(kind: Kind, standards: Sequence[Standard], slope: float, offset: float, utc_ns: int) -> str:
    """Why this may not come into force, and what to do; empty if nothing speaks against it."""
    return next((reason for reason in _objections(kind, standards, slope, offset, utc_ns) if reason), "")


def _objections(
    kind: Kind, standards: Sequence[Standard], slope: float, offset: float, utc_ns: int
) -> Iterator[str]:
    limits = LIMITS[kind]
    yield _standards(kind, standards, utc_ns)
    yield _spread(kind, standards)
    if not (math.isfinite(slope) and math.isfinite(offset)):
        yield "the standards give no line: a true value other than zero is needed"
    if slope <= 0.0 < len(standards) - 1:
        yield "the probe falls where the standards rise: they were swapped; begin again, in the order that is asked for"
    low, high = limits.slope
    if not low <= slope <= high:
        yield f"the slope would be {100.0 * slope:.1f} % (allowed: {100.0 * low:.0f} to {100.0 * high:.0f} %): {_CURE[kind]}"
    if (error := abs(_off(limits, slope, offset))) > limits.offset:
        yield f"the offset would be {_offset_words(kind, error)} (allowed: {_offset_words(kind, limits.offset)}): {_CURE[kind]}"
    yield _misfit(kind, limits, standards, slope, offset)


_CURE: Final[dict[Kind, str]] = {
    Kind.PH: "a wrong or spoilt buffer, or a probe that is dirty, dry or worn out; take fresh buffers, clean the probe, else replace it",
    Kind.OXYGEN: "gas or liquid is not what it was said to be, or the cap is worn out; check gas and pressure, else replace the cap",
    Kind.TEMPERATURE: "probe and reference do not have the same temperature, or the probe is broken",
    Kind.SCALE: "something touches the vessel, or the weight is another one",
    Kind.FLOW: "a leak, another gas than was said, or another reference condition (0 or 20 degC)",
    Kind.PUMP: "air in the line, another tubing than is set, or a balance that was not tared",
}


def _standards(kind: Kind, standards: Sequence[Standard], utc_ns: int) -> str:
    limits = LIMITS[kind]
    if not 1 <= len(standards) <= _MOST:
        return f"a calibration needs 1 to {_MOST} standards"
    for standard in standards:
        if not _is_number(standard):
            return "true values and readings have to be numbers"
        proven = limits.proven and standard.name != SAMPLE
        if proven and not standard.lot.strip():
            return f"{standard.name or 'a standard'} has no lot: nobody could tell later what it was"
        if proven and not standard.expires_utc_ns:
            return f"{standard.name or 'a standard'} has no date of expiry"
        if standard.expires_utc_ns and standard.expires_utc_ns <= utc_ns:
            return f"{standard.name or 'a standard'}, lot {standard.lot}, has expired: take a fresh one"
    return ""


def _spread(kind: Kind, standards: Sequence[Standard]) -> str:
    """Standards that are too near each other say nothing of the slope."""
    limits = LIMITS[kind]
    true = sorted(standard.true for standard in standards)
    if kind is Kind.PUMP or len(true) < 2:
        return ""
    if limits.apart and true[-1] - true[0] < limits.apart:
        return f"the standards are only {figure(true[-1] - true[0], '')} apart, at least {limits.apart:g} are needed"
    return ""


def _off(limits: Limits, slope: float, offset: float) -> float:
    """How far the reading is off at the point where an offset is judged."""
    return offset + (slope - 1.0) * limits.about


def _offset_words(kind: Kind, error: float) -> str:
    return f"{error * MV_PER_PH:.1f} mV" if kind is Kind.PH else figure(float(f"{error:.3g}"), "")


def _misfit(kind: Kind, limits: Limits, standards: Sequence[Standard], slope: float, offset: float) -> str:
    """The standard that disagrees most with the others: with three, the middle one against the line through the outer two."""
    for left, middle, right in _triples(standards):
        share = (middle.true - left.true) / (right.true - left.true)
        off = middle.reading - left.reading - share * (right.reading - left.reading)
        if abs(off) > limits.misfit * (right.true - left.true if limits.relative else 1.0):
            return f"the standards disagree by {figure(float(f'{abs(off):.2g}'), '')} at {middle.name or figure(middle.true, '')}: {_CURE[kind]}"
    if kind is not Kind.PUMP:
        return ""
    for standard in standards:
        off = (standard.reading - offset - slope * standard.true) / (slope * standard.true)
        if abs(off) > limits.misfit:
            return f"one run is {100.0 * abs(off):.1f} % off the others (allowed: {100.0 * limits.misfit:.0f} %): {_CURE[kind]}"
    return ""


def _triples(standards: Sequence[Standard]) -> Iterator[tuple[Standard, Standard, Standard]]:
    ordered = sorted(standards)
    first, last = ordered[0], ordered[-1]
    yield from ((first, middle, last) for middle in ordered[1:-1] if first.true < middle.true < last.true)


def remark(kind: Kind, slope: float, offset: float) -> str:
    """What is still good and yet worth knowing."""
    limits = LIMITS[kind]
    low, high = limits.good
    if not low <= slope <= high:
        return f"slope {100.0 * slope:.1f} % is outside {100.0 * low:.0f} to {100.0 * high:.0f} %: clean or replace it soon"
    error = abs(_off(limits, slope, offset))
    if math.isfinite(limits.offset) and limits.offset and error > 0.5 * limits.offset:
        return f"offset {_offset_words(kind, error)} is more than half of what is allowed: clean or replace it soon"
    return ""
