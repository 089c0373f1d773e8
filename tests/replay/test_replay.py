"""Every decision can be replayed, and whoever changes a byte of its inputs is found out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgectl.app.exit_code import ExitCode
from edgectl.app.replay import main, replay
from edgectl.model.codec import seal as seal_plan
from edgectl.model.health import Word
from edgectl.model.health_plan import HealthPlan
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Origin, Request
from edgectl.model.state import State
from edgectl.model.uplink_plan import JournalPlan
from edgectl.store.block import pack
from edgectl.store.digest import fold
from edgectl.store.journal import FileJournal
from edgectl.store.reader import JournalFault, Reader
from edgectl.store.record import (
    SEAL,
    Kind,
    ScanInput,
    first_seal,
    pack_checkpoint,
    pack_commands,
    pack_inputs,
    seal,
    sealed,
    unpack_checkpoint,
    unpack_commands,
    unpack_inputs,
    words,
)
from tests.store.disk import Disk
from tests.store.recording import Course, record, unit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as db, db:
        yield db


def bodies(path: Path, kind: Kind) -> list[tuple[int, bytes]]:
    with opened(path) as db:
        return db.execute(
            "SELECT seq, body FROM record WHERE kind = ? ORDER BY seq", (kind.value,)
        ).fetchall()


def put(path: Path, seq: int, body: bytes) -> None:
    with opened(path) as db:
        db.execute("UPDATE record SET body = ? WHERE seq = ?", (body, seq))


def test_a_recorded_run_is_decided_again_to_the_bit(path: Path) -> None:
    course = Course(unit())
    digest = b""

    def folded(entries: Iterator[ScanEntry]) -> Iterator[ScanEntry]:
        nonlocal digest
        for entry in entries:
            digest = fold(digest, entry.commands)
            yield entry

    journal = FileJournal(path, course.plan, course.initial, course.clock)
    for number, entry in enumerate(folded(course.entries(1500))):
        journal.scan(entry)
        if number % 40 == 0:
            assert journal.flush()
    assert journal.close()
    [report] = replay(path)
    assert report.difference is None
    assert report.scans == 1500
    assert report.commands > 100
    assert report.digest == digest.hex()
    assert (report.gaps, report.unproven) == (0, 0)


def test_a_plan_changed_under_way_begins_a_run_of_its_own_and_both_replay_to_the_bit(path: Path) -> None:
    course = Course(unit())
    first = course.plan
    journal = FileJournal(path, first, course.initial, course.clock, version="7")
    for entry in course.entries(200):
        journal.scan(entry)
    loop = first.loops[0]
    course.plan = seal_plan(replace(first, loops=(replace(loop, gain=loop.gain * 2), *first.loops[1:])))
    journal.renew(course.plan, course.state, course.now)
    before = course.image
    entry = course.entry()
    whole = {**before.samples, **{s.channel: s for s in entry.samples}}
    achieved = {**before.achieved, **{a.actuator: a for a in entry.achieved}}
    journal.scan(entry._replace(samples=tuple(whole.values()), achieved=tuple(achieved.values())))
    for entry in course.entries(200):
        journal.scan(entry)
    assert journal.close()
    reports = replay(path)
    assert [(r.plan, r.scans, r.difference, r.gaps, r.unproven) for r in reports] == [
        (first.digest, 200, None, 0, 0),
        (course.plan.digest, 201, None, 0, 0),
    ]
    with Reader(path) as reader:
        assert [run.version for run in reader.runs()] == ["7", "7"]


def test_the_health_of_loops_is_decided_again_to_the_bit(path: Path) -> None:
    """The state recorded on the way is reached again, with all that is known of the health of its loops."""
    health = tuple(HealthPlan(loop.name, 0.3, 12.0, 3.0, 0.05, 0.1, 0.5, 0.2, 3.0) for loop in unit().loops)
    course = Course(seal_plan(replace(unit(period_s=2.0), health=health)))
    record(path, course, 2000)
    [report] = replay(path)
    assert (report.difference, report.scans) == (None, 2000)
    assert report.checkpoints > 0
    assert {h.chart.told.word for h in course.state.health.values()} != {Word.UNKNOWN}


def test_a_run_recorded_before_there_were_owners_is_replayed_as_it_was_sealed(path: Path) -> None:
    """A state without the fields of today is whole: its seal counts what was recorded, not what this version remembers."""
    course = Course(unit())
    begun = course.now
    record(path, course, 60, commit_scans=20)
    with opened(path) as db:
        [(text,)] = db.execute("SELECT state FROM run").fetchall()
        old = json.loads(text)
        for new in ("owner", "conflict", "conflict_s"):
            del old["unit"][new]
        db.execute("UPDATE run SET state = ?", (json.dumps(old),))
    [report] = replay(path)
    assert "the seal does not fit" in (report.difference or "")
    reseal(path, course.plan, old, begun)
    [report] = replay(path)
    assert (report.difference, report.scans) == (None, 60)


OLD_LAYOUT = ("iiifhiii", "sfbsii", "sffsii", "sssssss")


@pytest.mark.parametrize("host", ["", "scada-1", "the host of building 7 "])
def test_the_host_of_a_request_is_kept_to_the_letter(host: str) -> None:
    origin = Origin.REMOTE if host else Origin.LOCAL
    asked = Request("r1", Ask.SETPOINT, "TIC-101", 36.5, "anna", "colder", origin, host)
    scan = ScanInput(7, Instant(1, 2), 1.0, (), (), (asked,), b"12345678")
    assert unpack_inputs(pack_inputs([scan], b""), b"") == [scan]


@pytest.mark.parametrize("origin", Origin)
def test_a_request_recorded_before_there_were_hosts_reads_as_it_did(origin: Origin) -> None:
    head = (7, 1, 1, 1.0, b"12345678", 0, 0, 1)
    asked = ("r1", "setpoint", "TIC-101", "36.5", "anna", "colder", origin.value)
    [scan] = unpack_inputs(pack(OLD_LAYOUT, ([head], [], [], [asked]), b""), b"")
    assert scan.requests == (Request("r1", Ask.SETPOINT, "TIC-101", 36.5, "anna", "colder", origin),)


def test_every_run_of_a_journal_is_replayed_under_its_own_plan(path: Path) -> None:
    record(path, Course(unit(), seed=1), 50)
    record(path, Course(unit(period_s=0.2), seed=2), 60)
    first, second = replay(path)
    assert (first.scans, second.scans) == (50, 60)
    assert first.plan != second.plan
    assert first.difference is second.difference is None
    [only] = replay(path, 2)
    assert only == second
    with pytest.raises(JournalFault, match="no run 3"):
        replay(path, 3)


def test_any_changed_byte_of_any_inputs_record_is_found(path: Path) -> None:
    course = Course(unit())
    begun = course.now
    record(path, course, 110, commit_scans=50)
    previous = first_seal(course.plan, course.initial, begun)
    with Reader(path) as reader:
        blocks = list(reader.each(reader.runs()[0], (Kind.INPUTS,)))
    assert len(blocks) >= 3
    for block in blocks:
        assert sealed(previous, block)
        for place in range(len(block.body)):
            changed = bytearray(block.body)
            changed[place] ^= 1 << place % 8
            assert not sealed(previous, block._replace(body=bytes(changed))), (block.seq, place)
        previous = block.body[:SEAL]


def test_a_changed_byte_is_reported_with_its_record(path: Path) -> None:
    record(path, Course(unit()), 110, commit_scans=50)
    for seq, body in bodies(path, Kind.INPUTS):
        for place in (0, SEAL, SEAL + 3, len(body) // 2, len(body) - 1):
            changed = bytearray(body)
            changed[place] ^= 1
            put(path, seq, bytes(changed))
            [report] = replay(path)
            assert report.difference is not None, (seq, place)
            assert f"record {seq} " in report.difference
        put(path, seq, body)
    [report] = replay(path)
    assert report.difference is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record SET mono_ns = mono_ns + 1 WHERE seq = {0}",
        "UPDATE record SET utc_ns = utc_ns + 1 WHERE seq = {0}",
        "DELETE FROM record WHERE seq = {0}",
        "UPDATE record SET body = (SELECT body FROM record WHERE seq = {1}) WHERE seq = {0}",
        "UPDATE run SET mono_ns = mono_ns + 1",
        "UPDATE run SET state = replace(state, '37.0', '37.5')",
    ],
)
def test_a_removed_exchanged_or_moved_record_is_found(path: Path, sql: str) -> None:
    record(path, Course(unit()), 150, commit_scans=50)
    (first, _), (second, _), *_ = bodies(path, Kind.INPUTS)
    with opened(path) as db:
        assert db.execute(sql.format(first, second)).rowcount == 1
    [report] = replay(path)
    assert report.difference is not None
    assert "the seal does not fit" in report.difference


def test_a_changed_plan_is_found(path: Path) -> None:
    record(path, Course(unit()), 20)
    with opened(path) as db:
        db.execute("UPDATE plan SET body = replace(body, '\"gain\":20.0', '\"gain\":21.0')")
    with pytest.raises(JournalFault, match="the digest does not fit"):
        replay(path)


def reseal(path: Path, plan: Plan, state: State | dict[str, Any], begun: Instant) -> None:
    """What somebody who knows the format would do after changing a record: make the chain whole again."""
    previous = first_seal(plan, state, begun)
    with Reader(path) as reader:
        [run] = reader.runs()
        records = list(reader.each(run, (Kind.INPUTS, Kind.STATE)))
    for found in records:
        previous = seal(previous, found.kind, found.at, found.body[SEAL:])
        put(path, found.seq, previous + found.body[SEAL:])


def test_an_input_changed_with_all_seals_made_new_still_gives_other_commands(path: Path) -> None:
    course = Course(unit())
    begun = course.now
    record(path, course, 200, commit_scans=50)
    names = words(course.plan)
    seq, body = bodies(path, Kind.INPUTS)[1]
    scans = unpack_inputs(body[SEAL:], names)
    place = next(
        n for n, step in enumerate(scans) if step.samples and step.samples[0].channel == "rtd.temperature"
    )
    sample = scans[place].samples[0]
    assert sample.value is not None
    forged = (sample._replace(value=sample.value + 1e-9), *scans[place].samples[1:])
    scans[place] = scans[place]._replace(samples=forged)
    put(path, seq, bytes(SEAL) + pack_inputs(scans, names))
    reseal(path, course.plan, course.initial, begun)

    [report] = replay(path)
    assert report.difference is not None
    assert report.difference.startswith("scan ")
    assert scans[place].scan - 1 <= report.scans < 200


def test_a_scan_taken_out_with_all_seals_made_new_is_missed(path: Path) -> None:
    course = Course(unit())
    begun = course.now
    record(path, course, 200, commit_scans=50)
    names = words(course.plan)
    seq, body = bodies(path, Kind.INPUTS)[1]
    scans = unpack_inputs(body[SEAL:], names)
    put(path, seq, bytes(SEAL) + pack_inputs(scans[:-1], names))
    reseal(path, course.plan, course.initial, begun)
    [report] = replay(path)
    assert report.difference is not None
    assert f"scan {scans[-1].scan + 1} " in report.difference
    assert "the scans before it are missing" in report.difference


def test_a_recorded_state_that_was_changed_is_found(path: Path) -> None:
    """Although its own seal and all behind it were made new."""
    course = Course(seal_plan(replace(unit(), period_s=10.0)))
    begun = course.now
    record(path, course, 500, commit_scans=90)
    [(seq, body)] = bodies(path, Kind.STATE)
    checkpoint, previous = unpack_checkpoint(body[SEAL:])
    loops = {name: replace(loop, output=loop.output + 0.1) for name, loop in checkpoint.state.loops.items()}
    state = replace(checkpoint.state, loops=loops)
    put(path, seq, bytes(SEAL) + pack_checkpoint(checkpoint.scan, state, checkpoint.image, previous))
    reseal(path, course.plan, course.initial, begun)
    [report] = replay(path)
    assert report.difference == f"scan {checkpoint.scan}: the state reached again is not the recorded one"


def test_a_bigger_lie_names_the_actuator(path: Path) -> None:
    course = Course(unit())
    begun = course.now
    record(path, course, 200, commit_scans=50)
    names = words(course.plan)
    seq, body = bodies(path, Kind.INPUTS)[1]
    scans = unpack_inputs(body[SEAL:], names)
    scans = [
        step._replace(
            samples=tuple(
                s._replace(value=20.0) if s.channel == "rtd.temperature" else s for s in step.samples
            )
        )
        for step in scans
    ]
    put(path, seq, bytes(SEAL) + pack_inputs(scans, names))
    reseal(path, course.plan, course.initial, begun)
    [report] = replay(path)
    assert report.difference is not None
    assert "EH-101: recorded" in report.difference


def test_a_changed_command_record_is_found(path: Path) -> None:
    course = Course(unit())
    record(path, course, 200, commit_scans=50)
    names = words(course.plan)
    seq, body = bodies(path, Kind.COMMANDS)[1]
    rows = unpack_commands(body, names)
    put(path, seq, pack_commands([rows[0]._replace(source="nobody"), *rows[1:]], names))
    [report] = replay(path)
    assert report.difference is not None
    assert "the commands record was changed" in report.difference
    assert "for nobody" in report.difference


def test_the_command_prints_the_verdict_and_ends_with_it(path: Path) -> None:
    record(path, Course(unit()), 50)
    import click

    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    @click.option("--run", type=int)
    def command(as_json: bool, run: int | None) -> None:
        raise SystemExit(main(path, run, as_json=as_json))

    runner = CliRunner()
    done = runner.invoke(command)
    assert done.exit_code == ExitCode.OK
    assert "50 scans decided again" in done.output
    assert "agree to the bit" in done.output
    [report] = json.loads(runner.invoke(command, ["--json"]).output)
    assert (report["scans"], report["difference"]) == (50, None)
    assert runner.invoke(command, ["--run", "9"]).exit_code == ExitCode.USAGE

    seq, body = bodies(path, Kind.INPUTS)[0]
    put(path, seq, body[:-1] + bytes([body[-1] ^ 1]))
    done = runner.invoke(command)
    assert done.exit_code == ExitCode.FAILED
    assert "FIRST DIFFERENCE" in done.output


def test_behind_a_gap_the_replay_goes_on_from_a_recorded_state(path: Path) -> None:
    """The disk was stuck for longer than the queue is long."""
    disk = Disk()
    course = Course(unit(journal=JournalPlan(commit_s=0.02)))
    journal = FileJournal(path, course.plan, course.initial, course.clock, connect=disk.connect)
    journal.scan(course.entry())
    assert journal.flush()
    disk.released.clear()
    journal.scan(course.entry())
    assert disk.stuck.wait(5)
    for entry in course.entries(700):
        journal.scan(entry)
    lost = journal.health().lost
    disk.released.set()
    assert journal.flush()
    for entry in course.entries(50):
        journal.scan(entry)
    assert journal.close()
    [report] = replay(path)
    assert report.difference is None
    assert (report.gaps, report.scans) == (1, 752 - lost - 1)
