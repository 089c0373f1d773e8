"""A trend as an SVG picture: one panel a quantity, set point and band behind the value. numpy thins long trends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

Trend = NDArray[np.float64]

_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP, _GAP = 1200, 150, 110, 20, 34, 34
_COLUMNS = 1000
_INK = ("#1f5fa8", "#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#117a65")


@dataclass(frozen=True, slots=True)
class Curve:
    """One named line of a panel; NaN breaks it."""

    name: str
    values: Trend


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves on one scale. ``target`` (NaN where there is none) is drawn with ``band`` on both sides."""

    title: str
    unit: str
    curves: tuple[Curve, ...]
    target: Trend | None = None
    band: float = 0.0


def draw(title: str, time_s: Trend, panels: Sequence[Panel]) -> str:
    """The picture as SVG text. ``time_s`` and every curve have one value per sample."""
    hours = time_s / 3600.0
    height = _TOP + len(panels) * (_PANEL + _GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, hours, _TOP + number * (_PANEL + _GAP), last=number == len(panels) - 1)
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel, hours: Trend, top: float, *, last: bool) -> list[str]:
    low, high = _range(panel)

    def y(value: Trend | float) -> Trend:
        return np.asarray(top + _PANEL - (np.asarray(value) - low) / (high - low) * _PANEL, dtype=float)

    def x(value: Trend) -> Trend:
        span = max(float(hours[-1] - hours[0]), 1e-9)
        return np.asarray(_LEFT + (value - hours[0]) / span * (_WIDTH - _LEFT - _RIGHT), dtype=float)

    parts = [
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH - _LEFT - _RIGHT}" height="{_PANEL}" fill="#fafafa" stroke="#999"/>'
    ]
    if panel.target is not None:
        parts += _target(panel, x(hours), y)
    for number, curve in enumerate(panel.curves):
        ink = _INK[number % len(_INK)]
        parts.append(_line(x(hours), y(curve.values), ink))
        parts.append(
            f'<text x="{_LEFT + 8 + number * 190}" y="{top + 15}" fill="{ink}">{escape(curve.name)}</text>'
        )
    for value in (low, (low + high) / 2, high):
        parts.append(
            f'<text x="{_LEFT - 6}" y="{float(y(value)) + 4:.0f}" text-anchor="end" fill="#555">{value:.4g}</text>'
        )
    parts.append(f'<text x="8" y="{top + _PANEL / 2:.0f}" font-weight="bold">{escape(panel.title)}</text>')
    parts.append(f'<text x="8" y="{top + _PANEL / 2 + 16:.0f}" fill="#555">{escape(panel.unit)}</text>')
    return parts + (_axis(hours, top + _PANEL) if last else [])


def _range(panel: Panel) -> tuple[float, float]:
    values = [curve.values for curve in panel.curves]
    if panel.target is not None:
        values += [panel.target - 2 * panel.band, panel.target + 2 * panel.band]
    every = np.concatenate(values)
    every = every[np.isfinite(every)]
    if not every.size:
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _target(panel: Panel, x: Trend, y: object) -> list[str]:
    assert panel.target is not None
    assert callable(y)
    upper, lower = y(panel.target + panel.band), y(panel.target - panel.band)
    keep = np.isfinite(panel.target)
    if not keep.any():
        return []
    edge = [f"{a:.1f},{b:.1f}" for a, b in _thin(x[keep], upper[keep])]
    edge += [f"{a:.1f},{b:.1f}" for a, b in reversed(_thin(x[keep], lower[keep]))]
    return [
        f'<polygon points="{" ".join(edge)}" fill="#dcefdc" stroke="none"/>',
        _line(x, y(panel.target), "#7fb77f"),
    ]


def _line(x: Trend, y: Trend, ink: str) -> str:
    keep = np.isfinite(y)
    breaks = np.flatnonzero(np.diff(keep.astype(int))) + 1
    runs = [part for part in np.split(np.arange(len(y)), breaks) if part.size and keep[part[0]]]
    path = " ".join("M" + " L".join(f"{a:.1f} {b:.1f}" for a, b in _thin(x[run], y[run])) for run in runs)
    return f'<path d="{path}" fill="none" stroke="{ink}" stroke-width="1.2"/>'


def _thin(x: Trend, y: Trend) -> list[tuple[float, float]]:
    """At most two points a column, the least and the greatest, so that no spike is lost."""
    if len(x) <= 2 * _COLUMNS:
        return list(zip(x.tolist(), y.tolist(), strict=True))
    points = []
    for part in np.array_split(np.arange(len(x)), _COLUMNS):
        least, most = part[int(y[part].argmin())], part[int(y[part].argmax())]
        points += [(float(x[i]), float(y[i])) for i in sorted({int(least), int(most)})]
    return points


def _axis(hours: Trend, bottom: float) -> list[str]:
    span = float(hours[-1] - hours[0])
    days = span > 72
    return [
        f'<text x="{_LEFT + k / 7 * (_WIDTH - _LEFT - _RIGHT):.0f}" y="{bottom + 16}" text-anchor="middle" fill="#555">'
        f"{(span * k / 7) / (24 if days else 1):.4g} {'d' if days else 'h'}</text>"
        for k in range(8)
    ]
