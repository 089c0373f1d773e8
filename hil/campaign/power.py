"""Power: W01 to W04."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from hil.campaign.bed import STILL
from hil.campaign.look import highest
from hil.campaign.row import Absent, Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_LINES = ("probes", "utility", "gas", "pump", "rtd", "cell")
_SHORT_LEASE = {
    "instruments.relay.options.hold_s": "10.0",
    **{f"actuators.{name}.renew": "4 s" for name in ("HS-101", "HS-102")},
    **{f"actuators.{name}.lease": "8 s" for name in ("HS-101", "HS-102")},
}
_SWITCHED = ("heater_enabled", "co2_ml_min", "o2_ml_min", "base_ml_min", "feed_ml_min")


def _controller_lost(stage: Stage) -> Finding:
    """The base pump stands behind a relay that opens by itself, as in the unit's own plan."""
    stage.start(_SHORT_LEASE)
    stage.order("still", readings={"ph": 7.10})
    stage.until(lambda: stage.outputs()["base_ml_min"] > 0.01, 20.0)
    stage.cut_power()
    begun = stage.now_s()
    times = {}
    for name, safe in (("jacket_setpoint_c", 30.0), ("heater_enabled", 0.0), ("gate.base_ml_min", 0.0)):
        stage.until(lambda name=name, safe=safe: abs(stage.outputs()[name] - safe) < 0.05, 30.0)  # type: ignore[misc]
        times[name] = stage.now_s() - begun
    outputs = stage.outputs()
    kept = {name: round(outputs[name], 1) for name in ("air_ml_min", "co2_ml_min", "o2_ml_min", "stir_rpm")}
    return Finding(
        "safe after "
        + ", ".join(f"{name} {took_s:.1f} s" for name, took_s in times.items())
        + f"; kept: {kept}",
        max(times.values()) <= 11.0,
        "gas controllers and the analog output have no watchdog and keep their last value: README says so",
    )


def _power_returns(stage: Stage) -> Finding:
    stage.start()
    stage.cut_power()
    for line in _LINES:
        stage.fault(line, "restart", boot_s=0.5)
    energised = [name for name in _SWITCHED if highest(stage, name, 2.0) > 0.01]
    stage.start_unit()
    first_s = stage.until(lambda: not stage.ailing(), 240.0) / stage.bed.clock
    stage.cut_power()
    for line in _LINES:
        stage.fault(line, "mute")
        stage.fault(line, "restart", boot_s=0.5)
    stage.start_unit()
    early = [name for name in _SWITCHED if highest(stage, name, 4.0) > 0.01]
    stage.clear()
    second_s = stage.until(lambda: not stage.ailing(), 240.0) / stage.bed.clock
    return Finding(
        f"energised before control: {energised or 'none'} / {early or 'none'}; in control {first_s:.0f} s after the start, "
        f"{second_s:.0f} s after the I/O came",
        not energised and not early and first_s <= 60.0 and second_s <= 60.0,
        "30 s scaled to 10 s",
    )


def _brown_out(stage: Stage) -> Finding:
    stage.start()
    last, dice = stage.journal.last(), random.Random(3)
    fingerprint = stage.journal.fingerprint(last)
    for _ in range(3):
        stage.cut_power()
        for line in _LINES:
            stage.fault(line, "restart", boot_s=0.5)
        stage.sleep(dice.uniform(0.8, 8.0))
        stage.start_unit()
        stage.sleep(dice.uniform(4.0, 8.0))
    back_s = stage.until(lambda: not stage.ailing(), 240.0) / stage.bed.clock
    kept = (
        stage.journal.fingerprint(last) == fingerprint and not stage.journal.holes() and stage.journal.sound()
    )
    return Finding(
        f"in control {back_s:.0f} s after the third cut; stored records {'kept' if kept else 'CHANGED'}",
        math.isfinite(back_s) and back_s <= 60.0 and kept,
    )


ROWS: tuple[Row | Absent, ...] = (
    Row("W01", "Controller loses power with actuators energised", "what has a watchdog is safe <= Tw 10 s + 1 s", STILL, _controller_lost, own=True),
    Row("W02", "Power returns: I/O first, then the controller; and the reverse", "0 outputs energised before control; in control <= Tboot", STILL, _power_returns, own=True),
    Row("W03", "Three cuts of 0.2-2 s in 10 s", "stored records kept; in control <= Tboot", STILL, _brown_out, own=True),
    Absent("W04", "UPS on battery, then low", "needs an input for the UPS"),
)  # fmt: skip
