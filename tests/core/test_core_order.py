"""Orders of the supervisor in the chain: nothing gets past them, they move outputs at once, and their end moves nothing by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.interlock import permit
from edgectl.core.output import Following, output_of
from edgectl.core.supervisor import Order
from edgectl.model.command import Demand
from edgectl.model.event import Event
from edgectl.model.plan import ActuatorPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask
from edgectl.model.safety import Action, Cause, HazardPlan, InterlockPlan, Relation, Watch
from edgectl.model.state import ActuatorState, InterlockState, UnitState
from tests.core.rig import GOOD, INTERLOCKS, Bench, Closed, demo, request, small

X = ActuatorPlan("X", "o.x", "mL/min", 0.0, 100.0, safe=10.0, rate_per_s=5.0, fallback=30.0, hold_max_s=2.0)
LOCKS = (
    InterlockPlan("TO-SAFE", "TT", Relation.ABOVE, 1.0, ("X",)),
    InterlockPlan("TO-0", "TT", Relation.ABOVE, 1.0, ("X",), value=0.0),
)
FOLLOWS = Following(0.0, None, None, "")
HOT = Cause(Watch.TAG, "TT-101", Relation.ABOVE, 39.0, hysteresis=0.5)
TRIP = HazardPlan("overheated", HOT, Action.TRIP)


def order(action: Action) -> Order:
    return Order(action, (f"{action.name.lower()} h",))


def passed(
    plan: ActuatorPlan, state: ActuatorState, demanded: float | None, wanted: Order | None, *locks: str
) -> tuple[ActuatorState, float, tuple[str, ...]]:
    output = output_of(plan, "", LOCKS, 1.0)
    interlocks = {lock.name: InterlockState(active=lock.name in locks) for lock in LOCKS}
    after, command = permit(
        output, state, Demand("X", demanded, "test"), FOLLOWS, interlocks, 0, 1.0, 1.0, wanted
    )
    assert after.value == command.value
    return after, command.value, command.restricted_by


@pytest.mark.parametrize(
    ("action", "locks", "value", "names"),
    [
        (Action.HOLD, (), 50.0, ("hold h",)),
        (Action.FALLBACK, (), 30.0, ("fallback h",)),
        (Action.SAFE, (), 10.0, ("safe h",)),
        (Action.TRIP, (), 10.0, ("trip h",)),
        # An interlock that acts is not overruled: its value was chosen for its own cause.
        (Action.HOLD, ("TO-SAFE",), 10.0, ("TO-SAFE", "hold h")),
        (Action.FALLBACK, ("TO-SAFE",), 10.0, ("TO-SAFE", "fallback h")),
        (Action.TRIP, ("TO-SAFE",), 10.0, ("TO-SAFE", "trip h")),
        (Action.TRIP, ("TO-0",), 0.0, ("TO-0", "trip h")),
        (Action.TRIP, ("TO-SAFE", "TO-0"), 10.0, ("TO-SAFE", "TO-0", "trip h")),
    ],
)
def test_an_order_decides_after_limits_and_without_a_rate_limit(
    action: Action, locks: tuple[str, ...], value: float, names: tuple[str, ...]
) -> None:
    assert passed(X, ActuatorState(50.0), 52.0, order(action), *locks)[1:] == (value, names)


def test_a_limit_that_played_too_keeps_its_name() -> None:
    assert passed(X, ActuatorState(50.0), 90.0, order(Action.SAFE))[1:] == (10.0, ("rate limit", "safe h"))


def test_without_a_fallback_the_safe_value_is_it() -> None:
    plan = replace(X, fallback=None)
    assert passed(plan, ActuatorState(50.0), 50.0, order(Action.FALLBACK))[1] == 10.0


@pytest.mark.parametrize(
    ("hold_max_s", "values"),
    [(0.0, [30.0, 30.0]), (0.5, [30.0, 30.0]), (1.0, [50.0, 30.0]), (2.0, [50.0, 50.0, 30.0, 30.0])],
)
def test_a_hold_lasts_as_long_as_the_actuator_may_be_held(hold_max_s: float, values: list[float]) -> None:
    """0 s for dosing: it never stands on an order to hold."""
    plan, state, seen = replace(X, hold_max_s=hold_max_s), ActuatorState(50.0), []
    for _ in values:
        state, value, _ = passed(plan, state, 80.0, order(Action.HOLD))
        seen.append(value)
    assert seen == values
    assert state.held_s == len(values)
    assert passed(plan, state, 30.0, None)[0].held_s == 0.0


def test_a_hold_after_something_stricter_holds_no_longer() -> None:
    state, _, _ = passed(X, ActuatorState(50.0), 50.0, order(Action.SAFE))
    state, value, _ = passed(X, state, 50.0, order(Action.HOLD))
    assert value == 10.0
    assert passed(X, state, 50.0, order(Action.HOLD))[1] == 30.0


def test_a_manual_demand_waits_while_nothing_is_known_yet() -> None:
    """A feed by hand is stopped by a short restart, not ended by it."""
    waiting = Order(Action.SAFE, ("unknown a",), passing=True)
    state, value, _ = passed(X, ActuatorState(50.0, manual=50.0), 50.0, waiting)
    assert (state.manual, value) == (50.0, 10.0)


def test_a_manual_demand_is_left_where_the_order_put_it() -> None:
    state, _, _ = passed(X, ActuatorState(50.0, manual=50.0), 50.0, order(Action.TRIP))
    assert state.manual == 10.0
    assert passed(X, ActuatorState(50.0), 50.0, order(Action.TRIP))[0].manual is None
    assert passed(X, ActuatorState(50.0, manual=50.0), 50.0, None)[0].manual == 50.0


def test_memory_of_the_hand_survives_the_chain() -> None:
    state = ActuatorState(50.0, manual=50.0, manual_left_s=7.0, remote=True)
    after = passed(X, state, 50.0, order(Action.TRIP))[0]
    assert (after.manual_left_s, after.remote) == (7.0, True)


demanded = st.none() | st.floats()


@given(
    demanded,
    st.floats(0.0, 100.0),
    st.none() | st.floats(0.0, 100.0),
    st.sampled_from([Action.SAFE, Action.TRIP]),
    st.booleans(),
)
def test_under_safe_and_trip_every_output_is_its_safe_value_whatever_goes_in(
    wish: float | None, last: float, manual: float | None, action: Action, locked: bool
) -> None:
    locks = ("TO-SAFE",) if locked else ()
    assert passed(X, ActuatorState(last, manual=manual), wish, order(action), *locks)[1] == 10.0


@given(demanded, st.floats(0.0, 100.0), st.sampled_from(list(Action)), st.floats(0.0, 5.0))
def test_under_any_order_an_output_is_in_its_range_and_says_why(
    wish: float | None, last: float, action: Action, held_s: float
) -> None:
    _, value, names = passed(X, ActuatorState(last, held_s=held_s), wish, order(action))
    assert X.low <= value <= X.high
    assert names[-1] == f"{action.name.lower()} h"


def tripped(**changes: object) -> Bench:
    """The demo unit in full operation, then too hot."""
    bench = Bench(demo(**{"hazards": (TRIP,), **changes}))
    bench.run(5)
    assert bench.output("FV-101") == 100.0
    bench.values["TT-101"] = 40.0
    return bench


def safe(bench: Bench) -> dict[str, float]:
    return {plan.name: plan.safe for plan in bench.plan.actuators}


def values(bench: Bench) -> dict[str, float]:
    assert bench.result is not None
    return {command.actuator: command.value for command in bench.result.commands}


def test_a_trip_brings_every_output_of_the_unit_to_its_safe_value_in_one_scan() -> None:
    bench = tripped()
    bench.events.clear()
    bench.scan()
    assert values(bench) == safe(bench)
    assert all("trip overheated" in bench.command(name).restricted_by for name in safe(bench))
    told = [event for event in bench.events if event.kind == "hazard"]
    reason = "first out: TT-101 40 degC is above 39 degC"
    assert told == [Event(bench.now, "hazard", "overheated", "clear", "trip", "supervisor", reason)]
    freed = [e for e in bench.events if (e.kind, e.subject) == ("restriction", "FV-101")]
    assert [(e.before, e.after, e.actor, e.reason) for e in freed] == [
        ("", "trip overheated", "supervisor", "held at 50 mL/min")
    ]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(GOOD)),
            st.none() | st.floats(0.0, 300.0),
            st.sampled_from(list(DeviceStatus)),
            st.sampled_from([Ask.SETPOINT, Ask.MODE, Ask.OUTPUT, Ask.RESUME]),
            st.sampled_from(
                [p.name for p in demo().actuators] + ["TIC-101", "AIC-101", "AIC-102", "BR-DEMO"]
            ),
            st.floats(0.0, 100.0) | st.sampled_from(["MAN", "AUTO", "OOS"]),
        ),
        min_size=1,
        max_size=15,
    )
)
def test_under_a_trip_nothing_and_nobody_moves_an_output(storm: list[tuple[object, ...]]) -> None:
    bench = tripped()
    for tag, value, status, ask, target, wish in storm:
        bench.values[tag] = value  # type: ignore[index, assignment]
        bench.status[tag] = status  # type: ignore[index, assignment]
        bench.values["TT-101"], bench.status["TT-101"] = 40.0, DeviceStatus.GOOD
        bench.scan(request(ask, target, wish))  # type: ignore[arg-type]
        assert values(bench) == safe(bench)


def test_a_reset_alone_moves_no_output() -> None:
    """The scan of the reset decides as before; the next one regulates, from where the outputs stand."""
    bench = tripped()
    bench.run(3)
    bench.values["TT-101"] = 37.2
    bench.run(9)
    assert values(bench) == safe(bench)
    assert bench.ask(Ask.RESET, "overheated", "x").accepted
    assert values(bench) == safe(bench)
    bench.scan()
    assert values(bench)["FV-101"] == 100.0
    assert abs(bench.output("TY-101") - 30.0) < 1.0, "bumpless: the loop starts from the safe value"


def test_the_integral_follows_what_a_trip_did() -> None:
    """As with interlocks: a loop under an order tracks, and winds nothing up."""
    bench = tripped()
    bench.run(600)
    assert (bench.loop("TIC-101").condition, bench.loop("TIC-101").achieved) == ("tracking", 30.0)


def test_a_loop_in_manual_stays_where_the_trip_put_it() -> None:
    bench = tripped()
    bench.values["TT-101"] = 37.0
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.ask(Ask.OUTPUT, "TIC-101", 35.0)
    bench.values["TT-101"] = 40.0
    bench.run(2)
    bench.values["TT-101"] = 37.0
    bench.scan()
    bench.ask(Ask.RESET, "all", "x")
    bench.run(3)
    assert (bench.output("TY-101"), bench.command("TY-101").source) == (30.0, "TIC-101 manual")


def test_a_start_holds_outputs_safe_until_the_tags_of_the_matrix_are_known() -> None:
    """W02: controller first, instruments 30 s later: nothing is energised before, nothing is latched after."""
    bench = Bench(demo(hazards=(TRIP,), interlocks=()))
    bench.silent |= set(GOOD)
    for _ in range(30):
        bench.scan()
        assert values(bench) == safe(bench)
    assert bench.command("FV-101").restricted_by == ("unknown overheated",)
    bench.silent.clear()
    bench.run(3)
    assert bench.output("FV-101") == 100.0
    assert bench.state.hazards["overheated"].proven
    assert [e for e in bench.events if e.kind == "hazard"] == []


def test_a_restart_leaves_a_latched_trip_in_force_and_the_rest_unknown() -> None:
    """U8, and that what was proven before the restart is not proven after it."""
    bench = tripped()
    bench.run(3)
    bench.values["TT-101"] = 37.0
    again = Bench(bench.plan)
    again.state = replace(again.state, hazards=bench.state.hazards)
    again.run(60)
    assert values(again) == safe(again)
    assert again.ask(Ask.RESET, "overheated", "x").accepted
    fresh = Bench(bench.plan)
    fresh.state = replace(fresh.state, hazards=again.state.hazards)
    fresh.silent |= set(GOOD)
    fresh.run(30)
    assert not fresh.state.hazards["overheated"].active
    assert fresh.command("FV-101").restricted_by == ("unknown overheated",)


def test_a_unit_that_starts_held_has_every_output_safe_until_somebody_resumes() -> None:
    bench = Bench(demo())
    bench.state = replace(bench.state, unit=UnitState(held="outage of 2.0 h"))
    bench.run(20)
    assert values(bench) == safe(bench)
    assert "held" in bench.command("SC-101").restricted_by
    assert bench.ask(Ask.RESUME, "BR-DEMO", "go").accepted
    assert values(bench) == safe(bench), "to resume moves nothing by itself"
    bench.run(10)
    assert bench.output("SC-101") == 150.0


def test_hold_acts_in_the_scan_it_is_asked_in() -> None:
    bench = Bench(demo())
    bench.run(10)
    bench.ask(Ask.HOLD, "BR-DEMO", "stop")
    assert values(bench) == safe(bench), "no rate limit either"
    assert bench.state.unit.held == "anna: trial"


def test_without_orders_a_scan_with_a_matrix_is_a_scan_without_one() -> None:
    plain, watched = Bench(demo()), Bench(demo(hazards=(replace(TRIP, delay_s=5.0),)))
    for bench in (plain, watched):
        bench.run(60)
    assert plain.result is not None
    assert watched.result is not None
    assert plain.result.commands == watched.result.commands


@given(st.floats(1.0, 100.0), st.sampled_from(list(Action)), st.integers(1, 10), st.floats(0.0, 100.0))
def test_a_bad_input_never_raises_a_demand_whatever_the_matrix_does(
    pressure: float, action: Action, scans: int, found: float
) -> None:
    """The loop's fallback and the actuator's are 10 and 5: with a BAD input the output is at most what it was or the larger of them."""
    hazard = HazardPlan("lost", Cause(Watch.BAD, "PT-1"), action, ("PV-1",))
    valve = ActuatorPlan("PV-1", "o.PV-1", "%", 0.0, 100.0, safe=0.0, fallback=5.0, hold_max_s=3.0)
    unit = Closed(replace(small(valve=valve), hazards=(hazard,)), found={"PV-1": found}, pressure=pressure)
    unit.run(3)
    before = unit.outputs[-1]
    unit.status["PT-1"] = DeviceStatus.FAILURE
    for _ in range(scans):
        unit.scan()
        assert unit.outputs[-1] <= max(before, 10.0)
        if action >= Action.SAFE:
            assert unit.outputs[-1] == 0.0
        if action is Action.FALLBACK:
            assert unit.outputs[-1] == 5.0


def test_rows_without_a_place_in_the_chain_are_only_told() -> None:
    warn = HazardPlan("warm", replace(HOT, limit=38.0), Action.WARN, delay_s=2.0)
    bench = Bench(demo(hazards=(warn,), interlocks=INTERLOCKS[1:]))
    bench.run(5)
    bench.values["TT-101"] = 38.2
    bench.run(5)
    bench.values["TT-101"] = 37.0
    bench.run(2)
    assert bench.told("hazard", "warm") == [("clear", "warn"), ("warn", "clear")]
    assert bench.told("restriction", "FV-101") == []
    assert not bench.state.hazards["warm"].first_out
    last = [e for e in bench.events if e.kind == "hazard"][-1]
    assert last.reason == "its cause is gone"
