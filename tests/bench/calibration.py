"""Acceptance 3 of the calibration: emulated probes of known slope, offset, drift and lag, in standards that are what they should be and in such that are not.

    python -m tests.bench.calibration [SEEDS]

The session code of ``edgectl calibrate`` asks a real core on virtual time; probes are those of the emulated plant, read through an electrode of their own.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from edgectl.analysis.standard import buffer_ph, saturation
from edgectl.app.calibrate import Job, NotGranted, Step, Unsettled, Weighing, calibrate, weigh
from edgectl.core.correction import true_of
from edgectl.model.calibration import CalibrationSession, Kind
from edgectl.model.request import Ask, Reply, Request
from hil.plant.sensor import Sensor
from hil.plant.vessel import Probe
from tests.core.rig import NS, UTC_NS, Bench, demo, request

DAY_NS = 86_400 * NS
FRESH_NS = UTC_NS + 400 * DAY_NS
BUFFERS = ("7.00", "4.01", "9.21")


@dataclass
class Emulated:
    """A probe that is put into one thing after the other. ``error`` is added to what it sees, as a function of the seconds it has been there."""

    probe: Probe
    slope: float
    offset: float
    about: float
    start: float
    seed: str
    error: Callable[[float], float] = lambda _: 0.0
    seen: float = field(init=False)

    def __post_init__(self) -> None:
        self.seen = self.start
        self.sensor = Sensor(self.probe, self.start, self.seed)
        self.age_s = 0.0

    def put(self, value: float) -> None:
        self.seen = value
        self.age_s = 0.0

    def read(self, t_s: float) -> float:
        self.age_s += 1.0
        self.sensor.lagged += self.sensor.gain * (self.seen - self.sensor.lagged)
        sensed = self.sensor.read(t_s) + self.error(self.age_s)
        return self.about + self.offset + self.slope * (sensed - self.about)


@dataclass
class Rig:
    """A unit on virtual time with one emulated thing in it, as ``calibrate`` sees it: the unit far away and the person beside it."""

    tag: str = ""
    probe: Emulated | None = None
    bottles: list[float] = field(default_factory=list)
    masses: Callable[[float], float] = lambda given: given
    pump: str = "P-102"
    said: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        whole = demo()
        tags = tuple(tag for tag in whole.tags if tag.name == self.tag)
        pumps = tuple(actuator for actuator in whole.actuators if actuator.name == self.pump)
        self.bench = Bench(demo(tags=tags, actuators=pumps, interlocks=(), loops=()))
        self.pumped_ml = 0.0
        self.poured = list(self.bottles)
        self.wait(3.0)

    def ask(self, target: str, value: str, reason: str) -> str:
        del reason
        (reply,) = self._scan(request(Ask.CALIBRATE, target, value))
        if not reply.accepted:
            raise NotGranted(reply.reason)
        self.answers.append(reply.reason)
        return reply.reason

    def session(self, target: str) -> CalibrationSession | None:
        return self.bench.state.sessions.get(target)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self._scan()

    def _scan(self, *requests: Request) -> tuple[Reply, ...]:
        if self.probe is not None:
            self.bench.values[self.tag] = self.probe.read(self.bench.now_s + 1.0 - 1000.0)
        told = self.bench.achieved.get(self.pump)
        if told is not None and told.value is not None:
            self.pumped_ml += told.value / 60.0
        result = self.bench.scan(*requests)
        return result.replies

    def ready(self, words: str) -> None:
        self.said.append(words)
        if self.probe is not None and self.poured:
            self.probe.put(self.poured.pop(0))
        self.pumped_ml = 0.0

    def number(self, words: str) -> float:
        del words
        return self.masses(self.pumped_ml)

    def say(self, words: str) -> None:
        self.said.append(words)


class Case(NamedTuple):
    """How one session ended: ``error`` of what is believed afterwards (None: refused), and the last words."""

    error: float | None
    words: str


def steps(names: tuple[str, ...], celsius: float, expires_ns: int = FRESH_NS) -> tuple[Step, ...]:
    return tuple(
        Step(f"put it into {name}", name, buffer_ph(name, celsius), f"L{index}", expires_ns)
        for index, name in enumerate(names)
    )


def ph_probe(dice: random.Random, seed: str, error: Callable[[float], float] = lambda _: 0.0) -> Emulated:
    """A probe in use: 86 to 102 % slope, up to 30 mV off, 5 to 25 s slow, 2 to 8 thousandths of noise, drifting by up to 0.05 pH a day."""
    probe = Probe(
        lag_s=dice.uniform(5.0, 25.0),
        noise=dice.uniform(0.002, 0.008),
        drift_per_day=dice.uniform(-0.05, 0.05),
        drift_decay_days=10.0,
        quantum=0.001,
    )
    return Emulated(probe, dice.uniform(0.86, 1.02), dice.uniform(-0.5, 0.5), 7.0, 7.2, seed, error)


def do_probe(dice: random.Random, seed: str, error: Callable[[float], float] = lambda _: 0.0) -> Emulated:
    """80 to 120 % slope, zero up to 2 % off, 10 to 45 s slow."""
    probe = Probe(
        lag_s=dice.uniform(10.0, 45.0),
        noise=dice.uniform(0.05, 0.2),
        drift_per_day=dice.uniform(-0.5, 0.5),
        drift_decay_days=10.0,
        quantum=0.01,
    )
    return Emulated(probe, dice.uniform(0.8, 1.2), dice.uniform(-2.0, 2.0), 0.0, 40.0, seed, error)


def believed(rig: Rig, at: tuple[float, ...]) -> float:
    """The worst error of what the unit believes, over the range of the process, without the noise of single readings."""
    probe = rig.probe
    assert probe is not None
    calibration = rig.bench.state.calibrations[rig.tag].current
    drift = -probe.sensor._drift * math.expm1(-(rig.bench.now_s - 1000.0) / probe.sensor._age_s)
    return max(
        abs(
            true_of(calibration, probe.about + probe.offset + probe.slope * (true + drift - probe.about))
            - true
        )
        for true in at
    )


def run(rig: Rig, job: Job, at: tuple[float, ...]) -> Case:
    try:
        words = calibrate(rig, rig, job)
    except (NotGranted, Unsettled) as refusal:
        state = rig.bench.state.calibrations.get(job.target)
        assert state is None or state.current is None, "a refused session has written something"
        return Case(None, str(refusal))
    return Case(believed(rig, at), words)


def ph_job(names: tuple[str, ...] = BUFFERS, celsius: float = 22.0, expires_ns: int = FRESH_NS) -> Job:
    return Job("AT-101", Kind.PH, "pH", 6.0, steps(names, celsius, expires_ns), "anna", "monthly", 30.0)


def ph(
    seed: int,
    bottle: Callable[[random.Random, list[float]], list[float]] = lambda _, true: true,
    names: tuple[str, ...] = BUFFERS,
    error: Callable[[random.Random], Callable[[float], float]] = lambda _: lambda _: 0.0,
    expires_ns: int = FRESH_NS,
) -> Case:
    """One pH session; ``bottle`` says what is really in the beakers."""
    dice = random.Random(f"ph/{seed}")
    celsius = dice.uniform(18.0, 30.0)
    true = [buffer_ph(name, celsius) for name in names]
    probe = ph_probe(dice, f"ph/{seed}", error(dice))
    rig = Rig("AT-101", probe, bottle(dice, true))
    return run(rig, ph_job(names, celsius, expires_ns), (6.8, 7.2, 7.6))


def oxygen(
    seed: int,
    bottle: Callable[[random.Random, list[float]], list[float]] = lambda _, true: true,
    error: Callable[[random.Random], Callable[[float], float]] = lambda _: lambda _: 0.0,
) -> Case:
    """One DO session: nitrogen, then air at the pressure and temperature of the day."""
    dice = random.Random(f"do/{seed}")
    air = saturation(20.95, dice.uniform(950.0, 1040.0), dice.uniform(20.0, 38.0), 100.0)
    rig = Rig("AT-102", do_probe(dice, f"do/{seed}", error(dice)), bottle(dice, [0.0, air]))
    two = (Step("nitrogen", "nitrogen", 0.0), Step("air", "air", air))
    job = Job("AT-102", Kind.OXYGEN, "%", 300.0, two, "anna", "monthly", 30.0)
    return run(rig, job, (0.0, 40.0, 100.0))


def pump(seed: int, balance: Callable[[random.Random, float], float] = lambda _, grams: grams) -> Case:
    """One pump, weighed three times; tubing gives 70 to 140 % of what it is told, each run within 0.2 %, and the balance shows hundredths of a gram."""
    dice = random.Random(f"pump/{seed}")
    factor = dice.uniform(0.7, 1.4)
    rig = Rig(
        masses=lambda told: balance(dice, round(told * factor * (1.0 + dice.gauss(0.0, 0.002)), 2)),
    )
    job = Job("P-102", Kind.PUMP, "mL/min", 10.0, (), "anna", "new tubing", 30.0)
    try:
        words = weigh(rig, rig, job, Weighing(5.0, 120.0), 1.0)
    except NotGranted as refusal:
        return Case(None, str(refusal))
    calibration = rig.bench.state.calibrations["P-102"].current
    assert calibration is not None
    return Case(abs(calibration.slope * factor - 1.0), words)


def _spoilt(dice: random.Random, true: list[float]) -> list[float]:
    """One buffer is off: CO2, dilution or another temperature than was said."""
    bad = dice.randrange(len(true))
    off = dice.choice((-1.0, 1.0)) * dice.uniform(0.15, 0.8)
    return [value + off * (index == bad) for index, value in enumerate(true)]


def _swapped(dice: random.Random, true: list[float]) -> list[float]:
    one, other = dice.sample(range(len(true)), 2)
    mixed = list(true)
    mixed[one], mixed[other] = true[other], true[one]
    return mixed


def _same(dice: random.Random, true: list[float]) -> list[float]:
    """The same beaker every time."""
    return [dice.choice(true)] * len(true)


def drifting(dice: random.Random) -> Callable[[float], float]:
    rate = dice.choice((-1.0, 1.0)) * dice.uniform(0.6, 6.0) / 3600.0
    return lambda age_s: rate * age_s


def wandering(dice: random.Random) -> Callable[[float], float]:
    period, size, phase = dice.uniform(40.0, 900.0), dice.uniform(0.06, 0.3), dice.uniform(0.0, 6.28)
    return lambda age_s: size * math.sin(6.2832 * age_s / period + phase)


def noisy(dice: random.Random) -> Callable[[float], float]:
    sigma = dice.uniform(0.06, 0.3)
    own = random.Random(dice.random())
    return lambda _: own.gauss(0.0, sigma)


def loose(dice: random.Random) -> Callable[[float], float]:
    """A loose plug: jumps to and fro."""
    own, size = random.Random(dice.random()), dice.uniform(0.1, 2.0)
    return lambda _: size if own.random() < 0.1 else 0.0


def _untared() -> Callable[[random.Random, float], float]:
    """The beaker still holds what the first run gave when the second is weighed."""
    shown: list[float] = []

    def balance(_: random.Random, grams: float) -> float:
        shown.append(grams)
        return grams + (shown[0] if len(shown) == 2 else 0.0)

    return balance


UNSTABLE = (drifting, wandering, noisy, loose)


def unstable(seed: int) -> Case:
    return ph(seed, error=UNSTABLE[seed % len(UNSTABLE)])


def unstable_oxygen(seed: int) -> Case:
    def louder(dice: random.Random) -> Callable[[float], float]:
        small = UNSTABLE[seed % len(UNSTABLE)](dice)
        return lambda age_s: 25.0 * small(age_s)

    return oxygen(seed, error=louder)


GOOD: dict[str, tuple[Callable[[int], Case], float]] = {
    "pH": (ph, 0.02),
    "DO": (oxygen, 0.5),
    "pump": (pump, 0.01),
}
BAD: dict[str, Callable[[int], Case]] = {
    "spoilt buffer": lambda seed: ph(seed, _spoilt),
    "swapped buffers, three": lambda seed: ph(seed, _swapped),
    "swapped buffers, two": lambda seed: ph(seed, _swapped, BUFFERS[:2]),
    "one beaker for all": lambda seed: ph(seed, _same),
    "expired lot": lambda seed: ph(seed, expires_ns=UTC_NS),
    "unstable pH probe": unstable,
    "unstable DO probe": unstable_oxygen,
    "swapped gases": lambda seed: oxygen(seed, lambda _, true: true[::-1]),
    "zero gas with air in it": lambda seed: oxygen(
        seed, lambda dice, true: [dice.uniform(8.0, 40.0), true[1]]
    ),
    "balance not tared once": lambda seed: pump(seed, _untared()),
}


def main(seeds: int) -> int:
    failed = 0
    for name, (case, most) in GOOD.items():
        found = [case(seed) for seed in range(seeds)]
        errors = [item.error for item in found if item.error is not None]
        refused = [item.words for item in found if item.error is None]
        worst = max(errors, default=float("nan"))
        failed += bool(refused) or not worst < most
        print(
            f"{name}: {len(errors)} of {seeds} calibrated, worst error {worst:.4f} (allowed {most}); {refused[:2]}"
        )
    for name, refuse in BAD.items():
        found = [refuse(seed) for seed in range(seeds)]
        passed = [seed for seed, item in enumerate(found) if item.error is not None]
        failed += bool(passed)
        print(f"{name}: {seeds - len(passed)} of {seeds} refused; {passed[:9] or found[0].words}")
    return failed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
