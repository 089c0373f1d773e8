"""The judge of edge nodes finds nothing in a good session, and in a bad one just what is bad."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.host import payload as sparkplug
from hil.host.catalogue import DATASET, JUDGED, OUTSIDE, TEMPLATE, Level, level
from hil.host.payload import (
    BOOLEAN,
    DOUBLE,
    INT32,
    STRING,
    Metric,
    make,
)
from hil.host.report import table
from hil.host.seen import Connack, Connect, Delivered, Door, Ended, Sent
from hil.host.session import REBIRTH
from hil.mqtt import Message
from tests.hil.edge import T0, Play, a_good_life, settings
from tests.hil.seed import Seed, metric_change
from tests.hil.seeded_message import MESSAGE_SEEDS
from tests.hil.seeded_session import SESSION_SEEDS, gone


@pytest.mark.parametrize("aliases", [False, True])
def test_a_good_life_breaks_no_rule_and_looks_at_every_one(aliases: bool) -> None:
    play = Play(settings())
    play.aliases = aliases
    a_good_life(play)
    play.checker.finish(play.now + 120_000)
    assert play.checker.red() == {}
    assert play.bdseq == 1
    alias_rules = {rule for rule in JUDGED if "alias" in rule and "rebirth" not in rule}
    idle = {row.rule for row in play.checker.rows() if row.rule in JUDGED and not row.checked}
    assert idle == (set() if aliases else alias_rules)


def test_a_server_that_cannot_be_reached_is_passed_over() -> None:
    play = Play(settings(servers=("a", "b", "c")))
    gone(play)
    play.server = "b"
    play.see(Door(False))
    play.server = "c"
    play.start()
    assert play.red() == set()


@pytest.mark.parametrize(
    "metric",
    [
        make(REBIRTH, False, BOOLEAN, T0),
        make(REBIRTH, 1, INT32, T0),
        make("Node Control/Reboot", True, BOOLEAN, T0),
        Metric(REBIRTH, at=14, raw=True, datatype=STRING),
    ],
)
def test_only_boolean_true_asks_for_a_rebirth(metric: Metric) -> None:
    play = Play(settings())
    play.start()
    play.ask_rebirth(metric=metric)
    play.now += 20_000
    play.ddata()
    assert play.red() == set()


SEEDS = [*MESSAGE_SEEDS, *SESSION_SEEDS]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_mistake_turns_its_rule_red_and_no_other(seed: Seed) -> None:
    play = Play(seed.settings or settings())
    seed.prepare(play)
    seed.run(play)
    assert play.red() == set(seed.red.split())


def test_every_judged_rule_has_a_mistake_that_turns_it_red() -> None:
    assert {rule for seed in SEEDS for rule in seed.red.split()} == set(JUDGED)


def test_a_dataset_or_template_is_never_a_clean_result() -> None:
    play = Play(settings())
    play.payload["DBIRTH"] = metric_change(1, datatype=sparkplug.DATASET, at=17, raw=b"")
    play.payload["NBIRTH"] = metric_change(2, datatype=sparkplug.TEMPLATE, at=18, raw=b"")
    play.start()
    assert play.red() == {*DATASET, *TEMPLATE}


def test_a_deviation_is_listed_with_its_reason_and_is_no_violation() -> None:
    rule = "payloads-metric-datatype-not-req"
    play = Play(settings(deviations={rule: "npm sparkplug-payload needs it"}))
    play.payload["DDATA"] = metric_change(0, datatype=DOUBLE)
    play.whole()
    assert play.red() == set()
    row = next(row for row in play.checker.rows() if row.rule == rule)
    assert row.note == "deviation by option: npm sparkplug-payload needs it"


def test_nobody_deviates_from_a_must() -> None:
    with pytest.raises(ValueError, match="no SHOULD"):
        Play(settings(deviations={"payloads-ndeath-seq": "we like it"}))


def test_every_rule_is_judged_or_says_why_not() -> None:
    assert len(JUDGED) + len(OUTSIDE) == 200
    assert not set(JUDGED) & set(OUTSIDE)
    assert all(reason for reason in OUTSIDE.values())
    assert not [rule for rule in JUDGED if level(rule) is Level.MAY]


def test_readable_json_on_a_connection_of_its_own_is_not_judged() -> None:
    play = Play(settings())
    play.start()
    play.connection = 77
    will = Message("edgectl/BR-101/online", b"0", 1, True)
    for what in (
        Connect("json", False, 30, will),
        Connack(0),
        Sent(Message("edgectl/BR-101/tags", b"{}")),
        Ended(),
    ):
        play.see(what)
    assert play.red() == set()


def test_a_day_of_json_is_not_kept_for_a_judgement_that_never_comes() -> None:
    play = Play(settings())
    play.see(Connect("json", True, 30, None))
    for _ in range(1000):
        play.send(Message("edgectl/BR-101/tags", b"{}"))
        play.see(Delivered(Message("edgectl/BR-101/command", b"{}")))
    assert [len(kept) for kept in play.checker._undecided.values()] == [2]


def test_a_burst_of_requests_is_answered_by_one_birth_sequence_in_five_seconds() -> None:
    play = Play(settings())
    play.start()
    play.now += 10_000
    for _ in range(20):
        play.ask_rebirth(after_ms=1)
    play.births()
    play.ask_rebirth(after_ms=500)
    play.ask_rebirth(after_ms=1500)
    play.ddata()
    play.now += 3500
    play.births()
    play.ddata()
    play.now += 20_000
    play.ddata()
    assert play.red() == set()


def test_clocks_that_run_apart_are_not_compared_when_told_so() -> None:
    play = Play(settings(clock_ms=None))
    for verb in ("NBIRTH", "DBIRTH", "DDATA"):
        play.payload[verb] = lambda content: replace(content, timestamp=T0 - 3_600_000)
    play.whole()
    assert play.red() == set()


def test_a_violation_says_which_message_broke_the_rule_and_why() -> None:
    play = Play(settings())
    play.payload["DDATA"] = lambda content: replace(content, seq=9)
    play.start()
    play.ddata()
    (text,) = play.checker.red()["payloads-ddata-seq-inc"]
    assert text == f"{play.now} ms, a #1, DDATA d seq 9: seq 9, not 2"


def test_the_table_has_every_rule_and_prints_whatever_the_node_said() -> None:
    play = Play(settings())
    play.message["NDATA"] = lambda message: message._replace(topic="spBv1.0/\udcff/NDATA/n")
    play.whole()
    every = table(play.checker.rows()).splitlines()
    assert {line.split()[0] for line in every} >= {*JUDGED, *OUTSIDE}
    assert table(play.checker.rows(), every=False).encode()
    assert every[-1].startswith("200 rules: ")


@given(
    st.lists(
        st.builds(
            Message,
            st.sampled_from(
                ("spBv1.0/g/NBIRTH/n", "spBv1.0/g/DDATA/n/d", "spBv1.0/STATE/scada", "spBv1.0//", "/x")
            ),
            st.binary(max_size=40),
            st.integers(0, 3),
            st.booleans(),
        )
    )
)
def test_no_message_in_either_direction_stops_the_judge(messages: list[Message]) -> None:
    play = Play(settings())
    for message in messages:
        play.see(Delivered(message))
        play.send(message)
    play.checker.finish(play.now)
