"""The shipped perfusion on its rig: real folder, drivers and lines; the simulated vessel, its filter and its pumps are the judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.compile import compile_folder
from edgectl.model.request import Ask
from hil.rig import Rig
from tests.chain.batch import Play

FOLDER = Path(__file__).parents[2] / "configs" / "perfusion-2l"
START_S, END_S, HOUR_S = 300.0, 3300.0, 3600.0


def test_a_perfusion_that_is_started_flows_at_its_rate_and_holds_the_weight() -> None:
    """The rate is on its ramp towards what the cells need (15e6/mL at 50 pL a day: 0.75 VVD); as much leaves as enters."""
    plan = compile_folder(FOLDER).plan
    assert plan is not None
    rig = Rig.load("perfusion-2l")
    play = Play(plan, rig, END_S)
    before = rig.outputs()
    assert before["feed_ml_min"] == before["harvest_ml_min"] == 0.0
    play.ask(START_S, Ask.FEED, "KIC-301", "start")
    seen: list[tuple[dict[str, float], dict[str, float]]] = []
    seen_at = range(900, int(END_S), 300)
    for second in seen_at:
        play.at(float(second), lambda at_s=second: seen.append((rig.truth(at_s), rig.outputs())))  # type: ignore[misc]
    watcher = play.run()
    assert not [event for event in watcher.told("request") if event.after == "refused"]
    truth, outputs = seen[-1]
    assert max(abs(found["weight_kg"] - 2.0) for found, _ in seen) < 0.02  # 1 % of it
    hours = (seen_at[-1] - START_S) / HOUR_S
    assert outputs["feed_ml_min"] == pytest.approx(
        0.1 * hours * 2000.0 / 1440.0, rel=0.03
    )  # ramped by 0.1 VVD/h
    entering = outputs["feed_ml_min"] + outputs["base_ml_min"]
    assert outputs["harvest_ml_min"] + outputs["bleed_ml_min"] == pytest.approx(entering, abs=0.05)
    assert truth["feed_total_ml"] > 1.5
    pressure = rig.world.plant.sensor("membrane").read(END_S)
    assert pressure == pytest.approx(
        8.0 * outputs["harvest_ml_min"], abs=1.5
    )  # mbar: a clean filter, drawn through by this pump
