"""Mettler Toledo scale or weighing terminal, MT-SICS levels 0 and 1.

Typed from the MT-SICS reference manual 11780711. Commands and replies are lines ended by CR LF; a weight takes ten
characters, right aligned. The weight counts as stable while it stays within one division. `@` clears the tare.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

PER_KG = {"kg": 1.0, "g": 1000.0}
TURNAROUND_S = 0.020  # not in the manual
REPEAT_S = 0.1


class MettlerSics:
    """One scale; `weight` is its source in kg. `unit` is what its display shows, `division` its last digit in that unit."""

    refusal = b"ES\r\n"

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        serial: str,
        capacity_kg: float,
        unit: str = "g",
        division: float = 0.1,
    ) -> None:
        self.sources = sources
        self.sinks: Mapping[str, Sink] = {}
        self.log = Log()
        self.unit = unit
        self.busy = False
        self._serial = serial
        self._capacity_kg = capacity_kg
        self._division = division
        self._tare_kg = self._zero_kg = 0.0
        self._last_kg = math.nan
        self._repeat_at_s: float | None = None
        self._commands: Mapping[str, Callable[[float], str]] = {
            "S": lambda t: self._weigh(t, "S", patient=True),
            "SI": lambda t: self._weigh(t, "S", patient=False),
            "SIR": self._repeat,
            "Z": lambda t: self._zero(t, "Z", "A"),
            "ZI": lambda t: self._zero(t, "ZI", "D"),
            "T": lambda t: self._tare(t, "T", "S"),
            "TI": lambda t: self._tare(t, "TI", "D"),
            "TAC": self._clear_tare,
            "I1": lambda _: 'I1 A "01" "2.00" "2.20" "" ""',
            "I2": lambda _: f'I2 A "ICS469 Standard {1000 * capacity_kg:.4f} g"',
            "I3": lambda _: 'I3 A "2.10 10.28.0.493.142"',
            "I4": lambda _: f'I4 A "{self._serial}"',
            "@": self._reset,
        }

    def addressed(self, request: Request) -> bool:  # noqa: ARG002
        """There is one scale on the line."""
        return True

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Obey; any command ends a repetition."""
        self._repeat_at_s = None
        command = self._commands.get(request.body.decode("latin-1"))
        reply = "ES" if command is None else command(t_s)
        return [(t_s + TURNAROUND_S, f"{reply}\r\n".encode("latin-1"))]

    def restart(self, t_s: float) -> None:
        """Switched on anew it takes what stands on it for its zero, if that is little, and knows no tare."""
        self._reset(t_s)
        gross = self.sources["weight"].read(t_s)
        if abs(gross) < 0.1 * self._capacity_kg:
            self._zero_kg = gross

    def due_s(self) -> float | None:
        """When a repetition says the weight again."""
        return self._repeat_at_s

    def emit(self, t_s: float) -> Sequence[Chunk]:
        """One weight of a repetition."""
        self._repeat_at_s = t_s + REPEAT_S
        return [(t_s, f"{self._weigh(t_s, 'S', patient=False)}\r\n".encode("latin-1"))]

    def _net(self, t_s: float) -> tuple[float, bool]:
        """The net weight in kg, and whether it stands still."""
        gross = self.sources["weight"].read(t_s) - self._zero_kg
        still = abs(gross - self._last_kg) <= self._division / PER_KG[self.unit]
        self._last_kg = gross
        return gross - self._tare_kg, still

    def _weigh(self, t_s: float, word: str, *, patient: bool) -> str:
        net, still = self._net(t_s)
        gross = net + self._tare_kg
        if self.busy or not math.isfinite(net) or (patient and not still):
            return f"{word} I"
        if not -0.02 <= gross / self._capacity_kg <= 1.0:
            return f"{word} {'+' if gross > 0 else '-'}"
        return f"{word} {'S' if still else 'D'} {self._shown(net)}"

    def _shown(self, kg: float) -> str:
        steps = round(kg * PER_KG[self.unit] / self._division)
        decimals = max(0, -math.floor(math.log10(self._division)))
        return f"{steps * self._division:10.{decimals}f} {self.unit}"

    def _repeat(self, t_s: float) -> str:
        self._repeat_at_s = t_s + REPEAT_S
        return self._weigh(t_s, "S", patient=False)

    def _zero(self, t_s: float, word: str, done: str) -> str:
        net, _ = self._net(t_s)
        self._zero_kg += net + self._tare_kg
        self._tare_kg = 0.0
        self.log.write(t_s, word, 0)
        return f"{word} {done}"

    def _tare(self, t_s: float, word: str, done: str) -> str:
        net, _ = self._net(t_s)
        self._tare_kg += net
        self.log.write(t_s, word, self._tare_kg)
        return f"{word} {done} {self._shown(self._tare_kg)}"

    def _clear_tare(self, t_s: float) -> str:
        self._tare_kg = 0.0
        self.log.write(t_s, "TAC", 0)
        return "TAC A"

    def _reset(self, t_s: float) -> str:
        self._tare_kg, self._repeat_at_s = 0.0, None
        self.log.event(t_s, "reset")
        return f'I4 A "{self._serial}"'
