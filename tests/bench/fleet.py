"""Many edge nodes on one broker: ``python -m tests.bench.fleet --nodes 200``.

Each node is the uplink of one unit with a journal of its own, into which a generator commits once a second what the demo unit recorded. Nodes are
tasks of a few processes, so processor time is per node and memory is less than that of a process for each. The generator stands for 200 control
processes on 200 machines; what it costs is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import structlog

from edgectl.app.place import Place
from edgectl.app.rehearse import EPOCH_NS, open_rig, rehearse
from edgectl.core.initial import initial_state
from edgectl.model.codec import seal
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.plan import Plan
from edgectl.store.file import JournalFile, Run
from edgectl.store.record import Row
from edgectl.store.recorder import Keep, Recorder
from edgectl.uplink.announcer import Announcer
from edgectl.uplink.process import run
from tests.bench.ear import UNLIMITED, Ear, listening
from tests.bench.stage import Started, process, python
from tests.chain.witness import demo_plan
from tests.uplink.desk import Desk
from tests.uplink.peer import Mosquitto

LEAD_S = 600  # the unit has settled by then
SETTLE_S = 5.0


class Seconds:
    """A journal that keeps what is to be committed, by the second."""

    def __init__(self, plan: Plan) -> None:
        self.begun, self.state = Instant(0, EPOCH_NS), initial_state(plan)
        self._recorder = Recorder(plan, self.state, self.begun)
        self.rows: list[list[Row]] = []

    def scan(self, entry: ScanEntry) -> None:
        """Keep one scan; seconds without one stay empty."""
        self._recorder.scan(entry, Keep.INPUTS, "")
        second = int(entry.now.mono_ns / 1e9)
        self.rows += [[] for _ in range(second + 1 - len(self.rows))]
        self.rows[second] += self._recorder.take()

    def event(self, event: Event) -> None:
        """Keep what happened outside the core."""
        self._recorder.event(event, Keep.INPUTS, "")


@functools.cache
def _demo() -> Plan:
    return demo_plan()  # compiled once a process


def unit(number: int, port: int, words: str) -> Plan:
    """The demo unit under another name, told in these dialects."""
    plan = _demo()
    name = f"BR-{number:05d}"
    sparkplug = replace(plan.uplink.sparkplug, group="fleet" if "sparkplug" in words else "", node=name)
    uplink = replace(
        plan.uplink,
        host="127.0.0.1",
        port=port,
        client_id=name,
        readable="json" in words,
        sparkplug=sparkplug,
    )
    return seal(replace(plan, unit=name, uplink=uplink))


def course(seconds: float) -> Seconds:
    """What the demo unit records in its first seconds."""
    plan = demo_plan()
    found = Seconds(plan)
    rehearse(plan, open_rig("demo", 1), seconds, found, lambda _: None)
    return found


async def write(folder: Path, nodes: int, course: Seconds) -> None:
    """The generator: a journal and a control socket for each node, and one commit a second into each, spread over the second."""
    async with contextlib.AsyncExitStack() as stack:
        journals = []
        for number in range(nodes):
            place = Place(folder / str(number))
            place.folder.mkdir()
            begun = Run(unit(number, 1, "sparkplug"), course.state, course.begun, "")
            journals.append(JournalFile(place.journal, begun, course.begun))
            await stack.enter_async_context(Desk(place.socket))
        (folder / "ready").touch()
        loop = asyncio.get_running_loop()
        first_s = loop.time()
        for second, rows in enumerate(course.rows[LEAD_S:]):
            for number, journal in enumerate(journals):
                await asyncio.sleep(max(0.0, first_s + second + number / nodes - loop.time()))
                if rows:
                    journal.write(rows, rows[-1].at)


async def tell(folder: Path, numbers: Sequence[int], port: int, words: str) -> None:
    """The uplinks of these nodes in this process, for ever."""
    structlog.configure(processors=[structlog.dev.ConsoleRenderer()], logger_factory=structlog.WriteLoggerFactory((folder / f"log{numbers[0]}").open("w")))  # fmt: skip
    tasks = []
    for number in numbers:
        place = Place(folder / str(number))
        announcer = Announcer(place.socket)
        tasks.append(
            asyncio.create_task(
                run(unit(number, port, words), place.journal, place.cursor, announcer=announcer)
            )
        )
        await asyncio.sleep(0.02)
    await asyncio.gather(*tasks)


class Cost(NamedTuple):
    """Processor s and MiB so far."""

    cpu_s: float
    mib: float

    @classmethod
    def of(cls, children: Sequence[Started]) -> Cost:
        return cls(sum(child.cpu_s() for child in children), sum(child.pss_mib() for child in children))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Per node and second unless it says otherwise."""

    nodes: int
    told: int
    messages: float
    bytes: float
    cpu: float
    mib: float
    broker_cpu: float
    broker_mib: float

    def text(self) -> str:
        """For people."""
        return "\n".join(
            (
                f"nodes       {self.nodes} connected, {self.told} of them told data in the last seconds",
                f"a node      {self.messages:.2f} messages/s, {self.bytes:.0f} bytes/s, {self.cpu:.3%} of a core, {self.mib:.1f} MiB beside others in one process",
                f"the broker  {self.broker_cpu:.2%} of a core, {self.broker_mib:.1f} MiB; {self.nodes * self.messages:.0f} messages/s in, and as many out to one listener",
            )
        )


def fleet(
    folder: Path, nodes: int, seconds: int, processes: int, words: str, settle_s: float = SETTLE_S
) -> Outcome:
    """Start everything, wait until it has settled, measure."""
    broker = Mosquitto(folder, UNLIMITED)
    broker.start()
    topics, births = ("spBv1.0/#", "spBv1.0/+/DBIRTH/#") if "sparkplug" in words else ("edgectl/#", "edgectl/+/status")  # fmt: skip
    role = [str(folder), str(nodes), str(seconds + int(SETTLE_S) + 150), str(processes), words]
    with contextlib.ExitStack() as stack:
        stack.callback(broker.stop)
        generator = stack.enter_context(process(python("tests.bench.fleet", "--role", "write", *role)))
        until = time.monotonic() + 120
        while not (folder / "ready").exists():
            if time.monotonic() > until or generator.poll() is not None:
                raise TimeoutError("the generator did not come up")
            time.sleep(0.1)
        tellers = [
            Started(stack.enter_context(process(python("tests.bench.fleet", "--role", f"tell:{n}:{broker.port}", *role))), Place(folder))
            for n in range(processes)
        ]  # fmt: skip
        _until_born(stack.enter_context(listening(broker.port, births)), nodes)
        time.sleep(settle_s)
        return _measure(broker, tellers, topics, nodes, seconds)


def _until_born(ear: Ear, nodes: int) -> None:
    """Until each node has said what it is.

    Raises:
        TimeoutError: not all of them did.
    """
    until = time.monotonic() + 120
    while len(born := {_node(message.topic) for message in ear.heard()}) < nodes:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(born)} of {nodes} nodes are there")
        time.sleep(0.5)


def _measure(broker: Mosquitto, tellers: Sequence[Started], topics: str, nodes: int, seconds: int) -> Outcome:
    with listening(broker.port, topics) as ear:
        served = [Started(broker.process, tellers[0].place)]
        begun, before, broker_before = time.monotonic(), Cost.of(tellers), Cost.of(served)
        time.sleep(seconds)
        after, broker_after = Cost.of(tellers), Cost.of(served)
        took_s = time.monotonic() - begun
        heard = [
            message for message in ear.heard() if "/DDATA/" in message.topic or "edgectl/" in message.topic
        ]
    told = {_node(message.topic) for message in heard}
    each = nodes * took_s
    return Outcome(
        nodes,
        len(told),
        len(heard) / each,
        sum(len(message.payload) for message in heard) / each,
        (after.cpu_s - before.cpu_s) / each,
        after.mib / nodes,
        (broker_after.cpu_s - broker_before.cpu_s) / took_s,
        broker_after.mib,
    )


def _node(topic: str) -> str:
    levels = topic.split("/")
    return levels[3] if levels[0] == "spBv1.0" else levels[1]


def main() -> int:
    """0 if every node told data; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2, help="how many share the nodes")
    parser.add_argument("--dialect", choices=("sparkplug", "json", "sparkplug+json"), default="sparkplug")
    parser.add_argument(
        "--dir", type=Path, help="where the journals are; one in memory spares the disk of this machine"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.dir) as name:
        found = fleet(Path(name), asked.nodes, asked.seconds, asked.processes, asked.dialect)
    print(found.text())
    return int(found.told < found.nodes)


def _role(role: str, folder: str, nodes: str, seconds: str, processes: str, words: str) -> None:
    """One of the processes that ``fleet`` starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # some ten open files a node
    verb, *where = role.split(":")
    if verb == "write":
        asyncio.run(write(Path(folder), int(nodes), course(LEAD_S + float(seconds))))
        return
    part, port = map(int, where)
    asyncio.run(tell(Path(folder), range(part, int(nodes), int(processes)), port, words))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--role"]:
        _role(*sys.argv[2:])
    else:
        sys.exit(main())
