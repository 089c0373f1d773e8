"""The life of a configuration on a real unit: real control, real lines, real journal (issue acceptance 5; C13, C14, C15)."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgectl.app.control_socket import user
from edgectl.app.exit_code import ExitCode
from edgectl.app.replay import replay
from edgectl.config.version import in_force, versions
from hil.campaign.journal import Journal
from tests.app.unit import ROOT, Unit, running, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GAIN = ("gain: 3 degC/K", "gain: 6 degC/K")
SPAN = 42.0 - 25.0  # of TY-101, degC


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("life") / "demo"
    shutil.copytree(ROOT / "configs" / "demo", copy)
    return copy


@pytest.fixture(scope="module")
def unit(folder: Path) -> Iterator[Unit]:
    with running(folder.parent, 10.0, folder) as found:
        until(
            lambda: all(loop["condition"] == "regulating" for loop in found.status()["loops"].values()), 60.0
        )
        yield found


def edit(folder: Path, old: str, new: str, file: str = "unit.yaml") -> None:
    text = (folder / file).read_text()
    assert text.count(old) == 1, old
    (folder / file).write_text(text.replace(old, new))


def home(unit: Unit) -> Path:
    return unit.state / "BR-DEMO"


def last(unit: Unit) -> int:
    return Journal(home(unit) / "journal.db").last()


def told(unit: Unit, behind: int, **fields: str) -> list[dict[str, Any]]:
    return [record.body for record in Journal(home(unit) / "journal.db").events(behind, **fields)]


def output(unit: Unit) -> tuple[int, float]:
    status = unit.status()
    return status["scan"], status["actuators"]["TY-101"]["value"]


def test_a_start_is_the_first_version(unit: Unit, folder: Path) -> None:
    [version] = versions(home(unit) / "versions")
    assert (version.number, version.plan, version.folder) == (1, unit.status()["plan"], str(folder))
    assert (version.person, version.taken) == (user(), "at the start")
    same = unit.command("diff", str(folder))
    assert (same.returncode, "no difference" in same.stdout) == (ExitCode.OK, True), same.stderr
    nothing = unit.command("apply", str(folder), "--reason", "again", "--yes")
    assert (nothing.returncode, "nothing to do" in nothing.stdout) == (ExitCode.OK, True)


def test_a_tuning_change_is_taken_without_a_bump_and_written_down(unit: Unit, folder: Path) -> None:
    """Acceptance 5: the output moves less than 1 % of its span from scan to scan over the change; old, new, who and why are in the journal."""
    before, mark = unit.status()["plan"], last(unit)
    edit(folder, *GAIN)
    seen = unit.command("diff", str(folder), "--json")
    assert seen.returncode == ExitCode.FAILED
    [change] = json.loads(seen.stdout)["changes"]
    assert (change["subject"], change["before"], change["after"]) == ("loops.TIC-101.gain", "3", "6")
    assert (change["class"], change["bumpless"]) == ("live", True)
    assert json.loads(seen.stdout)["files"] == ["unit.yaml"]
    unasked = unit.command("apply", str(folder), "--reason", "tighter")
    assert (unasked.returncode, unit.status()["plan"]) == (ExitCode.USAGE, before)
    trail = [output(unit)]
    taken = unit.command("apply", str(folder), "--reason", "tighter", "--yes")
    assert taken.returncode == ExitCode.OK, taken.stderr
    while trail[-1][0] < trail[0][0] + 15:
        trail.append(output(unit))
        time.sleep(0.05)
    assert unit.status()["plan"] != before
    assert max(abs(b[1] - a[1]) for a, b in itertools.pairwise(trail)) < 0.01 * SPAN, trail
    [event] = told(unit, mark, kind="change")
    assert (event["subject"], event["before"], event["after"]) == ("loops.TIC-101.gain", "3", "6")
    assert (event["actor"], event["reason"]) == (user(), "tighter")
    version = in_force(home(unit) / "versions")
    assert version is not None
    assert (version.number, version.plan, version.taken) == (2, unit.status()["plan"], "live")
    assert (home(unit) / "plan" / "current").resolve().stem == version.plan


def test_what_moves_outputs_is_refused_while_the_unit_is_not_held(unit: Unit, folder: Path) -> None:
    before = unit.status()["plan"]
    edit(folder, "fallback: 30 degC", "fallback: 31 degC")
    refused = unit.command("apply", str(folder), "--reason", "warmer", "--yes")
    assert (refused.returncode, unit.status()["plan"]) == (ExitCode.FAILED, before)
    assert "loops.TIC-101.fallback" in refused.stderr
    assert "edgectl hold" in refused.stderr
    assert [v.number for v in versions(home(unit) / "versions")] == [1, 2], "what was refused is no version"
    assert unit.command("hold", "--reason", "change").returncode == ExitCode.OK
    taken = unit.command("apply", str(folder), "--reason", "warmer", "--yes")
    assert taken.returncode == ExitCode.OK, taken.stderr
    assert unit.status()["held"], "a unit that was held stays so"
    assert unit.command("resume", "--reason", "changed").returncode == ExitCode.OK
    until(lambda: all(loop["condition"] == "regulating" for loop in unit.status()["loops"].values()), 60.0)


def test_edited_files_are_shown_and_told_once_each_way(unit: Unit, folder: Path) -> None:
    """C14: within 60 s of the edit; a batch that begins meanwhile has it in its record."""
    right, mark, begun = (folder / "safety.yaml").read_text(), last(unit), time.monotonic()
    (folder / "safety.yaml").write_text(right + "  broken: [\n")
    until(lambda: unit.status()["files"], 60.0)
    assert time.monotonic() - begun < 60.0
    status = unit.status()
    assert "safety.yaml was edited" in status["files"]
    assert status["files"] in status["notice"]
    assert unit.command("batch", "B-7", "--reason", "trial").returncode == ExitCode.OK
    refused = unit.command("apply", str(folder), "--reason", "by mistake", "--yes")
    assert (refused.returncode, "safety.yaml:" in refused.stderr) == (ExitCode.USAGE, True)
    (folder / "safety.yaml").write_text(right)
    until(lambda: not unit.status()["files"], 60.0)
    until(lambda: len(told(unit, mark, kind="files")) >= 3)
    differ, batch, agree = told(unit, mark, kind="files")
    assert (differ["before"], differ["after"]) == ("agree", "differ")
    assert "batch B-7 begins while files differ" in batch["reason"]
    assert (agree["before"], agree["after"]) == ("differ", "agree")


def test_wires_are_not_changed_under_a_batch(unit: Unit, folder: Path) -> None:
    """Acceptance 5: a change of the I/O map is refused while a batch runs; afterwards it waits for a start."""
    before, right = unit.status()["plan"], (folder / "unit.yaml").read_text()
    if not unit.status()["unit_state"]["batch"]:
        unit.command("batch", "B-8", "--reason", "trial")
    edit(folder, "name: weight, table: input, address: 0", "name: weight, table: input, address: 8")
    refused = unit.command("apply", str(folder), "--reason", "moved", "--yes")
    assert (refused.returncode, unit.status()["plan"]) == (ExitCode.FAILED, before)
    assert "instruments.mux" in refused.stderr
    assert "batch B-" in refused.stderr
    assert (home(unit) / "plan" / "current").resolve().stem == before
    assert unit.command("batch", "--end", "--reason", "over").returncode == ExitCode.OK
    later = unit.command("apply", str(folder), "--reason", "moved", "--yes")
    assert later.returncode == ExitCode.OK, later.stderr
    assert "from the next start" in later.stdout
    assert unit.status()["plan"] == before
    assert (home(unit) / "plan" / "current").resolve().stem != before
    until(lambda: "in force from the next start" in unit.status()["files"], 60.0)
    (folder / "unit.yaml").write_text(right)
    back = unit.command("apply", str(folder), "--reason", "not now", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert (home(unit) / "plan" / "current").resolve().stem == before


def test_one_command_goes_back_to_an_approved_version(unit: Unit, folder: Path) -> None:
    """C15: what runs afterwards has the digest that was approved, and the record says who and why."""
    first = versions(home(unit) / "versions")[0]
    mark = last(unit)
    assert unit.command("hold", "--reason", "back").returncode == ExitCode.OK
    (folder / "unit.yaml").write_text((folder / "unit.yaml").read_text() + "# a thought\n")
    back = unit.command("rollback", str(folder), "1", "--reason", "as it was")
    assert back.returncode == ExitCode.OK, back.stderr
    assert unit.status()["plan"] == first.plan == (home(unit) / "plan" / "current").resolve().stem
    until(lambda: bool(told(unit, mark, kind="plan")))  # the journal commits once a second
    [event] = told(unit, mark, kind="plan")
    assert (event["after"], event["actor"], event["reason"]) == (first.plan[:12], user(), "as it was")
    version = in_force(home(unit) / "versions")
    assert version is not None
    assert (version.taken, version.files) == ("rollback to 1, at hold", first.files)
    assert GAIN[0] in (folder / "unit.yaml").read_text()
    assert "# a thought" in (folder / "unit.yaml.edited").read_text()
    listed = unit.command("history", str(folder))
    assert "rollback to 1" in " ".join(listed.stdout.split())
    assert all(len(line) <= 80 for line in listed.stdout.splitlines())
    assert unit.command("rollback", "BR-DEMO", "99", "--reason", "no").returncode == ExitCode.USAGE
    unit.command(
        "resume", "--reason", "back"
    )  # refused if the plant, left alone, has tripped a hazard meanwhile


def test_control_that_dies_comes_back_under_what_was_applied(unit: Unit, folder: Path) -> None:
    edit(folder, *GAIN)
    assert unit.command("apply", str(folder), "--reason", "again", "--yes").returncode == ExitCode.OK
    applied = unit.status()["plan"]
    killed = unit.kill("control")
    until(lambda: unit.process("control") != killed and unit.answers())
    assert unit.status()["plan"] == applied


def test_a_reload_takes_what_may_be_taken(unit: Unit, folder: Path) -> None:
    """What systemd calls: the plan that install-service put in force is taken live, or the reason is said."""
    same = unit.command("reload", "--state", str(home(unit)))
    assert (same.returncode, "nothing to do" in same.stdout) == (ExitCode.OK, True), same.stderr


def test_the_journal_replays_over_every_change(unit: Unit) -> None:
    """Each plan begins a run of its own; all of them agree to the bit."""
    unit.supervisor.terminate()
    unit.supervisor.wait(30)
    reports = replay(home(unit) / "journal.db")
    assert [report.difference for report in reports] == [None] * len(reports)
    assert len(reports) >= 5
    assert all(report.scans for report in reports)
