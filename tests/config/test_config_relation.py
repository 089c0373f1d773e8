"""Parts that do not fit together: crossed limits, shared ends, unknown names, impossible times (C06, C08)."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.problem import Severity
from tests.config.unit_folder import SAFETY, UNIT, Bad, compiled

RELATION = {
    # C06: crossed limits, both values named
    "C06 tag range": Bad(
        "range: 3..11 pH", "range: §11..3 pH", ("the low end (11 pH) is not below the high end (3 pH)",)
    ),
    "C06 tag range empty": Bad("range: 3..11 pH", "range: §7..7 pH", ("(7 pH) is not below",)),
    "C06 tag range outside the sensor": Bad(
        "range: 3..11 pH", "range: §-1..11 pH", ("-1..11 pH reaches outside channel ph1.ph: 0..14 pH",)
    ),
    "C06 actuator range": Bad(
        "    range: 0..5 mL/min", "    range: §5..0 mL/min", ("(5 mL/min) is not below", "(0 mL/min)")
    ),
    "C06 actuator range outside the channel": Bad(
        "    range: 0..60 mL/min",
        "    range: §0..160 mL/min",
        ("reaches outside channel co2.setpoint: 0..100 mL/min",),
    ),
    "C06 safe outside the range": Bad(
        "safe: 30 degC", "safe: §20 degC", ("20 degC lies outside the range of this actuator: 25..42 degC",)
    ),
    "C06 normal outside the range": Bad(
        "normal: 1 mL/min", "normal: §6 mL/min", ("6 mL/min lies outside", "0..5 mL/min")
    ),
    "C06 setpoint outside its range": Bad(
        "setpoint: 7.20 pH", "setpoint: §7.50 pH", ("7.50 pH lies outside setpoint_range: 6.95..7.4 pH",)
    ),
    "C06 setpoint range": Bad(
        "setpoint_range: 6.95..7.40 pH",
        "setpoint_range: §7.40..6.95 pH",
        ("(7.4 pH) is not below", "(6.95 pH)"),
    ),
    "C06 setpoint range outside the tag": Bad(
        "setpoint_range: 6.95..7.40 pH",
        "setpoint_range: §2..7.40 pH",
        ("outside the range of tag AT-101: 3..11 pH",),
    ),
    "C06 fallback outside the output": Bad(
        "fallback: 30 degC", "fallback: §20 degC", ("20 degC lies outside the output range: 25..42 degC",)
    ),
    "C06 drive outside the actuator": Bad(
        "TY-101: 25..42 degC\n    setpoint",
        "TY-101: §20..42 degC\n    setpoint",
        ("outside the range of actuator TY-101: 25..42 degC",),
    ),
    "C06 drive falling": Bad(
        "TY-101: 25..42 degC\n    setpoint",
        "TY-101: §42..25 degC\n    setpoint",
        ("the low end is not below",),
    ),
    "C06 share of output falling": Bad(
        "{output: 0..100 %,", "{output: §100..0 %,", ("(100 %) is not below the high end (0 %)",)
    ),
    "C06 share outside the actuator": Bad(
        "range: 0..2 mL/min}", "range: §0..9 mL/min}", ("outside the range of actuator P-102: 0..5 mL/min",)
    ),
    "C06 share without slope": Bad(
        "range: 0..2 mL/min}", "range: §2..2 mL/min}", ("the low end is not below",)
    ),
    "C06 interlock outside the tag": Bad(
        "above: 38.5 degC",
        "above: §60 degC",
        ("60 degC is not inside the range of tag TT-101 (0..60 degC)", "can never act"),
        "safety",
    ),
    "C06 interlock below the tag": Bad(
        "below: 6.90 pH", "below: §2 pH", ("2 pH is not inside the range of tag AT-101 (3..11 pH)",), "safety"
    ),
    "C06 hysteresis beyond the tag": Bad(
        "hysteresis: 0.5 K", "hysteresis: §40 K", ("released at -1.5 degC",), "safety"
    ),
    "C06 setpoint where an interlock acts": Bad(
        "setpoint: 7.20 pH\n    setpoint_range: 6.95..7.40 pH",
        "setpoint: §6.90 pH\n    setpoint_range: 6.50..7.40 pH",
        ("6.9 pH is where interlock 'co2-stop' (safety.yaml line 13) acts: below 6.9 pH",),
    ),
    "C06 interlocks crossed": Bad(
        "  co2-stop:",
        "  crossed:\n    tag: AT-101\n    above: §6.8 pH\n    force: [HS-101]\n  co2-stop:",
        (
            "above 6.8 pH is not over below 6.9 pH of 'co2-stop' (safety.yaml line 17)",
            "always acts on AT-101",
        ),
        "safety",
    ),
    "C06 outside the safety limits": Bad(
        "setpoint_range: 30..38 degC",
        "setpoint_range: §30..39 degC",
        ("30..39 degC reaches outside the limits of safety.yaml (safety.yaml line 3): 30..38 degC",),
    ),
    "C06 actuator outside the safety limits": Bad(
        "range: 25..42 degC\n    safe",
        "range: §20..42 degC\n    safe",
        ("20..42 degC reaches outside the limits of safety.yaml (safety.yaml line 2): 25..42 degC",),
    ),
    "C06 forced value": Bad(
        "to: 0 mL/min",
        "to: §70 mL/min",
        ("70 mL/min lies outside the range of actuator FV-102: 0..60 mL/min",),
        "safety",
    ),
    "C06 late after stale": Bad(
        "    late: 4 s\n    stale: 5 s",
        "    late: 7 s\n    stale: §6 s",
        ("stale (6 s) is shorter than late (7 s)",),
    ),
    "C06 renew after lease": Bad(
        "    renew: 2 s", "    renew: §6 s", ("renew (6 s) is longer than lease (5 s)",), others=0
    ),
    "C06 resolution over tolerance": Bad(
        "resolution: 0.05 K",
        "resolution: §0.5 K",
        ("resolution (0.5 degC) is coarser than tolerance (0.3 degC)",),
    ),
    "C06 option": Bad("{safe_c: 30.0,", "{safe_c: §60.0,", ("safe_c: 60 must be in 10..50 degC",)),
    # C08: one end, two owners
    "C08 two instruments at one address": Bad(
        "    address: C",
        "    address: §B",
        ("instruments 'co2' (unit.yaml line 37) and 'o2'", "address 'B' of line 'gas'"),
    ),
    "C08 the same address in other letters": Bad("    address: C", "    address: §b", ("'co2'", "and 'o2'")),
    "C08 the same unit in other digits": Bad(
        "    address: 3", "    address: §0x2", ("'jacket'", "and 'relay'", "address '2'")
    ),
    "C08 two lines on one port": Bad(
        "port: /dev/serial/by-id/gas",
        "port: §/dev/serial/by-id/probes",
        ("lines 'probes' (unit.yaml line 7) and 'gas' both use",),
    ),
    "C08 two actuators on one channel": Bad(
        "    channel: o2.setpoint",
        "    channel: §co2.setpoint",
        ("actuators 'FV-102' (unit.yaml line 92) and 'FV-103' both drive channel co2.setpoint",),
    ),
    "C08 two loops on one actuator": Bad(
        "      P-102: {output",
        "      §TY-101: {output",
        ("loops 'TIC-101' (unit.yaml line 112) and 'AIC-101' both drive actuator TY-101",),
        others=1,
    ),
    "C08 two points on one register": Bad(
        "low: 0.0, high: 300.0}\ntags",
        "low: 0.0, high: 300.0}\n        - {name: twin, table: holding, address: §1, high: 9.0}\ntags",
        (
            "points 'feed' (unit.yaml line 57) and 'twin' lie on the same holding 1, and one of them is written",
        ),
    ),
    "C08 one name for two things": Bad(
        "  HS-101:\n",
        "  §AT-101:\n",
        ("'AT-101' names one of the tags already (unit.yaml line 70)",),
        others=1,
    ),
    # names that nothing has
    "unknown line": Bad(
        "    line: cell",
        "    line: §cel",
        ("unknown line 'cel'; known: cell, gas, probes", "did you mean 'cell'?"),
    ),
    "unknown driver": Bad(
        "driver: eurotherm_3200",
        "driver: §eurotherm",
        ("unknown driver 'eurotherm'", "did you mean 'eurotherm_3200'?"),
    ),
    "unknown instrument": Bad(
        "channel: ph1.ph", "channel: §ph2.ph", ("unknown instrument 'ph2'", "did you mean 'ph1'?")
    ),
    "unknown channel": Bad(
        "channel: ph1.ph",
        "channel: §ph1.hp",
        ("unknown channel of hamilton_ph_arc 'hp'; known: ph, quality, temperature", "did you mean 'ph'?"),
    ),
    "no channel": Bad("channel: ph1.ph", "channel: §ph1", ("is not a channel", "known: ph1.ph, ph1.quality")),
    "unknown tag": Bad(
        "    tag: AT-101\n    drives",
        "    tag: §AT-110\n    drives",
        ("unknown tag 'AT-110'", "did you mean 'AT-101'?"),
    ),
    "unknown actuator": Bad(
        "      P-102: {output", "      §P-120: {output", ("unknown actuator 'P-120'", "did you mean 'P-102'?")
    ),
    "interlock without sensor": Bad(
        "    tag: AT-101\n    below",
        "    tag: §AT-111\n    below",
        ("unknown tag 'AT-111'", "'AT-101'?"),
        "safety",
    ),
    "interlock without actuator": Bad(
        "force: [HS-101, TY-101]",
        "force: [HS-101, §TY-110]",
        ("unknown actuator 'TY-110'", "'TY-101'?"),
        "safety",
    ),
    "interlock that forces nothing": Bad("force: [FV-102]", "force: §[]", ("at least 1",), "safety"),
    "interlock without limit": Bad(
        "  co2-stop:\n    tag: AT-101\n    below: 6.90 pH",
        "  §co2-stop:\n    tag: AT-101",
        ("either 'above' or 'below'",),
        "safety",
    ),
    "limit of nothing": Bad(
        "  TIC-101: 30..38 degC",
        "  §TIC-110: 30..38 degC",
        ("unknown actuator or loop 'TIC-110'", "'TIC-101'?"),
        "safety",
    ),
    # what a part is for
    "output that cannot be written": Bad(
        "channel: mux.feed", "channel: §mux.do", ("cannot be written; writable here: mux.feed",), others=0
    ),
    "loop on a switch": Bad("      P-102: {output", "      §HS-101: {output", ("'HS-101' is a switch",)),
    "unit of a switch": Bad(
        "    safe: off", "    §range: 0..1\n    safe: off", ("is a switch: it has no range",)
    ),
    "loop that drives nothing": Bad(
        "  TIC-101:\n    tag: TT-101\n    drives:\n      TY-101: 25..42 degC\n",
        "  §TIC-101:\n    tag: TT-101\n",
        ("'drives' is missing",),
    ),
    "two actuators without shares": Bad(
        "      TY-101: 25..42 degC\n    setpoint",
        "      TY-101: §25..42 degC\n      FV-103: 0..100 SCCM\n    setpoint",
        ("each needs its share of the output",),
        others=1,
    ),
    "Modbus on an ASCII line": Bad(
        "    line: cell", "    line: §gas", ("driver modbus_map speaks modbus, but line 'gas' speaks ascii",)
    ),
    "Modbus address missing": Bad(
        "  mux:\n    driver: modbus_map\n    line: cell\n    address: 1\n",
        "  §mux:\n    driver: modbus_map\n    line: cell\n",
        ("'address' is missing", "1..247"),
    ),
    "Modbus address too high": Bad(
        "    address: 3", "    address: §248", ("248 is no Modbus unit address; allowed: 1..247",)
    ),
    "ASCII address": Bad("    address: C", "    address: §CC", ("a unit ID is one letter, A to Z",)),
    "7 bits for Modbus": Bad("framing: 8N2", "framing: §7N2", ("Modbus RTU has 8 data bits",)),
    "requests in flight on RTU": Bad(
        "    protocol: modbus-tcp\n    host: 192.168.1.5\n    in_flight: 2",
        "    protocol: modbus-rtu\n    host: 192.168.1.5\n    in_flight: §2",
        ("one request at a time",),
    ),
    # times
    "stale before the second poll": Bad(
        "    late: 4 s\n    stale: 5 s",
        "    late: 2 s\n    stale: §3 s",
        ("3 s is shorter than two polls", "read every 2 s", "at least 4 s"),
    ),
    "late before the first poll": Bad("    late: 4 s", "    late: §1 s", ("shorter than a poll",)),
    "flat in a quiet process": Bad(
        "    flat: 60 s", "    flat: §8 s", ("shorter than five polls", "at least 10 s")
    ),
    "lease of one scan": Bad(
        "    lease: 5 s\n    renew: 2 s",
        "    lease: §1 s\n    renew: 1 s",
        ("1 s is shorter than two scans of 1 s",),
    ),
    "slower than the instrument's watchdog": Bad(
        "    lease: 5 s\n    renew: 2 s",
        "    lease: 9 s\n    renew: §3 s",
        ("3 s is too slow", "eurotherm_3200 acts by itself", "no value comes for 5 s", "at most 2.5 s"),
    ),
    "slower than the relay's dead man": Bad(
        "    safe: off\n    normal: on\n",
        "    safe: off\n    normal: on\n    renew: §6 s\n",
        ("renew (6 s) is longer than lease",),
    ),
    # transport security
    "certificate without key": Bad(
        "  port: 1883", "  tls: true\n  cert_file: §/etc/c.pem\n  port: 1883", ("belong together",), "uplink"
    ),
    "authority without TLS": Bad(
        "  port: 1883", "  ca_file: §/etc/c.pem\n  port: 1883", ("no use without tls",), "uplink"
    ),
    "password without user": Bad(
        "  username: br-1\n  password_file: mqtt", "  password_file: §mqtt", ("needs a username",), "uplink"
    ),
    "password in clear": Bad(
        "  host: 127.0.0.1\n  port: 1883\n  topic: site/hall\n  username: br-1\n  password_file: mqtt",
        "  host: broker.example\n  username: br-1\n  password_file: §mqtt",
        ("crosses the network in clear",),
        "uplink",
        severity="warning",
    ),
    "password in clear to another broker": Bad(
        "  host: 127.0.0.1\n  port: 1883\n  topic: site/hall\n  username: br-1\n  password_file: mqtt",
        "  host: 127.0.0.1\n  also: [broker-2.example]\n  username: br-1\n  password_file: §mqtt",
        ("crosses the network in clear",),
        "uplink",
        severity="warning",
    ),
    "commands in clear": Bad(
        "  host: 127.0.0.1\n  port: 1883\n  topic: site/hall\n  username: br-1\n  password_file: mqtt",
        "  host: broker.example\n  commands:\n    §max_age: 10 s",
        ("whoever is on the network can command",),
        "uplink",
        severity="warning",
    ),
    "nothing to publish": Bad(
        "  port: 1883", "  readable: §false\n  port: 1883", ("nothing would be published",), "uplink"
    ),
    "group with a level of its own": Bad(
        "  port: 1883",
        "  sparkplug:\n    group: §a/b\n  port: 1883",
        ("cannot be a level of a topic",),
        "uplink",
    ),
    "primary host of many letters": Bad(
        "  port: 1883",
        "  sparkplug:\n    primary_host: §" + 65 * "x" + "\n  port: 1883",
        ("cannot be a level of a topic", "1 to 64"),
        "uplink",
    ),
    "broker with two ports": Bad(
        "  port: 1883", "  also: [§b:18x]\n  port: 1883", ("is no broker",), "uplink"
    ),
    "command of last week": Bad(
        "  port: 1883", "  commands:\n    max_age: §7 d\n  port: 1883", ("out of range",), "uplink"
    ),
    "port that wanders": Bad(
        "port: /dev/serial/by-id/gas",
        "port: §/dev/ttyUSB0",
        ("changes when adapters", "by-id"),
        severity="warning",
    ),
}


@pytest.mark.parametrize("case", RELATION.values(), ids=RELATION.keys())
def test_parts_that_do_not_fit_are_named_where_they_stand(case: Bad, tmp_path: Path) -> None:
    case.check(tmp_path / "u")


def test_two_tags_may_read_one_channel(tmp_path: Path) -> None:
    """C08: reading twice does no harm."""
    twin = "  AT-109:\n    channel: ph1.ph\n    unit: pH\n"
    found = compiled(tmp_path / "u", unit=UNIT.replace("actuators:\n", f"{twin}actuators:\n"))
    assert found.plan is not None, found.problems


CASCADE = """\
  TIC-102:
    tag: TT-102
    drives: {FV-103: 0..100 SCCM}
    setpoint: 37 degC
    setpoint_range: 20..50 degC
    gain: 1 SCCM/K
    fallback: 0 SCCM
    mode: CAS
    master: TIC-101
"""
TWIN_TAG = "  TT-102:\n    channel: ph1.temperature\n    unit: degC\n"


def cascade(tmp_path: Path, old: str = "", new: str = "") -> tuple[str, ...]:
    """A vessel loop that sets a jacket loop, with one change; the messages."""
    unit = UNIT.replace("actuators:\n", f"{TWIN_TAG}actuators:\n") + CASCADE
    unit = unit.replace("    drives:\n      TY-101: 25..42 degC\n", "    output: 25..42 degC\n")
    assert old in unit
    return tuple(p.render() for p in compiled(tmp_path / "u", unit=unit.replace(old, new)).problems)


def test_a_cascade_is_accepted(tmp_path: Path) -> None:
    assert cascade(tmp_path) == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    master: TIC-101\n", "", "CAS needs a master"),
        ("    master: TIC-101\n", "    master: TIC-11\n", "did you mean 'TIC-101'?"),
        ("    master: TIC-101\n", "    master: TIC-102\n", "a circle of masters: TIC-102 -> TIC-102"),
        (
            "    output: 25..42 degC\n",
            "    output: 25..42 %\n",
            "the output is in '%', but sets loop TIC-102, which is in degC",
        ),
        (
            "    output: 25..42 degC\n",
            "    output: 10..42 degC\n",
            "outside the set points of loop TIC-102: 20..50 degC",
        ),
        (
            "    output: 25..42 degC\n",
            "    output: 25..42 degC\n    master: TIC-102\n",
            "a circle of masters: TIC-101 -> TIC-102 -> TIC-101",
        ),
        ("    mode: CAS\n    master: TIC-101\n", "", "the loop drives no actuator and is nobody's master"),
        ("    dead_band: 0.03 pH\n", "    master: TIC-101\n", "loops 'AIC-101' (unit.yaml line "),
    ],
)
def test_a_broken_cascade_is_named(old: str, new: str, says: str, tmp_path: Path) -> None:
    problems = cascade(tmp_path, old, new)
    assert any(says in problem for problem in problems), problems


def test_a_line_asked_for_more_than_it_can_carry_is_warned_of_with_the_sum(tmp_path: Path) -> None:
    unit = UNIT.replace("    address: 1\n    poll: 5 s", "    address: 1\n    poll: 50 ms")
    found = compiled(tmp_path / "u", unit=unit)
    (warning,) = found.problems
    assert found.plan is not None
    assert warning.severity is Severity.WARNING
    assert warning.path == "lines.probes"
    assert "more than 80%: ph1 133% + jacket 4% + relay 2%" in warning.message


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    unit = UNIT
    for old, new in (
        ("range: 3..11 pH", "range: 11..3 pH"),
        ("line: cell", "line: cel"),
        ("safe: 30 degC", "safe: 20 degF"),
        ("gain: 6 degC/K", "gian: 6 degC/K"),
        ("    address: C", "    address: B"),
    ):
        unit = unit.replace(old, new)
    found = compiled(tmp_path / "u", unit=unit, safety=SAFETY.replace("delay: 1 s", "delay: 1"))
    assert [problem.path for problem in found.problems] == [
        "instruments.o2.address",
        "instruments.mux.line",
        "tags.AT-101.range",
        "actuators.TY-101.safe",
        "loops.TIC-101.gian",
        "interlocks.over-temperature.delay",
    ]
