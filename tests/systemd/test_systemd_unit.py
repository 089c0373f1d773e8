"""The unit files: systemd understands every word of them, and grants no more than is needed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.app.unit import ROOT, need

UNITS = ("edgectl-control@.service", "edgectl-uplink@.service")
MOST_EXPOSURE = 1.5


def verify(folder: Path) -> str:
    """What systemd has to say about the units in ``folder``; its exit code is 0 even for a key it does not know."""
    program = need("systemd-analyze", "systemd")
    units = [str(folder / name) for name in UNITS]
    done = subprocess.run(
        [program, "verify", "--man=no", *units], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def exposure(unit: Path) -> tuple[float, bool]:
    """The figure of systemd-analyze, and whether it lets it pass."""
    command = [need("systemd-analyze", "systemd"), "security", "--offline=yes", "--no-pager"]
    done = subprocess.run(
        [*command, f"--threshold={MOST_EXPOSURE * 10:.0f}", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1]), done.returncode == 0


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The shipped units with a program that exists here."""
    for name in UNITS:
        text = (ROOT / "systemd" / name).read_text().replace("/opt/edgectl/bin/edgectl", "/bin/true")
        (tmp_path / name).write_text(text)
    return tmp_path


def test_systemd_has_nothing_to_say_about_the_units(units: Path) -> None:
    assert verify(units) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("WatchdogSec=", "WatchdogSecs="), ("WatchdogSec=5s", "WatchdogSec=5x"), ("Type=notify", "Type=notfy")],
)
def test_a_typo_would_be_told(units: Path, right: str, wrong: str) -> None:
    path = units / UNITS[0]
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    assert verify(units) != ""


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_exposed_to_no_more_than_it_needs(name: str) -> None:
    figure, passed = exposure(ROOT / "systemd" / name)
    assert passed
    assert figure <= MOST_EXPOSURE


def test_a_capability_more_would_be_told(units: Path) -> None:
    path = units / UNITS[0]
    path.write_text(
        path.read_text().replace("CapabilityBoundingSet=\n", "CapabilityBoundingSet=CAP_SYS_NICE\n")
    )
    assert not exposure(path)[1]


def test_control_keeps_what_real_time_and_serial_lines_need() -> None:
    """Hardened to death would also score well."""
    words = (ROOT / "systemd" / UNITS[0]).read_text().splitlines()
    for kept in (
        "CPUSchedulingPolicy=fifo",
        "LimitRTPRIO=50",
        "LimitMEMLOCK=infinity",
        "SupplementaryGroups=dialout",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        *(f"DeviceAllow=char-{kind} rw" for kind in ("ttyUSB", "ttyACM", "ttyAMA", "ttyS")),
        *(f"DeviceAllow=char-{major} rw" for major in (188, 166, 204, 4)),
    ):
        assert kept in words
    for refused in ("PrivateDevices=yes", "PrivateNetwork=yes", "RestrictRealtime=yes", "ProcSubset=pid"):
        assert refused not in words


def test_the_last_will_depends_on_the_plan_alone() -> None:
    text = (ROOT / "systemd" / UNITS[0]).read_text()
    (will,) = re.findall("^ExecStopPost=(.*)$", text, re.MULTILINE)
    assert will == "/opt/edgectl/bin/edgectl safe --plan %S/edgectl/%i/plan/current"


def test_secrets_reach_the_uplink_alone_and_as_files() -> None:
    control, uplink = ((ROOT / "systemd" / name).read_text() for name in UNITS)
    assert "LoadCredential=secrets:/etc/edgectl/secrets\n" in uplink
    assert "LoadCredential" not in control
    assert "Environment=" not in control + uplink
