"""Small SVG pictures of runs: one panel a loop, all controllers of a scenario in it, the set point and its band behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hil.bench_control.case import Case, run
from hil.bench_control.seam import BAND, QUANTITIES
from hil.bench_control.trend import Trend

WIDTH, HEIGHT, LEFT, TOP, GAP = 860, 190, 56, 34, 18
COLOURS = ("#1f6f8b", "#c0392b", "#d68910", "#7d3c98", "#7f8c8d", "#229954", "#2e4053")
_TITLE = {"temperature": "temperature, degC", "ph": "pH", "do": "DO, % air saturation"}
_LEAST_SPAN = {"temperature": 1.0, "ph": 0.3, "do": 20.0}
_POINTS = 430


def draw_all(cases: Sequence[Case], folder: Path) -> list[Path]:
    """One picture of each vessel and scenario among the cases."""
    folder.mkdir(parents=True, exist_ok=True)
    groups: dict[tuple[str, str], dict[str, Trend]] = {}
    for case in cases:
        trend = Trend(every_s=30 if case.scenario != "growth" else 1800)
        if run(case, trend).figures:
            groups.setdefault((case.vessel, case.scenario), {})[case.controller] = trend
    written = []
    for (vessel, scenario), trends in groups.items():
        path = folder / f"{vessel}-{scenario}.svg"
        path.write_text(draw(f"{vessel}: {scenario}", trends))
        written.append(path)
    return written


def draw(title: str, trends: Mapping[str, Trend]) -> str:
    """The picture as SVG."""
    total = TOP + len(QUANTITIES) * (HEIGHT + GAP) + 12
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{total}" '
            f'viewBox="0 0 {WIDTH} {total}" font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{WIDTH}" height="{total}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="16" font-size="13">{title}</text>',
    ]
    for place, name in enumerate(trends):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<text x="{LEFT + 220 + 100 * place}" y="16" fill="{colour}">{name}</text>')
    for row, quantity in enumerate(QUANTITIES):
        parts += _panel(quantity, trends, TOP + row * (HEIGHT + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _panel(quantity: str, trends: Mapping[str, Trend], top: int) -> list[str]:
    first = next(iter(trends.values()))
    targets = first.values[f"{quantity}.setpoint"]
    low, high = _range(quantity, trends)
    hours = first.time_s[-1] / 3600.0
    wide = WIDTH - LEFT - 10

    def x(t_s: float) -> float:
        return LEFT + wide * t_s / 3600.0 / hours

    def y(value: float) -> float:
        return top + HEIGHT * (1.0 - (min(max(value, low), high) - low) / (high - low))

    band = BAND[quantity]
    above = [(x(t), y(v + band)) for t, v in zip(first.time_s, targets, strict=True)]
    below = [(x(t), y(v - band)) for t, v in zip(first.time_s, targets, strict=True)]
    parts = [
        f'<polygon fill="#e8efe8" points="{_points(_thin(above) + _thin(below)[::-1])}"/>',
        f'<rect x="{LEFT}" y="{top}" width="{wide}" height="{HEIGHT}" fill="none" stroke="#999999"/>',
        f'<text x="{LEFT + 6}" y="{top + 14}">{_TITLE[quantity]}</text>',
        f'<text x="{LEFT - 4}" y="{top + 10}" text-anchor="end">{high:g}</text>',
        f'<text x="{LEFT - 4}" y="{top + HEIGHT}" text-anchor="end">{low:g}</text>',
        f'<text x="{WIDTH - 12}" y="{top + HEIGHT + 12}" text-anchor="end">{hours:.1f} h</text>',
    ]
    for place, trend in enumerate(trends.values()):
        course = [(x(t), y(v)) for t, v in zip(trend.time_s, trend.values[quantity], strict=True)]
        colour = COLOURS[place % len(COLOURS)]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.1" points="{_points(_thin(course))}"/>'
        )
    return parts


def _range(quantity: str, trends: Mapping[str, Trend]) -> tuple[float, float]:
    values = [v for trend in trends.values() for v in trend.values[quantity]]
    low, high = min(values), max(values)
    middle, span = 0.5 * (low + high), max(1.05 * (high - low), _LEAST_SPAN[quantity])
    return round(middle - 0.5 * span, 2), round(middle + 0.5 * span, 2)


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return points[:: max(1, len(points) // _POINTS)]


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
