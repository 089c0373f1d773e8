"""``edgectl alarms``: what is shown first, and that what is typed becomes the request that is meant."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from rich.console import Console

import edgectl.app.alarm as shown
import edgectl.app.request as asked
from edgectl.app.command_line import edgectl
from edgectl.app.status import tables
from edgectl.control.executive import Executive
from edgectl.control.status import snapshot
from edgectl.model.request import Ask, Authority
from edgectl.model.safety import AlarmPlan, Priority
from edgectl.model.state import UnitState
from tests.core.siren import ON_S, PAH, Siren, siren

SECONDS = 1_000_000_000


def picture(bench: Siren) -> dict[str, Any]:
    """What the control process would say of the bench, a minute after its last scan."""
    executive = SimpleNamespace(
        state=bench.state, result=bench.result, punctuality=SimpleNamespace(late=0, skipped=0)
    )
    later = bench.now._replace(utc_ns=bench.now.utc_ns + 60 * SECONDS)
    found = snapshot(bench.plan, later, cast("Executive", executive), (), {}, None, None)
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def named(name: str, priority: Priority, **changes: Any) -> AlarmPlan:
    return replace(PAH, name=name, priority=priority, response=f"Look at {name}", **changes)


def troubled() -> Siren:
    """One alarm of each kind."""
    bench = siren(
        named("L", Priority.LOW, on_delay_s=2.0),
        named("M2", Priority.MEDIUM),
        named("M1", Priority.MEDIUM, on_delay_s=1.0),
        named("H", Priority.HIGH, response_s=300.0),
        named("S", Priority.HIGH),
        named("N", Priority.HIGH, on_delay_s=100.0),
    )
    bench.put(Ask.SHELVE, "S", 90.0, "probe is changed")
    bench.press(60.0, ON_S)
    return bench


def test_the_most_urgent_and_then_the_oldest_stand_first() -> None:
    """Hidden and normal ones only if asked for, behind all that call."""
    seen = picture(troubled())
    assert [row["name"] for row in shown.listed(seen)] == ["H", "M1", "M2", "L"]
    everything = [row["name"] for row in shown.listed(seen, everything=True)]
    assert everything == ["H", "M1", "M2", "L", "S", "N"]


@pytest.mark.parametrize(
    ("unit", "says", "also"),
    [
        (UnitState(), "authority local  ", ""),
        (UnitState(authority=Authority.MAINTENANCE), "authority maintenance  ", ""),
        (UnitState(authority=Authority.REMOTE), "authority remote of the first host that asks  ", ""),
        (UnitState(authority=Authority.REMOTE, owner="scada-1"), "authority remote of scada-1  ", ""),
        (
            UnitState(
                authority=Authority.REMOTE, owner="[red]", conflict="scada-2/anna asks", conflict_s=9.0
            ),
            "authority remote of [red]  ",
            "conflict: scada-2/anna asks",
        ),
    ],
)
def test_the_status_says_who_has_authority_and_who_contends(unit: UnitState, says: str, also: str) -> None:
    bench = troubled()
    bench.state = replace(bench.state, unit=unit)
    console = Console(file=io.StringIO(), width=200)
    console.print(tables(picture(bench)))
    printed = cast("io.StringIO", console.file).getvalue()
    assert says in printed
    assert also in printed
    assert ("conflict" in printed) is bool(also)


def test_an_alarm_says_since_when_why_and_what_to_do() -> None:
    seen = picture(troubled())
    high = seen["alarms"]["H"]
    assert (high["state"], high["priority"], high["age_s"], high["hidden"]) == ("UNACK", "high", 60.0, False)
    assert (high["reason"], high["response"], high["response_s"]) == (
        "PT-101 60 mbar is above 50 mbar",
        "Look at H",
        300.0,
    )
    assert seen["alarms"]["M1"]["first_out"]
    shelved = seen["alarms"]["S"]
    assert (shelved["state"], shelved["underneath"], shelved["hidden_by"], shelved["shelve_s"]) == (
        "SHLVD",
        "UNACK",
        "anna: probe is changed",
        85.0,
    )
    assert seen["alarms"]["N"]["age_s"] is None
    assert seen["flood"] is False


def test_a_suppressed_alarm_names_what_suppresses_it() -> None:
    bench = siren()
    bench.say("suppress")
    assert picture(bench)["alarms"]["PAH"]["hidden_by"] == "stop"
    bench.say("stir, scan")
    assert picture(bench)["alarms"]["PAH"]["hidden_by"] == ""


def text(thing: object) -> str:
    said = io.StringIO()
    Console(width=200, file=said).print(thing)
    return said.getvalue()


def test_status_shows_active_alarms_first() -> None:
    lines = text(tables(picture(troubled()))).splitlines()
    assert lines[1].startswith("alarm ")
    assert lines[2].startswith("H ")
    assert "alarm" not in text(tables(picture(siren()))).splitlines()[1]


def test_the_list_is_for_people_and_for_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = picture(troubled())
    monkeypatch.setattr(shown, "find", lambda _, unit: SimpleNamespace(socket=unit, folder=Path("BR")))
    monkeypatch.setattr(shown, "ask", lambda socket, _: seen | {"unit": socket})
    runner = CliRunner()
    listed = runner.invoke(edgectl, ["alarms", "BR-DEMO", "--json"])
    found = json.loads(listed.output)
    assert (listed.exit_code, found["unit"], found["flood"]) == (0, "BR-DEMO", False)
    assert [row["name"] for row in found["alarms"]] == ["H", "M1", "M2", "L"]
    people = runner.invoke(edgectl, ["alarms", "--all"], env={"COLUMNS": "200"}).output
    assert "UNACK, first out" in people
    assert "SHLVD over UNACK" in people
    assert "anna: probe is changed, 85.0 s left" in people
    assert "Look at H (within 5 min)" in people
    seen["flood"], seen["alarms"] = True, {}
    assert runner.invoke(edgectl, ["alarms"]).output == "flood: only high priority calls\nno alarms\n"


@pytest.mark.parametrize(
    ("words", "ask", "target", "value"),
    [
        (["ack", "PAH"], "acknowledge", "PAH", 0.0),
        (["ack", "all"], "acknowledge", "all", 0.0),
        (["shelve", "PAH", "--for", "30 min"], "shelve", "PAH", 1800.0),
        (["shelve", "PAH", "--once"], "shelve", "PAH", 0.0),
        (["unshelve", "PAH"], "unshelve", "PAH", 0.0),
        (["retire", "PAH"], "retire", "PAH", 0.0),
        (["return", "PAH"], "return", "PAH", 0.0),
        (["reset", "PAH"], "reset", "PAH", 0.0),
    ],
)
def test_what_is_typed_becomes_a_request(
    words: list[str], ask: str, target: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = [{"accepted": True}, {"accepted": False, "reason": "PAH is normal"}]
    monkeypatch.setattr(asked, "find", lambda _, unit: SimpleNamespace(socket=unit, folder=Path("BR")))

    def answer(_: str, question: dict[str, Any]) -> dict[str, Any]:
        sent.append(question)
        return answers.pop(0)

    monkeypatch.setattr(asked, "ask", answer)
    command = ["alarms", *words, "--reason", "trial"]
    done = CliRunner().invoke(edgectl, command)
    assert (done.exit_code, done.output) == (0, f"accepted: {ask} {target}\n")
    refused = CliRunner().invoke(edgectl, command)
    assert (refused.exit_code, refused.output) == (1, "refused: PAH is normal\n")
    assert {key: sent[0][key] for key in ("do", "ask", "target", "value", "reason")} == {
        "do": "request", "ask": ask, "target": target, "value": value, "reason": "trial",
    }  # fmt: skip
    assert "origin" not in sent[0]
    assert Ask(ask)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["shelve", "PAH", "--reason", "x"], 'say either --for "30 min" or --once'),
        (["shelve", "PAH", "--reason", "x", "--once", "--for", "1 h"], "say either"),
        (["shelve", "PAH", "--reason", "x", "--for", "30"], "write 30 s, if that is what you mean"),
        (["shelve", "PAH", "--reason", "x", "--for", "0 s"], "write a time above 0"),
        (["ack", "PAH"], "Missing option '--reason'"),
    ],
)
def test_a_wrong_call_says_what_is_right(words: list[str], says: str) -> None:
    done = CliRunner().invoke(edgectl, ["alarms", *words])
    assert done.exit_code == 2
    assert says in done.output


def test_a_notice_of_the_uplink_stands_in_the_status() -> None:
    bench = siren(PAH)
    console = Console(width=120, record=True, file=io.StringIO())
    for notice in ("", "own certificate br-1.pem ends on 2026-12-07 18:00 UTC"):
        console.print(tables(picture(bench) | {"notice": notice}))
        assert ("notice:" in (text := console.export_text())) is bool(notice)
        assert notice in text
