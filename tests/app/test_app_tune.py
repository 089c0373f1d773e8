"""``edgectl tune``: models that are true, margins that are known, reasons for no proposal, and nothing written that nobody accepted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgectl.analysis.fit import identify
from edgectl.analysis.plant import Plant, answer
from edgectl.analysis.series import Series, Unidentified
from edgectl.analysis.simc import margin, simc, worst
from edgectl.app import tune_command, tune_unit
from edgectl.app.command_line import edgectl
from edgectl.app.place import Place
from edgectl.app.tune import propose, series_of
from edgectl.app.tune_report import words
from edgectl.app.tune_split import examined, joined, unexamined
from edgectl.app.tuning_file import Unwritable, read_tuned, write_tuned
from edgectl.config.compile import compile_folder
from edgectl.model.codec import to_plain
from edgectl.model.experiment import Experiment, Method, Side, Stage, TunePlan
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.request import Ask, Request
from tests.bench.tuning import IMPOSSIBLE, KINDS, impossible, judge, scattered
from tests.core.rig import SMALL_LOOP, Closed, small

ROOT = Path(__file__).parents[2]
FIRST, SLOW = Plant(0.5, 200.0, 0.0, 12.0), Plant(0.004, math.inf, 0.0, 8.0)
SECOND = Plant(0.5, 300.0, 60.0, 6.0)
PLANTS = {
    "first order": FIRST,
    "integrating": SLOW,
    "second order": SECOND,
    "lag": Plant(0.004, math.inf, 30.0, 8.0),
}
LOOP = LoopPlan(
    "PIC-1", "PT-1", "mbar", (SegmentPlan("PV-1", 0.0, 100.0, 0.0, 100.0),), 0.0, 100.0, 50.0, 0.0, 100.0, 1.0, 100.0, 0.0,
    tune=TunePlan(10.0, 2.0, 7200.0, "%"),
)  # fmt: skip


def recorded(plant: Plant, noise: float = 0.01, seed: int = 1, drift: float = 0.0) -> Series:
    """A record of swings that the plant has time to answer."""
    half = round(4.0 * (plant.dead_s + plant.second_s) + 20.0)
    output = np.full(600, 40.0)
    for begin in range(60, 600, half):
        output[begin : begin + half] = 45.0 if (begin // half) % 2 else 35.0
    value = 50.0 + answer(plant, output - 40.0, 1.0) + drift * np.arange(600)
    noisy = value + np.random.default_rng(seed).normal(0.0, noise, 600)
    return Series(1.0, output, noisy, 60, 1.0, noise)


@pytest.mark.parametrize("kind", PLANTS)
def test_the_model_is_the_plant_within_what_it_says_of_itself(kind: str) -> None:
    plant = PLANTS[kind]
    fit = identify(recorded(plant))
    assert fit.explained > 0.95
    assert fit.plant.integrating == plant.integrating
    assert abs(fit.plant.dead_s - plant.dead_s) <= fit.dead_apart_s() + 0.3
    assert 1.0 / fit.gain_apart() / 1.05 <= fit.plant.gain / plant.gain <= fit.gain_apart() * 1.05


def test_more_noise_is_less_knowledge() -> None:
    apart = [identify(recorded(FIRST, noise)).dead_apart_s() for noise in (0.005, 0.05)]
    assert 3.0 * apart[0] < apart[1]


@pytest.mark.parametrize(
    ("lag_s", "peak", "gain"), [(1.0, 1.59, 3.14), (8.0, 1.59, 3.14), (math.inf, 1.70, 2.96)]
)
def test_margins_are_those_that_skogestad_prints(lag_s: float, peak: float, gain: float) -> None:
    """Table 1 of the paper: Ms and gain margin of PI settings at the closed-loop time constant of the dead time."""
    plant = Plant(1.0, lag_s, 0.0, 1.0)
    settings = simc(plant, 1.0, derivative=0.0, period_s=1e-3)
    found = margin(plant, settings, 1e-3)
    assert found.peak == pytest.approx(peak, abs=0.02)
    assert found.gain == pytest.approx(gain, rel=0.03)


@pytest.mark.parametrize("plant", PLANTS.values())
def test_three_times_the_margin_is_not_stable(plant: Plant) -> None:
    settings = simc(plant, plant.dead_s, derivative=0.0, period_s=1.0)
    assert margin(plant, settings, 1.0).stable
    assert not margin(plant, replace(settings, gain=6.0 * settings.gain), 1.0).stable
    assert not worst([plant, replace(plant, dead_s=8.0 * plant.dead_s)], settings, 1.0).stable


@pytest.mark.parametrize("kind", PLANTS)
def test_a_proposal_is_robust_for_every_plant_that_the_record_allows(kind: str) -> None:
    found = propose(recorded(PLANTS[kind]), LOOP)
    assert found.margin.peak <= 1.8
    assert found.least.peak <= 2.6
    assert margin(PLANTS[kind], found.settings, 1.0).peak < 2.0


def test_more_robustness_is_slower() -> None:
    calm, brisk = (propose(recorded(FIRST), LOOP, robustness).settings for robustness in (4.0, 1.0))
    assert calm.gain < 0.6 * brisk.gain


def test_overrides_are_the_settings_with_their_units() -> None:
    found = propose(recorded(FIRST), LOOP)
    assert found.overrides[0] == f"loops.PIC-1.gain={found.settings.gain:.4g} %/mbar"
    assert found.overrides[1].startswith("loops.PIC-1.integral=")


def _still(series: Series) -> Series:
    return replace(
        series, value=np.full(len(series.value), 50.0) + 0.01 * np.sin(np.arange(len(series.value)))
    )


REFUSALS: dict[str, Callable[[], Series]] = {
    "explains only": lambda: _still(recorded(FIRST)),
    "too much noise": lambda: recorded(FIRST, 3.0),
    "has the sign of the opposite": lambda: recorded(replace(FIRST, gain=-0.5)),
    "drifts by itself": lambda: recorded(FIRST, drift=0.05),
    "the output never moved": lambda: replace(recorded(FIRST), output=np.full(600, 40.0)),
    "points were recorded": lambda: Series(1.0, np.arange(9.0), np.arange(9.0)),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_record_that_tells_too_little_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(Unidentified, match=reason):
        propose(REFUSALS[reason](), LOOP)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["relay", "step"])
def test_a_tuned_loop_is_stable_and_in_band(kind: str, method: str) -> None:
    """The bench has fifty of each: ``python -m tests.bench.tuning``."""
    verdict = judge(scattered(kind, 0), 0, method)
    assert verdict.good, verdict


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_be_tuned_is_refused(name: str) -> None:
    verdict = impossible(name, 0)
    assert verdict.proposal is None
    assert verdict.reason


ENTRY = {
    "gain": "2 %/mbar",
    "integral": "90 s",
    "model": "a: b # c",
    "by": "anna",
    "reason": 'say "yes"',
    "at": "now",
}


def test_accepting_one_loop_keeps_the_others(tmp_path: Path) -> None:
    write_tuned(tmp_path, "PIC-2", ENTRY)
    write_tuned(tmp_path, "PIC-1", {**ENTRY, "gain": "3 %/mbar"})
    write_tuned(tmp_path, "PIC-2", {**ENTRY, "gain": "4 %/mbar"})
    found = read_tuned(tmp_path)
    assert found["PIC-2"] == {**ENTRY, "gain": "4 %/mbar"}
    assert found["PIC-1"]["gain"] == "3 %/mbar"


@pytest.mark.parametrize("text", ["tuning: [", "tuning:\n- a\n", "something: else\n", "tuning: {PIC-1: 3}\n"])
def test_a_file_that_cannot_be_understood_is_not_written_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "tuning.yaml").write_text(text)
    with pytest.raises(Unwritable):
        write_tuned(tmp_path, "PIC-1", ENTRY)
    assert (tmp_path / "tuning.yaml").read_text() == text


def test_an_aborted_experiment_proposes_nothing() -> None:
    bench = Closed(small(replace(SMALL_LOOP, tune=LOOP.tune)))
    bench.run(600)
    bench.ask(Ask.TUNE, "PIC-1", "relay")
    bench.run(70)
    bench.ask(Ask.TUNE, "PIC-1", "stop")
    with pytest.raises(Unidentified, match="stopped by anna: trial"):
        series_of(bench.state.experiments["PIC-1"])


class _Unit:
    """A running unit behind its control socket: each question takes a while of plant time."""

    def __init__(self) -> None:
        self.bench = Closed(small(replace(SMALL_LOOP, tune=LOOP.tune)))
        self.bench.run(600)
        self.interrupted_at = math.inf

    def ask(self, _: Path, question: dict[str, Any]) -> dict[str, Any]:
        self.bench.run(10)
        experiments = self.bench.state.experiments
        if question["do"] == "request":
            request = Request(
                question["id"], Ask(question["ask"]), question["target"], question["value"], "anna", "why"
            )
            reply = self.bench.scan(request).replies[0]
            return {"accepted": reply.accepted, "reason": reply.reason}
        if question["do"] == "experiment":
            found = experiments.get(question["loop"])
            return {"experiment": None if found is None else json.loads(json.dumps(to_plain(found)))}
        if self.bench.now_s > self.interrupted_at:
            self.interrupted_at = math.inf
            raise KeyboardInterrupt
        keys = ("swings", "elapsed_s")
        return {
            "experiments": {
                name: {"stage": x.stage.value, "longest_s": 7200.0, **{key: getattr(x, key) for key in keys}}
                for name, x in experiments.items()
            }
        }


@pytest.fixture
def unit(monkeypatch: pytest.MonkeyPatch) -> _Unit:
    unit = _Unit()
    monkeypatch.setattr(tune_unit, "ask", unit.ask)
    monkeypatch.setattr(tune_unit, "_LOOK_S", 0.0)
    return unit


def test_a_running_unit_is_watched_to_the_end(unit: _Unit) -> None:
    said: list[str] = []
    found = tune_unit.run_experiment(Place(Path("x")), "PIC-1", "relay", "why", said.append)
    assert found.complete
    assert found.points == unit.bench.state.experiments["PIC-1"].points
    assert any("to go" in text for text in said)
    assert said[-1].startswith("complete")


def test_ctrl_c_stops_the_experiment_on_the_unit(unit: _Unit) -> None:
    unit.interrupted_at = unit.bench.now_s + 100.0
    found = tune_unit.run_experiment(Place(Path("x")), "PIC-1", "relay", "why", lambda _: None)
    assert found.ended.startswith("stopped by anna")
    assert unit.bench.state.experiments["PIC-1"].stage is Stage.OVER
    assert unit.bench.loop("PIC-1").condition == "regulating"


def test_what_the_unit_refuses_is_said(unit: _Unit) -> None:
    unit.bench.scan(Request("r", Ask.MODE, "PIC-1", "MAN", "anna", "why"))
    with pytest.raises(tune_unit.NotGranted, match="must be in AUTO"):
        tune_unit.run_experiment(Place(Path("x")), "PIC-1", "relay", "why", lambda _: None)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder, where it may be written to."""
    folder = tmp_path_factory.mktemp("units") / "demo"
    folder.mkdir()
    for path in (ROOT / "configs" / "demo").glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    return folder


def test_the_emulated_unit_is_tuned_and_only_what_is_accepted_is_written(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune_command, "_CHECK_S", 3600.0)
    picture = tmp_path / "trend.svg"
    words = ["tune", "TIC-101", "--folder", str(demo), "--picture", str(picture), "--json"]
    done = CliRunner().invoke(edgectl, words)
    assert done.exit_code == 0, done.output
    assert "nothing is written" in done.stderr
    assert not (demo / "tuning.yaml").exists()
    assert "<svg" in picture.read_text()
    found = json.loads(done.stdout)
    assert found["ms"] <= 1.8
    write_tuned(demo, "TIC-101", {**ENTRY, **found["settings"]})
    plan = compile_folder(demo).plan
    assert plan is not None
    tuned = next(loop for loop in plan.loops if loop.name == "TIC-101")
    assert found["overrides"][0] == f"loops.TIC-101.gain={tuned.gain:g} degC/K"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["TIC-109", "--folder", "configs/demo"], 2, "has no loop TIC-109; it has TIC-101"),
        (["TIC-101", "--folder", "configs/demo", "--set", "loops.TIC-101.gain=0 degC/K"], 2, "has errors"),
        (["TIC-101", "--unit", "nobody"], 3, "Is the unit running?"),
        (["TIC-101", "--method", "guess"], 2, "'guess' is not one of"),
    ],
)
def test_a_wrong_call_is_told(arguments: list[str], code: int, says: str) -> None:
    done = CliRunner().invoke(edgectl, ["tune", *arguments])
    assert done.exit_code == code
    assert says in done.output


SPLIT = replace(
    LOOP,
    segments=(SegmentPlan("FV-1", -100.0, 0.0, 60.0, 0.0), SegmentPlan("P-1", 0.0, 100.0, 0.0, 2.0)),
    out_low=-100.0,
)


def test_settings_of_a_split_range_serve_every_side_that_was_examined() -> None:
    found = propose(recorded(FIRST), SPLIT)
    calmer = {"gain": "0.5 %/mbar", "integral": "10 s", "side": "FV-1"}
    both = joined(found, ("P-1",), calmer)
    assert (both.settings.gain, both.values["gain"]) == (0.5, "0.5 %/mbar")
    assert both.settings.integral_s == pytest.approx(found.settings.integral_s, rel=1e-3)
    assert joined(found, ("P-1",), {**calmer, "gain": "900 %/mbar"}).settings.gain == pytest.approx(
        found.settings.gain, rel=1e-3
    )
    assert joined(found, ("FV-1",), calmer) == found


def test_the_side_that_nobody_examined_is_named() -> None:
    base = Experiment(Method.RELAY, Side.UP, "anna", 50.0, 5.0, low=0.0, high=15.0)
    assert examined(SPLIT, base) == ("P-1",)
    assert unexamined(SPLIT, ("P-1",), {}) == ("FV-1",)
    assert unexamined(SPLIT, ("P-1",), {"side": "FV-1"}) == ()


def test_words_name_what_was_found() -> None:
    text = words(identify(recorded(FIRST)), "mbar", "%")
    assert text.startswith("first order: gain 0.5")
    assert "dead time 12.0 s" in text
