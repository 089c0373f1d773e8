"""How the core writes numbers and times into reasons that people read."""

from __future__ import annotations


def figure(value: float, unit: str) -> str:
    """``37.25 degC``: at most six digits, then the unit if there is one."""
    return f"{value:.6g} {unit}".rstrip()


def span(seconds: float) -> str:
    """``6.2 s``, ``3.5 min``, ``2.0 h``: one decimal in the unit a person would choose."""
    if seconds < 120.0:
        return f"{seconds:.1f} s"
    if seconds < 7200.0:
        return f"{seconds / 60.0:.1f} min"
    return f"{seconds / 3600.0:.1f} h"
