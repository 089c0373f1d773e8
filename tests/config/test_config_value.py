"""Mistakes in values: words, numbers and units (C04, C05, C07)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.unit_folder import UNIT, Bad, compiled

SET = "    setpoint: 7.20 pH"
VALUE = {
    # C04: words and numbers that YAML 1.1 would turn into something else
    "C04 no for a switch": Bad(
        "    safe: off", "    safe: §no", ("'no' is not known here", "a switch is on or off")
    ),
    "C04 true for a switch": Bad("    safe: off", "    safe: §true", ("'true' is not known", "on or off")),
    "C04 number for a switch": Bad(
        "    normal: on", "    normal: §1", ("'1' is not a state of a switch", "write on or off")
    ),
    "C04 word for a quantity": Bad(
        "    safe: 30 degC", "    safe: §off", ("'off' is a word", "allowed: degC")
    ),
    "C04 yes for true": Bad(
        "  port: 1883", "  tls: §yes\n  port: 1883", ("neither true nor false",), "uplink"
    ),
    "C04 on for true": Bad("  port: 1883", "  tls: §on\n  port: 1883", ("neither true nor false",), "uplink"),
    "C04 clock time": Bad("    integral: 20 min", "    integral: §1:30", ("'1:30' is a clock time",)),
    "C04 long clock time": Bad("period: 1 s", "period: §12:30:00", ("is a clock time",)),
    "C04 leading zero": Bad(SET, "    setpoint: §07.20 pH", ("begins with a zero", "write 7.20 pH")),
    "C04 leading zero of a whole number": Bad(
        "    in_flight: 2", "    in_flight: §010", ("begins with a zero", "write 10")
    ),
    "C04 underscore": Bad("full_scale: 100.0", "full_scale: §1_00.0", ("has an underscore", "write 100.0")),
    "C04 decimal comma": Bad(SET, "    setpoint: §7,2 pH", ("'7,2 pH' has a decimal comma", "write 7.2 pH")),
    "C04 decimal comma in a range": Bad("range: 3..11 pH", "range: §3,5..11 pH", ("write 3.5..11 pH",)),
    "C04 decimal comma in an option": Bad("safe_c: 30.0", "safe_c: §'30,0'", ("write 30.0",)),
    "C04 word for a number": Bad("    in_flight: 2", "    in_flight: §two", ("'two' is not a whole number",)),
    "C04 fraction for a whole number": Bad(
        "    in_flight: 2", "    in_flight: §2.5", ("'2.5' is not a whole number",)
    ),
    "C04 exponent for a whole number": Bad(
        "    in_flight: 2", "    in_flight: §1e1", ("'1e1' is not a whole number",)
    ),
    "C04 blank in a number": Bad("  keep: 90 d", "  keep: §1 000 d", ("blank inside the number",), "uplink"),
    # C05: no number at all, or a wrong one
    "C05 nan": Bad(SET, "    setpoint: §.nan pH", ("is not a number a process can have",)),
    "C05 inf": Bad("    report: 0.02 K", "    report: §inf K", ("is not a number a process can have",)),
    "C05 inf in an option": Bad(
        "full_scale: 200.0", "full_scale: §.inf", ("is not a number a process can have",)
    ),
    "C05 beyond all numbers": Bad("safe: 30 degC", "safe: §1e999 degC", ("larger than any number",)),
    "C05 negative rate": Bad("    rate: 1 K/s", "    rate: §-1 K/s", ("is negative; allowed: 0 or more",)),
    "C05 negative band": Bad("    dead_band: 0.03 pH", "    dead_band: §-0.03 pH", ("is negative",)),
    "C05 negative time": Bad(
        "    integral: 20 min", "    integral: §-20 min", ("out of range; allowed: 100 ms to 1 d",)
    ),
    "C05 no time at all": Bad(
        "period: 1 s", "period: §0 s", ("0 ms is out of range; allowed: 50 ms to 1 min",)
    ),
    "C05 gain of 0": Bad("    gain: 100 %/pH", "    gain: §0 %/pH", ("a gain of 0 does nothing",)),
    "C05 no full scale": Bad("full_scale: 200.0", "full_scale: §0.0", ("must be above 0 SCCM",)),
    "C05 port 0": Bad("  port: 1883", "  port: §0", ("'0' is out of range; allowed: at least 1",), "uplink"),
    # C07, units
    "C07 Fahrenheit": Bad(
        "    setpoint: 37.0 degC",
        "    setpoint: §98.6 degF",
        ("unknown unit 'degF'", "allowed: degC", "write degC"),
    ),
    "C07 kelvin": Bad(
        "    setpoint: 37.0 degC", "    setpoint: §310 K", ("wrong unit; allowed: degC", "K: write degC")
    ),
    "C07 no unit": Bad(
        "    setpoint: 37.0 degC", "    setpoint: §37.0", ("'37.0' has no unit; allowed: degC",)
    ),
    "C07 degree sign": Bad("safe: 30 degC", "safe: §30 \u00b0C", ("U+00B0 DEGREE SIGN", "write degC")),
    "C07 fraction for percent": Bad(
        "{output: 0..100 %, range: 0..2", "{output: §0..1, range: 0..2", ("'0..1' has no unit; allowed: %",)
    ),
    "C07 litres for millilitres": Bad(
        "safe: 0 mL/min\n    normal: 1 mL/min",
        "safe: 0 mL/min\n    normal: §1 L/min",
        ("1 L/min lies outside", "0..5 mL/min"),
    ),
    "C07 hours for minutes": Bad(
        "normal: 1 mL/min", "normal: §400 mL/h", ("400 mL/h lies outside", "0..5 mL/min")
    ),
    "C07 milliseconds for seconds": Bad(
        "    poll: 2 s\n    options: {s",
        "    poll: §2 ms\n    options: {s",
        ("2 ms is out of range; allowed: 50 ms to 1 h",),
    ),
    "C07 m for minutes": Bad("    integral: 20 min", "    integral: §20 m", ("wrong unit", "write min")),
    "C07 spelled out": Bad(
        "    integral: 20 min", "    integral: §20 minutes", ("unknown unit 'minutes'", "write min")
    ),
    "C07 case of letters": Bad("normal: 1 mL/min", "normal: §1 ml/min", ("write mL/min",)),
    "C07 flow for temperature": Bad("safe: 30 degC", "safe: §30 mL/min", ("wrong unit; allowed: degC",)),
    "C07 unit of the tag": Bad(
        "    unit: pH", "    unit: §mV", ("'mV' is not the unit of channel ph", "write pH")
    ),
    "C07 scaled unit of the tag": Bad(
        "    channel: co2.setpoint\n    unit: mL/min",
        "    channel: co2.setpoint\n    unit: §L/min",
        ("not the unit of channel setpoint", "allowed: SCCM, mL/min"),
    ),
    "C07 unit missing": Bad(
        "  AT-101:\n    channel: ph1.ph\n    unit: pH\n",
        "  §AT-101:\n    channel: ph1.ph\n",
        ("'unit' is missing", "channel ph is in pH", "write 'unit: pH'"),
    ),
    "C07 flow for a rate": Bad(
        "    rate: 50 SCCM/min", "    rate: §50 SCCM", ("wrong unit", "SCCM/s, SCCM/min")
    ),
    "C07 difference": Bad("    report: 0.02 K", "    report: §0.02 pH", ("wrong unit; allowed: K, degC",)),
    "C07 gain upside down": Bad("    gain: 100 %/pH", "    gain: §100 pH/%", ("wrong unit; allowed: %/pH",)),
    "C07 gain without unit": Bad(
        "    gain: 100 %/pH", "    gain: §100", ("'100' has no unit; allowed: %/pH", "write 100 %/pH")
    ),
    "two units": Bad("range: 3..11 pH", "range: §3 pH..11 degC", ("different units",)),
    "value for a range": Bad(
        "range: 3..11 pH", "range: §11 pH", ("one value; a range is wanted", "0..11 pH")
    ),
    "range for a value": Bad(SET, "    setpoint: §6.9..7.2 pH", ("is a range; one value",)),
    "unit that is none": Bad("safe: 0 SCCM", "safe: §0 sccm/", ("wrong unit",)),
    # enumerations
    "protocol": Bad(
        "protocol: ascii", "protocol: §asci", ("allowed: ascii, modbus-rtu", "did you mean 'ascii'?")
    ),
    "mode": Bad(
        "    fallback: 0 %",
        "    mode: §AUT\n    fallback: 0 %",
        ("allowed: AUTO, CAS, MAN, OOS", "did you mean 'AUTO'?"),
    ),
    "framing": Bad("framing: 8N2", "framing: §8X2", ("'8X2' is not a framing", "write for example 8N1")),
    "baud": Bad(
        "    baud: 19200\n    framing: 8N2",
        "    baud: §19220\n    framing: 8N2",
        ("19220 is no usual rate", "did you mean 19200?"),
    ),
    "table of a point": Bad(
        "table: holding", "table: §holdin", ("allowed: coil, discrete, holding, input", "'holding'?")
    ),
    "topic": Bad("topic: site/hall", "topic: §site/+/hall", ("cannot begin the topics",), "uplink"),
    "port path": Bad(
        "port: /dev/serial/by-id/gas", "port: §ttyS0", ("is not a full path", "begin it with '/'")
    ),
    "secret beside the folder": Bad(
        "password_file: mqtt", "password_file: §./mqtt", ("neither a name nor a full path",), "uplink"
    ),
    "journal too small": Bad("keep_size: 8 GB", "keep_size: §1 MB", ("too small; at least 50 MB",), "uplink"),
}


@pytest.mark.parametrize("case", VALUE.values(), ids=VALUE.keys())
def test_a_wrong_value_is_named_where_it_stands(case: Bad, tmp_path: Path) -> None:
    case.check(tmp_path / "u")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("setpoint: 37.0 degC", "setpoint: 3.7e1 degC"),
        ("setpoint: 37.0 degC", "setpoint: '37.0 degC'"),
        ("setpoint: 37.0 degC", "setpoint: 37degC"),
        ("normal: 1 mL/min", "normal: 60 mL/h"),
        ("normal: 1 mL/min", "normal: 0.001 L/min"),
        ("integral: 15 min", "integral: 900 s"),
        ("gain: 6 degC/K", "gain: 6 K/K"),
        ("rate: 1 K/s", "rate: 60 K/min"),
        ("in_flight: 2", "in_flight: 0x2"),
        ("period: 1 s", "period: 1000 ms"),
    ],
)
def test_the_same_quantity_in_other_words_is_the_same_plan(old: str, new: str, tmp_path: Path) -> None:
    """C04: each either the meant value or an error, never another number."""
    assert UNIT.count(old) == 1
    one, other = compiled(tmp_path / "a").plan, compiled(tmp_path / "b", unit=UNIT.replace(old, new)).plan
    assert one is not None
    assert one == other


def test_text_stays_text(tmp_path: Path) -> None:
    """C04: a serial number of zeros and a description that looks like a switch are what was typed."""
    text = UNIT.replace("description: Test unit", "description: off")
    text = text.replace("    address: B\n", "    address: B\n    serial_number: 0012\n")
    plan = compiled(tmp_path / "u", unit=text).plan
    assert plan is not None
    assert plan.description == "off"
    assert next(i for i in plan.instruments if i.name == "co2").serial_number == "0012"
