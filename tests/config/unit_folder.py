"""A small unit folder that is right, and a way to make it wrong at one known place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgectl.config.compile import Compiled, compile_folder
from edgectl.config.problem import Problem

HERE = "§"  # marks the place where a problem is expected; taken out before the file is written

UNIT = """\
unit: BR-1
description: Test unit
period: 1 s
lines:
  probes:
    protocol: modbus-rtu
    port: /dev/serial/by-id/probes
    baud: 19200
    framing: 8N2
    timeout: 300 ms
  gas:
    protocol: ascii
    port: /dev/serial/by-id/gas
    baud: 19200
    framing: 8N1
  cell:
    protocol: modbus-tcp
    host: 192.168.1.5
    in_flight: 2
instruments:
  ph1:
    driver: hamilton_ph_arc
    line: probes
    address: 1
    poll: 5 s
  jacket:
    driver: eurotherm_3200
    line: probes
    address: 2
    poll: 2 s
    options: {safe_c: 30.0, low_c: 10.0, high_c: 50.0}
  relay:
    driver: waveshare_relay
    line: probes
    address: 3
    poll: 5 s
  co2:
    driver: alicat_mfc
    line: gas
    address: B
    poll: 5 s
    options: {full_scale: 100.0, gas: CO2}
  o2:
    driver: alicat_mfc
    line: gas
    address: C
    poll: 5 s
    options: {full_scale: 200.0, gas: O2}
  mux:
    driver: modbus_map
    line: cell
    address: 1
    poll: 2 s
    options:
      points:
        - {name: temperature, table: input, address: 0, type: float32, unit: degC, low: 0.0, high: 100.0}
        - {name: feed, table: holding, address: 1, scale: 0.01, unit: mL/min, low: 0.0, high: 20.0, safe: 0.0}
        - {name: do, table: input, address: 4, unit: "%-sat", low: 0.0, high: 300.0}
tags:
  TT-101:
    channel: mux.temperature
    unit: degC
    range: 0..60 degC
    late: 4 s
    stale: 5 s
    flat: 60 s
    rate: 1 K/s
    report: 0.02 K
    heartbeat: 60 s
  AT-101:
    channel: ph1.ph
    unit: pH
    range: 3..11 pH
  AT-102:
    channel: mux.do
    unit: "%-sat"
    range: 0..250 %
actuators:
  TY-101:
    channel: jacket.setpoint
    unit: degC
    range: 25..42 degC
    safe: 30 degC
    tolerance: 0.3 K
    resolution: 0.05 K
    lease: 5 s
    renew: 2 s
  HS-101:
    channel: relay.relay1
    safe: off
    normal: on
  FV-102:
    channel: co2.setpoint
    unit: mL/min
    range: 0..60 mL/min
    safe: 0 mL/min
  FV-103:
    channel: o2.setpoint
    unit: SCCM
    safe: 0 SCCM
    rate: 50 SCCM/min
  P-102:
    channel: mux.feed
    unit: mL/min
    range: 0..5 mL/min
    safe: 0 mL/min
    normal: 1 mL/min
loops:
  TIC-101:
    tag: TT-101
    drives:
      TY-101: 25..42 degC
    setpoint: 37.0 degC
    setpoint_range: 30..38 degC
    setpoint_rate: 0.5 K/min
    gain: 6 degC/K
    integral: 15 min
    derivative: 30 s
    hold_max: 60 s
    fallback: 30 degC
    band: 0.2 K
  AIC-101:
    tag: AT-101
    drives:
      FV-102: {output: -100..0 %, range: 60..0 mL/min}
      P-102: {output: 0..100 %, range: 0..2 mL/min}
    setpoint: 7.20 pH
    setpoint_range: 6.95..7.40 pH
    gain: 100 %/pH
    integral: 20 min
    dead_band: 0.03 pH
    fallback: 0 %
"""
SAFETY = """\
limits:
  TY-101: 25..42 degC
  TIC-101: 30..38 degC
interlocks:
  over-temperature:
    tag: TT-101
    above: 38.5 degC
    hysteresis: 0.5 K
    delay: 1 s
    force: [HS-101, TY-101]
  co2-stop:
    tag: AT-101
    below: 6.90 pH
    force: [FV-102]
    to: 0 mL/min
alarms:
  oxygen-high:
    when: {tag: AT-102, above: 120 %, hysteresis: 20 %}
    priority: high
    on_delay: 30 s
    off_delay: 20 s
    re_alarm: 30 min
    response: Check the O2 flow
    response_time: 15 min
hazards:
  overheated:
    when: {tag: TT-101, above: 39.0 degC, hysteresis: 0.4 K}
    action: trip
    delay: 5 s
    clear_after: 30 s
  no-ph:
    when: {bad: AT-101}
    action: fallback
    act_on: [FV-102, FV-103]
    latched: true
uplink_loss:
  alarm_after: 60 s
  local_hold: 4 h
  return_after: 10 s
  setpoints:
    TIC-101: {to: 34.0 degC, rate: 1 K/h}
  stop: [FV-103]
authority:
  manual_for: 30 min
  warn_before: 60 s
  longest_shelve: 8 h
restart:
  resume_within: 2 min
"""
UPLINK = """\
uplink:
  host: 127.0.0.1
  port: 1883
  topic: site/hall
  username: br-1
  password_file: mqtt
  publish: 1 s
journal:
  commit: 1 s
  keep: 90 d
  keep_size: 8 GB
"""
FILES = {"unit.yaml": UNIT, "safety.yaml": SAFETY, "uplink.yaml": UPLINK}


def write(folder: Path, **changed: str) -> Path:
    """The right folder with some files replaced: ``write(folder, unit=...)``."""
    folder.mkdir(exist_ok=True)
    for name, right in FILES.items():
        text = changed.get(name.removesuffix(".yaml"), right)
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def compiled(folder: Path, overrides: Sequence[str] = (), **changed: str) -> Compiled:
    """What becomes of the right folder with some files replaced."""
    return compile_folder(write(folder, **changed), overrides, settle_s=0.0)


@dataclass(frozen=True, slots=True)
class Bad:
    """One mistake: ``old`` becomes ``new``; the error stands at the mark in ``new`` and says all of ``says``."""

    old: str
    new: str
    says: tuple[str, ...]
    file: str = "unit"
    others: int = 0
    severity: str = "error"

    def problem(self, folder: Path) -> Problem:
        """The one problem that is reported, at the mark."""
        text = FILES[f"{self.file}.yaml"]
        assert text.count(self.old) == 1, f"{self.old!r} stands {text.count(self.old)} times in the file"
        text = text.replace(self.old, self.new)
        before, mark, after = text.partition(HERE)
        assert mark, "no mark"
        found = compiled(folder, **{self.file: before + after})
        said = "\n".join(problem.render() for problem in found.problems)
        line, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
        here = [p for p in found.problems if (p.place.line, p.place.column) == (line, column)]
        assert [Path(p.place.file).name for p in here] == [f"{self.file}.yaml"], (
            f"expected at {line}:{column}\n{said}"
        )
        assert len(found.problems) == 1 + self.others, said
        assert here[0].severity.value == self.severity
        assert (found.plan is None) == (self.severity == "error")
        return here[0]

    def check(self, folder: Path) -> None:
        """The problem names what it should."""
        text = self.problem(folder).render()
        for part in self.says:
            assert part in text, text
