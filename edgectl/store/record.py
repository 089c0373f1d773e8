"""The records of the journal: their kinds, and their bodies from model types and back.

Single records (run, end, event, request, reply, gap, purge) are JSON, readable in any SQLite shell. Blocks (measurements, loops, commands,
feeds, perfusions, inputs, state) are compressed. Inputs and state bodies begin with a seal: a hash over the seal before it and everything in this record.
"""

from __future__ import annotations

import enum
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgectl.model.codec import from_plain, to_plain
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Measurement, Sample
from edgectl.model.plan import Plan
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.model.request import Ask, Origin, Request
from edgectl.model.state import State
from edgectl.store.block import deflate, inflate, pack, unpack

SEAL = 16


class Kind(enum.StrEnum):
    """What a record is."""

    RUN = "run"
    END = "end"
    MEASUREMENTS = "measurements"
    LOOPS = "loops"
    COMMANDS = "commands"
    FEEDS = "feeds"
    PERFUSIONS = "perfusions"
    INPUTS = "inputs"
    STATE = "state"
    EVENT = "event"
    REQUEST = "request"
    REPLY = "reply"
    GAP = "gap"
    PURGE = "purge"


class Row(NamedTuple):
    """A record on its way into the file."""

    kind: Kind
    at: Instant
    body: bytes


class Record(NamedTuple):
    """A record of the file. ``seq`` rises strictly and is never used twice; ``run`` is the start of control it belongs to."""

    seq: int
    run: int
    kind: Kind
    at: Instant
    body: bytes


class Reported(NamedTuple):
    """A measurement that was worth a record, and how old its value was when it was judged."""

    measurement: Measurement
    age_ns: int


class CommandValue(NamedTuple):
    """A command that was worth a record: the value allowed, the value demanded, by whom, and every restriction between the two."""

    actuator: str
    value: float
    demanded: float | None
    restricted_by: tuple[str, ...]
    source: str
    at: Instant


class ScanInput(NamedTuple):
    """The inputs of one scan, exactly, and the digest (8 bytes) of all commands it decided."""

    scan: int
    now: Instant
    dt_s: float
    samples: tuple[Sample, ...]
    achieved: tuple[Achieved, ...]
    requests: tuple[Request, ...]
    digest: bytes


class Checkpoint(NamedTuple):
    """The core's memory after a scan and the image of that scan: where a replay can begin."""

    scan: int
    state: State
    image: Image


def words(plan: Plan) -> bytes:
    """The names of a plan as a compressor expects them: readers derive the same from the plan of the run."""
    names = [item.name for group in (plan.tags, plan.actuators, plan.loops) for item in group]
    channels = [item.channel for group in (plan.tags, plan.actuators) for item in group]
    return json.dumps([*names, *channels, ""], ensure_ascii=False, separators=(",", ":")).encode()


def plain(body: dict[str, Any]) -> bytes:
    """The body of a single record."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def pack_measurements(rows: Sequence[Reported], names: bytes) -> bytes:
    """The body of a measurements record."""
    table = [
        (m.tag, m.value, int(m.quality), m.reason, age_ns, m.at.mono_ns, m.at.utc_ns - m.at.mono_ns)
        for m, age_ns in rows
    ]
    return pack(("sfbsiii",), (table,), names)


def unpack_measurements(body: bytes, names: bytes) -> list[Reported]:
    """The rows of a measurements record."""
    (table,) = unpack(("sfbsiii",), body, names)
    return [
        Reported(Measurement(tag, value, Quality(quality), reason, Instant(mono, mono + offset)), age)
        for tag, value, quality, reason, age, mono, offset in table
    ]


def pack_commands(rows: Sequence[CommandValue], names: bytes) -> bytes:
    """The body of a commands record."""
    table = [
        (
            c.actuator,
            c.value,
            c.demanded,
            json.dumps(c.restricted_by),
            c.source,
            c.at.mono_ns,
            c.at.utc_ns - c.at.mono_ns,
        )
        for c in rows
    ]
    return pack(("sffssii",), (table,), names)


def unpack_commands(body: bytes, names: bytes) -> list[CommandValue]:
    """The rows of a commands record."""
    (table,) = unpack(("sffssii",), body, names)
    return [
        CommandValue(
            actuator, value, demanded, tuple(json.loads(restricted)), source, Instant(mono, mono + offset)
        )
        for actuator, value, demanded, restricted, source, mono, offset in table
    ]


_STATUS = list(DeviceStatus)
_STATUS_PLACE = {status: place for place, status in enumerate(_STATUS)}
# The host of a request stands behind its origin: so blocks from before there were hosts read as they did.
_INPUTS = ("iiifhiii", "sfbsii", "sffsii", "sssssss")


def pack_inputs(scans: Sequence[ScanInput], names: bytes) -> bytes:
    """The body of an inputs record, without its seal."""
    heads = [
        (
            s.scan,
            s.now.mono_ns,
            s.now.utc_ns - s.now.mono_ns,
            s.dt_s,
            s.digest,
            len(s.samples),
            len(s.achieved),
            len(s.requests),
        )
        for s in scans
    ]
    samples = [
        (channel, value, _STATUS_PLACE[status], detail, at.mono_ns, at.utc_ns - at.mono_ns)
        for s in scans
        for channel, value, status, detail, at in s.samples
    ]
    achieved = [
        (actuator, commanded, value, detail, at.mono_ns, at.utc_ns - at.mono_ns)
        for s in scans
        for actuator, commanded, value, detail, at in s.achieved
    ]
    requests = [
        (i, ask.value, t, json.dumps(v), who, why, f"{origin.value} {host}")
        for s in scans
        for i, ask, t, v, who, why, origin, host in s.requests
    ]
    return pack(_INPUTS, (heads, samples, achieved, requests), names)


def unpack_inputs(body: bytes, names: bytes) -> list[ScanInput]:
    """The scans of an inputs record whose seal has been taken off.

    Raises:
        ValueError: damaged.
    """
    heads, samples, achieved, requests = unpack(_INPUTS, body, names)
    every_sample = iter(
        [Sample(c, v, _STATUS[s], d, Instant(mono, mono + offset)) for c, v, s, d, mono, offset in samples]
    )
    every_achieved = iter(
        [Achieved(a, c, v, d, Instant(mono, mono + offset)) for a, c, v, d, mono, offset in achieved]
    )
    every_request = iter(
        [
            Request(i, Ask(a), t, json.loads(v), who, why, Origin(place[0]), place[2])
            for i, a, t, v, who, why, origin_and_host in requests
            for place in [origin_and_host.partition(" ")]
        ]
    )
    return [
        ScanInput(
            scan,
            Instant(mono, mono + offset),
            dt_s,
            tuple(itertools.islice(every_sample, n_samples)),
            tuple(itertools.islice(every_achieved, n_achieved)),
            tuple(itertools.islice(every_request, n_requests)),
            digest,
        )
        for scan, mono, offset, dt_s, digest, n_samples, n_achieved, n_requests in heads
    ]


def pack_checkpoint(scan: int, state: State, image: Image, previous: bytes) -> bytes:
    """The body of a state record, without its own seal; it names the ``previous`` one, so that a chain can begin here."""
    pieces = (
        json.dumps({"previous": previous.hex(), "scan": scan}),
        json.dumps(to_plain(state)),
        json.dumps(to_plain(image)),
    )
    return deflate("\n".join(pieces).encode())


def unpack_checkpoint(body: bytes) -> tuple[Checkpoint, bytes]:
    """A checkpoint whose seal has been taken off, and the seal before it.

    Raises:
        ValueError: damaged.
    """
    head, state, image = map(json.loads, inflate(body).decode().split("\n"))
    checkpoint = Checkpoint(head["scan"], from_plain(State, state), from_plain(Image, image))
    return checkpoint, bytes.fromhex(head["previous"])


def first_seal(plan: Plan, state: State | Mapping[str, Any], begun: Instant) -> bytes:
    """What the chain of a run begins with: its plan, its initial state (or that as JSON, as it was recorded) and its start."""
    text = json.dumps([plan.digest, to_plain(state), list(begun)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=SEAL).digest()


def seal(previous: bytes, kind: Kind, at: Instant, body: bytes) -> bytes:
    """The hash that goes before ``body``: whoever changes a byte of this record or of one before it has to change it as well."""
    head = f"{kind.value} {at.mono_ns} {at.utc_ns} ".encode()
    return hashlib.blake2b(previous + head + body, digest_size=SEAL).digest()


def sealed(previous: bytes, record: Record | Row) -> bool:
    """Whether the seal of a record fits it and the seal ``previous``."""
    return record.body[:SEAL] == seal(previous, record.kind, record.at, record.body[SEAL:])
