"""``edgectl check --explain`` says of each loop where its numbers come from, and is right about it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgectl.app.command_line import edgectl
from edgectl.app.explain import NAMEPLATE, explained
from edgectl.config.compile import compile_folder
from edgectl.config.simc import Aim, Process, noted, simc
from edgectl.config.vessel import MediumSection, ProbesSection, VesselSection
from edgectl.model.plan import Plan

CONFIGS = Path(__file__).parents[2] / "configs"
BENCH = CONFIGS / "bench"


def plan_of(folder: Path, *overrides: str) -> Plan:
    plan = compile_folder(folder, overrides).plan
    assert plan is not None
    return plan


@pytest.fixture(scope="module")
def told() -> dict[str, list[str]]:
    """The lines about each loop of the bench."""
    found: dict[str, list[str]] = {}
    for line in explained(BENCH, (), plan_of(BENCH)):
        if not line.startswith(" "):
            name = line.partition(":")[0]
            found[name] = []
        found[name].append(line)
    return found


def test_every_loop_is_told_with_the_settings_of_the_plan_and_a_model(told: dict[str, list[str]]) -> None:
    plan = plan_of(BENCH)
    assert list(told) == [loop.name for loop in plan.loops]
    for loop in plan.loops:
        text = "\n".join(told[loop.name])
        assert f"gain {loop.gain:.4g} per {loop.unit}, integral {loop.integral_s:.4g} s" in text
        assert "  model behind " in text
        assert "not derived" not in text


def test_the_gain_of_a_ph_loop_is_that_of_base_and_its_integral_that_of_the_slower_side(
    told: dict[str, list[str]],
) -> None:
    models = [line for line in told["AIC-101"] if "model behind" in line]
    assert any("behind gain" in line for line in models)
    assert any("integral" in line.partition(":")[0] for line in models)


def test_each_number_is_named_with_what_really_happens_when_it_is_larger(told: dict[str, list[str]]) -> None:
    rows = [
        (loop, found)
        for loop, lines in told.items()
        for line in lines
        if (found := re.match(r"    (\S+) .*; with (\S+ \S+): gain (\S+) %, integral (\S+) %", line))
    ]
    assert {"volume", "heat_transfer", "transfer", "base", "probes.do"} <= {found[1] for _, found in rows}
    before = {loop.name: loop for loop in plan_of(BENCH).loops}
    for loop, found in rows[::4]:
        after = next(
            each for each in plan_of(BENCH, f"vessel.{found[1]}={found[2]}").loops if each.name == loop
        )
        assert float(found[3]) == pytest.approx(100.0 * (after.gain / before[loop].gain - 1.0), abs=0.2)
        assert float(found[4]) == pytest.approx(
            100.0 * (after.integral_s / before[loop].integral_s - 1.0), abs=0.2
        )


def test_what_does_nothing_to_a_loop_is_not_named_there(told: dict[str, list[str]]) -> None:
    assert not any("probes.do" in line for line in told["AIC-101"])
    assert not any("heater 300" in line for line in told["AIC-102"])


def test_every_number_of_the_nameplate_is_tried() -> None:
    keys = {key for key in VesselSection.model_fields if key not in ("kind", "probes", "medium")}
    keys |= {f"probes.{key}" for key in ProbesSection.model_fields}
    keys |= {f"medium.{key}" for key in MediumSection.model_fields}
    assert set(NAMEPLATE) == keys


def test_written_gains_are_said_to_be_written() -> None:
    folder = CONFIGS / "perfusion-2l"
    lines = list(explained(folder, (), plan_of(folder)))
    assert lines.count("  written in the folder, not derived") == len(plan_of(folder).loops)


def test_only_what_is_derived_inside_is_noted_and_derivations_are_the_same_with_notes() -> None:
    process, aim = Process(0.01, 100.0, 5.0), Aim()
    plain = simc(process, aim)
    with noted() as found:
        assert simc(process, aim) == plain
    simc(process, Aim(tight=2.0))
    assert [(item.process, item.aim, item.settings) for item in found] == [(process, aim, plain)]


def test_the_command_explains_only_when_asked_and_only_what_compiles(tmp_path: Path) -> None:
    run = CliRunner().invoke
    plain, asked = (
        run(edgectl, ["check", str(CONFIGS / "perfusion-2l"), *more]) for more in ([], ["--explain"])
    )
    assert (plain.exit_code, asked.exit_code) == (0, 0)
    assert "settings:" not in plain.output
    assert asked.output.startswith(plain.output)
    assert "TIC-301: holds TT-301 with TY-301" in asked.output
    broken = shutil.copytree(BENCH, tmp_path / "bench")
    (broken / "unit.yaml").write_text((BENCH / "unit.yaml").read_text().replace("period: 1 s", "period: 1"))
    assert run(edgectl, ["check", str(broken), "--explain"]).exit_code == 2
