"""State on disk: one small file, replaced whole, written by a thread of its own and read once at the start.

A state is written as a new file, synced, renamed over the old one, and the folder synced: at every moment there is one whole file. The first line
says format, length and SHA-256 of the rest, so that a half-written, changed or foreign file is never believed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from edgectl.model.codec import from_plain, to_plain
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.snapshot import Snapshot, SnapshotHealth, Stamp
from edgectl.model.state import State

FORMAT = 1
EVERY_S = 5.0
SOON_S = 1.0
HANGS_S = 5.0
_LOOK_S = 0.2
_LARGEST = 16_000_000

Write = Callable[[Path, bytes], None]


class Found(NamedTuple):
    """What a start finds: a snapshot, or why there is none although there ought to be one (empty: the unit never ran, or shall begin anew).

    ``aside`` is where a file that cannot be used was put for inspection.
    """

    snapshot: Snapshot | None
    trouble: str = ""
    aside: Path | None = None


def pack(snapshot: Snapshot | None) -> bytes:
    """The file of a snapshot. None is the file that says: begin as if for the first time."""
    body = json.dumps(to_plain(snapshot), allow_nan=False, separators=(",", ":")).encode()
    head = {
        "edgectl": "state",
        "format": FORMAT,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + body + b"\n"


def unpack(data: bytes) -> Snapshot | None:
    """The inverse of ``pack``.

    Raises:
        ValueError: the file is damaged, half-written, foreign, or of a format this version does not understand.
    """
    if len(data) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes")
    first, _, body = data.partition(b"\n")
    head = _json(first, "it does not begin like a saved state")
    if not isinstance(head, dict) or head.get("edgectl") != "state":
        raise ValueError("it is no saved state of edgectl")
    if head.get("format") != FORMAT:
        raise ValueError(f"it has format {head.get('format')!r}, and this version reads format {FORMAT}")
    body = body.removesuffix(b"\n")
    if len(body) != head.get("bytes"):
        raise ValueError(f"it is not whole: {len(body)} of {head.get('bytes')} bytes")
    if hashlib.sha256(body).hexdigest() != head.get("sha256"):
        raise ValueError("it was changed: its checksum does not fit")
    plain = _json(body, "it is no JSON")
    if plain is None:
        return None
    try:
        return from_plain(Snapshot, plain)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"this version does not understand it: {error}") from None


def _json(text: bytes, otherwise: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError(otherwise) from None


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


def read(path: Path, unit: str, *, ran_before: bool) -> Found:
    """What a start finds at ``path``. A file that cannot be used keeps its place until the next one replaces it, and gets a second name.

    ``ran_before``: the unit has left other traces, so a missing file is no first start.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return Found(None, "it is gone, though the unit has run before" if ran_before else "")
    except OSError as error:
        return Found(None, f"{path.name}: {error.strerror or error}")
    try:
        snapshot = unpack(data)
        if snapshot is not None:
            _check(snapshot, unit)
    except ValueError as error:
        return Found(None, f"{path.name}: {error}", _set_aside(path))
    return Found(snapshot)


def _check(snapshot: Snapshot, unit: str) -> None:
    """Whether what is well formed can be true."""
    if snapshot.unit != unit:
        raise ValueError(f"it belongs to unit {snapshot.unit}, not to {unit}")
    for name, loop in snapshot.state.loops.items():
        if not all(
            map(math.isfinite, (loop.target, loop.setpoint, loop.output, loop.pid.integral, loop.pid.offset))
        ):
            raise ValueError(f"loop {name} has a number that is none")
    if min(snapshot.taken.mono_ns, snapshot.taken.utc_ns, snapshot.state.scan) < 0:
        raise ValueError("it was taken before time began")


def _set_aside(path: Path) -> Path | None:
    """A second name for the file: the first stays in place, so that a start that dies now is no first start either."""
    for number in range(1, 100):
        aside = path.with_name(f"{path.name}.unusable-{number}")
        try:
            os.link(path, aside)
        except FileExistsError:
            continue
        except OSError:
            return None
        return aside
    return None


def replace_whole(path: Path, data: bytes) -> None:
    """Write-new, sync, rename, sync the folder: the old file or the new one, never a part.

    Raises:
        OSError: not done, or not known to be durable; what was there before is still whole.
    """
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def begin_anew(path: Path) -> None:
    """Make the next start a first one: for a demo, or a person who knows that what ran before is over."""
    replace_whole(path, pack(None))


class SnapshotFile:
    """Keeps the newest state of a running unit on disk. ``keep`` returns at once; a thread looks five times a second and writes.

    It writes every 5 s, and within about a second when something changed that a restart must not forget (see ``essence``): at most one small file a
    second, so that an SD card lives. A disk that hangs or is full holds up this thread alone.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        version: str,
        stamp: Callable[[int, int], Stamp],
        *,
        write: Write = replace_whole,
    ) -> None:
        self._path, self._plan, self._version = path, plan, version
        self._stamp, self._write = stamp, write
        self._latest: tuple[Plan, State, Instant, int, int] | None = None
        self._clean = False
        self._essence: object = None
        self._health = SnapshotHealth("", 0, 0)
        self._tried_s = self._writing_s = -math.inf
        self._writing = False
        self._closing, self._first = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="snapshot", daemon=True)

    def keep(self, state: State, at: Instant) -> None:
        """This is the state now. Called by control after each scan: no lock, no I/O, no exception."""
        self._latest = (self._plan, state, at, time.monotonic_ns(), time.time_ns())

    def renew(self, plan: Plan) -> None:
        """What is kept from here on belongs to this plan."""
        self._plan = plan

    def health(self) -> SnapshotHealth:
        """How the saving is at this moment."""
        if self._writing and time.monotonic() - self._writing_s > HANGS_S:
            return self._health._replace(fault=f"the disk has not answered for more than {HANGS_S:g} s")
        return self._health

    def start(self, patience_s: float = 1.0) -> None:
        """Begin to write, and give the first state ``patience_s`` to be on disk: what a start decided shall not be decided again."""
        self._thread.start()
        self._first.wait(patience_s)

    def close(self, *, clean: bool, patience_s: float = 2.0) -> bool:
        """Write the last state, with the word that all outputs are safe if ``clean``; False if the disk did not let it in time."""
        self._clean = clean
        self._closing.set()
        self._thread.join(patience_s)
        return not self._thread.is_alive() and not self._health.fault

    def _work(self) -> None:
        self._look(time.monotonic())
        self._first.set()
        while not self._closing.wait(_LOOK_S):
            self._look(time.monotonic())
        self._save(time.monotonic())

    def _look(self, now_s: float) -> None:
        if self._latest is None or now_s - self._tried_s < SOON_S:
            return
        if now_s - self._tried_s >= EVERY_S or _news(*self._latest[:2]) != self._essence:
            self._save(now_s)

    def _save(self, now_s: float) -> None:
        if self._latest is None:
            return
        plan, state, at, mono_ns, utc_ns = self._latest
        self._tried_s = self._writing_s = now_s
        self._writing = True
        try:
            self._write(self._path, pack(self._snapshot(plan, state, at, self._stamp(mono_ns, utc_ns))))
        except Exception as error:  # noqa: BLE001 - whatever it is, control goes on and people are told
            self._health = self._health._replace(fault=f"{type(error).__name__}: {error}")
        else:
            self._essence = _news(plan, state)
            self._health = SnapshotHealth("", self._health.written + 1, time.monotonic_ns())
        self._writing = False

    def _snapshot(self, plan: Plan, state: State, at: Instant, taken: Stamp) -> Snapshot:
        setpoints = {loop.name: loop.setpoint for loop in plan.loops}
        return Snapshot(plan.unit, plan.digest, self._version, at, taken, state, setpoints, self._clean)


def _news(plan: Plan, state: State) -> object:
    return plan.digest, essence(state)


def essence(state: State) -> object:
    """What a restart must not forget, without the timers that always run: equal as long as nothing of weight has happened."""
    return (
        _steady(state.unit),
        _steady(state.checks),
        _steady(state.hazards),
        _steady(state.alarms),
        _steady(state.doses),
        [(name, loop.mode, loop.target, loop.faults) for name, loop in state.loops.items()],
        [(name, actuator.manual) for name, actuator in state.actuators.items()],
        [(name, feed.stage, feed.given, feed.bolus > 0.0) for name, feed in state.feeds.items()],
        [(name, perfusion.stage) for name, perfusion in state.perfusions.items()],
        state.calibrations,
    )


def _steady(value: Any) -> Any:
    """The same without the values of floats: those of guards are times and totals on their way."""
    if isinstance(value, float):
        return float
    if isinstance(value, Mapping):
        return [(key, _steady(item)) for key, item in value.items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [_steady(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple) and not isinstance(value, Instant):
        return [_steady(item) for item in value]
    return value
