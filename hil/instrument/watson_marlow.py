"""Watson-Marlow cased pump 520DuN, or 323Du, ASCII.

Typed from the 520DuN and 323Du user manuals. A command is the pump number, text and CR; set commands are obeyed
without a word, and so is what the pump does not know. It has no watchdog. The echo is on when it leaves the factory.
`panel_stop` is the stop key: it drops remote control until `panel_start`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.log import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

PULSES = 10982
TURNAROUND_S = 0.010  # the manuals ask for as much between two commands
_COMMAND = re.compile(r"(#|\d{1,2})([A-Z]{2})([\d.,]*)")


class WatsonMarlow:
    """One pump; `flow` is its sink in mL/min."""

    refusal = b""

    def __init__(
        self,
        number: int,
        sinks: Mapping[str, Sink],
        *,
        model: str = "520Du",
        ml_per_rev: float = 15.84,
        echo: bool = True,
    ) -> None:
        self.number = number
        self.sources: Mapping[str, Source] = {}
        self.sinks = sinks
        self.log = Log()
        self.rpm = 10.0
        self.clockwise = True
        self.running = False
        self._model = model
        self._ml_per_rev = ml_per_rev
        self._echo = echo
        self._local = False
        self._pulses = 0.0
        self._counted_s = 0.0

    @property
    def _small(self) -> bool:
        return self._model.startswith("323")

    def addressed(self, request: Request) -> bool:
        """Its own number, or `#` for all."""
        found = _COMMAND.fullmatch(request.body.decode("latin-1"))
        return found is not None and found[1] in ("#", str(self.number))

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Obey; only a status has a reply, and nothing answers `#`."""
        self.tick(t_s)
        found = _COMMAND.fullmatch(request.body.decode("latin-1"))
        assert found is not None  # it was addressed
        who, word, text = found.groups()
        replies = {"RS": self._status(), "ZY": f"{self.running:d}\r", "RT": f"{self._pulses:.0f}\r"}
        chunks: list[Chunk] = [(t_s, request.body + b"\r")] if self._echo else []
        if word in replies and who != "#":
            chunks.append((t_s + TURNAROUND_S, replies[word].encode()))
        else:
            self._obey(t_s, word, text)
            self.tick(t_s)
        return chunks

    def _obey(self, t_s: float, word: str, text: str) -> None:
        if word == "TC":
            self._pulses = 0.0
        elif word == "SP":
            self._set_speed(text)
        elif word in ("RR", "RL"):
            self.clockwise = word == "RR"
        elif word == "RC":
            self.clockwise = not self.clockwise
        elif word == "ST":
            self.running = False
        elif word == "GO":
            self.running = not self._local
        else:
            return
        self.log.write(t_s, word, text)

    def _set_speed(self, text: str) -> None:
        low, high = (3.0, 400.0) if self._small else (0.1, 220.0)
        shape = r"\d{1,3}" if self._small else r"\d{1,3}(\.\d)?"
        if re.fullmatch(shape, text) and low <= float(text) <= high:
            self.rpm = float(text)

    def _status(self) -> str:
        way = "CW" if self.clockwise else "CCW"
        if self._small:
            return f"{self._model} {self.rpm:.0f} {way} {self.running:d} !"
        head = f"{self._model} {self._ml_per_rev:.2f} 520R 9.6MM"
        return f"{head} {self.rpm:.1f} {way} P/N {self.number} {self._pulses:.0f} {self.running:d} !"

    def panel_stop(self, t_s: float) -> None:
        """Somebody presses the stop key."""
        self.running, self._local = False, True
        self.tick(t_s)

    def panel_start(self, t_s: float) -> None:
        """Somebody presses the start key, and gives control back."""
        self.running, self._local = True, False
        self.tick(t_s)

    def tick(self, t_s: float) -> None:
        """The head turns and is counted; backwards it delivers nothing."""
        turned = self.rpm * (t_s - self._counted_s) / 60.0 if self.running else 0.0
        self._pulses += turned * PULSES
        self._counted_s = t_s
        if "flow" in self.sinks:
            flow = self.rpm * self._ml_per_rev if self.running and self.clockwise else 0.0
            self.sinks["flow"].write(t_s, flow)

    def restart(self, t_s: float) -> None:
        """It comes back stopped, with its speed and count."""
        self.tick(t_s)
        self.running = False
        self.tick(t_s)
