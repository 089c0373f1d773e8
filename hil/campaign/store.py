"""Store and disk: D01 to D06."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from hil.campaign import oracle
from hil.campaign.bed import STILL
from hil.campaign.row import Finding, Row, Skip
from hil.campaign.shim import Shim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.campaign.stage import Stage


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own on `folder`; Skip where it cannot be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", options, "hil", str(folder))
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        raise Skip("cannot be injected on this bench: mounting a small file system needs root")
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=False)


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def _ill(stage: Stage) -> str:
    return str(stage.status()["journal"]["fault"])


def _through(stage: Stage, begin: Callable[[], None], end: Callable[[], None], seconds: float) -> Finding:
    """A disk that is out of order for a while: requests are made, control goes on, and afterwards nothing is missing in silence."""
    made: list[bool] = []
    faults: list[str] = []
    last = stage.journal.last()

    def disturb() -> None:
        begin()
        stage.until(lambda: _ill(stage), 20.0)
        faults.append(_ill(stage))
        for value in (7.19, 7.20, 7.21, 7.20):
            made.append(bool(stage.request("setpoint", "AIC-101", value)["accepted"]))
            stage.sleep(seconds / 4)
        end()
        stage.until(lambda: not _ill(stage), 60.0)
        stage.sleep(8.0)

    complaint = oracle.over(stage, disturb)
    gaps = stage.journal.records("gap", last)
    stored = len(stage.journal.records("request", last))
    passed = bool(faults[0]) and (stored == len(made) or bool(gaps)) and not _ill(stage) and not complaint
    return Finding(
        f"'{faults[0]}'; {len(made)} requests ({sum(made)} accepted), {stored} on record afterwards, {len(gaps)} gap records"
        f"{'; ' if complaint else ''}{complaint}",
        passed,
    )


def _full(stage: Stage) -> Finding:
    with small_disk(stage.state, "size=3m"):
        stage.start()
        filler = stage.state / "filler"
        finding = _through(stage, lambda: _fill(filler), filler.unlink, 24.0)
        stage.stop_unit()
        complaint = oracle.replayed(stage)
    return Finding(f"{finding.measured}; {complaint or 'replays'}", finding.passed and not complaint)


def _read_only(stage: Stage) -> Finding:
    shim = Shim(stage.folder)
    stage.start(env=shim.env)
    return _through(stage, lambda: shim.order(write_errno=errno.EROFS), shim.order, 40.0)


def _slow_sync(stage: Stage) -> Finding:
    shim = Shim(stage.folder)
    stage.start(env=shim.env)
    waiting = []

    def drag() -> None:
        for sync_ms, seconds in ((2000, 40.0), (8000, 40.0)):
            shim.order(sync_ms=sync_ms)
            end = stage.now_s() + seconds
            while stage.now_s() < end:
                waiting.append(stage.status()["journal"]["waiting"])
                stage.sleep(1.0)
        shim.order()
        stage.until(lambda: stage.status()["journal"]["waiting"] < 20, 60.0)
        stage.sleep(8.0 * stage.bed.clock)  # a sync that had begun still takes its 8 s of the wall

    complaint = oracle.over(stage, drag)
    lost = stage.status()["journal"]["lost"]
    return Finding(
        f"at most {max(waiting)} records waited, {lost} lost{'; ' if complaint else ''}{complaint}",
        lost == 0 and not complaint and max(waiting) < 3000,
    )


def _garble(path: Path, start: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(random.Random(start).randbytes(size))


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


_DAMAGE: dict[str, tuple[str, Callable[[Path], None], bool]] = {
    "header": ("journal.db", lambda path: _garble(path, 0, 100), True),
    "one page": ("journal.db", lambda path: _garble(path, 4096, 4096), True),
    "write-ahead log": ("journal.db-wal", lambda path: _garble(path, 4096, 4096), False),
    "shared memory": ("journal.db-shm", lambda path: _garble(path, 0, 512), False),
    "truncated": ("journal.db", _truncate, True),
    "zero-filled": ("journal.db", _zero, True),
}


def _copied(stage: Stage, name: str) -> Path:
    copy = stage.folder / name
    shutil.copytree(stage.home, copy, ignore=shutil.ignore_patterns("*.sock"))
    return copy


def _damaged(stage: Stage) -> Finding:
    stage.start()
    stage.sleep(20.0)
    stage.stop_unit()
    intact = {
        True: _copied(stage, "stopped")
    }  # what is in the log heals the file, so harm the file without one
    stage.start_unit()
    stage.await_health()
    stage.cut_power()
    intact[False] = _copied(stage, "cut off")
    wrong, worst_s = [], 0.0
    for kind, (name, harm, aside) in _DAMAGE.items():
        shutil.rmtree(stage.home)
        shutil.copytree(intact[aside], stage.home)
        harm(stage.home / name)
        harmed = (stage.home / name).read_bytes()
        stage.start_unit()
        took_s = stage.until(lambda: not stage.ailing(), 240.0) / stage.bed.clock
        worst_s = max(worst_s, took_s)
        kept = any(path.read_bytes() == harmed for path in stage.home.glob("journal.damaged*.db"))
        if math.isinf(took_s) or (aside and not kept):
            wrong.append(f"{kind}: {'not kept' if not kept else 'not in control'}")
        stage.stop_unit()
        if not stage.journal.sound():
            wrong.append(f"{kind}: the new file is not sound")
    return Finding(
        f"in control after at most {worst_s:.0f} s in six; wrong: {wrong or 'none'}",
        not wrong and worst_s <= 60.0,
    )


def _killed(stage: Stage) -> Finding:
    stage.start()
    dice, changed, cycles = random.Random(5), 0, 8
    for _ in range(cycles):
        stage.sleep(dice.uniform(1.0, 8.0))
        last = stage.journal.last()
        fingerprint = stage.journal.fingerprint(last)
        os.kill(stage.process("control"), signal.SIGKILL)
        stage.until(lambda: stage.status()["scan"] > 0, 60.0)
        changed += stage.journal.fingerprint(last) != fingerprint
    stage.await_health()
    holes, sound = stage.journal.holes(), stage.journal.sound()
    return Finding(
        f"{cycles} kills: {changed} times a stored record changed or went, {len(holes)} numbers missing, file {'sound' if sound else 'NOT sound'}",
        not changed and not holes and sound,
        "a kill keeps what the kernel has cached; a power cut cannot be made on this bench",
    )


def _no_inodes(stage: Stage) -> Finding:
    with small_disk(stage.state, "size=8m,nr_inodes=60"):
        stage.start()
        for number in range(60):
            with contextlib.suppress(OSError):
                (stage.state / f"filler-{number}").touch()
        last, fingerprint = stage.journal.last(), stage.journal.fingerprint(stage.journal.last())
        os.kill(stage.process("control"), signal.SIGKILL)
        stage.sleep(2.0)
        took_s = stage.until(lambda: not stage.ailing(), 240.0) / stage.bed.clock
        ill = _ill(stage)
        for filler in stage.state.glob("filler-*"):
            filler.unlink()
        well_s = stage.until(lambda: not _ill(stage), 40.0)
        kept = stage.journal.fingerprint(last) == fingerprint
        stage.stop_unit()
        complaint = oracle.replayed(stage)
    return Finding(
        f"restarted without one inode: in control after {took_s:.0f} s ('{ill}'), journal well {well_s:.1f} s after release; "
        f"stored records {'kept' if kept else 'CHANGED'}; {complaint or 'replays'}",
        math.isfinite(took_s + well_s) and kept and not complaint,
    )


_GONE = {"U10": "asked inside the row: the file system is gone afterwards"}

ROWS = (
    Row("D01", "Disk full, then freed", "0 silent loss; U4; recovers without restart (alarms at 80 % and 95 % need `edgectl alarms`)", STILL, _full, own=True, waived=_GONE),
    Row("D02", "File system turns read-only", "control unaffected (1 h scaled to 40 s); 0 silent loss; no crash", STILL, _read_only, own=True),
    Row("D03", "Sync takes 2 s, then 8 s (30 s scaled)", "U4; queue bounded; 0 lost", STILL, _slow_sync, own=True),
    Row("D04", "Journal damaged in six ways", "in control <= Tboot in all six; damaged file kept byte for byte", STILL, _damaged, own=True),
    Row("D05", "Killed at random points while writing", "0 stored records lost; file sound (500 scaled to 8)", STILL, _killed, own=True),
    Row("D06", "No inodes left at a restart", "as D01", STILL, _no_inodes, own=True, waived=_GONE),
)  # fmt: skip
