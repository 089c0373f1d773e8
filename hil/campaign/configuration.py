"""Files edited by technicians while the unit runs: C11 to C15."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from typing import TYPE_CHECKING

from hil.campaign.bed import STILL
from hil.campaign.row import Finding, Row, Stuck

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from hil.campaign.stage import Stage

_SAVES = 1000
_GAIN = ("gain: 3 degC/K", "gain: 6 degC/K")
_SPAN = 17.0  # of TY-101, degC
_REFUSED = 1
_USAGE = 2
_MAP = ("{name: weight, table: input, address: 0", "{name: weight, table: input, address: 8")
_ALARM = ("above: 38.0 degC", "above: 38.1 degC")
_LOCK = ("above: 38.5 degC", "above: 38.6 degC")


def _begin(stage: Stage) -> Path:
    """The unit runs from a copy of its folder."""
    stage.rewrite("unit.yaml")
    stage.start_bench()
    stage.start_broker()
    stage.start_unit()
    _await_control(stage)
    return stage.bed.folder


def _await_control(stage: Stage) -> None:
    """Loops regulate: a soft sensor whose window fills for minutes is no concern of these rows."""
    if math.isinf(stage.await_control()):
        raise Stuck(f"loops do not regulate: {stage.ailing()}")


def _apply(stage: Stage, reason: str = "campaign") -> subprocess.CompletedProcess[str]:
    return stage.edgectl("apply", str(stage.bed.folder), "--reason", reason, "--yes")


def _plan(stage: Stage) -> str:
    return str(stage.status()["plan"])


def _in_force(stage: Stage) -> str:
    return (stage.home / "plan" / "current").resolve().stem


def _gone(file: Path) -> None:
    file.unlink()


def _empty(file: Path) -> None:
    file.write_text("")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _led_out(file: Path) -> None:
    outside = file.parent.parent / "outside.yaml"
    outside.write_text(file.read_text())
    file.unlink()
    file.symlink_to(outside)


def _closed(file: Path) -> None:
    """Bytes that are no text: root reads a file whatever its mode says."""
    file.write_bytes(b"\xff\xfe\x00u\x00n")


_BROKEN: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("missing", _gone),
    ("empty", _empty),
    ("a directory", _folder),
    ("a link that leads out", _led_out),
    ("no text", _closed),
)


def _file_is_none(stage: Stage) -> Finding:
    """unit.yaml is gone, empty, a directory, a link that leads out, no text: under a running unit, and at a start."""
    folder = _begin(stage)
    file, right, plan = folder / "unit.yaml", (folder / "unit.yaml").read_text(), _plan(stage)
    stood, told = 0, 0
    for _, break_it in _BROKEN:
        break_it(file)
        scan = stage.status()["scan"]
        refused = _apply(stage).returncode == _USAGE
        told += stage.until(lambda: stage.status()["files"], 60.0 * stage.bed.clock) < float("inf")
        stage.until(lambda s=scan: stage.status()["scan"] > s + 2, 20.0)  # type: ignore[misc]
        stood += refused and stage.status()["scan"] > scan and _plan(stage) == _in_force(stage) == plan
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)
        file.write_text(right)
        stage.until(lambda: not stage.status()["files"], 60.0 * stage.bed.clock)
    file.unlink()
    stage.stop_unit()
    stage.start_unit()
    _await_control(stage)
    last_good = _plan(stage) == plan
    alarmed = stage.until(lambda: "is missing" in stage.status()["notice"], 60.0 * stage.bed.clock)
    stage.stop_unit()
    stage.state = stage.folder / "empty-state"
    stage.start_unit()
    stage.until(lambda: not stage.runs(), 60.0 * stage.bed.clock)
    refuses = stage.stop_unit() == _USAGE
    return Finding(
        f"running on in {stood} of {len(_BROKEN)}, told in {told}; start without the file: last approved plan {last_good}, "
        f"notice after {alarmed / stage.bed.clock:.0f} s; without any plan refused {refuses}",
        stood == told == len(_BROKEN) and last_good and alarmed < float("inf") and refuses,
    )


class _Editor(threading.Thread):
    """Saves two versions of a file in turns and in pieces, now and then with a rest between two saves."""

    def __init__(self, file: Path, texts: tuple[str, str]) -> None:
        super().__init__(daemon=True)
        self._file, self._texts, self._dice = file, texts, random.Random(1)

    def run(self) -> None:
        for save in range(_SAVES):
            text = self._texts[save % 2]
            cut = self._dice.randrange(1, len(text))
            with self._file.open("w") as file:
                file.write(text[:cut])
                file.flush()
                time.sleep(self._dice.choice((0.0, 0.002, 0.03)))
                file.write(text[cut:])
            time.sleep(self._dice.choice((0.001, 0.01, 0.6 if save % 20 == 0 else 0.0)))


def _saved_in_pieces(stage: Stage) -> Finding:
    """unit.yaml is saved a thousand times in pieces while somebody applies it again and again."""
    folder = _begin(stage)
    file = folder / "unit.yaml"
    one = file.read_text()
    texts = (one.replace(*_GAIN), one)
    plans = {_plan(stage)}
    file.write_text(texts[0])
    if _apply(stage).returncode:
        raise Stuck("the other version cannot be applied")
    plans.add(_plan(stage))
    editor = _Editor(file, texts)
    editor.start()
    half, taken, tried = 0, 0, 0
    while editor.is_alive():
        taken += _apply(stage).returncode == 0
        tried += 1
        half += _plan(stage) not in plans or _in_force(stage) not in plans
    editor.join()
    return Finding(
        f"{half} half applied in {_SAVES} saves, {taken} of {tried} applied whole", half == 0 and taken > 0
    )


def _changes(stage: Stage) -> Finding:
    """A batch runs: another gain, another alarm limit, another register, another interlock."""
    folder = _begin(stage)
    stage.request("batch", stage.bed.unit, "B-1")
    behind = stage.journal.last()
    outputs = [stage.status()["actuators"]["TY-101"]["value"]]
    stage.rewrite("unit.yaml", _GAIN)
    stage.rewrite("safety.yaml", _ALARM)
    live = _apply(stage, "tighter").returncode == 0
    for _ in range(20):
        outputs.append(stage.status()["actuators"]["TY-101"]["value"])
        stage.sleep(0.5)
    step = max(abs(b - a) for a, b in itertools.pairwise(outputs)) / _SPAN
    audit = [event.body for event in stage.journal.events(behind, kind="change")]
    audited = {event["subject"].split(".")[0] for event in audit} == {"loops", "alarms"} and all(
        event["reason"] == "tighter" and event["actor"] and event["before"] != event["after"]
        for event in audit
    )
    plan = _plan(stage)
    refused = 0
    for file, change in (("unit.yaml", _MAP), ("safety.yaml", _LOCK)):
        before = (folder / file).read_text()
        (folder / file).write_text(before.replace(*change))
        refused += _apply(stage).returncode == _REFUSED and _plan(stage) == _in_force(stage) == plan
        (folder / file).write_text(before)
    return Finding(
        f"gain and alarm taken {live}, output step {step:.2%} of span, {len(audit)} changes audited {audited}; "
        f"register and interlock refused {refused} of 2",
        live and step < 0.01 and audited and refused == 2,
    )


def _edited(stage: Stage) -> Finding:
    """safety.yaml is edited and not applied; a batch begins; the file is put back."""
    folder = _begin(stage)
    file, behind = folder / "safety.yaml", stage.journal.last()
    right = file.read_text()
    file.write_text(right.replace(*_LOCK))
    shown = stage.until(lambda: stage.status()["files"], 90.0 * stage.bed.clock) / stage.bed.clock
    stage.request("batch", stage.bed.unit, "B-2")
    different = stage.edgectl("diff", str(folder)).returncode == _REFUSED
    file.write_text(right)
    over = stage.until(lambda: not stage.status()["files"], 90.0 * stage.bed.clock) / stage.bed.clock
    stage.until(lambda: len(stage.journal.events(behind, kind="files")) > 2, 20.0)
    told = [event.body for event in stage.journal.events(behind, kind="files")]
    words = [(event["before"], event["after"]) for event in told]
    flagged = any("batch B-2 begins" in event["reason"] for event in told)
    stage.stop_unit()
    file.write_text(right + "  half: [\n")
    stage.start_unit()
    _await_control(stage)
    at_start = stage.until(lambda: stage.status()["files"], 90.0 * stage.bed.clock) / stage.bed.clock
    return Finding(
        f"shown after {shown:.0f} s, over after {over:.0f} s, at a start after {at_start:.0f} s; told {len(told)} times, batch flagged {flagged}",
        max(shown, over, at_start) <= 60.0
        and different
        and flagged
        and words == [("agree", "differ"), ("differ", "differ"), ("differ", "agree")],
    )


def _back(stage: Stage) -> Finding:
    """One command after a change: back to the first version."""
    folder = _begin(stage)
    first, behind = _plan(stage), stage.journal.last()
    stage.rewrite("unit.yaml", _GAIN)
    _apply(stage)
    between = _plan(stage)
    code = stage.edgectl("rollback", str(folder), "1", "--reason", "as it was").returncode
    stage.until(lambda: len(stage.journal.events(behind, kind="plan")) > 1, 10.0)
    told = [event.body for event in stage.journal.events(behind, kind="plan")]
    audited = bool(told) and (told[-1]["reason"], told[-1]["after"]) == ("as it was", first[:12])
    same = _plan(stage) == _in_force(stage) == first != between
    files = _GAIN[0] in (folder / "unit.yaml").read_text()
    return Finding(
        f"active hash is the approved one {same}, audited {audited}, files put back {files}",
        code == 0 and same and audited and files,
    )


ROWS = (
    Row("C11", "unit.yaml missing, empty, a directory, a link that leads out, no text", "the running unit goes on; a start takes the last approved version and says so, or refuses without one", STILL, _file_is_none, own=True, waived={"U10": "two states"}),
    Row("C12", "Saved half-way by the editor while it is applied", "0 of 1000 saves half applied", STILL, _saved_in_pieces, own=True),
    Row("C13", "Changes in mid-batch: tuning, alarm limit, I/O map, interlock", "first two without a bump (< 1 % of span) and audited, last two refused", STILL, _changes, own=True, fast=True),
    Row("C14", "File differs from the approved version", "shown at the start and within 60 s of the edit; a batch that begins is flagged; told once each way", STILL, _edited, own=True),
    Row("C15", "Roll-back to an earlier approved version", "one command, audited; active hash is the approved one", STILL, _back, own=True, fast=True),
)  # fmt: skip
