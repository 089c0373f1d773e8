"""What ``edgectl scan`` asks a serial line, in which order, and how long that takes.

Every question only reads. First come texts to what has a line for itself, at all its settings: text can be no Modbus write, whose functions are no printable
characters, and who answers is known before any frame is sent. Then come likely addresses at all settings, then the others, likely settings first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edgectl.config.driver_catalog import driver_names, load_driver
from edgectl.model.plan import LinePlan, Medium, Parity, Protocol
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.wire.half_duplex import ADAPTER_S, Pace

ANY_MODBUS = "modbus_map"
"""The driver of what answers Modbus and is nobody whom another driver knows."""
_MODBUS_FRAME, _TEXT = 8, 12
QUICK_S, PATIENT_S = 0.005, 0.08
"""What a Modbus unit has for its first byte, beside the 16 ms that an adapter may take: at first, and when there is time for slow ones."""
_STANDARD = 247
"""Units above are reserved (section 2.2), but relay boards have them."""
_SLOW_BAUD = 2400
_BAUDS = (9600, 19200, 38400, 115_200, 57600, 4800, 2400, 1200, 300)
_FRAMINGS = ("8N2", "8E1", "8O1", "7E1")
_PARITY = {"N": Parity.NONE, "E": Parity.EVEN, "O": Parity.ODD}
_ANY = tuple(
    Probe(bauds, framing, numbers(1, 247), (), rank=9)
    for bauds, framing in ((_BAUDS[:8], "8N1"), ((19200, 9600), "8E1"))
)
"""19200 8E1 is the standard's own default (Modbus over serial line V1.02, section 2.5.1)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a port is set. 8N2 serves 8N1 as well: the second stop bit is a pause to who does not look for it."""

    baud: int
    framing: str

    def plan(self, port: str, protocol: Protocol, timeout_s: float) -> LinePlan:
        """The line of a port at this setting."""
        return LinePlan(
            "scan",
            Medium.SERIAL,
            protocol,
            port=port,
            baud=self.baud,
            data_bits=int(self.framing[0]),
            parity=_PARITY[self.framing[1]],
            stop_bits=int(self.framing[2]),
            timeout_s=timeout_s,
        )

    def __str__(self) -> str:
        return f"{self.baud} {self.framing}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A driver whose instrument may have answered."""

    driver: str
    probe: Probe
    variant: Variant | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One question to some addresses at one setting: a text, or for Modbus (``asks`` empty) the one read that serves all.

    ``tier`` is 0 for likely addresses, 1 for the others, 2 for reserved ones, 3 for the likely ones once more with patience. ``alone``: who answers has
    the line for itself.
    """

    setting: Setting
    tier: int
    addresses: tuple[str, ...]
    asks: tuple[bytes, ...] = ()
    wait_s: float = QUICK_S
    alone: bool = False
    candidates: tuple[Candidate, ...] = field(default=(), compare=False)

    @property
    def modbus(self) -> bool:
        """Whether this is a sweep of Modbus units."""
        return not self.asks

    @property
    def cost_s(self) -> float:
        """Time on the line if nobody answers."""
        pace = Pace.of(self.setting.plan("", Protocol.MODBUS_RTU, 0.5))
        if self.modbus:
            waits = max(self.wait_s + ADAPTER_S, pace.silence_s)
            return len(self.addresses) * (_MODBUS_FRAME * pace.char_s + waits)
        return sum(len(ask) * pace.char_s + self.wait_s for ask in self.asks)

    @property
    def title(self) -> str:
        """What is being asked, for people."""
        who = "Modbus" if self.modbus else " / ".join(dict.fromkeys(c.driver for c in self.candidates))
        span = f" {self.addresses[0]}..{self.addresses[-1]}" if len(self.addresses) > 1 else ""
        return f"{self.setting} {who}{span}"


def sent_as(framing: str) -> str:
    """The framing that reaches instruments of ``framing``."""
    return "8N2" if framing.startswith("8N") else framing


def candidates() -> tuple[Candidate, ...]:
    """All drivers with what they say of themselves; for Modbus what proves itself first."""
    found = [
        Candidate(kind.name, probe, variant)
        for kind in map(load_driver, driver_names())
        for probe in kind.probes
        for variant in probe.variants
    ]
    found += [Candidate(ANY_MODBUS, probe) for probe in _ANY]
    return tuple(sorted(found, key=lambda candidate: candidate.probe.rank))


def steps() -> tuple[Step, ...]:
    """All there is to ask, in order."""
    text: dict[tuple[Setting, bytes], list[Candidate]] = {}
    units: dict[Setting, list[Candidate]] = {}
    for candidate in candidates():
        probe = candidate.probe
        for baud in probe.bauds:
            setting = Setting(baud, sent_as(probe.framing))
            if probe.ask is None:
                units.setdefault(setting, []).append(candidate)
            else:
                text.setdefault((setting, probe.ask(probe.addresses[0])), []).append(candidate)
    found = [step for (setting, _), who in text.items() for step in _texts(setting, who)]
    found += [step for setting, who in units.items() for step in _sweeps(setting, who)]
    return tuple(sorted(found, key=_order))


def _order(step: Step) -> tuple[int, ...]:
    """What has a line for itself, likely addresses everywhere, then all others: Modbus at the usual rates, text, Modbus at slow rates and odd framings."""
    setting = step.setting
    place = _FRAMINGS.index(setting.framing), _BAUDS.index(setting.baud)
    if step.tier == 0:
        return 0, 0 if step.alone else 1, *place, 2 - step.modbus
    usual = setting.framing == "8N2" and setting.baud > _SLOW_BAUD
    return step.tier, (0 if usual else 2) if step.modbus else 1, *place, 0


def _texts(setting: Setting, who: list[Candidate]) -> Iterable[Step]:
    probe = who[0].probe
    ask = probe.ask
    assert ask is not None
    for tier, addresses in enumerate((probe.addresses[: probe.likely], probe.addresses[probe.likely :])):
        if addresses:
            asks = tuple(map(ask, addresses))
            alone = len(probe.addresses) == 1
            yield Step(setting, tier, addresses, asks, probe.wait_s, alone, tuple(who))


def _sweeps(setting: Setting, who: list[Candidate]) -> Iterable[Step]:
    likely = max(candidate.probe.likely for candidate in who)
    every = max((candidate.probe.addresses for candidate in who), key=len)
    late_s = (
        49.5 / setting.baud if setting.baud <= _SLOW_BAUD else 0.0
    )  # the unit's 3.5 characters of silence, and its first
    tiers = every[:likely], every[likely:_STANDARD], every[_STANDARD:], every[:likely]
    for tier, addresses in enumerate(tiers):
        if addresses:
            wait_s = (PATIENT_S if tier == 3 else QUICK_S) + late_s
            yield Step(setting, tier, addresses, wait_s=wait_s, candidates=tuple(who))
