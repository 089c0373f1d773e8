"""What a broker passed on, and when: mosquitto_sub writes it down while it happens, and it is read afterwards, so that nobody decodes beside what is measured."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from hil.host import payload as sparkplug

UNLIMITED = "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0"  # lines of mosquitto.conf: nothing is dropped for want of room
_JSON_POINTS = ("tag", "loop", "actuator")
_JSON_VALUES = ("value", "setpoint", "output", "demanded")


class Heard(NamedTuple):
    """One message as it came (UTC, s)."""

    at_s: float
    topic: str
    payload: bytes


class Told(NamedTuple):
    """One value: what it is of, when it was true and when it was heard (UTC, s)."""

    name: str
    true_s: float
    heard_s: float
    value: object
    historical: bool


class Ear:
    """Everything a broker passes on in a block; ``heard`` reads what came so far."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def heard(self) -> Iterator[Heard]:
        """In the order of arrival; a message that is still being written is left out."""
        with self._path.open("rb") as file:
            while head := file.readline():
                at, size, topic = head.decode().rstrip("\n").split(" ", 2)
                payload = file.read(int(size) + 1)
                if len(payload) <= int(size):
                    return
                yield Heard(float(at), topic, payload[:-1])


@contextlib.contextmanager
def listening(port: int, topic: str) -> Iterator[Ear]:
    """mosquitto_sub on ``topic`` while the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heard"
        command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-q", "0", "-t", topic]
        with path.open("wb") as out:
            child = subprocess.Popen([*command, "-F", "%U %l %t\\n%p"], stdout=out)
        time.sleep(0.3)  # it says nothing when it is subscribed
        try:
            yield Ear(path)
        finally:
            child.terminate()
            child.wait()


def told_json(message: Heard) -> Iterator[Told]:
    """The numbers of one readable message."""
    level = message.topic.split("/")[2]
    if level not in _JSON_POINTS:
        return
    body = json.loads(message.payload)
    true_s = datetime.fromisoformat(body["time"]).timestamp()
    for field in _JSON_VALUES:
        if field in body:
            name = f"{level}/{body[level]}/{field}"
            yield Told(name, true_s, message.at_s, body[field], body["historical"])


def told_sparkplug(message: Heard) -> Iterator[Told]:
    """The metrics of one DDATA."""
    if message.topic.split("/")[2] != "DDATA":
        return
    for metric in sparkplug.decode(message.payload).metrics:
        assert metric.name is not None
        value = None if metric.null else metric.value(metric.datatype)
        yield Told(metric.name, (metric.timestamp or 0) / 1e3, message.at_s, value, metric.historical)
