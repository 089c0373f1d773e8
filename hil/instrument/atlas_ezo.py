"""Atlas Scientific EZO-pH, EZO-DO and EZO-RTD circuits in UART mode.

Typed from the data sheets EZO-pH V5, EZO-DO V4.1, EZO-RTD. Commands end with CR and may be in either case. A circuit
answers after its processing time, with data and then `*OK`; it sends a reading every second unasked until `C,0`;
it says `*RS` and `*RE` when it restarts, and has then forgotten its temperature compensation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

BOOT_S = 1.0
OTHER_S = 0.3  # commands that are neither readings nor calibrations
EXPORT = tuple(f"59 6F 75 {n:03d}" for n in range(10))


@dataclass(frozen=True, slots=True)
class Model:
    """What differs between the circuits: type, firmware, processing times in seconds, default compensation."""

    type: str
    channel: str
    firmware: str
    reading_s: float
    compensated_s: float
    calibration_s: float
    compensation_c: float


PH = Model("pH", "ph", "2.16", 0.9, 0.9, 0.9, 25.0)
DO = Model("DO", "do", "2.13", 0.6, 0.9, 1.3, 20.0)
RTD = Model("RTD", "temperature", "2.10", 1.0, 1.0, 0.6, 0.0)


def saturation_mg_l(temperature_c: float) -> float:
    """Oxygen in air-saturated fresh water (the cubic of Elmore and Hayes)."""
    t = temperature_c
    return 14.652 - 0.41022 * t + 0.007991 * t * t - 0.000077774 * t * t * t


class AtlasEzo:
    """One circuit on its own serial port. With `old_prefixes` replies begin ?CAL and ?STATUS, as old firmware did."""

    refusal = b"*ER\r"

    def __init__(self, model: Model, sources: Mapping[str, Source], *, old_prefixes: bool = False) -> None:
        self.sources = sources
        self.sinks: Mapping[str, Sink] = {}
        self.log = Log()
        self.compensation_c = model.compensation_c
        self._model = model
        self._old_prefixes = old_prefixes
        self._every_s, self._next_s = 1.0, 1.0
        self._acknowledges, self._asleep, self._on_i2c = True, False, False
        self._restart_reason = "P"
        self._busy_s = 0.0
        self._said: list[Chunk] = []
        self._points: set[str] = set()
        self._settings = {"name": "", "l": "1", "plock": "0", "phext": "0", "baud": "9600"}
        self._scale = "c"
        self._outputs = ["mg"]
        self._salinity, self._pressure = "0.00,uS", "101.3"
        self._exports = 0
        self._commands = self._known()

    def _known(self) -> Mapping[str, Callable[[float, list[str]], list[str]]]:
        """Commands of this circuit: words after the command in, reply lines out."""
        common = {
            "i": lambda _, __: [f"?i,{self._model.type},{self._model.firmware}"],
            "status": lambda _, __: [f"?Status,{self._restart_reason},5.038"],
            "r": lambda t, _: [self._reading(t)],
            "c": self._continuous,
            "cal": self._calibrate,
            "export": self._export,
            "import": lambda t, _: self._boot(t, "S"),
            "factory": self._factory,
            "find": lambda _, __: [],
            "sleep": self._sleep,
            "i2c": self._leave_uart,
            "*ok": self._acknowledge,
        }
        for name in ("name", "l", "plock", "baud"):
            common[name] = self._setting(name)
        if self._model is RTD:
            return common | {"s": self._set_scale}
        compensated = {"t": self._compensate, "rt": self._compensated_reading}
        if self._model is PH:
            slope = {"slope": lambda _, __: ["?Slope,99.7,100.3,-0.89"], "phext": self._setting("phext")}
            return common | compensated | slope
        return (
            common | compensated | {"o": self._set_output, "s": self._set_salinity, "p": self._set_pressure}
        )

    def addressed(self, request: Request) -> bool:  # noqa: ARG002 - one circuit to a port
        """Everything on the port, unless the circuit has been switched to I2C."""
        return not self._on_i2c

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The reply lines after the processing time; a sleeping circuit wakes and loses the command."""
        if self._asleep:
            self._asleep = False
            return [(t_s, b"*WA\r")]
        word, *words = request.body.decode("latin-1").strip().split(",")
        command = self._commands.get(word.lower())
        start_s = max(t_s, self._busy_s)
        self._busy_s = start_s + self._processing_s(word.lower(), words)
        try:
            lines = [self.refusal.decode().strip()] if command is None else command(start_s, words)
        except (ValueError, IndexError):
            lines = ["*ER"]
        if self._old_prefixes:
            lines = [self._shout(line) for line in lines]
        if "*ER" not in lines and self._acknowledges:
            lines = [*lines, "*OK"]
        return [(self._busy_s, "".join(f"{line}\r" for line in lines).encode("latin-1"))]

    @staticmethod
    def _shout(line: str) -> str:
        """Old firmware writes ?CAL where the new one writes ?Cal."""
        prefix, comma, rest = line.partition(",")
        return prefix.upper() + comma + rest if line.startswith("?") else line

    def _processing_s(self, word: str, words: list[str]) -> float:
        if word == "cal" and words and words[0] not in ("?", "clear"):
            return self._model.calibration_s
        return {"r": self._model.reading_s, "rt": self._model.compensated_s}.get(word, OTHER_S)

    def due_s(self) -> float | None:
        """When the next unasked line comes: a banner, or a reading in continuous mode."""
        if self._said:
            return self._said[0][0]
        return self._next_s if self._every_s and not self._asleep and not self._on_i2c else None

    def emit(self, t_s: float) -> Sequence[Chunk]:
        """One unasked line."""
        if self._said:
            return [self._said.pop(0)]
        self._next_s += self._every_s
        return [(t_s, f"{self._reading(t_s)}\r".encode())]

    def restart(self, t_s: float) -> None:
        """Temperature compensation goes back to its default; banner lines tell of the restart."""
        self._boot(t_s, "P")

    def _boot(self, t_s: float, reason: str) -> list[str]:
        self._restart_reason = reason
        self.compensation_c = self._model.compensation_c
        self._asleep = False
        self._said = [(t_s, b"*RS\r"), (t_s + BOOT_S, b"*RE\r")]
        self._next_s = t_s + BOOT_S + (self._every_s or 1.0)
        return []

    def _reading(self, t_s: float) -> str:
        value = self.sources[self._model.channel].read(t_s)
        if self._model is PH:
            if (
                "temperature" in self.sources
            ):  # the electrode's slope is that of the liquid, not of the setting
                kelvin = self.sources["temperature"].read(t_s) + 273.15
                value = 7.0 + (value - 7.0) * kelvin / (self.compensation_c + 273.15)
            return f"{value:.3f}"
        if self._model is RTD:
            return f"{self._scaled(value):.3f}"
        mg_l = value / 100.0 * saturation_mg_l(self.compensation_c)
        fields = {"mg": f"{mg_l:.2f}", "%": f"{value:.1f}"}
        return ",".join(fields[name] for name in self._outputs) or "no output"

    def _scaled(self, celsius: float) -> float:
        return {"c": celsius, "k": celsius + 273.15, "f": celsius * 1.8 + 32.0}[self._scale]

    def _continuous(self, t_s: float, words: list[str]) -> list[str]:
        if words[0] == "?":
            return [f"?C,{self._every_s:g}"]
        self._every_s = float(int(words[0]))
        self._next_s = t_s + (self._every_s or 1.0)
        self.log.write(t_s, "C", words[0])
        return []

    def _acknowledge(self, t_s: float, words: list[str]) -> list[str]:
        if words[0] == "?":
            return [f"?*OK,{self._acknowledges:d}"]
        self._acknowledges = words[0] == "1"
        self.log.write(t_s, "*OK", words[0])
        return []

    def _setting(self, name: str) -> Callable[[float, list[str]], list[str]]:
        """A stored text: set it, or ask for it with `?`."""
        shown = {"name": "Name", "l": "L", "plock": "Plock", "phext": "pHext", "baud": "Baud"}[name]

        def put(t_s: float, words: list[str]) -> list[str]:
            if words[0] == "?":
                return [f"?{shown},{self._settings[name]}"]
            self._settings[name] = words[0]
            self.log.write(t_s, shown, words[0])
            return []

        return put

    def _calibrate(self, t_s: float, words: list[str]) -> list[str]:
        if words == ["?"]:
            return [f"?Cal,{len(self._points)}"]
        point = words[0] if words else "air"
        if point == "clear":
            self._points.clear()
        elif self._model is PH:
            if point not in ("low", "mid", "high") or (point != "mid" and "mid" not in self._points):
                return ["*ER"]
            float(words[1])
            self._points = {"mid"} if point == "mid" else self._points | {point}
        else:
            self._points.add(point if self._model is DO else str(float(point)))
        self.log.write(t_s, "Cal", ",".join(words))
        return []

    def _export(self, t_s: float, words: list[str]) -> list[str]:  # noqa: ARG002
        if words:
            return [f"?Export,{len(EXPORT)},{sum(map(len, EXPORT))}"]
        self._exports = (self._exports + 1) % (len(EXPORT) + 1)
        return [EXPORT[self._exports - 1]] if self._exports else ["*DONE"]

    def _factory(self, t_s: float, words: list[str]) -> list[str]:  # noqa: ARG002
        self._points.clear()
        self.log.event(t_s, "factory reset")
        return self._boot(t_s + OTHER_S, "S")

    def _sleep(self, t_s: float, words: list[str]) -> list[str]:  # noqa: ARG002
        self._asleep = True
        self._said.append((t_s + OTHER_S, b"*SL\r"))
        return []

    def _leave_uart(self, t_s: float, words: list[str]) -> list[str]:
        if self._settings["plock"] == "1":
            return ["*ER"]
        int(words[0])
        self._on_i2c = True
        self.log.event(t_s, "switched to I2C")
        return []

    def _compensate(self, t_s: float, words: list[str]) -> list[str]:
        if words[0] == "?":
            return [f"?T,{self.compensation_c:g}"]
        self.compensation_c = float(words[0])
        self.log.write(t_s, "T", self.compensation_c)
        return []

    def _compensated_reading(self, t_s: float, words: list[str]) -> list[str]:
        self._compensate(t_s, [str(float(words[0]))])
        return [self._reading(t_s)]

    def _set_scale(self, t_s: float, words: list[str]) -> list[str]:
        if words[0] == "?":
            return [f"?S,{self._scale}"]
        if words[0].lower() not in ("c", "k", "f"):
            return ["*ER"]
        self._scale = words[0].lower()
        self.log.write(t_s, "S", self._scale)
        return []

    def _set_output(self, t_s: float, words: list[str]) -> list[str]:
        if words[0] == "?":
            return [",".join(["?O", *sorted(self._outputs)])]
        name, on = words[0].lower(), words[1] == "1"
        if name not in ("mg", "%"):
            return ["*ER"]
        chosen = {*self._outputs, name} if on else {*self._outputs} - {name}
        self._outputs = [known for known in ("mg", "%") if known in chosen]
        self.log.write(t_s, "O", ",".join(words))
        return []

    def _set_salinity(self, t_s: float, words: list[str]) -> list[str]:
        if words[0] == "?":
            return [f"?S,{self._salinity}"]
        float(words[0])
        self._salinity = ",".join(words)
        self.log.write(t_s, "S", self._salinity)
        return []

    def _set_pressure(self, t_s: float, words: list[str]) -> list[str]:
        if words[0] == "?":
            return [f"?P,{self._pressure}"]
        self._pressure = f"{float(words[0]):g}"
        self.log.write(t_s, "P", self._pressure)
        return []
