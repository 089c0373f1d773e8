"""The runner: what is chosen is run, the same again, and told in tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from hil.bench_control import bound, search, table
from hil.bench_control.__main__ import main
from hil.bench_control.case import BUILT_IN, Case, Outcome, plants_of, run, studied
from hil.bench_control.plant import plants
from hil.bench_control.runner import Choice, cases
from hil.bench_control.scenario import Event, Scenario
from hil.bench_control.score import geometric_mean, standings
from hil.bench_control.seam import QUANTITIES, Nameplate, PlantMaker

ONE = Case("quick_0l5", 1, "restart", "brewblox")


def figures(error: float) -> dict[str, dict[str, float]]:
    loop = {
        "error": error,
        "in_band": 0.5,
        "worst": error,
        "overshoot": 0.1,
        "settling_s": 60.0,
        "recovery_s": 0.0,
        "reversals_h": 10.0 * error,
    }
    whole = {"base_ml": 1.0, "both_active": 0.0, "blanket_c": 40.0, "blanket_crossed": 0.0}
    return {**dict.fromkeys(QUANTITIES, loop), "run": whole}


def test_the_same_case_gives_the_same_figures_and_another_seed_others() -> None:
    first = run(ONE)
    assert first == run(ONE)
    assert first.figures != run(ONE._replace(seed=2)).figures


def test_growth_is_run_last_and_on_one_scatter_only() -> None:
    wanted = cases(Choice(seeds=3))
    places = [c.scenario == "growth" for c in wanted]
    assert places == sorted(places)
    assert {c.seed for c in wanted if c.scenario == "growth"} == {1}
    assert {c.seed for c in wanted if c.scenario == "steps"} == {1, 2, 3}
    assert len({c.vessel for c in wanted}) >= 4


def test_only_narrows_by_any_kind_of_word_and_a_strange_word_is_told() -> None:
    wanted = cases(Choice(seeds=1, only=("quick_0l5", "startup", "klipper", "bound")))
    assert [(c.vessel, c.scenario, c.controller) for c in wanted] == [
        ("quick_0l5", "startup", "bound"),
        ("quick_0l5", "startup", "klipper"),
    ]
    with pytest.raises(ValueError, match=r"kliper: no vessel.*klipper"):
        cases(Choice(only=("kliper",)))


def test_a_controller_that_is_not_there_is_told_and_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound, "load", dict)
    outcome = run(ONE._replace(controller="bound"))
    assert outcome.figures == {}
    assert "quick_0l5/1" in outcome.missing


def test_the_score_is_the_geometric_mean_of_the_bound_s_error_over_the_controller_s() -> None:
    made = [
        Outcome(Case("v", 1, scenario, controller), figures(error))
        for scenario, controller, error in (
            ("startup", "bound", 1.0),
            ("startup", "klipper", 2.0),
            ("restart", "bound", 1.0),
            ("restart", "klipper", 8.0),
        )
    ]
    by_name = {s.controller: s for s in standings(made)}
    assert by_name["bound"].score["do"] == pytest.approx(100.0)
    assert by_name["klipper"].score["do"] == pytest.approx(25.0, rel=0.02)
    assert by_name["klipper"].reversals_h["ph"] == 80.0
    assert by_name["klipper"].restart_do == 8.0
    assert math.isnan(geometric_mean([]))


def test_the_tables_stand_between_the_markers_and_nothing_else_moves(tmp_path: Path) -> None:
    text = table.report([Outcome(Case("v", 1, "startup", "klipper"), figures(2.0))], "a command")
    assert "| klipper | - | - | - | 20 | 20 | 20 |" in text
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write_section(readme, text)
    held = readme.read_text()
    assert held.startswith(f"before\n{table.BEGIN}\n`a command`")
    assert held.endswith(f"{table.END}\nafter\n")
    assert "old" not in held
    readme.write_text("no markers")
    with pytest.raises(ValueError, match="has no"):
        table.write_section(readme, text)


def test_the_command_writes_figures_tables_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--only", "quick_0l5,restart,klipper,brewblox", "--seeds", "1", "--jobs", "1")
    assert main((*words, "--json", str(tmp_path / "out.json"), "--pictures", str(tmp_path))) == 0
    told = capsys.readouterr().out
    assert "| brewblox |" in told
    held = json.loads((tmp_path / "out.json").read_text())
    assert {entry["controller"] for entry in held} == {"klipper", "brewblox"}
    assert held[0]["figures"]["do"]["error"] > 0.0
    beside = (
        "--only",
        "quick_0l5,restart,simple-pid",
        "--seeds",
        "1",
        "--beside",
        str(tmp_path / "out.json"),
    )
    assert main(beside) == 0
    told = capsys.readouterr().out
    assert all(f"| {name} |" in told for name in ("simple-pid", "klipper", "brewblox"))
    picture = (tmp_path / "quick_0l5-restart.svg").read_text()
    assert picture.startswith("<svg")
    assert picture.count("<polyline") == 6


def test_a_strange_word_ends_the_command_with_a_usage_error() -> None:
    with pytest.raises(SystemExit) as ended:
        main(("--only", "nonsense"))
    assert ended.value.code == 2


def own_plants() -> Mapping[str, tuple[Nameplate, PlantMaker]]:
    """Somebody's own plants."""
    return {"mine": plants()["quick_0l5"]}


def test_plants_of_one_s_own_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    named = f"{Path(__file__).stem}:own_plants"
    assert list(plants_of(named)) == ["mine"]
    wanted = cases(Choice(seeds=1, only=("restart", "klipper"), plants=named))
    assert [c.vessel for c in wanted] == ["mine"]
    assert run(wanted[0]).figures["do"]["error"] > 0.0


def test_the_search_only_ever_betters_the_loops_together(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Scenario("short", 900.0, (Event(300.0, "setpoint", "do", 50.0),), scored_from_s=300.0)
    monkeypatch.setattr(search, "scripts", lambda _vessel, _seed: [short])
    where = Case("quick_0l5", 1, "", "bound")
    known = studied(BUILT_IN, "quick_0l5")
    start, found = search.find(where, 0), search.find(where, 12)
    before, after = (search._costs(where, [short], gains, known) for gains in (start, found))
    assert sum(after.values()) < sum(before.values())
    assert after["do"] < before["do"]
    assert search.find(where, 12) == found
    assert search.find(where, 0, found) == found


def test_the_bound_is_kept_in_a_file(tmp_path: Path) -> None:
    known = studied(BUILT_IN, "quick_0l5")
    found = {"quick_0l5/1": search.first_guess(plants_of(BUILT_IN)["quick_0l5"][0], known)}
    path = tmp_path / "bound.json"
    bound.save(found, path)
    assert bound.load(path) == found
    assert bound.load(tmp_path / "none.json") == {}
