"""What a loop's law sees of its probe: samples rather than scans, smoothed, and the probe's own lag made up for.

A scan runs faster than an instrument measures. A slope between scans would be nothing, nothing, and a spike at every sample; so it is
taken between samples, by the times when they were taken, and stands until the next.

A probe of time constant L shows y, while its medium is at y + L dy/dt. The slope is that of y behind a filter of time constant F, which makes the
whole (L s + 1)/(F s + 1): noise from one sample to the next comes out (L + h)/(F + h) times as large (h: time between samples). F is ``smooth_s``,
but at least a quarter of L, so that noise never grows more than four times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edgectl.model.loop import PidState
from edgectl.model.loop_plan import LoopPlan

_NS = 1_000_000_000
_SEEN: Final = PidState._fields.index(
    "seen"
)  # ``at_ns`` follows it; a slice is twice as fast as ``_replace``
_REPEAT_NS: Final = 10 * _NS  # the same value again within this is the same sample read again
_LEAST_SHARE = 0.25  # of the probe's lag: least filter time where it is made up for


@dataclass(frozen=True, slots=True)
class Probe:
    """How the measurement of one loop is seen. Both 0: as it is."""

    filter_s: float
    lag_s: float


def probe_of(plan: LoopPlan) -> Probe:
    """The probe of one loop."""
    return Probe(max(plan.smooth_s, _LEAST_SHARE * plan.probe_lag_s), plan.probe_lag_s)


def see(probe: Probe, state: PidState, value: float, at_ns: int) -> tuple[float, PidState, float]:
    """What the law is to act on, the memory after it, and how much younger the sample is than the one before (s; 0: the same).

    After a time that cannot be (a clock of another run) everything begins with this sample.
    """
    passed_ns = at_ns - state.at_ns
    if state.seen is None or passed_ns < 0:
        state = state._replace(seen=value, at_ns=at_ns, smoothed=value, rise=0.0, filtered=None, slope=0.0)
        return value, state, 0.0
    if not passed_ns or (value == state.seen and passed_ns < _REPEAT_NS):
        return _compensated(probe, state, value), state, 0.0
    fresh_s = passed_ns / _NS
    if not probe.filter_s:
        return value, PidState._make((*state[:_SEEN], value, at_ns, *state[_SEEN + 2 :])), fresh_s
    before = value if state.smoothed is None else state.smoothed
    rise = (value - before) / (probe.filter_s + fresh_s)
    state = state._replace(seen=value, at_ns=at_ns, smoothed=before + rise * fresh_s, rise=rise)
    return _compensated(probe, state, value), state, fresh_s


def _compensated(probe: Probe, state: PidState, value: float) -> float:
    if not probe.filter_s or state.smoothed is None:
        return value
    return state.smoothed + probe.lag_s * state.rise
