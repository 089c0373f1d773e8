"""The bench's tables in Markdown, and their place in a README."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from hil.bench_control.case import Outcome
from hil.bench_control.scenario import SCENARIOS
from hil.bench_control.score import Standing, geometric_mean, standings
from hil.bench_control.seam import BAND, QUANTITIES, SAFE_BLANKET_C

BEGIN, END = "<!-- bench_control:begin -->", "<!-- bench_control:end -->"
_LOOP = {"temperature": "temperature", "ph": "pH", "do": "DO"}


def report(outcomes: Sequence[Outcome], command: str) -> str:
    """All tables, with the command that made them."""
    plants = {(o.case.vessel, o.case.seed) for o in outcomes}
    scenarios = {o.case.scenario for o in outcomes}
    lines = [
        (
            f"`{command}`: {len(plants)} plants ({len({vessel for vessel, _ in plants})} vessels, scattered), "
            f"{len(scenarios)} scenarios. Score: the bound's mean error over the controller's, geometric mean, x 100."
        ),
        "",
        *_standing_table(standings(outcomes)),
        "",
    ]
    for loop in QUANTITIES:
        lines += [*_loop_table(outcomes, loop), ""]
    return "\n".join(lines)


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _standing_table(all_of_them: Sequence[Standing]) -> list[str]:
    lines = [
        (
            "| controller | score T | pH | DO | most reversals/h T | pH | DO | worst start-up overshoot, K "
            "| worst DO error at restart, % | base and CO2 together | "
            f"hottest blanket, degC (limit {SAFE_BLANKET_C:g}) |"
        ),
        "|---|" + "---:|" * 10,
    ]
    for s in all_of_them:
        if s.missing:
            lines.append(f"| {s.controller} | not run: {s.missing} |" + " |" * 9)
            continue
        cells = [
            *(_number(s.score[loop], 0) for loop in QUANTITIES),
            *(_number(s.reversals_h[loop], 0) for loop in QUANTITIES),
            _number(s.startup_overshoot_k, 2),
            _number(s.restart_do, 1),
            f"{s.both_active:.2%}",
            _number(s.blanket_c, 1),
        ]
        lines.append(f"| {s.controller} | " + " | ".join(cells) + " |")
    return lines


def _loop_table(outcomes: Sequence[Outcome], loop: str) -> list[str]:
    """Mean error over band by scenario (geometric mean over plants), then means of the other figures."""
    names = [n for n in (*SCENARIOS, "growth") if any(o.case.scenario == n for o in outcomes)]
    lines = [
        f"{_LOOP[loop]}: mean error in bands of {BAND[loop]:g}",
        "",
        f"| controller | {' | '.join(names)} | in band | worst overshoot | settling, min | recovery, min | base, mL |",
        "|---|" + "---:|" * (len(names) + 5),
    ]
    for controller in dict.fromkeys(s.controller for s in standings(outcomes) if not s.missing):
        mine = [o for o in outcomes if o.case.controller == controller and o.figures]
        cells = []
        for name in names:
            errors = [o.figures[loop]["error"] + 1e-6 for o in mine if o.case.scenario == name]
            cells.append(_number(geometric_mean(errors), 2))
        figures = [o.figures[loop] for o in mine]
        settled = [f["settling_s"] for f in figures if f["settling_s"] > 0.0]
        recovered = [f["recovery_s"] for f in figures if f["recovery_s"] > 0.0]
        cells += [
            f"{_mean([f['in_band'] for f in figures]):.0%}",
            _number(max(f["overshoot"] for f in figures), 2),
            _number(_mean(settled) / 60.0, 1),
            _number(_mean(recovered) / 60.0, 1),
            _number(_mean([o.figures["run"]["base_ml"] for o in mine]), 1),
        ]
        lines.append(f"| {controller} | " + " | ".join(cells) + " |")
    return lines


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def write_section(readme: Path, text: str) -> None:
    """Replace what stands between the markers; ValueError when they are not there."""
    held = readme.read_text()
    head, begun, rest = held.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{readme} has no {BEGIN} ... {END}")
    readme.write_text(f"{head}{BEGIN}\n{text.strip()}\n{END}{tail}")
