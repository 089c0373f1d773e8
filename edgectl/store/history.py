"""Report by exception: which values are worth a record.

Dead bands are those of the plan. What is not reported stayed within its band of the last report, with the same quality.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edgectl.model.command import Command
from edgectl.model.instant import Instant
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.state import State
from edgectl.store.liquid_value import FeedValue, PerfusionValue, feed_value, perfusion_value
from edgectl.store.loop_value import LoopValue
from edgectl.store.record import CommandValue, Reported

_NS = 1_000_000_000
LOOP_PERIOD_S = 1.0
LIQUID_PERIOD_S = 10.0
HEARTBEAT_S = 60.0


def moved(before: float | None, after: float | None, band: float) -> bool:
    """Whether a value left its band. A value that appears, vanishes or is no number has moved."""
    if before is None or after is None:
        return before is not after
    return not abs(after - before) <= band


class _Band(NamedTuple):
    report: float
    heartbeat_ns: int


class History:
    """What was reported last of every tag, actuator and loop of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._tags = {tag.name: _Band(tag.report, int(tag.heartbeat_s * _NS)) for tag in plan.tags}
        self._actuators = {
            actuator.name: _Band(actuator.resolution, int(HEARTBEAT_S * _NS)) for actuator in plan.actuators
        }
        self._loops = plan.loops
        self._liquids = (plan.feeds, plan.perfusions)
        self._values: dict[str, tuple[Measurement, int]] = {}
        self._commands: dict[str, tuple[Command, int]] = {}
        self._shown: dict[str, LoopValue] = {}
        self._fed: dict[str, FeedValue] = {}
        self._perfused: dict[str, PerfusionValue] = {}

    def measurements(self, now: Instant, measurements: Iterable[Measurement]) -> list[Reported]:
        """Those whose quality changed, whose value moved by more than ``report``, or whose ``heartbeat_s`` is over."""
        due = []
        for measurement in measurements:
            last = self._values.get(measurement.tag)
            band = self._tags[measurement.tag]
            if (
                last is None
                or last[0].quality is not measurement.quality
                or moved(last[0].value, measurement.value, band.report)
                or now.mono_ns - last[1] >= band.heartbeat_ns
            ):
                self._values[measurement.tag] = (measurement, now.mono_ns)
                due.append(Reported(measurement, now.mono_ns - measurement.at.mono_ns))
        return due

    def commands(self, now: Instant, commands: Iterable[Command]) -> list[CommandValue]:
        """Those whose restrictions or source changed, whose value or demand moved by more than ``resolution``, or that are a minute old."""
        due = []
        for command in commands:
            last = self._commands.get(command.actuator)
            band = self._actuators[command.actuator]
            if (
                last is None
                or last[0].restricted_by != command.restricted_by
                or last[0].source != command.source
                or moved(last[0].value, command.value, band.report)
                or moved(last[0].demanded, command.demanded, band.report)
                or now.mono_ns - last[1] >= band.heartbeat_ns
            ):
                self._commands[command.actuator] = (command, now.mono_ns)
                due.append(
                    CommandValue(
                        command.actuator,
                        command.value,
                        command.demanded,
                        command.restricted_by,
                        command.source,
                        now,
                    )
                )
        return due

    def loops(self, now: Instant, measurements: Iterable[Measurement], state: State) -> list[LoopValue]:
        """Those whose mode, condition, health or being in band changed; numbers once a second while they move; all once a minute."""
        values = {measurement.tag: measurement for measurement in measurements}
        due = []
        for plan in self._loops:
            shown = _shown(plan, now, values.get(plan.tag), state)
            if shown is not None and self._worth_showing(shown):
                self._shown[plan.name] = shown
                due.append(shown)
        return due

    def feeds(self, now: Instant, state: State) -> list[FeedValue]:
        """Those whose stage changed, or what they wait for; numbers every ten seconds while they move; all once a minute."""
        known = [
            feed_value(plan, state.feeds[plan.name], now)
            for plan in self._liquids[0]
            if plan.name in state.feeds
        ]
        due = [row for row in known if _is_due(self._fed.get(row.feed), row)]
        self._fed |= {row.feed: row for row in due}
        return due

    def perfusions(self, now: Instant, state: State) -> list[PerfusionValue]:
        """As feeds are."""
        known = [
            perfusion_value(plan, state.perfusions[plan.name], now)
            for plan in self._liquids[1]
            if plan.name in state.perfusions
        ]
        due = [row for row in known if _is_due(self._perfused.get(row.perfusion), row)]
        self._perfused |= {row.perfusion: row for row in due}
        return due

    def _worth_showing(self, shown: LoopValue) -> bool:
        last = self._shown.get(shown.loop)
        if last is None or (last.mode, last.condition, last.in_band, last.health) != (
            shown.mode,
            shown.condition,
            shown.in_band,
            shown.health,
        ):
            return True
        age_s = (shown.at.mono_ns - last.at.mono_ns) / _NS
        numbers = (shown.setpoint, shown.value, shown.output) != (last.setpoint, last.value, last.output)
        return age_s >= (LOOP_PERIOD_S if numbers else HEARTBEAT_S)


def _shown(plan: LoopPlan, now: Instant, measurement: Measurement | None, state: State) -> LoopValue | None:
    loop = state.loops.get(plan.name)
    if loop is None:
        return None
    known = measurement is not None and measurement.quality > Quality.BAD
    value = measurement.value if measurement is not None and known else None
    good = measurement is not None and measurement.quality is Quality.GOOD
    in_band = good and value is not None and abs(value - loop.setpoint) <= plan.band
    health = state.health.get(plan.name)
    told = ("", "") if health is None else (health.chart.told.word.value, health.chart.told.line)
    return LoopValue(
        plan.name, loop.mode.value, loop.setpoint, value, loop.output, loop.condition, in_band, now, *told
    )


def _is_due(last: FeedValue | PerfusionValue | None, row: FeedValue | PerfusionValue) -> bool:
    """Whether a feed or a perfusion is worth a record: words at once, numbers now and then."""
    if last is None:
        return True
    age_s = (row.at.mono_ns - last.at.mono_ns) / _NS
    if age_s >= (HEARTBEAT_S if row[:-1] == last[:-1] else LIQUID_PERIOD_S):
        return True
    told = [
        (before, after)
        for before, after in zip(last[:-1], row[:-1], strict=True)
        if isinstance(after, str | bool)
    ]
    return any(before != after for before, after in told)
