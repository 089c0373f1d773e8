"""Approved versions on disk: whole or not at all, never believed when changed, and a folder that was edited is told from one that was not."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from edgectl.app.edited import difference
from edgectl.app.place import Place
from edgectl.config import plan_file
from edgectl.config import version as module
from edgectl.config.compile import compile_folder
from edgectl.config.version import (
    Damaged,
    Proposal,
    Version,
    agrees,
    drop,
    hashes,
    in_force,
    keep,
    mark,
    merged,
    proposal_of,
    versions,
)
from tests.config.test_config_folder import OTHER, RACES, Editor
from tests.config.unit_folder import UNIT, write

WHO = {"person": "amy", "at": "2026-11-30T22:00:00+00:00", "reason": "trial"}


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    return write(tmp_path / "unit")


def proposal(unit: Path, *overrides: str) -> Proposal:
    found = compile_folder(unit, overrides, settle_s=0.0)
    assert found.plan is not None
    return Proposal(found.plan, found.files, overrides, str(unit))


def kept(folder: Path, unit: Path, taken: str = "live") -> Version:
    return keep(folder, proposal(unit), taken=taken, **WHO)


def test_a_version_gives_back_plan_and_files_to_the_byte(tmp_path: Path, unit: Path) -> None:
    folder = tmp_path / "versions"
    version = keep(folder, proposal(unit, "period=2 s"), taken="live", **WHO)
    assert versions(folder) == (version,)
    assert proposal_of(folder, version) == proposal(unit, "period=2 s")
    assert (folder / "0001" / "unit.yaml").read_text() == UNIT
    assert agrees(version, proposal(unit, "period=2 s"))
    assert not agrees(version, proposal(unit))
    assert not agrees(None, proposal(unit))


def test_numbers_go_on_and_only_so_many_are_kept(
    tmp_path: Path, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    folder = tmp_path / "versions"
    for _ in range(2):
        kept(folder, unit)
    for _ in range(4):
        kept(folder, unit, "asked")
    assert [version.number for version in versions(folder)] == [2, 4, 5, 6], "the one in force stays"
    found = in_force(folder)
    assert found is not None
    assert found.number == 2
    mark(folder, versions(folder)[-1], "live")
    found = in_force(folder)
    assert found is not None
    assert (found.number, found.taken) == (6, "live")
    drop(folder, found)
    assert kept(folder, unit).number == 6


def test_a_disk_that_refuses_leaves_no_version(
    tmp_path: Path, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever file it refuses; the next one is whole, and what was left over is gone."""
    folder, calls = tmp_path / "versions", 0
    write_whole = plan_file.write_whole

    def full(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        write_whole(path, data)

    monkeypatch.setattr(module, "write_whole", full)
    at = 0
    while at < 5:
        at, calls = at + 1, 0
        with pytest.raises(OSError, match="No space"):
            kept(folder, unit)
        assert versions(folder) == ()
    at = 0
    version = kept(folder, unit)
    assert version.number == 1
    assert proposal_of(folder, version).files == proposal(unit).files
    assert not (folder / ".new").exists()


def test_two_at_once_get_two_numbers(tmp_path: Path, unit: Path) -> None:
    folder, wanted = tmp_path / "versions", proposal(unit)
    threads = [
        threading.Thread(target=keep, args=(folder, wanted), kwargs={**WHO, "taken": "live"})
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.number for version in versions(folder)] == list(range(1, 9))


@pytest.mark.parametrize("name", ["unit.yaml", "plan.json", "record.json"])
def test_a_version_that_was_changed_is_not_believed(name: str, tmp_path: Path, unit: Path) -> None:
    folder = tmp_path / "versions"
    version = kept(folder, unit)
    path = folder / "0001" / name
    text = path.read_text()
    path.write_text(text.replace("37", "39").replace(version.plan, "0" * 64) + " ")
    if name == "record.json":
        [version] = versions(folder)
        path.write_text(json.dumps({"number": 7}))
        assert versions(folder) == ()
    with pytest.raises(Damaged):
        proposal_of(folder, version)
    path.unlink()
    if name != "record.json":
        with pytest.raises(Damaged, match="No such file"):
            proposal_of(folder, version)


def test_values_from_the_command_line_replace_those_of_their_path() -> None:
    assert merged(("a.b=1", "c=2"), ("a.b = 3",)) == ("c=2", "a.b = 3")


def test_half_saved_files_are_never_a_version(tmp_path: Path, unit: Path) -> None:
    """C12: somebody saves a thousand times in pieces; every plan that comes of it is one of the two that were meant."""
    editor = Editor(unit / "unit.yaml")
    meant = {UNIT.encode(), OTHER.encode()}
    folder = tmp_path / "versions"
    editor.start()
    whole = 0
    try:
        while editor.saves < RACES:
            found = compile_folder(unit, settle_s=0.001)
            if found.plan is not None:
                whole += 1
                version = keep(folder, Proposal(found.plan, found.files, (), str(unit)), taken="live", **WHO)
                assert proposal_of(folder, version).files["unit.yaml"] in meant
    finally:
        editor.stop.set()
        editor.join()
    assert whole > 0


# what the watch says of a folder


@pytest.fixture
def place(tmp_path: Path, unit: Path) -> Place:
    found = Place(tmp_path / "state")
    kept(found.versions, unit)
    return found


def test_files_as_approved_say_nothing(place: Place, unit: Path, tmp_path: Path) -> None:
    assert difference(place) == ""
    (unit / "notes.txt").write_text("no file of the unit")
    assert difference(place) == ""
    assert difference(Place(tmp_path / "other")) == "", "a unit without versions has nothing to differ from"


def test_an_edit_is_told_with_file_and_version(place: Place, unit: Path) -> None:
    right = (unit / "unit.yaml").read_bytes()
    (unit / "unit.yaml").write_bytes(right + b"# thought\n")
    (unit / "tuning.yaml").write_text("tuning: {}\n")
    assert difference(place) == (
        f"{unit} is not what was approved as version 1: tuning.yaml is new, unit.yaml was edited (edgectl diff {unit})"
    )
    (unit / "unit.yaml").write_bytes(right)
    (unit / "tuning.yaml").unlink()
    assert difference(place) == ""


def outside(path: Path) -> None:
    other = path.parent.parent / "outside.yaml"
    other.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(other)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (Path.unlink, "unit.yaml is missing"),
        (lambda path: path.write_bytes(b""), "unit.yaml was edited"),
        (folder_instead, "unit.yaml cannot be read"),
        (outside, "unit.yaml cannot be read"),
        (broken_link, "unit.yaml cannot be read"),
    ],
)
def test_a_file_that_is_none_is_told_and_never_compiled(
    break_it: object, says: str, place: Place, unit: Path
) -> None:
    """C11"""
    assert callable(break_it)
    break_it(unit / "unit.yaml")
    assert says in str(difference(place))
    found = compile_folder(unit, settle_s=0.0)
    assert found.plan is None
    assert any("unit.yaml" in problem.render() for problem in found.problems)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_told(place: Place, unit: Path) -> None:
    (unit / "unit.yaml").chmod(0)
    assert "unit.yaml cannot be read" in str(difference(place))


def test_a_folder_that_is_gone_is_told_file_by_file(place: Place, unit: Path) -> None:
    unit.rename(unit.with_name("elsewhere"))
    assert "unit.yaml is missing" in str(difference(place))


def test_the_hash_is_of_the_bytes() -> None:
    assert hashes({"a": b""}) == {"a": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}


def test_what_was_asked_only_does_not_count(place: Place) -> None:
    version = versions(place.versions)[0]
    assert version.counts
    assert not replace(version, taken="asked").counts
