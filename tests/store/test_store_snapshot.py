"""State on disk is whole or not there, is believed only if it is understood, and its disk holds nobody up."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgectl.core.initial import initial_state
from edgectl.model.instant import Instant
from edgectl.model.loop import Mode
from edgectl.model.safety import Action, AlarmCode, Cause, HazardPlan, Watch
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import ActuatorState, AlarmState, DoseState, HazardState, State, TagState, UnitState
from edgectl.store import snapshot as store
from edgectl.store.snapshot import Found, SnapshotFile, begin_anew, essence, pack, read, replace_whole, unpack
from tests.store.recording import unit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLAN = unit()
STATE = replace(
    initial_state(PLAN),
    scan=12,
    hazards={
        "hot": HazardState(active=True, since=Instant(3, 4), reason="TT-101 38.6 degC is above 38.5 degC")
    },
    doses={"P-101": DoseState(batch=0.1 + 0.2)},
    unit=UnitState(batch="B7"),
)
SNAPSHOT = Snapshot(
    PLAN.unit, PLAN.digest, "1.0", Instant(5, 6), Stamp("boot", 7, 8, "doubt"), STATE, {"ph": 7.2}, clean=True
)


def stamp(mono_ns: int, utc_ns: int) -> Stamp:
    return Stamp("boot", mono_ns, utc_ns)


def found(path: Path, data: bytes) -> Found:
    path.write_bytes(data)
    return read(path, PLAN.unit, ran_before=True)


def test_what_is_read_is_what_was_written_to_the_bit(tmp_path: Path) -> None:
    assert found(tmp_path / "state.json", pack(SNAPSHOT)) == Found(SNAPSHOT)


def test_a_state_from_before_there_were_owners_has_none(tmp_path: Path) -> None:
    """Whatever authority it had, the first host that is granted something will be the owner."""

    def older(plain: dict[str, Any]) -> None:
        for new in ("owner", "conflict", "conflict_s"):
            del plain["state"]["unit"][new]

    assert found(tmp_path / "state.json", altered(older)) == Found(SNAPSHOT)


# What is not believed (P10, D11).


def altered(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A file with a right checksum over a changed content: another version, or another unit."""
    plain = json.loads(pack(SNAPSHOT).split(b"\n")[1])
    change(plain)
    body = json.dumps(plain).encode()
    head = {"edgectl": "state", "format": 1, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps(head).encode() + b"\n" + body


HEAD, BODY = pack(SNAPSHOT).split(b"\n")[:2]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin like a saved state"),
        (b"\0" * 4096, "does not begin like a saved state"),
        (b"[" * 100_000, "does not begin like a saved state"),
        (b"[1]\n{}", "no saved state of edgectl"),
        (b'{"some": "file"}\n', "no saved state of edgectl"),
        (
            HEAD.replace(b'"format": 1', b'"format": 0') + b"\n" + BODY,
            "format 0, and this version reads format 1",
        ),
        (
            HEAD.replace(b'"format": 1', b'"format": 2') + b"\n" + BODY,
            "format 2, and this version reads format 1",
        ),
        (HEAD + b"\n" + BODY[: len(BODY) // 2], "not whole"),
        (HEAD + b"\n" + BODY.replace(b'"B7"', b'"B8"'), "checksum does not fit"),
        (altered(lambda plain: plain.update(unit="BR-2")), "belongs to unit BR-2, not to BR-1"),
        (
            altered(lambda plain: plain["state"].update(phase="growth")),
            "does not understand it: Snapshot.state: unknown",
        ),
        (altered(lambda plain: plain.pop("taken")), "does not understand it"),
        (altered(lambda plain: plain.update(state=None)), "does not understand it"),
        (altered(lambda plain: plain["state"].update(scan=-1)), "before time began"),
        (
            altered(lambda plain: plain["state"]["loops"]["ph"].update(mode="AUTOMATIC")),
            "does not understand it",
        ),
        (altered(lambda plain: plain["state"]["loops"]["ph"].update(target=float("nan"))), "no JSON"),
        (altered(lambda plain: plain["state"]["loops"]["ph"].update(target=1e999)), "no JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason_and_kept(
    tmp_path: Path, data: bytes, why: str
) -> None:
    path = tmp_path / "state.json"
    answer = found(path, data)
    assert answer.snapshot is None
    assert why in answer.trouble
    assert answer.aside == tmp_path / "state.json.unusable-1"
    assert answer.aside.read_bytes() == path.read_bytes() == data, (
        "a start that dies now finds the same again"
    )
    assert read(path, PLAN.unit, ran_before=True).aside == tmp_path / "state.json.unusable-2"


def test_a_number_too_large_for_a_float_is_no_number(tmp_path: Path) -> None:
    data = pack(SNAPSHOT).replace(b'"target":7.2', b'"target":1e999')
    body = data.split(b"\n")[1]
    head = {"edgectl": "state", "format": 1, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    answer = found(tmp_path / "state.json", json.dumps(head).encode() + b"\n" + body)
    assert "loop ph has a number that is none" in answer.trouble


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    assert "larger than" in read(path, PLAN.unit, ran_before=True).trouble


@pytest.mark.parametrize("cut", range(0, len(pack(SNAPSHOT)) - 1, 61))
def test_no_beginning_of_a_file_is_taken_for_a_file(cut: int) -> None:
    with pytest.raises(ValueError, match="it "):
        unpack(pack(SNAPSHOT)[:cut])


def test_a_missing_file_is_a_first_start_only_if_the_unit_never_ran(tmp_path: Path) -> None:
    assert read(tmp_path / "state.json", "BR-1", ran_before=False) == Found(None)
    assert read(tmp_path / "state.json", "BR-1", ran_before=True).trouble.startswith("it is gone")


def test_a_demo_begins_anew_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(pack(SNAPSHOT))
    begin_anew(path)
    assert read(path, PLAN.unit, ran_before=True) == Found(None)


def test_a_file_that_may_not_be_read_holds_too(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    answer = read(tmp_path / "state.json", "BR-1", ran_before=False)
    assert answer == Found(None, "state.json: Is a directory")


def test_after_a_hundred_bad_files_no_more_copies_are_made(tmp_path: Path) -> None:
    for number in range(1, 100):
        (tmp_path / f"state.json.unusable-{number}").touch()
    answer = found(tmp_path / "state.json", b"")
    assert (answer.snapshot, answer.aside) == (None, None)


# Written whole.


def test_500_cuts_leave_no_missing_and_no_partial_file(tmp_path: Path) -> None:
    """D11, with kill -9; that the order of syncs also holds against a power cut is the next test."""
    said = cut(tmp_path, 500)
    assert said.startswith("0 of 500 cuts left"), said
    assert int(re.findall(r"\d+", said)[2]) > 300, f"the cuts must fall into writing: {said}"


def test_the_wrong_way_of_writing_is_found(tmp_path: Path) -> None:
    assert not cut(tmp_path, 100, "in-place").startswith("0 of")


def cut(folder: Path, cuts: int, *way: str) -> str:
    command = [sys.executable, "-m", "tests.store.cuts", str(folder / "state.json"), str(cuts), *way]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100).stdout


def test_a_new_file_is_durable_before_it_has_the_name_and_the_name_before_we_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "state.json", []
    real = os.fsync
    real_replace = Path.replace

    def fsync(descriptor: int) -> None:
        done.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        real(descriptor)

    def rename(self: Path, target: Path) -> Path:
        done.append(f"rename {self.name}")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    replace_whole(path, b"new")
    assert done == ["fsync state.json.new", "rename state.json.new", f"fsync {tmp_path.name}"]
    assert path.read_bytes() == b"new"


# The writer.


class Disk:
    """Counts writes, and can be full or stuck."""

    def __init__(self) -> None:
        self.written: list[tuple[float, Snapshot]] = []
        self.full = False
        self.free = threading.Event()
        self.free.set()

    def write(self, path: Path, data: bytes) -> None:
        self.free.wait(20)
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        found = unpack(data)
        assert found is not None
        self.written.append((time.monotonic(), found))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(store, "EVERY_S", 0.5)
    monkeypatch.setattr(store, "SOON_S", 0.1)
    monkeypatch.setattr(store, "_LOOK_S", 0.02)
    monkeypatch.setattr(store, "HANGS_S", 0.2)
    return Disk()


def writer(disk: Disk, tmp_path: Path) -> SnapshotFile:
    file = SnapshotFile(tmp_path / "state.json", PLAN, "1.0", stamp, write=disk.write)
    file.keep(STATE, Instant(1, 2))
    file.start()
    return file


def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_first_state_is_on_disk_before_anything_happens(disk: Disk, tmp_path: Path) -> None:
    file = writer(disk, tmp_path)
    assert len(disk.written) == 1
    first = disk.written[0][1]
    assert (first.state, first.at, first.unit, first.clean) == (STATE, Instant(1, 2), PLAN.unit, False)
    assert first.setpoints == {"temperature": 37.0, "ph": 7.2}
    assert file.close(clean=True)
    assert disk.written[-1][1].clean
    assert file.health().written == 2


def test_a_quiet_state_is_written_now_and_then_and_a_changed_one_soon(disk: Disk, tmp_path: Path) -> None:
    file = writer(disk, tmp_path)
    for scan in range(1, 30):
        file.keep(replace(STATE, scan=scan), Instant(scan, 2))
        time.sleep(0.01)
    assert len(disk.written) == 1, "scans and their values are no reason to write"
    begun = time.monotonic()
    file.keep(replace(STATE, scan=40, hazards={}), Instant(40, 2))
    until(lambda: len(disk.written) == 2)
    assert disk.written[1][0] - begun < 0.3
    until(lambda: len(disk.written) == 3)
    assert 0.45 < disk.written[2][0] - disk.written[1][0] < 0.8
    file.close(clean=False)


def test_a_state_that_flaps_does_not_wear_the_card_out(disk: Disk, tmp_path: Path) -> None:
    file = writer(disk, tmp_path)
    begun = time.monotonic()
    while time.monotonic() - begun < 0.6:
        file.keep(
            replace(STATE, alarms={"a": AlarmState(list(AlarmCode)[time.monotonic_ns() % 2])}), Instant(1, 2)
        )
        time.sleep(0.001)
    assert len(disk.written) <= 8
    file.close(clean=False)


def test_a_full_disk_is_told_and_got_over(disk: Disk, tmp_path: Path) -> None:
    file = writer(disk, tmp_path)
    disk.full = True
    file.keep(replace(STATE, hazards={}), Instant(1, 2))
    until(lambda: "No space left" in file.health().fault)
    disk.full = False
    until(lambda: file.health().fault == "")
    assert disk.written[-1][1].state.hazards == {}
    disk.full = True
    assert not file.close(clean=True)


def test_a_disk_that_hangs_holds_up_neither_the_scan_nor_the_end(disk: Disk, tmp_path: Path) -> None:
    """D03."""
    file = writer(disk, tmp_path)
    disk.free.clear()
    file.keep(replace(STATE, hazards={}), Instant(1, 2))
    until(lambda: "has not answered" in file.health().fault)
    begun = time.perf_counter()
    for scan in range(1000):
        file.keep(replace(STATE, scan=scan), Instant(1, 2))
    assert time.perf_counter() - begun < 0.5
    begun = time.monotonic()
    assert not file.close(clean=True, patience_s=0.2)
    assert time.monotonic() - begun < 1.0
    disk.free.set()
    file.close(clean=True)


def test_a_start_waits_for_a_stuck_disk_a_second_at_most(disk: Disk, tmp_path: Path) -> None:
    disk.free.clear()
    file = SnapshotFile(tmp_path / "state.json", PLAN, "1.0", stamp, write=disk.write)
    file.keep(STATE, Instant(1, 2))
    begun = time.monotonic()
    file.start(patience_s=0.1)
    assert time.monotonic() - begun < 0.5
    disk.free.set()
    file.close(clean=False)


def test_whatever_else_goes_wrong_in_the_writer_is_told_and_kills_nobody(disk: Disk, tmp_path: Path) -> None:
    """P05."""

    def broken(path: Path, data: bytes) -> None:
        raise RuntimeError("out of luck")

    file = SnapshotFile(tmp_path / "state.json", PLAN, "1.0", stamp, write=broken)
    file.start()  # nothing to keep yet
    file.keep(STATE, Instant(1, 2))
    until(lambda: "out of luck" in file.health().fault)
    assert not file.close(clean=False)


def test_nothing_kept_is_nothing_written(disk: Disk, tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "state.json", PLAN, "1.0", stamp, write=disk.write)
    file.start()
    file.close(clean=True)
    assert disk.written == []


# What a restart must not forget.


def loop(state: State, **changes: Any) -> State:
    return replace(state, loops={**state.loops, "ph": replace(state.loops["ph"], **changes)})


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, hazards={"hot": replace(s.hazards["hot"], active=False)}),
        lambda s: replace(s, hazards={"hot": replace(s.hazards["hot"], since=None)}),
        lambda s: replace(s, alarms={"a": AlarmState(AlarmCode.UNACK)}),
        lambda s: replace(s, doses={"P-101": DoseState(batch=1.0, reached="per batch")}),
        lambda s: replace(s, unit=replace(s.unit, held="by anna")),
        lambda s: replace(s, unit=replace(s.unit, batch="B8")),
        lambda s: replace(s, actuators={**s.actuators, "FV-101": ActuatorState(0.0, manual=1.0)}),
        lambda s: loop(s, mode=Mode.MAN),
        lambda s: loop(s, target=7.1),
        lambda s: loop(s, faults=1),
    ],
)
def test_a_change_that_matters_is_written_soon(change: Callable[[State], State]) -> None:
    assert essence(change(STATE)) != essence(STATE)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, scan=99),
        lambda s: replace(s, tags={**s.tags, "TT-101": TagState(value=3.0)}),
        lambda s: replace(s, doses={"P-101": DoseState(batch=5.0)}),
        lambda s: replace(s, hazards={"hot": replace(s.hazards["hot"], stood_s=9.0)}),
        lambda s: replace(s, unit=replace(s.unit, uplink_lost_s=4.0)),
        lambda s: loop(s, output=3.0, setpoint=7.0),
        lambda s: replace(s, actuators={**s.actuators, "FV-101": ActuatorState(12.0)}),
    ],
)
def test_what_always_moves_is_not_written_sooner(change: Callable[[State], State]) -> None:
    assert essence(change(STATE)) == essence(STATE)


def test_the_essence_sees_into_lists_of_names() -> None:
    plan = replace(PLAN, hazards=(HazardPlan("hot", Cause(Watch.BAD, "TT-101"), Action.TRIP),))
    assert set(initial_state(plan).hazards) == {"hot"}
    first = replace(STATE, checks={"c": ("a", 1.0)})  # type: ignore[dict-item]
    assert essence(first) == essence(replace(STATE, checks={"c": ("a", 2.0)}))  # type: ignore[dict-item]
    assert essence(first) != essence(replace(STATE, checks={"c": ("b", 1.0)}))  # type: ignore[dict-item]
