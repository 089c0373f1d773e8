"""The supervisor: when a hazard acts and ends, what it makes of outputs, who was first, and what a reset may do."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.cause import Facts
from edgectl.core.supervisor import (
    BOOT_S,
    Order,
    awaken,
    condition,
    ended,
    hold_all,
    is_gone,
    is_latched,
    label,
    orders,
    supervise,
    targets,
)
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.safety import Action, Cause, HazardPlan, Relation, Watch
from edgectl.model.state import HazardState, InterlockState, State

BAD, UNSURE, GOOD = Quality.BAD, Quality.UNCERTAIN, Quality.GOOD
HOT = Cause(Watch.TAG, "TT", Relation.ABOVE, 39.0, hysteresis=0.5)
SAFE = HazardPlan("hot", HOT, Action.SAFE, ("X",))
PROVEN = HazardState(proven=True)
NOW = Instant(5, 7)
UNKNOWN = (None, BAD)

Value = tuple[float | None, Quality]


def facts(value: Value, *, lock: bool = False) -> Facts:
    measured = Measurement("TT", value[0], value[1], "" if value[1] is GOOD else "why", NOW)
    return Facts(
        measured={"TT": measured},
        units={"TT": "degC"},
        interlocks={"L": InterlockState(active=lock)},
        checks={},
        actuators={},
        doses={},
        loops={},
        hazards={},
        manual={},
        uplink="",
        journal="",
        conflict="",
    )


def hot(seconds: int = 1) -> list[Value]:
    return [(39.1, GOOD)] * seconds


def cool(seconds: int = 1) -> list[Value]:
    return [(37.0, GOOD)] * seconds


def blind(seconds: int = 1) -> list[Value]:
    return [UNKNOWN] * seconds


def run(
    plan: HazardPlan, row: list[Value], state: HazardState = PROVEN, dt_s: float = 1.0
) -> tuple[HazardState, str]:
    """The state after a row of scans, and a letter for each: A acts, G acts and is gone, u safe because unknown, - clear."""
    seen = ""
    for value in row:
        state = supervise((plan,), {plan.name: state}, facts(value), NOW, dt_s)[plan.name]
        seen += {"acts": "A", "gone": "G", "unknown": "u", "clear": "-"}[condition(plan, state)]
    return state, seen


@pytest.mark.parametrize(
    ("delay_s", "clear_s", "row", "seen"),
    [
        # The limit itself is not beyond it; without delay it acts in the same scan and ends in the same scan.
        (0.0, 0.0, [(39.0, GOOD), *hot(), (38.5, GOOD), *hot(), *cool()], "-A-A-"),
        # Hysteresis: back only by so much.
        (0.0, 0.0, [*hot(), (38.6, GOOD), (38.5, GOOD), (38.6, GOOD)], "AA--"),
        (3.0, 0.0, [*hot(3), *cool()], "--A-"),
        (0.0, 3.0, [*hot(), *cool(3)], "AAA-"),
        (2.0, 2.0, [*hot(2), *cool(2), *cool()], "-AA--"),
        # Flapping is late, never ignored: what has counted falls at a quarter of the speed.
        (3.0, 0.0, [*hot(2), *cool(2), *hot(1), *hot(1)], "-----A"),
        (3.0, 0.0, [*hot(2), *cool(4), *hot(1), *hot(1)], "-------A"),
        (3.0, 0.0, [*hot(2), *cool(8), *hot(2), *hot(1)], "-" * 12 + "A"),
        (4.0, 0.0, (hot() + cool()) * 6, "--------A-A-"),
        # What stands while it acts counts no further than the delay.
        (2.0, 0.0, [*hot(9), *cool(8), *hot(1), *hot(1)], "-AAAAAAA" + "A" + "-" * 9 + "A"),
        # The time that counts towards the end starts again whenever the cause stands.
        (0.0, 3.0, [*hot(), *cool(2), *hot(), *cool(2), *cool()], "AAAAAA-"),
        # A tag that is not known counts as standing, and comes back within the limit without hysteresis.
        (2.0, 0.0, [*blind(2), (38.6, GOOD)], "-A-"),
        (2.0, 0.0, [(39.1, GOOD), UNKNOWN, (38.6, GOOD), (38.5, GOOD)], "-AA-"),
        (0.0, 0.0, [(50.0, BAD)], "A"),
        # UNCERTAIN may make it act and never ends it, nor counts towards its end.
        (0.0, 0.0, [(39.1, UNSURE), (37.0, UNSURE), *cool()], "AA-"),
        (0.0, 3.0, [*hot(), *cool(2), (37.0, UNSURE), *cool(2), *cool()], "AAAAAA-"),
        (3.0, 0.0, [*hot(2), (37.0, UNSURE), *hot(1)], "---A"),
    ],
)
def test_when_it_acts_and_when_it_ends(delay_s: float, clear_s: float, row: list[Value], seen: str) -> None:
    assert run(replace(SAFE, delay_s=delay_s, clear_s=clear_s), row)[1] == seen


@pytest.mark.parametrize("plan", [replace(SAFE, latched=True), HazardPlan("hot", HOT, Action.TRIP)])
def test_what_latches_stays_until_a_reset(plan: HazardPlan) -> None:
    plan = replace(plan, clear_s=2.0)
    state, seen = run(plan, [*hot(), *cool(4), *hot(), *cool(9)])
    assert seen == "AAGGG" + "AA" + "G" * 8
    assert is_latched(plan)
    assert is_gone(plan, state)
    assert run(plan, cool(), ended(state))[1] == "-"
    assert not is_latched(SAFE)


def test_gone_is_a_time_and_not_only_a_moment() -> None:
    for clear_s, gone_s, gone in ((0.0, 0.0, False), (0.0, 0.1, True), (5.0, 4.9, False), (5.0, 5.0, True)):
        assert is_gone(replace(SAFE, clear_s=clear_s), HazardState(gone_s=gone_s)) is gone


@pytest.mark.parametrize(
    ("delay_s", "row", "seen"),
    [
        # Not read yet: safe, and no trip however long the boot takes.
        (0.0, [*blind(59), *cool()], "u" * 59 + "-"),
        (0.0, blind(61), "u" * 59 + "AA"),
        (5.0, blind(66), "u" * 64 + "AA"),
        # Known and beyond at once: it counts as always, and is safe until it does.
        (3.0, [*blind(30), *hot(3)], "u" * 32 + "A"),
        (3.0, [*hot(2), *blind(9), *hot(1)], "u" * 11 + "A"),
        # What could not be judged does not count towards the delay once it can.
        (3.0, [*blind(59), *cool(), *blind(2), *blind(1)], "u" * 59 + "---A"),
        # UNCERTAIN and within proves nothing.
        (3.0, [(37.0, UNSURE)] * 90 + cool(), "u" * 90 + "-"),
        # Known to be absent once, it is an ordinary hazard.
        (3.0, [*cool(), *blind(3)], "---A"),
    ],
)
def test_a_start_is_safe_and_latches_nothing_before_instruments_had_time(
    delay_s: float, row: list[Value], seen: str
) -> None:
    trip = HazardPlan("hot", HOT, Action.TRIP, delay_s=delay_s)
    assert run(trip, row, HazardState())[1] == seen
    assert BOOT_S == 60.0


def test_a_tag_that_is_bad_from_the_start_is_waited_for_as_well() -> None:
    """Also where the cause is just that."""
    plan = HazardPlan("lost", Cause(Watch.BAD, "TT"), Action.FALLBACK, ("X",), delay_s=2.0)
    assert run(plan, [*blind(61), *blind(2)], HazardState())[1] == "u" * 61 + "AA"
    assert run(plan, [*blind(5), (37.0, UNSURE), *blind(2)], HazardState())[1] == "uuuuu--A"
    assert not run(plan, blind(3))[0].beyond


def test_at_the_start_of_a_run_what_acted_acts_and_the_rest_is_unknown() -> None:
    """U8: a latched trip stays latched through a restart, even if its tag reads well now."""
    trip = HazardPlan("hot", HOT, Action.TRIP, delay_s=2.0, clear_s=3.0)
    tripped, _ = run(trip, [*hot(2), *cool(9)])
    again = awaken({"hot": tripped})["hot"]
    assert (again.active, again.since, again.reason) == (True, tripped.since, tripped.reason)
    assert (again.stood_s, again.gone_s, again.proven) == (0.0, 0.0, False)
    assert run(trip, cool(3), again)[1] == "AAG"
    quiet, _ = run(trip, [*hot(1), *cool(1)])
    assert run(trip, [*blind(3), *cool(1)], awaken({"hot": quiet})["hot"])[1] == "uuu-"


def test_it_says_since_when_and_why() -> None:
    state, _ = run(replace(SAFE, clear_s=2.0), [*hot(), (39.9, GOOD)])
    assert (state.since, state.reason) == (NOW, "TT 39.1 degC is above 39 degC")
    assert (label(SAFE, state), label(SAFE, PROVEN)) == ("safe", "clear")
    state, _ = run(SAFE, cool(), replace(state, first_out=False))
    assert (state.active, state.first_out, state.since, state.reason) == (False, False, None, "")


def test_a_hazard_at_rest_keeps_its_state_object() -> None:
    for value in (*cool(), (37.0, UNSURE)):
        assert supervise((SAFE,), {"hot": PROVEN}, facts(value), NOW, 1.0)["hot"] is PROVEN


MATRIX = (
    HazardPlan("warned", Cause(Watch.INTERLOCK, "L"), Action.WARN),
    HazardPlan("a", Cause(Watch.TAG, "TT", Relation.ABOVE, 39.0), Action.SAFE, ("X",)),
    HazardPlan("b", Cause(Watch.TAG, "TT", Relation.ABOVE, 40.0), Action.TRIP),
    HazardPlan("c", Cause(Watch.TAG, "TT", Relation.ABOVE, 40.0), Action.FALLBACK, ("Y",)),
)


def first_outs(row: list[tuple[Value, bool]]) -> list[str]:
    states = {plan.name: PROVEN for plan in MATRIX}
    marked = []
    for value, lock in row:
        states = supervise(MATRIX, states, facts(value, lock=lock), NOW, 1.0)
        marked.append(" ".join(name for name, state in states.items() if state.first_out))
    return marked


def test_the_first_out_is_the_earliest_and_stays_marked_until_all_are_over() -> None:
    """U7: what came first is the cause, what comes after it a consequence."""
    warm, high, fine = (39.5, GOOD), (40.5, GOOD), (37.0, GOOD)
    assert first_outs([(fine, True), (fine, False)]) == ["", ""], "a warning moves nothing and is no cause"
    assert first_outs([(warm, True), (high, True), (fine, True), (high, False)]) == ["a"] * 4
    assert first_outs([(warm, False), (fine, False), (warm, False)]) == ["a", "", "a"]
    later = tuple(plan for plan in MATRIX if plan.name != "a")
    states = supervise(later, {plan.name: PROVEN for plan in later}, facts(high), NOW, 1.0)
    assert [name for name, state in states.items() if state.first_out] == ["b"], "of one scan in plan order"


def test_the_first_out_that_is_over_still_says_what_it_was() -> None:
    states = {plan.name: PROVEN for plan in MATRIX}
    for value in ((39.5, GOOD), (40.5, GOOD), (37.0, GOOD)):
        states = supervise(MATRIX, states, facts(value), NOW, 1.0)
    first = states["a"]
    assert (first.active, first.first_out, first.reason) == (False, True, "TT 39.5 degC is above 39 degC")
    states["b"] = ended(states["b"])
    states = supervise(MATRIX, states, facts((37.0, GOOD)), NOW, 1.0)
    assert (states["a"].first_out, states["a"].since, states["a"].reason) == (False, None, "")


def acting(*names: str, proven: bool = True) -> dict[str, HazardState]:
    return {plan.name: HazardState(active=plan.name in names, proven=proven) for plan in MATRIX}


@pytest.mark.parametrize(
    ("active", "held", "stop", "expected"),
    [
        ((), "", (), {}),
        (("warned",), "", (), {}),
        (("a",), "", (), {"X": Order(Action.SAFE, ("safe a",))}),
        (("c",), "", (), {"Y": Order(Action.FALLBACK, ("fallback c",))}),
        (("a", "b"), "", (), dict.fromkeys("XYZ", Order(Action.TRIP, ("trip b",)))),
        (("a", "c"), "anna: test", ("X",), {
            "X": Order(Action.SAFE, ("held", "uplink lost", "safe a")),
            "Y": Order(Action.SAFE, ("held",)),
            "Z": Order(Action.SAFE, ("held",)),
        }),
        (("c",), "", ("Z",), {
            "Y": Order(Action.FALLBACK, ("fallback c",)),
            "Z": Order(Action.SAFE, ("uplink lost",)),
        }),
    ],
)  # fmt: skip
def test_the_highest_action_wins_on_each_actuator(
    active: tuple[str, ...], held: str, stop: tuple[str, ...], expected: dict[str, Order]
) -> None:
    assert orders(MATRIX, acting(*active), ("X", "Y", "Z"), held, stop) == expected


def test_not_known_yet_makes_outputs_safe_whatever_the_action() -> None:
    found = orders(MATRIX, acting(proven=False), ("X", "Y", "Z"), "")
    assert found == {
        "X": Order(Action.SAFE, ("unknown a", "unknown b"), passing=True),
        "Y": Order(Action.SAFE, ("unknown b", "unknown c"), passing=True),
        "Z": Order(Action.SAFE, ("unknown b",), passing=True),
    }
    held = orders(MATRIX, acting(proven=False), ("X",), "anna")
    assert held["X"] == Order(Action.SAFE, ("held", "unknown a", "unknown b")), (
        "somebody's hold does not pass by itself"
    )
    assert condition(MATRIX[0], HazardState()) == "clear", "a warning makes nothing safe"
    hold = (HazardPlan("h", HOT, Action.HOLD, ("X",)),)
    assert orders(hold, {"h": HazardState()}, ("X",), "") == {
        "X": Order(Action.SAFE, ("unknown h",), passing=True)
    }
    assert orders(hold, {"h": HazardState(active=True)}, ("X",), "") == {"X": Order(Action.HOLD, ("hold h",))}


def test_holding_the_unit_lowers_no_order() -> None:
    wanted = {"X": Order(Action.TRIP, ("trip b",)), "Y": Order(Action.HOLD, ("hold c",))}
    assert hold_all(wanted, ("X", "Y", "Z")) == {
        "X": Order(Action.TRIP, ("trip b",)),
        "Y": Order(Action.SAFE, ("held",)),
        "Z": Order(Action.SAFE, ("held",)),
    }
    assert wanted["Y"].action is Action.HOLD


rows = st.lists(
    st.tuples(st.sampled_from([36.0, 38.7, 39.1, None]), st.sampled_from(list(Quality))), max_size=40
)


@settings(max_examples=200)
@given(rows, st.floats(0.0, 6.0), st.floats(0.0, 6.0), st.booleans())
def test_memory_survives_its_json_form_at_any_moment(
    row: list[Value], delay_s: float, clear_s: float, latched: bool
) -> None:
    plan = replace(SAFE, delay_s=delay_s, clear_s=clear_s, latched=latched)
    state = HazardState()
    for value in row:
        state, _ = run(plan, [value], state)
        whole = State(hazards={"hot": state})
        assert from_plain(State, json.loads(json.dumps(to_plain(whole)))) == whole
        assert 0.0 <= state.stood_s <= delay_s


@given(rows, st.floats(0.0, 6.0))
def test_it_never_ends_unless_the_cause_was_absent_by_good_values_for_the_clear_time(
    row: list[Value], clear_s: float
) -> None:
    plan, state, absent_s = replace(SAFE, clear_s=clear_s), PROVEN, 0.0
    for value in row:
        before, (state, _) = state, run(plan, [value], state)
        absent_s = absent_s + 1.0 if value[0] in (36.0, 38.7) and value[1] is GOOD else 0.0
        if before.active and not state.active:
            assert absent_s >= max(clear_s, 1.0)


def test_nothing_of_an_earlier_life_counts() -> None:
    """What is over, and what was counted before a restart, begins at nothing."""
    for first_out in (False, True):
        over = ended(HazardState(active=True, gone_s=7.0, first_out=first_out, reason="hot"))
        assert (over.active, over.gone_s, over.reason) == (False, 0.0, "hot" if first_out else "")
    again = awaken({"hot": HazardState(stood_s=2.0, gone_s=3.0, proven=True, blind_s=4.0, beyond=True)})[
        "hot"
    ]
    assert again == HazardState(beyond=True)


def test_what_counts_is_time_and_not_scans() -> None:
    """A quarter of the time without the cause is taken from what a delay has counted, however late the scans are."""
    plan = replace(SAFE, delay_s=3.0)
    for dt_s, without in ((4.0, 1), (2.0, 2), (0.5, 8)):
        state, _ = run(plan, hot(2))
        state, _ = run(plan, cool(without), state, dt_s)
        assert state.stood_s == 1.0
        assert run(plan, hot(), state, 1.9)[1] == "-"
        assert run(plan, hot(), state, 2.0)[1] == "A"


def test_a_hazard_that_acts_and_stands_keeps_its_state_object() -> None:
    """Its time counts no further than its delay, so that nothing of it moves."""
    for delay_s in (0.0, 2.0):
        state, _ = run(replace(SAFE, delay_s=delay_s), hot(3))
        assert run(replace(SAFE, delay_s=delay_s), hot(), state)[0] is state
    waits, _ = run(SAFE, blind(70), HazardState())
    assert run(SAFE, blind(), waits)[0] is waits


@pytest.mark.parametrize(
    ("action", "named", "expected"),
    [
        (Action.SAFE, ("X",), ("X",)),
        (Action.SAFE, (), ("X", "Y")),
        (Action.TRIP, (), ("X", "Y")),
        (Action.TRIP, ("X",), ("X", "Y")),
    ],
)
def test_a_trip_and_a_hazard_that_names_no_actuator_act_on_all(
    action: Action, named: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert targets(HazardPlan("hot", HOT, action, named), ("X", "Y")) == expected
