"""A bench of lines, instruments and a plant, put together from a rig file; and the verbs that break it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from hil.builder import build_instrument
from hil.fault import OUTPUT, REPLY, REQUEST, VALUE, arguments
from hil.fault.wire import Echo, LineNoise
from hil.framing import AsciiFraming, RtuFraming, TcpFraming
from hil.line import Bus, Line
from hil.log import Log
from hil.plant import VESSELS, Plant
from hil.station import Station, Talker, Voice
from hil.world import Ticker, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hil.station import Instrument
    from hil.world import PlantLike

RIGS = Path(__file__).parent / "rigs"
FRAMINGS: Mapping[str, type[RtuFraming | TcpFraming | AsciiFraming]] = {
    "rtu": RtuFraming,
    "tcp": TcpFraming,
    "ascii": AsciiFraming,
}
LINE_VERBS = ("echo", "unplug", "replug")
BOOT_S = 1.0


class RigError(ValueError):
    """A rig file or a fault command that makes no sense; the message says where and what is allowed."""


@dataclass(frozen=True, slots=True)
class Medium:
    """How a line is reached: "serial" with baud and bits a character, or "tcp"."""

    kind: str
    baud: int
    bits: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A fault in force, and how to take it away."""

    target: str
    verb: str
    args: Mapping[str, Any]
    fault: Any
    remove: Callable[[], None]


class Rig:
    """All lines of one bench on one clock. Times are seconds of line time; plant time is that x speed.

    The same rig file, seed, and bytes at the same times give the same bytes back.
    """

    def __init__(self, table: Mapping[str, Any], name: str, seed: int, world: World) -> None:
        self.name = name
        self.log = Log()
        self.world = world
        self.lines: dict[str, Line] = {}
        self.media: dict[str, Medium] = {}
        self._seed = seed
        self._stations: dict[str, Station] = {}
        self._applied: list[Applied] = []
        self._verbs_used = 0
        for line in table["line"]:
            self._add_line(dict(line))

    @classmethod
    def load(  # noqa: D417 - the rest is in the text
        cls,
        path_or_name: str | Path,
        seed: int = 1,
        *,
        speed: float = 1.0,
        paced: bool = False,
        strict: bool = False,
        plant: PlantLike | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Rig:
        """Build the rig of a file, or of a name in hil/rigs.

        Args:
            path_or_name: `demo`, `bench` or a path to a TOML file.
            seed: the seed of all noise and faults.
            speed: plant seconds in a line second.
            paced: serial lines take their wire time; with `strict` RTU instruments miss requests after a short gap.
            plant: a plant of one's own instead of the simulated vessel.
            start: what is different in the vessel at plant time zero, such as temperature_c.
        """
        path = Path(path_or_name)
        if path.suffix != ".toml":
            path = RIGS / f"{path_or_name}.toml"
        if not path.exists():
            known = ", ".join(sorted(file.stem for file in RIGS.glob("*.toml")))
            raise RigError(f"no rig {path_or_name!s}: give a .toml file or one of {known}")
        table = tomllib.loads(path.read_text())
        if plant is None:
            vessel = VESSELS[table["vessel"]]
            plant = Plant(replace(vessel, start=replace(vessel.start, **(start or {}))), seed=seed)
        rig = cls(table, path.stem, seed, World(plant, speed=speed))
        if paced:
            rig._pace(strict=strict)
        return rig

    def _add_line(self, table: dict[str, Any]) -> None:
        name, framing = table["name"], FRAMINGS[table["framing"]]
        bus = Bus([], self.world.advance)
        for spec in table["instrument"]:
            self._add_station(bus, f"{name}/{spec['address']}", dict(spec))
        self.lines[name] = Line(name, bus, framing())
        kind = "tcp" if framing is TcpFraming else "serial"
        self.media[name] = Medium(kind, table.get("baud", 9600), table.get("bits", 10))

    def _add_station(self, bus: Bus, name: str, spec: dict[str, Any]) -> None:
        instrument = build_instrument(name, spec, self.world, Random(f"{self._seed}/{name}"))
        station = Station(name, instrument)
        bus.stations.append(station)
        self._stations[name] = station
        if isinstance(instrument, Talker):
            bus.talkers.append(Voice(station, instrument))
        if isinstance(instrument, Ticker):
            self.world.tickers.append(instrument)

    def _pace(self, *, strict: bool) -> None:
        for name, line in self.lines.items():
            medium = self.media[name]
            if medium.kind == "serial":
                line.take_pace(medium.baud, medium.bits, strict=strict)

    def line(self, name: str) -> Line:
        """The controller's end of a line."""
        try:
            return self.lines[name]
        except KeyError:
            raise RigError(
                f"no line {name!r} in rig {self.name}; there are {', '.join(self.lines)}"
            ) from None

    def station(self, name: str) -> Station:
        """An instrument's place, such as probes/1."""
        try:
            return self._stations[name]
        except KeyError:
            known = ", ".join(self._stations)
            raise RigError(f"no instrument {name!r} in rig {self.name}; there are {known}") from None

    def instrument(self, name: str) -> Instrument:
        """The emulator itself, for a test that wants to look inside."""
        return self.station(name).instrument

    @property
    def instruments(self) -> Sequence[str]:
        """The names of all instruments."""
        return list(self._stations)

    @property
    def plant(self) -> PlantLike:
        """The plant all lines lead to."""
        return self.world.plant

    def advance(self, t_s: float) -> None:
        """Let time pass without anybody talking."""
        self.world.advance(t_s)

    def truth(self, t_s: float) -> dict[str, float]:
        """The plant's true state at line time t_s."""
        return self.world.truth(t_s)

    def outputs(self) -> dict[str, float]:
        """What every actuator is doing."""
        return self.world.outputs()

    def fault(self, target: str, verb: str, **args: Any) -> None:
        """Break a line (`probes`) or an instrument (`probes/1`) until `clear`; RigError if that makes no sense.

        Value and output verbs take `channel` to hit one quantity only.
        """
        self.log.event(self.world.now_s, f"fault {target} {verb} {args}".rstrip(" {}"))
        if target in self.lines and verb in (*LINE_VERBS, "noise"):
            self._fault_line(target, verb, args)
            return
        stations = self.line(target).bus.stations if target in self.lines else [self.station(target)]
        if verb == "restart":
            for station in stations:
                station.restart(self.world.now_s, float(args.get("boot_s", BOOT_S)))
        elif verb in REQUEST or verb in REPLY:
            self._fault_wire(target, verb, args, stations)
        elif verb == "freeze" and not any(station.instrument.sources for station in stations):
            self._fault_wire(target, "cache", args, stations)
        elif verb in VALUE or verb in OUTPUT:
            self._fault_value(target, verb, args, stations)
        else:
            verbs = ", ".join(sorted({*REQUEST, *REPLY, *VALUE, *OUTPUT, *LINE_VERBS, "restart"}))
            raise RigError(f"no verb {verb!r} for {target}; there are {verbs}")

    def _make(self, kind: type[Any], target: str, verb: str, args: Mapping[str, Any]) -> Any:
        """A fault with dice of its own; RigError names the arguments it takes."""
        self._verbs_used += 1
        dice = Random(f"{self._seed}/{target}/{verb}/{self._verbs_used}")
        try:
            return kind(dice, **args)
        except TypeError:
            known = ", ".join(arguments(kind)) or "nothing"
            raise RigError(f"{verb} on {target} takes {known}; got {', '.join(args)}") from None

    def _fault_line(self, target: str, verb: str, args: Mapping[str, Any]) -> None:
        bus = self.lines[target].bus
        if verb == "replug":
            self.clear(target, "unplug")
        elif verb == "unplug":
            bus.plugged = False
            self._apply(target, verb, args, None, lambda: setattr(bus, "plugged", True))
        elif verb == "echo":
            bus.echo = self._make(Echo, target, verb, args)
            self._apply(target, verb, args, bus.echo, lambda: setattr(bus, "echo", None))
        else:
            noise = self._make(LineNoise, target, verb, args)
            noise.next_s = self.world.now_s
            bus.talkers.append(noise)
            self._apply(target, verb, args, noise, lambda: bus.talkers.remove(noise))

    def _fault_wire(
        self, target: str, verb: str, args: Mapping[str, Any], stations: Sequence[Station]
    ) -> None:
        fault = self._make(REQUEST.get(verb) or REPLY[verb], target, verb, args)
        for station in stations:
            faults: list[Any] = station.request_faults if verb in REQUEST else station.reply_faults
            faults.append(fault)
            self._apply(target, verb, args, fault, partial(faults.remove, fault))

    def _fault_value(
        self, target: str, verb: str, args: Mapping[str, Any], stations: Sequence[Station]
    ) -> None:
        own = {key: value for key, value in args.items() if key != "channel"}
        chosen = args.get("channel")
        places: dict[str, Any] = {}
        for station in stations:
            found = station.instrument.sinks if verb in OUTPUT else station.instrument.sources
            places |= {f"{station.name}.{channel}": place for channel, place in found.items()}
        hit = {name: place for name, place in places.items() if chosen in (None, name.rpartition(".")[2])}
        if not hit:
            known = ", ".join(name.rpartition(".")[2] for name in places) or "none"
            raise RigError(f"{verb} on {target}: channel {chosen!r} is not one of: {known}")
        for place in hit.values():
            fault = self._make(VALUE.get(verb) or OUTPUT[verb], target, verb, own)
            place.faults.append(fault)
            self._apply(target, verb, args, fault, partial(place.faults.remove, fault))
            if verb in OUTPUT:
                place.write(self.world.now_s, place.demand)

    def _apply(
        self, target: str, verb: str, args: Mapping[str, Any], fault: Any, remove: Callable[[], None]
    ) -> None:
        self._applied.append(Applied(target, verb, dict(args), fault, remove))

    def clear(self, target: str | None = None, verb: str | None = None) -> None:
        """Take faults away: those of a target (a line includes its instruments), of a verb, or all.

        A freed actuator goes where it was last told to go.
        """
        self.log.event(self.world.now_s, f"clear {target or 'everything'} {verb or ''}".rstrip())
        if target is not None and target not in self.lines:
            self.station(target)
        kept = []
        for applied in self._applied:
            same_target = (
                target is None or applied.target == target or applied.target.startswith(f"{target}/")
            )
            if same_target and verb in (None, applied.verb):
                applied.remove()
            else:
                kept.append(applied)
        self._applied = kept
        for sink in self.world.sinks.values():
            sink.write(self.world.now_s, sink.demand)

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, with how often each has struck."""
        return [
            {
                "target": applied.target,
                "verb": applied.verb,
                "args": dict(applied.args),
                "count": getattr(applied.fault, "count", 0),
            }
            for applied in self._applied
        ]
