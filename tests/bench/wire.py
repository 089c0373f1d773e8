"""G6 and G7: how much of a serial wire's time is used, beside a bare blocking master on the same line."""

from __future__ import annotations

import contextlib
import os
import select
import tempfile
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from edgectl.app.control_socket import ask as ask_control
from hil.modbus import seal
from hil.serve import ask as ask_rig
from tests.bench.bus import BITS, BLOCKS, UNITS, efficiency, plan, wire_s, write_rig
from tests.bench.stage import edgectl, first_in_line, served, wait_for
from tests.bench.verdict import Verdict

GOALS = {9600: 0.98, 19200: 0.98, 115200: 0.96}


class Tally(NamedTuple):
    """What the rig counted over a time, and what the master gave up."""

    requests: int
    replies: int
    short_gaps: int
    elapsed_s: float
    unanswered: int = 0

    @property
    def request_s(self) -> float:
        """Time a served request took, on average."""
        return self.elapsed_s / max(1, self.replies)

    @property
    def lost(self) -> int:
        """Requests that got no answer: given up by the master, or not heard by a strict bus."""
        return max(self.unanswered, self.requests - self.replies)


class Counts:
    """The rig's own counts, read at the moment at which a request is counted: a whole number of requests lies between two readings."""

    def __init__(self, control: str) -> None:
        self._control = control

    def _now(self) -> tuple[dict[str, int], float]:
        counts: dict[str, int] = ask_rig(self._control, {"do": "counts"})["counts"]["bus"]
        return counts, time.monotonic()

    def edge(self) -> tuple[dict[str, int], float]:
        """Just after the next request."""
        before, _ = self._now()
        until = time.monotonic() + 5.0
        while time.monotonic() < until:
            counts, at = self._now()
            if counts.get("requests", 0) != before.get("requests", 0):
                return counts, at
            time.sleep(0.0005)
        raise TimeoutError("nobody asks anything on the line")

    def over(self, seconds: float) -> Tally:
        """What happens in so many seconds."""
        before, begun = self.edge()
        time.sleep(seconds)
        after, ended = self.edge()
        grown = {name: count - before.get(name, 0) for name, count in after.items()}
        return Tally(
            requests=grown.get("requests", 0),
            replies=grown.get("replies", 0),
            short_gaps=grown.get("short_gaps", 0),
            elapsed_s=ended - begun,
        )


def bare(port: Path, baud: int, seconds: float) -> int:
    """The anchor: write, read, be silent, with nothing judged or stored; returns how many were answered."""
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(line)
        return sum(_exchanges(line, baud, time.monotonic() + seconds))
    finally:
        os.close(line)


def _exchanges(line: int, baud: int, until: float) -> Iterator[int]:
    silence_s = 1.75e-3 if baud > 19200 else 3.5 * BITS / baud
    while True:
        for unit in UNITS:
            for block in BLOCKS:
                if time.monotonic() > until:
                    return
                os.write(line, seal(bytes((unit, 3, 0, block, 0, 10))))
                heard = 0
                while heard < 25 and select.select([line], [], [], 0.3)[0]:
                    heard += len(os.read(line, 64))
                yield heard == 25
                time.sleep(silence_s)


@contextlib.contextmanager
def _bus(baud: int, folder: Path, *more: str) -> Iterator[dict[str, Any]]:
    rig_file = write_rig(folder / "bus.toml", baud)
    command = ("serve", str(rig_file), "--dir", str(folder / "lines"), "--paced", *more)
    with served(*command, prefix=first_in_line()) as rig:
        yield rig


def measure(baud: int, seconds: float, *, strict: bool = False) -> tuple[Tally, float]:
    """Control polling faster than the wire can, and the efficiency of the bare master just before on the same line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _bus(baud, folder, *(["--strict"] if strict else [])) as rig:
            port = Path(rig["lines"]["bus"]["port"])
            begun = time.monotonic()
            answered = bare(port, baud, min(seconds / 2, 2.0))
            anchor = efficiency(answered, baud, time.monotonic() - begun)
            state = folder / "state"
            with edgectl("control", plan(baud, port=str(port)), state) as control:
                wait_for(control.place.socket)
                time.sleep(1.0)
                unanswered = _given_up(control.place.socket)
                tally = Counts(rig["control"]).over(seconds)
                given_up = _given_up(control.place.socket) - unanswered
    return tally._replace(unanswered=given_up), anchor


def _given_up(socket: Path) -> int:
    statistics = ask_control(socket, {"do": "status"})["lines"]["bus"]["statistics"]
    return int(statistics["timeouts"]) + int(statistics["bad_frames"])


def judge(seconds: float, wanted: Callable[[str], bool]) -> list[Verdict]:
    """G6, G7."""
    tolerant: dict[int, Tally] = {}
    verdicts = []
    for baud, goal in GOALS.items():
        if not wanted("G6") and baud != 19200:
            continue
        tally, anchor = measure(baud, seconds)
        tolerant[baud] = tally
        share = efficiency(tally.replies, baud, tally.elapsed_s)
        said = f"{share:.1%}, cycle {tally.request_s * 20e3:.1f} ms, {tally.short_gaps} short gaps of {tally.requests}"
        held = f"wire {wire_s(baud) * 20e3:.1f} ms; bare blocking master {anchor:.1%}"
        claim = f"RTU {baud}: >= {goal:.0%} of the wire, 0 short gaps"
        limited = share < goal and anchor < goal + 0.01
        why = (
            f"on this rig a bare master, which judges and stores nothing, gets no more than {anchor:.1%}"
            if limited
            else ""
        )
        verdicts.append(Verdict("G6", claim, said, held, share >= goal and tally.short_gaps == 0, why))
    if wanted("G7"):
        strict, anchor = measure(19200, seconds, strict=True)
        ratio = strict.request_s / tolerant[19200].request_s
        said = f"{strict.lost + strict.short_gaps} lost of {strict.requests}, cycle {ratio:.3f}x"
        held = f"tolerant bus {tolerant[19200].request_s * 20e3:.1f} ms; bare master {anchor:.1%}"
        good = strict.lost + strict.short_gaps == 0 and ratio <= 1.03
        verdicts.append(
            Verdict("G7", "strict bus, 19200: 0 requests lost, cycle <= 1.03x tolerant", said, held, good)
        )
    return [verdict for verdict in verdicts if wanted(verdict.target)]
