"""A sliding window of bounded memory, and the straight line through it with an honest standard error."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from edgectl.model.instant import Instant
from edgectl.model.soft import Bin, SoftState

SLOTS = 24
FEWEST = 5  # slots a line may be drawn through
_FULL = 0.9  # of the window is enough to call it filled,
_MANY = 0.6  # and so many of its slots
_NS = 1_000_000_000
_MOST_LIKENESS = 0.9


class Line(NamedTuple):
    """A straight line by least squares: slope and its standard error per hour, mean value, mean second value, slots.

    The error counts few slots (Student's t: twice the error covers 95 %) and neighbours that err alike (their correlation widens it).
    """

    slope: float
    error: float
    mean: float
    other: float
    slots: int


def elapsed_s(state: SoftState, at: Instant) -> float:
    """Time since the newest sample taken in; 0 before the first."""
    return 0.0 if state.at is None else (at.mono_ns - state.at.mono_ns) / _NS


def take(
    state: SoftState, at: Instant, value: float, other: float, window_s: float
) -> tuple[SoftState, bool]:
    """Take one sample in, and say whether that closed a slot. After a gap as long as the window, or a step back in time, it begins anew."""
    passed_s = elapsed_s(state, at)
    if not 0.0 <= passed_s < window_s:
        state, passed_s = _anew(replace(state, clock_s=0.0, begun_s=0.0, slots=(), slot=Bin())), 0.0
    clock_s, slot, slots, begun_s = state.clock_s + passed_s, state.slot, state.slots, state.begun_s
    closes = slot.samples > 0 and clock_s - begun_s >= window_s / SLOTS
    if closes:
        since_s = clock_s - window_s
        slots = tuple(old for old in (*slots[1 - SLOTS :], slot) if old.time >= since_s * old.samples)
        slot, begun_s = Bin(), clock_s
    slot = Bin(slot.samples + 1, slot.time + clock_s, slot.value + value, slot.other + other)
    return replace(state, at=at, clock_s=clock_s, begun_s=begun_s, slots=slots, slot=slot), closes


def follow(
    state: SoftState, at: Instant, value: float, other: float, window_s: float
) -> tuple[SoftState, Line | None]:
    """Take one sample in; the line through the window whenever that closed a slot. What a gap has left too little of is no estimate any more."""
    state, closes = take(state, at, value, other, window_s)
    found = line(state.slots) if closes else None
    return (_anew(state) if closes and found is None else state), found


def _anew(state: SoftState) -> SoftState:
    if state.value is None:
        return state
    return replace(state, value=None, error=None, ratio=None, doubt="too few samples since a gap")


def unfilled(state: SoftState, window_s: float) -> str:
    """How far the window is filled, while it is not; else empty. Both its length and its slots count, so that a gap shows."""
    first = state.slots[0]
    span = (state.clock_s - first.time / first.samples) / (_FULL * window_s)
    share = min(span, len(state.slots) / (_MANY * SLOTS))
    return "" if share >= 1.0 else f"its window is filled to {100.0 * share:.0f} %"


def line(slots: tuple[Bin, ...]) -> Line | None:
    """The line through the slots' means; None for fewer than ``FEWEST`` slots."""
    count = len(slots)
    if count < FEWEST:
        return None
    times = [slot.time / slot.samples for slot in slots]
    values = [slot.value / slot.samples for slot in slots]
    at, mean = sum(times) / count, sum(values) / count
    spread = sum((time - at) ** 2 for time in times)
    slope = sum((t - at) * (v - mean) for t, v in zip(times, values, strict=True)) / spread
    rest = [v - mean - slope * (t - at) for t, v in zip(times, values, strict=True)]
    squares = sum(r * r for r in rest)
    likeness = sum(a * b for a, b in pairwise(rest)) / squares if squares > 0.0 else 0.0
    likeness = min(max(likeness + 2.0 / count, 0.0), _MOST_LIKENESS)  # detrended residuals look less alike
    free = count - 2
    error = math.sqrt(squares / free / spread * (1.0 + likeness) / (1.0 - likeness)) * (1.0 + 1.25 / free)
    other = sum(slot.other / slot.samples for slot in slots) / count
    return Line(slope * 3600.0, error * 3600.0, mean, other, count)
