"""``edgectl check --explain``: the settings of each loop, the model behind them, and which numbers of the nameplate they hang on.

The models are those that were really used: they are noted while the folder is compiled, and found again by the settings that came of them. What a
number of the nameplate does is tried: the folder is compiled anew with a tenth more of it. (Much less would show how the search for a quiet loop steps.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgectl.config.compile import compile_folder
from edgectl.config.simc import Derivation, noted
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import Plan

# Keys of `vessel` with their unit in the plan and the field they are there.
NAMEPLATE: Mapping[str, tuple[str, str]] = {
    "volume": ("volume_l", "L"),
    "total": ("total_l", "L"),
    "heat_transfer": ("heat_transfer_w_k", "W/K"),
    "heat_loss": ("heat_loss_w_k", "W/K"),
    "heater": ("heater_w", "W"),
    "cooler": ("cooler_w", "W"),
    "jacket": ("jacket_j_k", "J/K"),
    "transfer": ("transfer_per_h", "/h"),
    "agitation": ("agitation", "rpm"),
    "gas_flow": ("gas_ml_min", "mL/min"),
    "gas_line": ("gas_line_ml", "mL"),
    "base": ("base_mm", "mM"),
    "mixing": ("mixing_s", "s"),
    "medium.bicarbonate": ("bicarbonate_mm", "mM"),
    "medium.buffer": ("buffer_mm", "mM"),
    "medium.buffer_pk": ("buffer_pk", "pH"),
    "probes.temperature": ("temperature_probe_s", "s"),
    "probes.jacket": ("jacket_probe_s", "s"),
    "probes.ph": ("ph_probe_s", "s"),
    "probes.do": ("do_probe_s", "s"),
}
_MORE = 1.1
_MORE_PK = 0.1  # pH: a tenth of a pK would be another buffer
_LITTLE = 0.2  # per cent: less is nothing


@dataclass(frozen=True, slots=True)
class Pull:
    """What more of a number of the nameplate does to a loop, in per cent."""

    key: str
    value: str
    tried: str
    gain: float
    integral: float


def explained(folder: Path, overrides: Sequence[str], plan: Plan) -> Iterator[str]:
    """Lines for people about every loop of ``plan``, which was compiled from ``folder``."""
    with noted() as found:
        compile_folder(folder, overrides)
    pulls = _pulls(folder, overrides, plan)
    for loop in plan.loops:
        yield from _loop(loop, found, pulls.get(loop.name, []))


def _loop(loop: LoopPlan, found: Sequence[Derivation], pulls: Sequence[Pull]) -> Iterator[str]:
    yield f"{loop.name}: holds {loop.tag} with {', '.join(segment.actuator for segment in loop.segments) or 'the loop below it'}"
    yield f"  settings: {', '.join(_settings(loop))}"
    sources = [item for item in found if _made(item, loop)]
    if not sources:
        yield "  written in the folder, not derived"
        return
    for item in sources:
        yield from _model(item, loop)
    if pulls:
        yield "  from these numbers of the nameplate; what more of each does to gain and integral time:"
    for pull in pulls:
        effect = f"gain {pull.gain:+.1f} %, integral {pull.integral:+.1f} %"
        yield f"    {pull.key} {pull.value}; with {pull.tried}: {effect}"


def _model(item: Derivation, loop: LoopPlan) -> Iterator[str]:
    process = item.process
    lag = "integrates" if math.isinf(process.lag_s) else f"lag {process.lag_s:.4g} s"
    second = f", second lag {process.second_s:.4g} s" if process.second_s else ""
    parts = [name for name, mine, its in _compared(item, loop) if its and math.isclose(abs(mine), abs(its))]
    yield (
        f"  model behind {' and '.join(parts)}: {process.slope:.4g} {loop.unit}/s per unit of output, {lag},"
        f" dead time {process.dead_s:.4g} s{second}; closed loop in {item.settings.response_s:.4g} s (tight {item.aim.tight:g})"
    )


def _compared(item: Derivation, loop: LoopPlan) -> tuple[tuple[str, float, float], ...]:
    settings = item.settings
    return (("gain", loop.gain, settings.gain), ("integral", loop.integral_s, settings.integral_s))


def _settings(loop: LoopPlan) -> Iterator[str]:
    yield f"gain {loop.gain:.4g} per {loop.unit or 'unit'}"
    yield f"integral {loop.integral_s:.4g} s" if loop.integral_s else "no integral"
    if loop.derivative_s:
        yield f"derivative {loop.derivative_s:.4g} s, its filter {loop.filter_s:.4g} s"
    if loop.smooth_s:
        yield f"measurement filter {loop.smooth_s:.4g} s"
    if loop.output_step:
        yield f"smallest move {loop.output_step:.3g}"
    if loop.hold_max_s:
        yield f"holds {loop.hold_max_s:g} s on UNCERTAIN"
    if loop.ride_s:
        yield f"rides {loop.ride_s:g} s without a value"
    yield f"fallback {loop.fallback:.4g}"


def _made(item: Derivation, loop: LoopPlan) -> bool:
    """Whether this loop has taken its settings, or some of them, from there."""
    return any(its and math.isclose(abs(mine), abs(its)) for _, mine, its in _compared(item, loop))


def _pulls(folder: Path, overrides: Sequence[str], plan: Plan) -> dict[str, list[Pull]]:
    """By loop: every number of the nameplate that moves it. What the folder does not take is left out."""
    found: dict[str, list[Pull]] = {}
    if plan.vessel is None:
        return found
    before = {loop.name: loop for loop in plan.loops}
    for key, (name, unit) in NAMEPLATE.items():
        value = getattr(plan.vessel, name)
        more = value + _MORE_PK if key.endswith("_pk") else value * _MORE
        after = compile_folder(folder, [*overrides, f"vessel.{key}={more:.12g} {unit}"]).plan
        for loop in after.loops if after and value else ():
            own = before[loop.name]
            gain, integral = _change(own.gain, loop.gain), _change(own.integral_s, loop.integral_s)
            if max(abs(gain), abs(integral)) >= _LITTLE:
                shown = _shown(value, unit), _shown(more, unit)
                found.setdefault(loop.name, []).append(Pull(key, *shown, gain, integral))
    return found


def _shown(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}"


def _change(before: float, after: float) -> float:
    return 100.0 * (after / before - 1.0) if before else 0.0
