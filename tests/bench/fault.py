"""G8: late, cancelled, garbled, foreign and cut answers on a full bus, and a dead unit on it; all on virtual time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from edgectl.app.rehearsal_link import RehearsalLink
from edgectl.app.rehearse import Script, rehearse
from edgectl.clock import virtual_run
from edgectl.model.event import Event
from edgectl.model.fault import InstrumentFault
from edgectl.model.journal import ScanEntry
from edgectl.wire.line import open_line
from hil.rig import Rig
from hil.still import StillPlant
from tests.bench.bus import BLOCKS, LENGTH, UNITS, plan, polls_of, still_rig, truth
from tests.bench.verdict import Verdict

BAUD = 115200
TIMEOUT_S = 0.1
Faults = tuple[tuple[str, dict[str, float]], ...]
DISTORTED: Faults = (("garble", {"rate": 0.08}), ("flip", {"rate": 0.08}), ("cut", {"rate": 0.05}))
LATE: Faults = (
    ("late", {"rate": 0.03, "delay_s": 0.098}),  # about the timeout: some just in time, some just not
    ("late", {"rate": 0.03, "delay_s": 0.15}),
    ("late", {"rate": 0.03, "delay_s": 0.7}),
    ("late", {"rate": 0.02, "delay_s": 1.0}),
)
# A late answer under a neighbour's address would be that neighbour's answer to any master, so the two storms are apart.
STORMS: tuple[Faults, ...] = (
    (*DISTORTED, *LATE, ("foreign", {"rate": 0.08, "address": 77})),
    (*DISTORTED, ("foreign", {"rate": 0.08})),
)


@dataclass(slots=True)
class Witness:
    """A journal that knows the truth: counts every value by channel, and keeps those that are wrong, each once."""

    known: Mapping[str, float]
    values: Counter[str] = field(default_factory=Counter)
    wrong: dict[tuple[str, int], float] = field(default_factory=dict)

    def scan(self, entry: ScanEntry) -> None:
        """Hold samples and judged measurements against the truth."""
        for sample in entry.samples:
            if sample.value is not None:
                self.look(sample.channel, sample.value, sample.at.mono_ns)
        for measurement in entry.measurements:
            if measurement.value is not None:
                self._compare(measurement.tag.replace("_", "."), measurement.value, measurement.at.mono_ns)

    def look(self, channel: str, value: float, at_ns: int) -> None:
        """One value, asked for at this moment."""
        self.values[channel] += 1
        self._compare(channel, value, at_ns)

    def _compare(self, channel: str, value: float, at_ns: int) -> None:
        if (
            not channel.startswith("edgectl.") and value != self.known[channel]
        ):  # control's own are none of the bus
            self.wrong[channel, at_ns] = value

    def event(self, event: Event) -> None:
        """Of no interest here."""


def strikes(rig: Rig) -> int:
    """How often faults have struck so far; each has dice and count of its own, so none counts twice."""
    return sum(fault["count"] for fault in rig.faults())


def storm(
    faults: Faults, seconds: float, script: Callable[[StillPlant], Script] = lambda _: ()
) -> tuple[Witness, int]:
    """Virtual seconds of control with these faults on every unit; what was believed, and how often a fault struck."""
    with tempfile.TemporaryDirectory() as folder:
        rig, plant = still_rig(Path(folder) / "bus.toml", BAUD)
        for unit in UNITS:
            for verb, arguments in faults:
                rig.fault(f"bus/{unit}", verb, **arguments)
        witness = Witness(truth())
        rehearse(plan(BAUD, timeout_s=TIMEOUT_S), rig, seconds, witness, lambda _: None, script(plant))
        return witness, strikes(rig)


def cancelled(count: int) -> tuple[Witness, int]:
    """So many requests, each given up by its caller at some random moment; what was believed, and how many were cut short."""
    with tempfile.TemporaryDirectory() as folder:
        rig, _ = still_rig(Path(folder) / "bus.toml", BAUD)
        return virtual_run(_cancelling(rig, count))  # type: ignore[no-any-return]


async def _cancelling(rig: Rig, count: int) -> tuple[Witness, int]:
    dice, witness, cut_short = Random("cancel"), Witness(truth()), 0
    line = open_line(plan(BAUD, timeout_s=TIMEOUT_S).lines[0], RehearsalLink(rig.line("bus")))
    await line.open()
    for number in range(count):
        unit, block = dice.choice(UNITS), dice.choice(BLOCKS)
        try:
            async with asyncio.timeout(dice.uniform(0.0, 0.012)):
                words = await line.modbus(str(unit)).read_holding(block, LENGTH)
        except TimeoutError:
            cut_short += 1
        except InstrumentFault:
            pass
        else:
            for offset, word in enumerate(words):
                witness.look(f"i{unit}.r{block + offset}", float(word), number)
    line.close()
    return witness, cut_short


def slowest_healthy(poll_s: float, seconds: float, dead: int = 3) -> float:
    """Polls of the worst served healthy unit with one dead unit on the bus, as a share of its polls without."""
    seen = []
    for mute in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            rig, _ = still_rig(Path(folder) / "bus.toml", 19200)
            if mute:
                rig.fault(f"bus/{dead}", "mute")
            witness = Witness(truth())
            rehearse(plan(19200, poll_s=poll_s), rig, seconds, witness, lambda _: None)
            seen.append(witness.values)
    before, after = seen
    return min(polls_of(after, unit) / polls_of(before, unit) for unit in UNITS if unit != dead)


def _remark(runs: Sequence[tuple[Witness, int]], total: int) -> str:
    """What went wrong first, or that too little was tried."""
    for witness, _ in runs:
        for (channel, at_ns), value in witness.wrong.items():
            return f"first: {channel} read {value:g} instead of {witness.known[channel]:g} at {at_ns / 1e9:.2f} s"
    return "" if total >= 10_000 else f"only {total} faults struck"


def judge(seconds: float) -> list[Verdict]:
    """G8; ``seconds`` are virtual."""
    begun = time.monotonic()
    runs = [*(storm(faults, seconds) for faults in STORMS), cancelled(2000)]
    wrong = sum(len(witness.wrong) for witness, _ in runs)
    values = sum(witness.values.total() for witness, _ in runs)
    total, cut_short = sum(struck for _, struck in runs), runs[-1][1]
    saturated, paced = slowest_healthy(0.05, 60.0), slowest_healthy(1.0, 60.0)
    took = f"2 x {seconds:.0f} virtual s in {time.monotonic() - begun:.0f} s"
    return [
        Verdict(
            "G8",
            "late, cancelled, garbled, flipped, cut, foreign answers on RTU: 0 wrong values of >= 10 000 faults",
            f"{wrong} wrong in {values} values, {total} faults, {cut_short} of them cancelled requests",
            f"every register known; {took}",
            wrong == 0 and total >= 10_000,
            _remark(runs, total),
        ),
        Verdict(
            "G8",
            "healthy units keep >= 90 % of their polls with 1 of 10 dead",
            f"{saturated:.1%} on a saturated line, {paced:.1%} polled every second",
            "the worst served unit, beside the bus with all ten alive (19200)",
            min(saturated, paced) >= 0.9,
        ),
    ]
