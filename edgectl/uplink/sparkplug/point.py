"""The metrics of a unit: what there is to tell and to ask, from its plan alone. Their names are in README.md beside this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from edgectl.model.feed_plan import FeedPlan, PerfusionPlan
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import ActuatorPlan, Plan
from edgectl.model.request import Ask
from edgectl.model.safety import AlarmPlan, Watch
from edgectl.uplink.event import Scalar
from edgectl.uplink.sparkplug.payload import Datatype
from edgectl.uplink.wish import ALL, Wish

EVENT, ANSWER = "Journal/Event", "Commands/Answer"
AUTHORITY, OWNER, HELD = "Unit/Authority", "Unit/Owner", "Unit/Held"
BATCH, UPLINK = "Unit/Batch", "Unit/Uplink"
TOLD_OF_UNIT = (AUTHORITY, OWNER, HELD, BATCH, UPLINK)

_DOUBLE, _STRING, _BOOLEAN = Datatype.DOUBLE, Datatype.STRING, Datatype.BOOLEAN


class Point(NamedTuple):
    """One metric of the device. ``properties`` go into births; ``wish`` is what writing it asks for (None: it is only told).

    ``told`` is false for what can only be asked: its value is always null or false.
    """

    name: str
    datatype: Datatype
    properties: Mapping[str, Scalar] = {}
    wish: Wish | None = None
    told: bool = True


def points(plan: Plan) -> dict[str, Point]:
    """All metrics of the device, by name, in the order of the birth."""
    return {point.name: point for point in _points(plan)}


def _points(plan: Plan) -> Iterator[Point]:
    for tag in plan.tags:
        yield Point(f"Tags/{tag.name}", _DOUBLE, _scale(tag.unit, tag.low, tag.high, tag.description))
    for loop in plan.loops:
        yield from _loop(loop, plan)
    for actuator in plan.actuators:
        yield from _actuator(actuator)
    for feed in plan.feeds:
        yield from _feed(feed, plan)
    for perfusion in plan.perfusions:
        yield from _perfusion(perfusion)
    for alarm in plan.alarms:
        yield from _alarm(alarm)
    yield from _unit(plan.unit)


def _loop(loop: LoopPlan, plan: Plan) -> Iterator[Point]:
    base = f"Loops/{loop.name}"
    limits = _scale(loop.unit, loop.setpoint_low, loop.setpoint_high, loop.description)
    tag = next(tag for tag in plan.tags if tag.name == loop.tag)
    yield Point(f"{base}/Setpoint", _DOUBLE, limits, Wish(Ask.SETPOINT, loop.name))
    yield Point(f"{base}/Value", _DOUBLE, _scale(loop.unit, tag.low, tag.high))
    yield Point(
        f"{base}/Output", _DOUBLE, _scale("", loop.out_low, loop.out_high), Wish(Ask.OUTPUT, loop.name)
    )
    yield Point(f"{base}/Mode", _STRING, {}, Wish(Ask.MODE, loop.name))
    yield Point(f"{base}/Condition", _STRING)
    yield Point(f"{base}/In Band", _BOOLEAN)
    if any(health.loop == loop.name for health in plan.health):
        yield Point(f"{base}/Health", _STRING)
        yield Point(f"{base}/Health Line", _STRING)


def _actuator(actuator: ActuatorPlan) -> Iterator[Point]:
    base = f"Actuators/{actuator.name}"
    scale = _scale(actuator.unit, actuator.low, actuator.high, actuator.description)
    about = scale | {"Safe Value": actuator.safe}
    yield Point(f"{base}/Value", _DOUBLE, about, Wish(Ask.OUTPUT, actuator.name))
    yield Point(f"{base}/Demanded", _DOUBLE, _scale(actuator.unit, actuator.low, actuator.high))
    yield Point(f"{base}/Source", _STRING)
    yield Point(f"{base}/Restricted By", _STRING)
    yield _asked(f"{base}/Mode", _STRING, Wish(Ask.MODE, actuator.name))


def _feed(feed: FeedPlan, plan: Plan) -> Iterator[Point]:
    base = f"Feeds/{feed.name}"
    flow_unit = next(actuator.unit for actuator in plan.actuators if actuator.name == feed.actuator)
    about: dict[str, Scalar] = {"documentation": feed.description} if feed.description else {}
    amount: dict[str, Scalar] = {"engUnit": feed.unit}
    yield Point(f"{base}/Stage", _STRING, about)
    yield Point(f"{base}/Hours", _DOUBLE, {"engUnit": "h"})
    yield Point(f"{base}/Flow", _DOUBLE, _scale(flow_unit, 0.0, feed.most))
    for name in ("Planned", "Delivered", "Left", "Bolus"):
        if name != "Left" or feed.total:
            yield Point(f"{base}/{name}", _DOUBLE, amount)
    yield Point(f"{base}/Waits For", _STRING)
    yield Point(f"{base}/Behind", _BOOLEAN)
    yield _asked(f"{base}/Command", _STRING, Wish(Ask.FEED, feed.name))


def _perfusion(plan: PerfusionPlan) -> Iterator[Point]:
    base = f"Perfusions/{plan.name}"
    yield Point(f"{base}/Stage", _STRING, {"documentation": plan.description} if plan.description else {})
    yield Point(f"{base}/Hours", _DOUBLE, {"engUnit": "h"})
    yield Point(f"{base}/Rate", _DOUBLE, {"engUnit": "VVD"})
    pumps = [("Feed", plan.feed), ("Permeate", plan.permeate)]
    pumps += [("Bleed", plan.bleed.pump)] if plan.bleed else []
    for name, pump in pumps:
        yield Point(f"{base}/{name}", _DOUBLE, _scale("mL/min", 0.0, pump.most))
    for name in ("Entered", "Left"):
        yield Point(f"{base}/{name}", _DOUBLE, {"engUnit": "mL"})
    yield Point(f"{base}/Error", _DOUBLE)
    yield Point(f"{base}/Off", _BOOLEAN)
    yield Point(f"{base}/Waits For", _STRING)
    yield _asked(f"{base}/Command", _STRING, Wish(Ask.FEED, plan.name))


def _alarm(alarm: AlarmPlan) -> Iterator[Point]:
    about: dict[str, Scalar] = {"Priority": alarm.priority.value, "Description": alarm.description}
    about |= {"Consequence": alarm.consequence, "Response": alarm.response}
    if alarm.cause.watch is Watch.TAG:
        about |= {"Tag": alarm.cause.subject, "Relation": alarm.cause.relation.value}
    known = {key: text for key, text in about.items() if text}
    limit: dict[str, Scalar] = {"Limit": alarm.cause.limit} if alarm.cause.watch is Watch.TAG else {}
    yield Point(f"Alarms/{alarm.name}/State", _STRING, known | limit)
    yield Point(f"Alarms/{alarm.name}/Reason", _STRING)
    yield _asked(f"Alarms/{alarm.name}/Acknowledge", _BOOLEAN, Wish(Ask.ACKNOWLEDGE, alarm.name))


def _unit(unit: str) -> Iterator[Point]:
    yield Point(AUTHORITY, _STRING, {}, Wish(Ask.AUTHORITY, unit))
    for name in TOLD_OF_UNIT[1:]:
        yield Point(name, _STRING)
    yield _asked("Unit Control/Hold", _BOOLEAN, Wish(Ask.HOLD, unit))
    yield _asked("Unit Control/Resume", _BOOLEAN, Wish(Ask.RESUME, unit))
    yield _asked("Unit Control/Reset", _STRING, Wish(Ask.RESET, ""))
    yield _asked("Unit Control/Acknowledge All", _BOOLEAN, Wish(Ask.ACKNOWLEDGE, ALL))
    yield Point(EVENT, _STRING)
    yield Point(ANSWER, _STRING)


def _asked(name: str, datatype: Datatype, wish: Wish) -> Point:
    return Point(name, datatype, {}, wish, told=False)


def _scale(unit: str, low: float, high: float, description: str = "") -> dict[str, Scalar]:
    """Unit and range under the names that SCADA systems look for."""
    found: dict[str, Scalar] = {"engUnit": unit, "engLow": low, "engHigh": high}
    return found | ({"documentation": description} if description else {})
