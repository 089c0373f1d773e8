"""Normal batches of the demo unit on virtual time, each with a plant, probes and a course of its own: what must raise no alarm.

A whole campaign: ``python -m tests.chain.batch --batches 50 --hours 3``; the tests run a few short ones, and all with ``pytest --batches 50``.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from edgectl.app.rehearsal_link import RehearsalLink
from edgectl.app.rehearse import EPOCH_NS
from edgectl.clock import Clock, VirtualLoop
from edgectl.control.process import Control, Hooks, run
from edgectl.model.event import Event
from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Request
from edgectl.model.state import CheckState, DoseState
from hil.plant import VESSELS, Plant
from hil.plant.vessel import Probe, Vessel
from hil.rig import Rig
from tests.chain.witness import demo_plan

_MINUTE_S = 60.0
_PROBES = ("ph", "do", "temperature", "ph_temperature", "jacket", "weight")


@dataclass(slots=True)
class Watcher:
    """A journal that keeps what checks and dosing limits said, and where they stand."""

    events: list[Event] = field(default_factory=list)
    checks: dict[str, CheckState] = field(default_factory=dict)
    doses: dict[str, DoseState] = field(default_factory=dict)
    commanded: dict[str, float] = field(default_factory=dict)
    switches: dict[str, int] = field(default_factory=dict)
    scans: int = 0

    def scan(self, entry: Any) -> None:
        self.events += entry.events
        self.checks, self.doses = dict(entry.state.checks), dict(entry.state.doses)
        for command in entry.commands:
            before = self.commanded.get(command.actuator, command.value)
            self.switches[command.actuator] = self.switches.get(command.actuator, 0) + (
                before != command.value
            )
            self.commanded[command.actuator] = command.value
        self.scans += 1

    def event(self, event: Event) -> None:
        self.events.append(event)

    def failures(self, after_s: float = 0.0) -> list[tuple[float, str]]:
        """Checks that failed, and when (s)."""
        return [
            (e.at.mono_ns / 1e9, e.subject)
            for e in self.events
            if e.kind == "check" and e.after == "failed" and e.at.mono_ns / 1e9 >= after_s
        ]

    def told(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


Act = Callable[[], object]


@dataclass(slots=True)
class Play:
    """A unit in operation on virtual time, and what is done to it at which second."""

    plan: Plan
    rig: Rig
    seconds: float
    script: list[tuple[float, Act]] = field(default_factory=list)
    watcher: Watcher = field(default_factory=Watcher)
    control: Control | None = None
    asked: int = 0

    def at(self, second: float, act: Act) -> None:
        self.script.append((second, act))

    def ask(self, second: float, ask: Ask, target: str, value: float | str) -> None:
        """A person's request; whatever the core answers."""
        self.at(second, lambda: self._ask(ask, target, value))

    def _ask(self, ask: Ask, target: str, value: float | str) -> None:
        assert self.control is not None
        self.asked += 1
        request = Request(f"r{self.asked}", ask, target, value, "anna", "normal course")
        self.control.intake._requests.append(request)

    def run(self) -> Watcher:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._run())
        return self.watcher

    async def _run(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        loop.call_at(self.seconds, stop.set)
        for second, act in self.script:
            loop.call_at(second, act)
        links = {line.name: RehearsalLink(self.rig.line(line.name)) for line in self.plan.lines}

        def ready(control: Control) -> None:
            self.control = control

        hooks = Hooks(ready=ready)
        await run(self.plan, self.watcher, stop=stop, clock=Clock(loop, EPOCH_NS), links=links, hooks=hooks)


def scattered(chance: Random) -> Vessel:
    """A demo vessel as another lot, room and technician would have it: heat, gas, probes, filling and culture all differ."""
    vessel = VESSELS["demo_2l"]

    def about(value: float, share: float) -> float:
        return value * chance.uniform(1.0 - share, 1.0 + share)

    def probe(usual: Probe) -> Probe:
        return replace(usual, noise=about(usual.noise, 0.3), lag_s=about(usual.lag_s, 0.25))

    heat, transfer, kinetics = vessel.heat, vessel.transfer, vessel.kinetics
    return replace(
        vessel,
        start=replace(
            vessel.start,
            volume_l=chance.uniform(1.8, 2.2),
            temperature_c=chance.choice((chance.uniform(18.0, 25.0), chance.uniform(28.0, 37.0))),
            ph=chance.uniform(7.05, 7.5),
            do_percent=chance.uniform(60.0, 100.0),
            viable_per_ml=10 ** chance.uniform(5.5, 7.1),
        ),
        heat=replace(
            heat,
            ua_w_per_k=about(heat.ua_w_per_k, 0.2),
            ua_environment_w_per_k=about(heat.ua_environment_w_per_k, 0.3),
            bath_lag_s=about(heat.bath_lag_s, 0.3),
            bath_up_k_per_min=about(heat.bath_up_k_per_min, 0.3),
            environment_c=chance.uniform(18.0, 26.0),
        ),
        transfer=replace(transfer, bubble_gain=about(transfer.bubble_gain, 0.15)),
        kinetics=replace(kinetics, growth_max_per_h=about(kinetics.growth_max_per_h, 0.2)),
        medium=replace(vessel.medium, temperature_c=chance.uniform(4.0, 22.0)),
        probes=replace(vessel.probes, **{name: probe(getattr(vessel.probes, name)) for name in _PROBES}),
        base_mixing_s=about(vessel.base_mixing_s, 0.4),
    )


def normal_batch(seed: int, hours: float, plan: Plan | None = None) -> Play:
    """Start-up, steps of all set points, a feed, cold medium poured in by hand, bubbles at the oxygen probe, a bag hung on the scale."""
    chance = Random(f"batch/{seed}")
    rig = Rig.load("demo", seed, plant=Plant(scattered(chance), seed))
    seconds = hours * 3600.0
    play = Play(plan or demo_plan(), rig, seconds)
    play.ask(10.0, Ask.BATCH, play.plan.unit, f"B-{seed}")

    def sometime() -> float:
        return chance.uniform(0.05, 0.9) * seconds

    for _ in range(2):
        play.ask(sometime(), Ask.SETPOINT, "TIC-101", chance.uniform(33.0, 37.5))
        play.ask(sometime(), Ask.SETPOINT, "AIC-101", chance.uniform(7.0, 7.35))
        play.ask(sometime(), Ask.SETPOINT, "AIC-102", chance.uniform(20.0, 70.0))
    feed_at = sometime()
    play.ask(feed_at, Ask.OUTPUT, "P-102", chance.uniform(0.5, 5.0))
    play.ask(feed_at + chance.uniform(1.0, 25.0) * _MINUTE_S, Ask.OUTPUT, "P-102", 0.0)
    for second, target, verb, args, lasting_s in _disturbances(chance, sometime):
        play.at(second, lambda t=target, v=verb, a=args: rig.fault(t, v, **a))  # type: ignore[misc]
        play.at(second + lasting_s, lambda t=target, v=verb: rig.clear(t, v))  # type: ignore[misc]
    return play


def _disturbances(
    chance: Random, sometime: Callable[[], float]
) -> list[tuple[float, str, str, dict[str, Any], float]]:
    """What a batch has to bear without being ill: when, what, for how long (s)."""
    poured = {"channel": "feed", "at": chance.uniform(30.0, 100.0)}
    bubbles = [
        (sometime(), "probes/2", "value", {"channel": "do", "value": chance.uniform(150.0, 200.0)}, chance.uniform(5.0, 20.0))
        for _ in range(4)
    ]  # fmt: skip
    bag = {"channel": "weight", "by": chance.choice((-0.3, -0.1, 0.1, 0.3))}
    return [
        (sometime(), "cell/1", "stick", poured, 180.0),
        (sometime(), "cell/1", "offset", bag, 1e9),
        *bubbles,
    ]


def main() -> None:
    """The campaign: every batch in its own words, and how many checks failed in all."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--first", type=int, default=1)
    chosen = parser.parse_args()
    plan, begun, false_alarms = demo_plan(), time.monotonic(), 0
    for seed in range(chosen.first, chosen.first + chosen.batches):
        watcher = normal_batch(seed, chosen.hours, plan).run()
        failures, doses = watcher.failures(), [e.reason for e in watcher.told("dose")]
        false_alarms += len(failures)
        used = {name: round(dose.batch, 2) for name, dose in watcher.doses.items()}
        print(f"batch {seed}: {failures or 'no check failed'}; dosed {used} mL {doses or ''}", flush=True)
        for event in watcher.told("check"):
            print(
                f"    {event.at.mono_ns / 1e9:.0f} s {event.subject} {event.after}: {event.reason}",
                flush=True,
            )
    print(
        f"{chosen.batches} batches of {chosen.hours:g} h in {time.monotonic() - begun:.0f} s: {false_alarms} false alarms"
    )


if __name__ == "__main__":
    main()
