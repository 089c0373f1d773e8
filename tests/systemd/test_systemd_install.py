"""``edgectl install-service`` shows all it would do, does it once, and puts no secret anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgectl.app import install_service
from edgectl.app.command_line import edgectl
from edgectl.app.exit_code import ExitCode
from edgectl.config.plan_file import load_last_good
from edgectl.config.settings import Settings
from tests.app.unit import ROOT, need

FOLDER = str(ROOT / "configs" / "demo")


def install(*words: str) -> Result:
    return CliRunner().invoke(edgectl, ["install-service", *words])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The root of an image that has edgectl, and nothing else."""
    program = tmp_path / "opt" / "edgectl" / "bin" / "edgectl"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_dry_run_shows_every_file_and_command_and_changes_nothing(image: Path) -> None:
    before = files(image)
    shown = install(FOLDER, "--root", str(image), "--dry-run")
    assert shown.exit_code == ExitCode.OK
    for name, path in install_service.FILES.items():
        assert f"==> {image}{path}\n" in shown.output
        assert (ROOT / "systemd" / name).read_text() in shown.output
    assert f"{image}/var/lib/edgectl/BR-DEMO/plan/" in shown.output
    assert (
        f"run: systemctl --root={image} enable edgectl-control@BR-DEMO edgectl-uplink@BR-DEMO" in shown.output
    )
    assert files(image) == before


def test_a_dry_run_for_this_machine_needs_no_rights() -> None:
    shown = install("BR-7", "--dry-run")
    assert shown.exit_code == ExitCode.OK
    commands = [line.removeprefix("run: ") for line in shown.output.splitlines() if line.startswith("run: ")]
    assert commands[0] == "systemd-sysusers /etc/sysusers.d/edgectl.conf"
    assert commands[-1] == "systemctl enable edgectl-control@BR-7 edgectl-uplink@BR-7"
    assert not any("chown" in command for command in commands), "a name alone puts no plan in force"


def test_an_image_gets_every_file_the_plan_and_the_services(image: Path) -> None:
    need("systemctl", "systemd")
    done = install(FOLDER, "--root", str(image))
    assert done.exit_code == ExitCode.OK, done.output
    for name, path in install_service.FILES.items():
        installed = image / path.relative_to("/")
        assert installed.read_bytes() == (ROOT / "systemd" / name).read_bytes()
        assert installed.stat().st_mode & 0o777 == 0o644
    found = load_last_good(image / "var" / "lib" / "edgectl" / "BR-DEMO" / "plan")
    assert found is not None
    assert found[1].unit == "BR-DEMO"
    wanted = image / "etc" / "systemd" / "system" / "multi-user.target.wants"
    assert sorted(path.name for path in wanted.iterdir()) == [
        "edgectl-control@BR-DEMO.service",
        "edgectl-uplink@BR-DEMO.service",
    ]


def test_a_second_time_changes_nothing(image: Path) -> None:
    need("systemctl", "systemd")
    install(FOLDER, "--root", str(image))
    once = files(image)
    again = install(FOLDER, "--root", str(image))
    assert again.exit_code == ExitCode.OK
    assert again.output.count("unchanged ") == len(install_service.FILES)
    assert files(image) == once


def test_a_unit_without_a_broker_gets_no_uplink(image: Path) -> None:
    folder = image / "bench"
    folder.mkdir()
    for name in ("unit.yaml", "safety.yaml"):
        (folder / name).write_text((ROOT / "configs" / "demo" / name).read_text())
    shown = install(str(folder), "--root", str(image), "--dry-run")
    assert shown.output.count("\nrun: ") == 1
    assert "enable edgectl-control@BR-DEMO\n" in shown.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere/bench",), "nowhere/bench: no such folder"),
        (("BR 7",), "cannot be a name"),
        ((FOLDER, "--set", "lines.gas.baud=19201"), "mend what is listed above"),
        (("BR-7",), "/opt/edgectl/bin/edgectl is missing; install edgectl there first"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_touched(
    words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    done = install(*words, "--root", str(tmp_path))
    assert done.exit_code == ExitCode.USAGE
    assert told in done.output
    assert files(tmp_path) == {}


def test_without_rights_nothing_is_touched(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, who may write anywhere."""
    before = files(image)
    monkeypatch.setattr(os, "access", lambda path, mode: "systemd" not in str(path))
    (image / "etc" / "systemd").mkdir(parents=True)
    done = install("BR-7", "--root", str(image))
    assert done.exit_code == ExitCode.USAGE
    assert f"{image}/etc/systemd may not be written; run it with sudo" in done.output
    assert files(image) == before


def test_an_environment_the_services_cannot_see_is_refused(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install_service, "HIDDEN", (image,))
    monkeypatch.setattr(sys, "prefix", str(image / "opt" / "edgectl"))
    done = install("BR-7", "--dry-run")
    assert done.exit_code == ExitCode.USAGE
    assert "the services cannot see" in done.output


def test_services_run_the_program_that_installed_them(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_service, "HIDDEN", ())
    prefix = image / "opt" / "edgectl"
    monkeypatch.setattr(sys, "prefix", str(prefix))
    shown = install("BR-7", "--dry-run").output
    assert f"ExecStart={prefix}/bin/edgectl control" in shown
    assert "=/opt/edgectl/" not in shown


def test_no_secret_is_in_what_is_written_or_shown(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("systemctl", "systemd")
    secrets = image / "secrets"
    secrets.mkdir()
    (secrets / "mqtt-password").write_text("hunter2-and-more")
    monkeypatch.setenv("EDGECTL_SECRETS_DIR", str(secrets))
    words = ("--set", "uplink.username=br", "--set", "uplink.password_file=mqtt-password")
    done = install(FOLDER, *words, "--root", str(image))
    assert done.exit_code == ExitCode.OK, done.output
    del_secret = {name: text for name, text in files(image).items() if not name.startswith("secrets/")}
    assert any(b"mqtt-password" in text for text in del_secret.values()), "the plan names the file"
    assert not any(b"hunter2" in text for text in del_secret.values())
    assert "hunter2" not in done.output


def test_credentials_of_systemd_are_found_by_the_name_in_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LoadCredential of a folder puts the folder's name before each; one loaded singly keeps its own and comes first."""
    monkeypatch.delenv("EDGECTL_SECRETS_DIR", raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "secrets_mqtt-password").touch()
    assert Settings().secret("mqtt-password") == str(tmp_path / "secrets_mqtt-password")
    (tmp_path / "mqtt-password").touch()
    assert Settings().secret("mqtt-password") == str(tmp_path / "mqtt-password")


def test_the_last_will_of_a_refused_control_process_touches_nothing(tmp_path: Path) -> None:
    """Exit code 4: another process holds the outputs. The plan is not even read."""
    command = [sys.executable, "-m", "edgectl", "safe", "--plan", str(tmp_path / "plan")]
    (tmp_path / "plan").write_text("no plan")
    for status, code in (("4", ExitCode.OK), ("70", ExitCode.USAGE)):
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"EXIT_CODE": "exited", "EXIT_STATUS": status},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert ("nothing sent" in done.stderr) == (code == ExitCode.OK)
