"""The maps we ship for modbus_map, against emulators of their instruments."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgectl.config.compile import compile_folder
from tests.config.unit_folder import UNIT, write
from tests.drivers.emulated import PLACES, Emulated, Place, with_driver

MAPS = sorted((Path(__file__).parents[2] / "configs" / "maps").glob("*.yaml"))
INCYTE = next(path for path in MAPS if path.stem == "hamilton_incyte_arc")


def options(path: Path) -> dict[str, Any]:
    (section,) = yaml.safe_load(path.read_text()).values()
    plain: dict[str, Any] = section["options"]
    return plain


@pytest.fixture
def incyte(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(PLACES, "incyte", Place("modbus_map", "cells", "3", options(INCYTE), "cells/3"))
    return "incyte"


@pytest.mark.parametrize("path", MAPS, ids=lambda path: str(path.stem))
def test_a_shipped_map_can_be_pasted_into_a_unit(path: Path, tmp_path: Path) -> None:
    pasted = "".join(f"  {line}\n" for line in path.read_text().splitlines())
    unit = UNIT.replace("address: 3\n", "address: 8\n").replace("instruments:\n", f"instruments:\n{pasted}")
    found = compile_folder(write(tmp_path / "u", unit=unit), settle_s=0.0)
    assert found.plan is not None, "\n".join(problem.render() for problem in found.problems)


def test_a_cell_density_probe_is_read_in_whole_blocks(incyte: str) -> None:
    """The sensor refuses parts of a block; density, unit, status and limits come in one exchange each."""

    async def story(it: Emulated) -> None:
        it.plant.readings["density"] = 3.5
        before = it.instrument.log.counts["requests"]
        readings = {name: reading.value for name, reading in (await it.read()).items()}
        assert it.instrument.log.counts["requests"] - before == 2
        assert readings["density"] == pytest.approx(3.5e6)
        assert (readings["unit"], readings["status"]) == (0x80000000, 0)
        assert (readings["density_low"], readings["density_high"]) == (5e5, 8e9)
        assert readings["temperature"] == 37.0

    with_driver(incyte, story)


def test_a_cell_density_probe_in_error_shows_in_its_status(incyte: str) -> None:
    async def story(it: Emulated) -> None:
        it.instrument.errors[0] = 1
        readings = await it.read()
        assert readings["status"].value == 0x10
        it.plant.readings["density"] = math.nan
        density = (await it.read())["density"].value
        assert density is not None
        assert math.isnan(density)  # for the core to reject

    with_driver(incyte, story)
