"""``python -m tests.bench.tuning``: ``tune`` on simulated plants whose parameters scatter; each loop must be stable and in band afterwards.

Beside them, plants on which nothing can be identified: there ``tune`` must refuse and say why. Nothing here knows what the analysis assumes but for the
words first order, second order and integrating: the plants are simulated by small steps, with a part of the lag spread over three more.
"""

from __future__ import annotations

import argparse
import collections
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from edgectl.analysis.series import Unidentified
from edgectl.app.tune import Proposal, propose, series_of
from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.event import Event
from edgectl.model.experiment import Experiment, Stage, TunePlan
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Request
from edgectl.model.state import State

SETPOINT, BASE, BAND, AMPLITUDE, WITHIN = 50.0, 40.0, 0.5, 10.0, 2.0
_NS = 1_000_000_000
_PARTS = 4  # steps of the simulation in one scan


class Truth(NamedTuple):
    """A plant as it is: gain (per second where ``lag_s`` is infinite), lags, dead time, noise, step of the converter, what it does wrong."""

    gain: float
    lag_s: float
    second_s: float
    dead_s: float
    noise: float
    grain: float
    drift_per_s: float = 0.0
    stuck: bool = False


def scattered(kind: str, seed: int) -> Truth:
    """One plant of a kind."""
    draw = random.Random(f"{kind} {seed}")
    noise, grain = draw.uniform(0.0, 0.03), draw.choice([0.0, 0.01, 0.05])
    dead_s = draw.uniform(2.0, 25.0)
    if kind == "first order":
        return Truth(
            draw.uniform(0.15, 1.0), draw.uniform(30.0, 400.0), draw.uniform(0.0, 5.0), dead_s, noise, grain
        )
    if kind == "second order":
        lag_s = draw.uniform(60.0, 400.0)
        return Truth(draw.uniform(0.2, 1.0), lag_s, lag_s * draw.uniform(0.1, 0.5), dead_s, noise, grain)
    return Truth(draw.uniform(0.0005, 0.005), math.inf, draw.uniform(3.0, 30.0), dead_s, noise, grain)


@dataclass
class Rig:
    """A loop of the core around a simulated plant, on virtual time."""

    truth: Truth
    loop: LoopPlan
    seed: int = 1
    load: float = 0.0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self.t_s = 1000.0
        self.plan = self._plan()
        self.state: State = initial_state(self.plan, {"PV-1": BASE})
        self._value, self._lagged = SETPOINT, [0.0, 0.0, 0.0]
        self._line = collections.deque([BASE] * max(1, round(self.truth.dead_s * _PARTS)))
        self._achieved: dict[str, Achieved] = {}
        self.values: list[float] = []
        self.outputs: list[float] = []

    def _plan(self) -> Plan:
        tag = TagPlan("PT-1", "i.PT-1", "mbar", -500.0, 500.0, late_s=2.5, stale_s=5.0)
        valve = ActuatorPlan("PV-1", "o.PV-1", "%", 0.0, 100.0, safe=0.0)
        return Plan("BR-1", "", 1.0, (), (), (tag,), (valve,), (), (self.loop,))

    def scan(self, *requests: Request) -> str:
        """One second; the answer to the request, if it was refused."""
        self.t_s += 1.0
        now = Instant(round(self.t_s * _NS), round(self.t_s * _NS))
        sample = Sample("i.PT-1", self._measured(), DeviceStatus.GOOD, "", now)
        result = scan(
            self.plan, self.state, Image({"i.PT-1": sample}, dict(self._achieved)), requests, now, 1.0
        )
        self.state, value = result.state, result.commands[0].value
        self.events += result.events
        self._achieved["PV-1"] = Achieved("PV-1", value, value, "", now)
        self._move(BASE if self.truth.stuck else value)
        self.values.append(self._value)
        self.outputs.append(value)
        return next((reply.reason for reply in result.replies if not reply.accepted), "")

    def _measured(self) -> float:
        value = self._value + self._draw.gauss(0.0, self.truth.noise)
        return round(value / self.truth.grain) * self.truth.grain if self.truth.grain else value

    def _move(self, output: float) -> None:
        truth, step_s = self.truth, 1.0 / _PARTS
        for _ in range(_PARTS):
            self._line.append(output)
            moved = self._line.popleft() - BASE
            for place, share in enumerate((0.8, 0.1, 0.1)):
                lag_s = max(truth.second_s * share, 1e-9)
                self._lagged[place] += (moved - self._lagged[place]) * (1.0 - math.exp(-step_s / lag_s))
                moved = self._lagged[place]
            rate = truth.gain * (moved + self.load)
            if not math.isinf(truth.lag_s):
                rate = (rate - (self._value - SETPOINT)) / truth.lag_s
            self._value += (rate + truth.drift_per_s) * step_s

    def run(self, seconds: int) -> None:
        """So many scans."""
        for _ in range(seconds):
            self.scan()

    def retuned(self, proposal: Proposal) -> None:
        """Go on with the settings of a proposal; the loop keeps its memory."""
        found = proposal.settings
        self.loop = replace(
            self.loop,
            gain=found.gain,
            integral_s=found.integral_s,
            derivative_s=found.derivative_s,
            filter_s=found.filter_s,
        )
        self.plan = self._plan()


def cautious(truth: Truth, seed: int, within: float = WITHIN) -> LoopPlan:
    """A loop that holds its set point, slowly: what a careful person begins with, a factor wrong."""
    draw = random.Random(f"loop {seed}")
    slope = truth.gain if math.isinf(truth.lag_s) else truth.gain / truth.lag_s
    slow_s = truth.dead_s + truth.second_s + 3.0
    gain = draw.uniform(0.1, 0.3) / (slope * slow_s)
    longest_s = 7200.0
    return LoopPlan(
        "PIC-1", "PT-1", "mbar", (SegmentPlan("PV-1", 0.0, 100.0, 0.0, 100.0),), 0.0, 100.0, SETPOINT, 0.0, 100.0,
        gain, 40.0 * slow_s, BASE, band=BAND, tune=TunePlan(AMPLITUDE, within, longest_s, "%"),
    )  # fmt: skip


class Verdict(NamedTuple):
    """What became of one loop: a proposal or the reason for none; after it the largest error once settled, and how long the experiment took."""

    proposal: Proposal | None
    reason: str
    error: float = 0.0
    took_s: float = 0.0
    farthest: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the loop is stable and in band."""
        return self.proposal is not None and self.error <= BAND


def experiment(rig: Rig, method: str) -> Experiment | str:
    """Run one to its end; the reason where it was refused."""
    rig.run(60)
    request = Request("r1", Ask.TUNE, "PIC-1", method, "anna", "bench")
    if refused := rig.scan(request):
        return refused
    while (state := rig.state.experiments["PIC-1"]).stage is not Stage.OVER:
        rig.scan()
    return state


def judge(truth: Truth, seed: int, method: str = "relay", within: float = WITHIN) -> Verdict:
    """Tune one loop; then a set point and a load are changed, and it has to settle."""
    rig = Rig(truth, cautious(truth, seed, within), seed)
    found = experiment(rig, method)
    if isinstance(found, str):
        return Verdict(None, found)
    farthest = max(abs(value - SETPOINT) for value in rig.values)
    try:
        proposal = propose(series_of(found), rig.loop)
    except Unidentified as reason:
        return Verdict(None, str(reason), took_s=found.elapsed_s, farthest=farthest)
    return Verdict(proposal, "", _settled(rig, proposal), found.elapsed_s, farthest)


def _settled(rig: Rig, proposal: Proposal) -> float:
    rig.retuned(proposal)
    settle_s = round(8.0 * proposal.settings.integral_s + 40.0 * (rig.truth.dead_s + rig.truth.second_s))
    rig.run(settle_s)
    rig.load = 5.0
    target = SETPOINT + 1.0
    rig.scan(Request("r2", Ask.SETPOINT, "PIC-1", target, "anna", "bench"))
    rig.run(settle_s)
    look = rig.values[-max(200, settle_s // 4) :]
    return max(abs(value - target) for value in look)


KINDS = ("first order", "second order", "integrating")
IMPOSSIBLE = {
    "too much noise": Truth(0.5, 200.0, 0.0, 10.0, 1.0, 0.0),
    "actuator stuck": Truth(0.5, 200.0, 0.0, 10.0, 0.02, 0.0, stuck=True),
    "drift": Truth(0.5, 2000.0, 0.0, 10.0, 0.02, 0.0, drift_per_s=0.01),
    "limits too small": Truth(0.9, 60.0, 0.0, 40.0, 0.02, 0.0),
}
_NARROW = 0.15


def impossible(name: str, seed: int) -> Verdict:
    """One plant on which ``tune`` has to refuse."""
    within = _NARROW if name == "limits too small" else WITHIN
    return judge(IMPOSSIBLE[name], seed, within=within)


def _rows(seeds: int) -> Iterator[tuple[str, str, bool]]:
    for method in ("relay", "step"):
        for kind in KINDS:
            found = [judge(scattered(kind, seed), seed, method) for seed in range(seeds)]
            good = sum(verdict.good for verdict in found)
            hours = sum(verdict.took_s for verdict in found) / len(found) / 3600.0
            farthest = max(verdict.farthest for verdict in found)
            bad = {seed: v.reason or f"error {v.error:.2g}" for seed, v in enumerate(found) if not v.good}
            said = f"{good} of {seeds} stable and in band, {hours:.2f} h each, at most {farthest:.2f} of {WITHIN:g} from the set point"
            yield f"{kind}, {method}", said + (f"; {bad}" if bad else ""), good == seeds
    for name in IMPOSSIBLE:
        found = [impossible(name, seed) for seed in range(max(1, seeds // 5))]
        refused = sum(verdict.proposal is None for verdict in found)
        yield name, f"{refused} of {len(found)} refused: {found[0].reason}", refused == len(found)


def main() -> int:
    """All of it as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    seeds = parser.parse_args().seeds
    print("| plant | result | |\n|---|---|---|")
    failed = 0
    for name, said, good in _rows(seeds):
        print(f"| {name} | {said} | {'met' if good else 'MISSED'} |", flush=True)
        failed += not good
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
