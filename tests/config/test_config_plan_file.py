"""Approved plans survive power cuts, damage and a full history."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from edgectl.config.plan_file import CURRENT, KEPT, load_last_good, store_plan
from edgectl.config.settings import Settings
from edgectl.model.codec import load_plan, seal
from edgectl.model.plan import Plan
from tests.config.unit_folder import compiled


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    plan = compiled(tmp_path_factory.mktemp("unit") / "u").plan
    assert plan is not None
    return plan


def version(plan: Plan, number: int) -> Plan:
    return seal(dataclasses.replace(plan, description=f"version {number}"))


def test_a_stored_plan_is_in_force(base: Plan, tmp_path: Path) -> None:
    path = store_plan(tmp_path / "plan", base)
    assert path.name == f"{base.digest}.json"
    assert load_plan((tmp_path / "plan" / CURRENT).read_bytes()) == base
    assert load_last_good(tmp_path / "plan") == (path, base)


def test_a_plan_approved_again_is_in_force_again(base: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    store_plan(folder, base)
    store_plan(folder, version(base, 2))
    path = store_plan(folder, base)
    assert load_last_good(folder) == (path, base)


@pytest.mark.parametrize("damage", ["", "{", "altered"])
def test_a_damaged_plan_gives_way_to_the_last_good_one(damage: str, base: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    for number in range(3):
        os.utime(store_plan(folder, version(base, number)), (number, number))
    path = store_plan(folder, version(base, 3))
    text = path.read_text()
    path.write_text(text.replace('"setpoint": 37.0', '"setpoint": 39.0') if damage == "altered" else damage)
    found = load_last_good(folder)
    assert found is not None
    assert found[1] == version(base, 2)


def test_a_power_cut_while_storing_leaves_the_old_plan_in_force(
    base: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "plan"
    old = store_plan(folder, base)
    plain = os.fsync
    for survives in range(3):
        calls: list[int] = []

        def cut(descriptor: int, calls: list[int] = calls, survives: int = survives) -> None:
            if len(calls) == survives:
                raise OSError("power")
            calls.append(descriptor)
            plain(descriptor)

        monkeypatch.setattr(os, "fsync", cut)
        with pytest.raises(OSError, match="power"):
            store_plan(folder, version(base, 7 + survives))
        found = load_last_good(folder)
        assert found is not None
        assert found in ((old, base), (folder / f"{version(base, 9).digest}.json", version(base, 9)))
        assert (found[1] == base) == (survives < 2), "the link is put in place last"


def test_the_last_good_ones_are_kept_and_no_more(base: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    for number in range(KEPT + 5):
        os.utime(store_plan(folder, version(base, number)), (number, number))
    assert len([*folder.glob("*.json")]) == KEPT
    found = load_last_good(folder)
    assert found is not None
    assert found[1] == version(base, KEPT + 4)


def test_nothing_stored_is_no_plan(tmp_path: Path) -> None:
    assert load_last_good(tmp_path / "plan") is None


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours first, then systemd's, then the default."""
    for name in (
        "EDGECTL_STATE_DIR",
        "STATE_DIRECTORY",
        "CREDENTIALS_DIRECTORY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/anna")
    if not os.access("/var/lib/edgectl", os.W_OK):
        assert Settings().state_dir == Path("/home/anna/.local/state/edgectl")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/other")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/edgectl")
    assert Settings().state_dir == Path("/var/lib/other")
    assert Settings().secret("mqtt-password") == "/run/credentials/edgectl/mqtt-password"
    assert Settings().secret("/etc/secret") == "/etc/secret"
    assert Settings().secret("") == ""
    monkeypatch.setenv("EDGECTL_STATE_DIR", "/tmp/state")
    assert Settings().state_dir == Path("/tmp/state")
