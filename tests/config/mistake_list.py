"""Mistakes in the sections that came after the catalogue, and misspellings in all of them, each written where it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.config import test_config_feed
from tests.config.unit_folder import FILES, HERE

CONFIGS = Path(__file__).parents[2] / "configs"
Files = Mapping[str, str]


def _shipped(name: str, **changed: str) -> Files:
    files = {path.name: path.read_text() for path in (CONFIGS / name).glob("*.yaml")}
    return files | {f"{key}.yaml": text for key, text in changed.items()}


BASES: Mapping[str, Files] = {
    "small": FILES,
    "bench": {path.name: path.read_text() for path in Path(__file__).with_name("servos").glob("*.yaml")},
    "demo": _shipped("demo"),
    "perfusion": _shipped("perfusion-2l", unit=test_config_feed.RIGHT),
}


@dataclass(frozen=True, slots=True)
class Slip:
    """``old`` (once in the file) becomes ``new``; the error stands at the mark in ``new`` and says ``says``. ``meant``: the word that was misspelt."""

    base: str
    old: str
    new: str
    says: str
    file: str = "unit"
    meant: str = ""


def of(base: str, line: str, right: str, wrong: str, file: str = "unit") -> Slip:
    """The misspelling ``wrong`` of ``right`` in a line of a file."""
    assert line.count(right) == 1, line
    return Slip(base, line, line.replace(right, HERE + wrong), "", file, right)


OWN: Mapping[str, Slip] = {
    # structures and the vessel's nameplate
    "vessel of an unknown kind": Slip("bench", "  kind: stirred", "  kind: §stired", "did you mean 'stirred'?"),
    "heat transfer of a power": Slip("bench", "heat_transfer: 15 W/K", "heat_transfer: §15 W", "wrong unit"),
    "heater power negative": Slip("bench", "  heater: 300 W", "  heater: §-300 W", "negative"),
    "agitation in per cent": Slip("bench", "  agitation: 150 rpm", "  agitation: §150 %", "wrong unit"),
    "base in millimoles of gas": Slip("bench", "  base: 0.5 mol/L", "  base: §0.5 mol", "unit"),
    "mixing time without a unit": Slip("bench", "  mixing: 20 s", "  mixing: §20", "has no unit"),
    "probe lag as a word": Slip("bench", "probes: {temperature: 12 s,", "probes: {temperature: §fast,", "fast"),
    "bicarbonate in pH": Slip("bench", "{bicarbonate: 23 mM,", "{bicarbonate: §23 pH,", "wrong unit"),
    "a probe there is not": Slip("bench", "jacket: 5 s, ph", "§weight: 5 s, ph", "unknown key 'weight'"),
    "nameplate as a list": Slip("bench", "probes: {temperature: 12 s, jacket: 5 s, ph: 8 s, do: 8 s}", "probes: §[12 s, 5 s]", "expected"),
    "structure without its acid": Slip("bench", "  AIC-101:\n    description: pH, CO2 down and base up, never both\n    structure: ph_split_range\n    tag: AT-101\n    acid: FV-102\n", "  §AIC-101:\n    description: pH\n    structure: ph_split_range\n    tag: AT-101\n", "'acid' is missing"),
    "key of another structure": Slip("bench", "    lockout: 5 min\n", "    lockout: 5 min\n    §cooler: EY-102\n", "cooler"),
    "structure and drives": Slip("bench", "    acid: FV-102\n", "    acid: FV-102\n    §drives: {P-101: 0..2 mL/min}\n", "drives"),
    "lockout of days": Slip("bench", "    lockout: 5 min", "    lockout: §5 d", "out of range"),
    "servo without actuator": Slip("bench", "      - {servo: agitation, actuator: SC-101}\n", "      - §{servo: agitation}\n", "'actuator' is missing"),
    "servo wait negative": Slip("bench", "{servo: nitrogen, actuator: FV-104, wait: 5 min}", "{servo: nitrogen, actuator: FV-104, wait: §-5 min}", "out of range"),
    "inner loop without a name": Slip("bench", "inner: {name: TIC-102, tag: TT-102, hold_max: 30 s}", "inner: §{tag: TT-102, hold_max: 30 s}", "'name' is missing"),
    "cooler that drives the heater": Slip("bench", "    heater: EY-101\n    cooler: EY-102\n", "    heater: EY-101\n    cooler: §EY-101\n", "EY-101"),
    "set point beyond the cascade's limit": Slip("bench", "    setpoint_range: 30..38 degC\n    fallback: 37 degC ", "    setpoint_range: §30..138 degC\n    fallback: 37 degC ", "outside"),
    # soft sensors
    "kind left out": Slip("demo", "    kind: activity\n", "    §growht: MU-101\n", "growht"),
    "weight of a flow": Slip("demo", "    at_volume: 2 L\n", "    at_volume: §2 L/min\n", "wrong unit"),
    "standard error as yes": Slip("demo", "    probe_lag: 7.7 s\n    standard_error: true\n", "    probe_lag: 7.7 s\n    standard_error: §yes\n", "neither true nor false"),
    "base concentration as mass": Slip("demo", "base_concentration: 500 mM", "base_concentration: §500 g/L", "g/L"),
    "decimal comma in a rate": Slip("demo", "reference: 1.69 /h", "reference: §1,69 /h", "decimal comma"),
    # health and tune
    "health of a tag": Slip("small", "    flat: 60 s\n", "    flat: 60 s\n    §health: off\n", "unknown key 'health'"),
    "health as a list": Slip("small", "    band: 0.2 K\n", "    band: 0.2 K\n    health: §[off]\n", "expected"),
    "health window in metres": Slip("small", "    band: 0.2 K\n", "    band: 0.2 K\n    health: {window: §2 m}\n", "write min"),
    "tune for ever": Slip("demo", "{amplitude: 3 K, within: 0.4 K, longest: 3 h}", "{amplitude: 3 K, within: 0.4 K, longest: §30 d}", "out of range"),
    "tune without an end": Slip("demo", "    tune: {amplitude: 3 K, within: 0.4 K, longest: 3 h}", "    §tune: {amplitude: 3 K, within: 0.4 K}", "'longest' is missing"),
    "tune amplitude negative": Slip("demo", "{amplitude: 20 %, within: 0.12 pH", "{amplitude: §-20 %, within: 0.12 pH", "-20 %"),
    # feeds, levels, perfusion
    "feed without a pump": Slip("perfusion", "  F-302:\n    actuator: P-306\n", "  §F-302:\n", "'actuator' is missing"),
    "bolus before the start": Slip("perfusion", "{at: 48 h, amount: 20 mL}", "{at: §-48 h, amount: 20 mL}", "-48 h"),
    "bolus without an amount": Slip("perfusion", "      - {at: 48 h, amount: 20 mL}\n", "      - §{at: 48 h}\n", "'amount' is missing"),
    "growth in days of a word": Slip("perfusion", "{rate: 3.6 %/h, tag", "{rate: §fast, tag", "fast"),
    "make-up of a weight": Slip("perfusion", "at_most: 10 mL}", "at_most: §10 g}", "wrong unit"),
    "table that is one value": Slip("perfusion", "    table:\n      - {at: 0 h, flow: 0 mL/min}\n      - {at: 24 h, flow: 0.5 mL/min}\n", "    table: §0.5 mL/min\n", "expected a list"),
    "level without a direction": Slip("perfusion", "  WIC-302:\n    tag: WT-301\n    actuator: P-307\n    moves: out\n", "  §WIC-302:\n    tag: WT-301\n    actuator: P-307\n", "'moves' is missing"),
    "level answering at once": Slip("perfusion", "    response: 10 min\n", "    response: §1 ms\n", "out of range"),
    "perfusion of a switch": Slip("perfusion", "    permeate: P-303", "    permeate: §P-330", "did you mean 'P-303'?"),
    "bleed of a text": Slip("perfusion", "      density: 20 Mcells/mL", "      density: §high", "high"),
    "pressure range upside down in psi": Slip("perfusion", "range: 200..400 mbar", "range: §3..6 psi", "unit"),
    "volume of a mass": Slip("perfusion", "    volume: 2 L", "    volume: §2 kg", "wrong unit"),
    "rate range that is one value": Slip("perfusion", "rate_range: 0.3..1.5 VVD", "rate_range: §1.5 VVD", "a range is wanted"),
    "ramp of a level": Slip("perfusion", "ramp: 0.1 VVD/h", "ramp: §0.1 VVD", "wrong unit"),
    "others as one word": Slip("perfusion", "others: [P-301]", "others: §P-301", "expected a list"),
}  # fmt: skip
MISSPELT: tuple[Slip, ...] = (
    of("bench", "  heat_transfer: 15 W/K", "heat_transfer", "heat_tranfer"),
    of("bench", "  heat_loss: 0.8 W/K", "heat_loss", "heatloss"),
    of("bench", "  transfer: 10 /h", "transfer", "transfere"),
    of("bench", "  gas_flow: 100 mL/min", "gas_flow", "gasflow"),
    of("bench", "  gas_line: 25 mL", "gas_line", "gas_lien"),
    of("bench", "  agitation: 150 rpm", "agitation", "agitaton"),
    of("bench", "  mixing: 20 s", "mixing", "mixng"),
    of("bench", "  probes: {temp", "probes", "probe"),
    of("bench", "  medium: {bicarbonate: 23", "medium", "meduim"),
    of("bench", "{bicarbonate: 23 mM", "bicarbonate", "bicarbonat"),
    of("bench", "buffer_pk: 6.9 pH", "buffer_pk", "buffer_pK"),
    of("bench", "probes: {temperature: 12 s", "temperature", "temprature"),
    of("bench", "    structure: ph_split_range", "structure", "strucure"),
    of("bench", "    structure: temperature_cascade", "temperature_cascade", "temperatur_cascade"),
    of("bench", "    structure: oxygen_servos", "oxygen_servos", "oxygen_servo"),
    of("bench", "    heater: EY-101", "heater", "heatr"),
    of("bench", "    cooler: EY-102", "cooler", "coller"),
    of("bench", "    limit: 42 degC", "limit", "limti"),
    of("bench", "    inner: {name", "inner", "iner"),
    of("bench", "    lockout: 5 min", "lockout", "lockot"),
    of("bench", "    servos:\n", "servos", "servoes"),
    of("bench", "- {servo: nitrogen, act", "servo", "sevro"),
    of("bench", "{servo: agitation, actuator: SC-101}", "agitation", "agitaion"),
    of("bench", "actuator: FV-101, wait: 60 s", "wait", "wiat"),
    of("bench", "    pulse: {least: 1 s", "pulse", "puls"),
    of("bench", "{least: 1 s, mixing: 40 s}", "least", "leats"),
    of("demo", "soft_sensors:\n", "soft_sensors", "soft_sensor"),
    of("demo", "    kind: oxygen_uptake", "oxygen_uptake", "oxygen_uptak"),
    of("demo", "    kind: viable_density", "viable_density", "viable_densty"),
    of("demo", "    at_agitation: 150 rpm", "at_agitation", "at_agitaton"),
    of("demo", "    reference_error: 15 %", "reference_error", "refrence_error"),
    of("demo", "    permittivity: AT-103", "permittivity", "permitivity"),
    of("demo", "    permittivity_error: 5 %", "permittivity_error", "permittivity_eror"),
    of("demo", "    per_cell: 450", "per_cell", "percell"),
    of("demo", "    base_concentration: 500 mM", "base_concentration", "base_concentraton"),
    of("demo", "    strong_ions: 24 mM", "strong_ions", "strong_ion"),
    of("demo", "    at_volume: 2 L", "at_volume", "at_volumn"),
    of("demo", "{amplitude: 3 K,", "amplitude", "amplitud"),
    of("demo", "within: 0.4 K", "within", "whitin"),
    of("demo", "    tune: {amplitude: 3 K", "tune", "tunes"),
    of("demo", "within: 0.4 K, longest: 3 h", "longest", "longset"),
    of("perfusion", "    profile: exponential", "profile", "profil"),
    of("perfusion", "    boluses:\n", "boluses", "bolusses"),
    of("perfusion", "{at: 48 h, amount: 20 mL}", "amount", "amout"),
    of("perfusion", "    stop_after: 10 d", "stop_after", "stopafter"),
    of("perfusion", "    make_up: {", "make_up", "makeup"),
    of("perfusion", "    moves: out", "moves", "move"),
    of("perfusion", "    permeate: P-303", "permeate", "permeat"),
    of("perfusion", "    others: [P-301]", "others", "other"),
    of("perfusion", "    cell_specific: 50", "cell_specific", "cell_specfic"),
    of("perfusion", "    rate_range: 0.3", "rate_range", "rate_rage"),
    of("perfusion", "    density_tag: AT-303", "density_tag", "densty_tag"),
    of("perfusion", "    weight_tag: WT-301", "weight_tag", "wieght_tag"),
    of("perfusion", "    bleed:\n", "bleed", "bled"),
    of("perfusion", "    pressure:\n", "pressure", "presure"),
    of("small", "    hold_max: 60 s", "hold_max", "holdmax"),
    of("small", "    setpoint_rate: 0.5 K/min", "setpoint_rate", "setpiont_rate"),
    of("small", "    heartbeat: 60 s", "heartbeat", "hartbeat"),
    of("small", "    tolerance: 0.3 K", "tolerance", "tolerence"),
    of("small", "    resolution: 0.05 K", "resolution", "resolutoin"),
    of("small", "    derivative: 30 s", "derivative", "derivate"),
    of("small", "    hysteresis: 0.5 K", "hysteresis", "hysterisis", "safety"),
    of("small", "  keep_size: 8 GB", "keep_size", "keepsize", "uplink"),
    of("small", "  password_file: mqtt", "password_file", "pasword_file", "uplink"),
)
