"""The units edgectl knows: names, dimensions, conversion. Anything else is an error that names what is allowed.

A temperature is written in ``degC``; a difference of temperatures in ``K``. ``SCCM`` is mL/min of gas at standard conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

SWITCH = "on/off"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: ``factor`` of it make the base unit of its dimension."""

    name: str
    dimension: str
    factor: float = 1.0


def _table() -> dict[str, Unit]:
    dimensions: dict[str, dict[str, float]] = {
        "temperature": {"degC": 1.0},
        "temperature difference": {"K": 1.0},
        "pH": {"pH": 1.0},
        "percentage": {"%": 1.0},
        "oxygen saturation": {"%-sat": 1.0},
        "volume fraction": {"%-vol": 1.0},
        "flow": {"uL/min": 1e-3, "mL/min": 1.0, "L/min": 1e3, "mL/h": 1 / 60, "L/h": 1e3 / 60, "mL/s": 60.0},
        "mass flow": {"mg/min": 1e-3, "g/min": 1.0, "g/h": 1 / 60, "kg/h": 1e3 / 60},
        "gas flow": {"SCCM": 1.0, "SLPM": 1e3},
        "pressure": {"Pa": 0.01, "hPa": 1.0, "mbar": 1.0, "kPa": 10.0, "bar": 1e3},
        "pressure in psi": {"PSIA": 1.0, "PSIG": 1.0},
        "rotation": {"rpm": 1.0},
        "mass": {"mg": 1e-6, "g": 1e-3, "kg": 1.0},
        "volume": {"uL": 1e-3, "mL": 1.0, "L": 1e3},
        "length": {"mm": 1.0, "cm": 10.0, "m": 1e3},
        "time": {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0},
        "current": {"nA": 1e-6, "uA": 1e-3, "mA": 1.0, "A": 1e3},
        "voltage": {"uV": 1e-3, "mV": 1.0, "V": 1e3},
        "resistance": {"Ohm": 1.0, "kOhm": 1e3, "MOhm": 1e6},
        "heat transfer": {"W/K": 1.0},
        "heat capacity": {"J/K": 1.0, "kJ/K": 1e3},
        "rate": {"/s": 3600.0, "/min": 60.0, "/h": 1.0, "/d": 1 / 24},
        "power": {"mW": 1e-3, "W": 1.0, "kW": 1e3},
        "frequency": {"Hz": 1.0, "kHz": 1e3},
        "mass concentration": {"ug/L": 1e-3, "mg/L": 1.0, "g/L": 1e3},
        "amount concentration": {"mmol/L": 1.0, "mM": 1.0, "mol/L": 1e3},
        "cell density": {"cells/mL": 1.0, "Mcells/mL": 1e6},
        "conductivity": {"uS/cm": 1e-3, "mS/cm": 1.0},
        "permittivity": {"pF/cm": 1.0},
        "uptake": {"mM/h": 1.0, "mmol/L/h": 1.0},
        "amount flow": {"mmol/h": 1.0, "mol/h": 1e3},
        "uptake per cell": {"fmol/cell/h": 1.0, "pmol/cell/h": 1e3, "amol/cell/s": 3.6},
        "size": {"kB": 1e3, "MB": 1e6, "GB": 1e9},
        "count": {"": 1.0},
        "switch": {SWITCH: 1.0},
    }
    return {
        name: Unit(name, dim, factor) for dim, names in dimensions.items() for name, factor in names.items()
    }


UNITS: Mapping[str, Unit] = MappingProxyType(_table())


def unit_of(name: str) -> Unit:
    """The unit of that name; one that is not in the table (a driver may bring its own) is comparable with itself only."""
    return UNITS.get(name, Unit(name, name))


# What people write, and how it is written here.
_OTHER_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "\N{DEGREE SIGN}c": "degC",
        "c": "degC",
        "celsius": "degC",
        "f": "degC",
        "degf": "degC",
        "\N{DEGREE SIGN}f": "degC",
        "k": "degC",
        "m": "min",
        "percent": "%",
        "pct": "%",
        "fraction": "%",
        "lpm": "L/min",
        "ccm": "SCCM",
        "nml/min": "SCCM",
        "nl/min": "SLPM",
        "sec": "s",
        "second": "s",
        "seconds": "s",
        "msec": "ms",
        "minute": "min",
        "minutes": "min",
        "hour": "h",
        "hours": "h",
        "hr": "h",
        "day": "d",
        "days": "d",
        "psi": "mbar",
        "u/min": "rpm",
        "1/min": "rpm",
        "1e6/ml": "Mcells/mL",
        "e6 cells/ml": "Mcells/mL",
        "ohm": "Ohm",
    }
)

# A value of the dimension on the left may also be written in the units of the dimension on the right, one for one.
_ALSO: Mapping[str, str] = MappingProxyType(
    {"oxygen saturation": "percentage", "volume fraction": "percentage", "gas flow": "flow"}
)


def respelled(name: str, choice: Iterable[str]) -> str:
    """The unit of ``choice`` that ``name`` is another spelling of, or an empty string."""
    folded = name.casefold().replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
    known = {unit.casefold(): unit for unit in choice}
    return known.get(folded) or known.get(_OTHER_SPELLINGS.get(folded, "").casefold(), "")


def allowed(unit: str) -> tuple[str, ...]:
    """Units in which a value of ``unit`` may be written, ``unit`` itself first."""
    own = unit_of(unit).dimension
    also = _ALSO.get(own)
    names = [name for name, known in UNITS.items() if known.dimension in (own, also) and name != unit]
    return (unit, *names)


def allowed_difference(unit: str) -> tuple[str, ...]:
    """Units in which a difference of two values of ``unit`` may be written."""
    return ("K", "degC") if unit_of(unit).dimension == "temperature" else allowed(unit)


def amount_of(flow: str) -> tuple[str, float] | None:
    """What a flow adds up to: the unit of the amount, and the seconds in the flow's unit of time. None for anything that is no flow."""
    amount, _, time = flow.rpartition("/")
    if unit_of(amount).dimension not in ("volume", "mass") or unit_of(time).dimension != "time":
        return None
    return amount, unit_of(time).factor


def same(one: str, other: str) -> bool:
    """Whether numbers in both units mean the same, so that no conversion is needed."""
    alike = one in allowed(other) or other in allowed(one)
    return alike and unit_of(one).factor == unit_of(other).factor
