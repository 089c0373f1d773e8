"""What ``edgectl tune`` shows: the model, both settings side by side, and a picture of record and model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from edgectl.analysis.fit import Fit
from edgectl.analysis.series import Series
from edgectl.analysis.simc import Margin, Settings
from edgectl.app.picture import Curve, Panel, draw
from edgectl.app.tune import Proposal
from edgectl.core.text import figure, span
from edgectl.model.experiment import TunePlan

_UNKNOWN = 2.0  # a lag known to a factor of more than this is not told


def words(fit: Fit, unit: str, out: str) -> str:
    """The model in one line, for people and for the record. A lag far beyond the record is not known, only the slope is."""
    plant = fit.plant
    slow = plant.integrating or fit.lag_apart() > _UNKNOWN
    if slow:
        kind = "integrating with lag" if plant.second_s else "integrating"
        apart = fit.answer_apart(fit.step_s)
        parts = [f"{kind}: {3600.0 * plant.slope:.3g} {unit}/h per {out} (times or over {apart:.2f})"]
    else:
        kind = "second order" if plant.second_s else "first order"
        parts = [f"{kind}: gain {plant.gain:.3g} {unit} per {out} (times or over {fit.gain_apart():.2f})"]
        parts.append(f"lag {span(plant.lag_s)} (times or over {fit.lag_apart():.2f})")
    if plant.second_s:
        parts.append(f"second lag {span(plant.second_s)}")
    parts.append(f"dead time {span(plant.dead_s)} (+-{span(fit.dead_apart_s())})")
    return f"{', '.join(parts)}; explains {fit.explained:.1%}"


def settings_words(settings: Settings, out: str, unit: str) -> str:
    """Settings in one line."""
    parts = [f"gain {figure(settings.gain, '')} {out}/{unit}"]
    for name, seconds in (("integral", settings.integral_s), ("derivative", settings.derivative_s)):
        if seconds:
            parts.append(f"{name} {figure(seconds, 's')}")
    return ", ".join(parts)


def report(proposal: Proposal) -> Group:
    """The proposal as a table."""
    loop, unit = proposal.loop, _difference(proposal.loop.unit)
    out = loop.tune.unit if loop.tune else ""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("", "now", "proposed"):
        table.add_column(column, justify="left" if not column else "right")
    before, after = proposal.before, proposal.settings
    table.add_row("gain", f"{before.gain:.4g}", f"{after.gain:.4g} {out}/{unit}")
    for name in ("integral_s", "derivative_s", "filter_s"):
        now, then = getattr(before, name), getattr(after, name)
        table.add_row(name.removesuffix("_s"), _time(now), _time(then))
    table.add_row("Ms of the model", _peak(proposal.present), _peak(proposal.margin))
    table.add_row("Ms of the worst plant allowed", "", _peak(proposal.least))
    table.add_row("gain margin", _reserve(proposal.present), _reserve(proposal.margin))
    title = Text(f"{loop.name}: {words(proposal.fit, unit, out)}", "bold")
    return Group(title, table)


def _difference(unit: str) -> str:
    return "K" if unit == "degC" else unit


def _time(seconds: float) -> str:
    return f"{seconds:.4g} s" if seconds else "-"


def _peak(margin: Margin) -> str:
    return f"{margin.peak:.2f}" if margin.stable else "not stable"


def _reserve(margin: Margin) -> str:
    return f"{margin.gain:.2f}" if math.isfinite(margin.gain) else "unlimited"


def as_plain(proposal: Proposal) -> dict[str, Any]:
    """The proposal for a script."""
    plant, fit = proposal.fit.plant, proposal.fit
    return {
        "loop": proposal.loop.name,
        "model": {
            "gain": plant.gain, "gain_apart": fit.gain_apart(), "lag_s": None if plant.integrating else plant.lag_s, "lag_apart": fit.lag_apart(),
            "second_s": plant.second_s, "dead_s": plant.dead_s, "dead_apart_s": fit.dead_apart_s(), "explained": fit.explained,
        },
        "settings": proposal.values,
        "ms": proposal.margin.peak,
        "worst_ms": proposal.least.peak,
        "present_ms": proposal.present.peak if proposal.present.stable else None,
        "overrides": proposal.overrides,
    }  # fmt: skip


def picture(title: str, series: Series, fit: Fit | None, loop_name: str, unit: str, limits: TunePlan) -> str:
    """Record and model as SVG."""
    curves = [Curve("measured", series.value)]
    if fit is not None:
        curves.append(Curve("model", fit.fitted))
    center = np.full(len(series.value), float(np.mean(series.value[: max(series.quiet, 1)])))
    panels = (
        Panel(loop_name, unit, tuple(curves), center, limits.within),
        Panel("output", limits.unit, (Curve("output", series.output),)),
    )
    return draw(title, series.time_s, panels)
