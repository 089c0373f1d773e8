"""Reading a folder while people work in it (C11, C12)."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from edgectl.config import folder as folder_module
from edgectl.config.character import decode
from edgectl.config.compile import compile_folder
from edgectl.config.folder import read_folder
from tests.config.unit_folder import SAFETY, UNIT, write

RACES = 1000
OTHER = UNIT.replace("37.0 degC", "36.5 degC").replace(
    "Test unit", "Test unit, second version with a longer text"
)


class Editor(threading.Thread):
    """Saves the file again and again: in place and in two halves, or as a new file under the old name."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.stop = threading.Event()
        self.saves = 0

    def run(self) -> None:
        while not self.stop.is_set():
            for text in (OTHER, UNIT):
                half = len(text) * (self.saves % 7 + 1) // 8
                if self.saves % 3 == 2:
                    self._replace(text)
                else:
                    self._overwrite(text, half)
                self.saves += 1
                time.sleep(0.001)

    def _overwrite(self, text: str, half: int) -> None:
        with self.path.open("w") as file:
            file.write(text[:half])
            file.flush()
            time.sleep(0.0005)
            file.write(text[half:])

    def _replace(self, text: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.path)


def test_a_file_saved_half_way_is_never_used(tmp_path: Path) -> None:
    """C12: 0 of 1000 races. A version is whole, or it is refused with a reason."""
    unit = write(tmp_path / "u")
    editor = Editor(unit / "unit.yaml")
    editor.start()
    whole = 0
    try:
        while editor.saves < RACES:
            snapshot = read_folder(unit, settle_s=0.001)
            if snapshot.problems:
                continue
            text, problems = decode(snapshot.files["unit.yaml"], "unit.yaml")
            assert problems or text in (UNIT, OTHER)
            whole += not problems
    finally:
        editor.stop.set()
        editor.join()
    assert whole > RACES // 10


def test_files_changed_together_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C12: while unit.yaml is read, both files are saved anew: the old unit never meets the new safety."""
    unit = write(tmp_path / "u")
    plain = folder_module._read_file
    reads: list[str] = []

    def read_while_saving(path: Path) -> bytes:
        raw = plain(path)
        reads.append(path.name)
        if len(reads) == 1:
            write(unit, unit=OTHER, safety=SAFETY.replace("38.5", "38.0"))
        return raw

    monkeypatch.setattr(folder_module, "_read_file", read_while_saving)
    snapshot = read_folder(unit, settle_s=0.01)
    assert snapshot.problems == ()
    assert snapshot.files["unit.yaml"].decode() == OTHER
    assert b"38.0" in snapshot.files["safety.yaml"]
    assert len(reads) > 3


def test_a_file_just_touched_is_waited_for(tmp_path: Path) -> None:
    unit = write(tmp_path / "u")
    begun = time.monotonic()
    assert read_folder(unit, settle_s=0.1).problems == ()
    assert time.monotonic() - begun > 0.05


def test_a_file_from_the_future_does_not_block(tmp_path: Path) -> None:
    """A machine without battery clock may wake up in the past."""
    unit = write(tmp_path / "u")
    os.utime(unit / "unit.yaml", (4e9, 4e9))
    assert read_folder(unit, settle_s=0.01, patience_s=0.5).problems == ()


def test_a_folder_that_never_rests_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = write(tmp_path / "u")
    monkeypatch.setattr(folder_module, "_stamp", lambda path: (time.monotonic_ns(), 0, 0, 0))
    snapshot = read_folder(unit, settle_s=0.001, patience_s=0.02)
    assert snapshot.files == {}
    assert "keeps changing" in snapshot.problems[0].message


@pytest.mark.parametrize("name", ["unit.yaml", "safety.yaml"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    unit = write(tmp_path / "u")
    (unit / name).unlink()
    problems = compile_folder(unit, settle_s=0.0).problems
    assert [(Path(p.place.file).name, p.message) for p in problems] == [(name, f"{name} is missing")]


def test_a_misnamed_file_is_no_silent_absence(tmp_path: Path) -> None:
    """A unit never runs without its uplink because of a typing slip."""
    unit = write(tmp_path / "u")
    (unit / "uplink.yaml").rename(unit / "uplnk.yml")
    (problem,) = compile_folder(unit, settle_s=0.0).problems
    assert problem.place.file.endswith("uplnk.yml")
    assert problem.hint == "did you mean 'uplink.yaml'?"


def test_a_unit_may_have_no_uplink(tmp_path: Path) -> None:
    unit = write(tmp_path / "u")
    (unit / "uplink.yaml").unlink()
    plan = compile_folder(unit, settle_s=0.0).plan
    assert plan is not None
    assert plan.uplink.host == ""


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """C11: a directory, a pipe that would block for ever, a link out of the folder, nothing at all, no folder."""
    unit = write(tmp_path / "u")
    safety, uplink = unit / "safety.yaml", unit / "uplink.yaml"
    safety.unlink()
    os.mkfifo(safety)
    uplink.unlink()
    uplink.mkdir()
    said = [problem.message for problem in compile_folder(unit, settle_s=0.0).problems]
    assert said == ["is not a plain file", "is not a plain file"]
    safety.unlink()
    (tmp_path / "elsewhere.yaml").write_text(SAFETY)
    safety.symlink_to(tmp_path / "elsewhere.yaml")
    uplink.rmdir()
    uplink.write_text("")
    said = [problem.message for problem in compile_folder(unit, settle_s=0.0).problems]
    assert said == [
        "a link that leads out of the unit folder; copy the file into the folder",
        "the file is empty",
    ]
    assert "does not exist" in compile_folder(tmp_path / "none").problems[0].message
    assert "not a folder" in compile_folder(uplink).problems[0].message
