"""The health of a loop in one line that a technician understands: what is seen, and what to look at next. All of these words are here."""

from __future__ import annotations

from typing import NamedTuple

from edgectl.core.health_swing import Cycle
from edgectl.core.text import span
from edgectl.model.health import Ailment
from edgectl.model.instant import Instant
from edgectl.model.loop_plan import LoopPlan

_NS = 1_000_000_000
_DAY_S = 86_400.0
_DIFFERENCE = {"degC": "K", "degF": "degF"}  # units whose differences have another name
_CAUSES = {
    Ailment.SWINGING: "gain may be too high, or the valve or pump sticks: tune the loop, and look at {actuators}",
    Ailment.STICKING: "its square shape is that of a valve or pump that sticks: look at {actuators}",
    Ailment.SLAMMING: "the output goes from end to end: gain is too high, tune the loop",
}


class Words(NamedTuple):
    """Lines about one loop and its ``actuators`` at one instant."""

    loop: LoopPlan
    actuators: tuple[str, ...]
    now: Instant

    def unwanted(self, mode: str) -> str:
        """Nobody wants it to regulate."""
        return f"{self.loop.name}: in {mode}, not judged"

    def too_early(self, settle_s: float) -> str:
        """Nothing to say yet."""
        left = f", it settles for another {span(settle_s)}" if settle_s else ""
        return f"{self.loop.name}: too early to say{left}"

    def well(self, error: float | None) -> str:
        """Nothing ails it."""
        if error is None:
            return f"{self.loop.name}: has nothing to do"
        return f"{self.loop.name}: off by {self._size(error)} on average"

    def astray(self, actuator: str) -> str:
        """An actuator reads back something else than it was told."""
        return f"{self.loop.name}: {actuator} does not follow its commands: look at it, and at its power and line"

    def implausible(self, check: str, reason: str) -> str:
        """A plausibility check fails, which has words and an alarm of its own."""
        return f"{self.loop.name}: check {check} fails: {reason}"

    def swings(self, cycle: Cycle, ailment: Ailment) -> str:
        """A regular oscillation."""
        cause = _CAUSES[ailment].format(actuators=self._driven())
        return (
            f"{self.loop.name}: swings +-{self._size(cycle.amplitude)} every {span(cycle.period_s)}"
            f" {self._since(cycle.proven_s)}; {cause}"
        )

    def no_effect(self, share: float, seconds: float) -> str:
        """The output moved far and the error did not get less."""
        return (
            f"{self.loop.name}: the output has moved by {share:.0%} of its range in {span(seconds)} and {self.loop.tag} does not respond:"
            f" look at {self._driven()}, what it feeds on, and the probe"
        )

    def at_limit(
        self, share: float, window_s: float, restricted_by: tuple[str, ...], *, high: bool, off: bool
    ) -> str:
        """The output can do no more."""
        end = "upper" if high else "lower"
        told = f"{self.loop.name}: at its {end} limit {share:.0%} of the last {span(window_s)}: "
        if restricted_by:
            return f"{told}held back by {', '.join(restricted_by)}"
        if not off:
            return f"{told}the set point is held, with nothing left in reserve: {self._driven()} will not be enough for more"
        return f"{told}{self._driven()} is not enough: look at supply and set point"

    def idle(self, share: float, window_s: float, condition: str) -> str:
        """It does not regulate although it should."""
        now = f", now {condition}" if condition else ""
        return (
            f"{self.loop.name}: did not regulate {share:.0%} of the last {span(window_s)}{now}: look at {self.loop.tag} and at what acts on"
            f" {self._driven()}"
        )

    def spreads(self, error: float, usual: float) -> str:
        """The error is much larger than it was."""
        times = f", {error / usual:.1f} times as much as it used to be" if usual > 0.0 else ""
        return f"{self.loop.name}: off by {self._size(error)} on average{times}: look for what has changed (probe, supply, load), then tune the loop"

    def _driven(self) -> str:
        return " and ".join(self.actuators) or "the loop below it"

    def _size(self, value: float) -> str:
        return f"{value:.2g} {_DIFFERENCE.get(self.loop.unit, self.loop.unit)}".rstrip()

    def _since(self, ago_s: float) -> str:
        """``since 02:10 UTC``; after a day, for how long."""
        if ago_s >= _DAY_S:
            return f"for {span(ago_s)}"
        minutes = int(self.now.utc_ns // _NS - ago_s) // 60 % 1440
        return f"since {minutes // 60:02}:{minutes % 60:02} UTC"
