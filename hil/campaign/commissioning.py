"""Mistakes in the description of a unit that its plant betrays: M12."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.campaign.bed import STILL
from hil.campaign.look import highest, tag
from hil.campaign.row import Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_PRESSURE = "address: 4, type: int16, scale: 0.1"
_WRONG = (
    "address: 4, type: int16, scale: 1.0",
    "address: 7, type: int16, scale: 0.1",
    "address: 4, type: float32, scale: 0.1",
)


def _wrong_scale(stage: Stage) -> Finding:
    """Head-space pressure ten times too large; from a register there is not; as a float over its neighbour's register."""
    stage.start_bench()
    stage.start_broker()
    named, flowed = 0, 0.0
    reasons: list[str] = []
    for wrong in _WRONG:
        stage.rewrite("unit.yaml", (_PRESSURE, wrong))
        stage.state = stage.folder / f"state-{len(reasons)}"
        stage.start_unit()
        stage.until(lambda: not stage.runs() or stage.status()["scan"] > 10, 120.0)
        flowed = max(flowed, highest(stage, "air_ml_min", 10.0))
        if stage.runs():
            known, held = tag(stage, "PT-101"), stage.status()["actuators"]["FV-101"]["restricted_by"]
            named += "pressure-high" in held
            reasons.append(f"PT-101 {known['quality']} {known['value']}, gas held by {', '.join(held)}")
            stage.stop_unit()
            continue
        said = next(
            (line for line in (stage.folder / "run.log").read_text().splitlines() if "pressure" in line), ""
        )
        named += bool(said)
        reasons.append(f"refused: {said[-90:]}")
    return Finding(
        f"named in {named} of {len(_WRONG)} ({'; '.join(reasons)}); air at most {flowed:.1f} mL/min",
        named == len(_WRONG) and flowed < 51.0,
        "air at its safe value of 50 mL/min is what a unit out of control gives; pressure-high shuts it. The catalogue would have the "
        "unit refuse to start; but a restart beside cells must regulate what it can, whatever one value says",
    )


ROWS = (
    Row("M12", "Type or scaling of a point wrong by configuration", "point named; nothing that depends on it is ever energised (there is no gate at the start: the unit comes up with those outputs safe)", STILL, _wrong_scale, own=True),
)  # fmt: skip
