"""``edgectl doctor``: each check over the files of a machine that is made up, and the report."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest
from click.testing import CliRunner

from edgectl.app.command_line import edgectl
from edgectl.app.doctor import (
    broker,
    bus,
    clock,
    command,
    configuration,
    disk,
    permission,
    power,
    realtime,
    serial,
    software,
    watchdog,
)
from edgectl.app.doctor.examination import CHECKS, Line, examine
from edgectl.app.doctor.finding import Finding, Verdict, bad, ok, watch
from edgectl.app.doctor.look import KernelClock, Look, Space, kernel_clock
from edgectl.app.install_service import FILES
from edgectl.app.place import Place
from edgectl.app.shipped import service_file
from edgectl.config.compile import Compiled
from edgectl.config.plan_file import store_plan
from edgectl.model.plan import LinePlan, Medium, Plan, Protocol
from edgectl.model.uplink_plan import JournalPlan, UplinkPlan
from tests.core.rig import demo

OK, WATCH, BAD, UNKNOWN = "ok", "watch", "bad", "unknown"
NOW_S = 1_800_000_000.0
PI = {"/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"}
GB = 1_000_000_000

Check = Callable[[Look], Iterator[Finding]]


def machine(root: Path, files: Mapping[str, str] | None = None, **more: Any) -> Look:
    """A machine of these files."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Look(root, root / "etc/edgectl/secrets", now_s=lambda: NOW_S, **more)


def verdicts(check: Check, look: Look) -> list[str]:
    found = list(check(look))
    assert all(finding.about and finding.why for finding in found)
    assert all(finding.step for finding in found if finding.verdict in (Verdict.BAD, Verdict.WATCH))
    return [finding.verdict.value for finding in found]


def words(check: Check, look: Look) -> str:
    return "\n".join(f"{finding.about}: {finding.why} -> {finding.step}" for finding in check(look))


def throttled(bits: int) -> dict[str, str]:
    return PI | {"/sys/devices/platform/soc/soc:firmware/get_throttled": f"{bits:x}\n"}


@pytest.mark.parametrize(
    ("files", "verdict", "says"),
    [
        ({}, UNKNOWN, "not a Pi"),
        ({"/proc/device-tree/model": "Some board"}, UNKNOWN, "not a Pi"),
        (PI, UNKNOWN, "does not say"),
        (throttled(0), OK, "no under-voltage"),
        (throttled(0x1), BAD, "under-voltage now"),
        (throttled(0x50005), BAD, "under-voltage now"),
        (throttled(0x10000), BAD, "since the last start"),
        (throttled(0x4), WATCH, "heat now"),
        (throttled(0x80000), WATCH, "heat since the last start"),
        (PI | {"/sys/class/hwmon/hwmon0/name": "rpi_volt\n", "/sys/class/hwmon/hwmon0/in0_lcrit_alarm": "1"}, BAD, "under-voltage"),
        (PI | {"/sys/class/hwmon/hwmon0/name": "rpi_volt\n", "/sys/class/hwmon/hwmon0/in0_lcrit_alarm": "0"}, OK, "no under"),
        (PI | {"/sys/class/hwmon/hwmon0/name": "cpu\n", "/sys/class/hwmon/hwmon0/in0_lcrit_alarm": "1"}, UNKNOWN, "does not say"),
    ],
)  # fmt: skip
def test_a_pi_says_how_its_supply_is(files: dict[str, str], verdict: str, says: str, tmp_path: Path) -> None:
    look = machine(tmp_path, files)
    assert verdicts(power.supply, look) == [verdict]
    assert says in words(power.supply, look)


def test_vcgencmd_is_asked_where_the_kernel_does_not_say(tmp_path: Path) -> None:
    look = machine(
        tmp_path,
        PI,
        tool=lambda *asked: "throttled=0x50000\n" if asked == ("vcgencmd", "get_throttled") else None,
    )
    assert verdicts(power.supply, look) == [BAD]


@pytest.mark.parametrize(
    ("zones", "verdict"),
    [((), UNKNOWN), ((41_000, 69_900), OK), ((41_000, 70_000), WATCH), ((80_000, 41_000), BAD)],
)
def test_the_hottest_zone_counts(zones: tuple[int, ...], verdict: str, tmp_path: Path) -> None:
    look = machine(
        tmp_path, {f"/sys/class/thermal/thermal_zone{n}/temp": f"{t}\n" for n, t in enumerate(zones)}
    )
    assert verdicts(power.heat, look) == [verdict]


@pytest.mark.parametrize(
    ("kernel", "verdict"),
    [
        (KernelClock(True, 0.05, 0.001), OK),
        (KernelClock(True, 1.5, 0.001), WATCH),
        (KernelClock(False, 0.05, 0.001), BAD),
        (None, UNKNOWN),
    ],
)
def test_the_clock_is_judged_by_what_the_kernel_says(
    kernel: KernelClock | None, verdict: str, tmp_path: Path
) -> None:
    assert verdicts(clock.synchronised, machine(tmp_path, clock=lambda: kernel)) == [verdict]


def test_an_image_shows_whether_timesyncd_ever_reached_a_server(tmp_path: Path) -> None:
    assert verdicts(clock.synchronised, machine(tmp_path, {"/run/systemd/timesync/synchronized": ""})) == [OK]


def test_the_kernel_of_this_machine_answers() -> None:
    found = kernel_clock()
    assert found is not None
    assert 0.0 <= found.most_error_s < 1e4


RTC = "/sys/class/rtc/rtc0/"


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({}, WATCH),
        ({RTC + "since_epoch": f"{NOW_S:.0f}"}, OK),
        ({RTC + "since_epoch": f"{NOW_S - 61:.0f}"}, WATCH),
        ({RTC + "since_epoch": f"{NOW_S:.0f}", RTC + "battery_voltage": "3000000"}, OK),
        ({RTC + "since_epoch": f"{NOW_S:.0f}", RTC + "battery_voltage": "120000"}, BAD),
    ],
)
def test_a_battery_clock_must_be_there_and_agree(files: dict[str, str], verdict: str, tmp_path: Path) -> None:
    assert verdicts(clock.battery_clock, machine(tmp_path, files)) == [verdict]


MMC = "/sys/block/mmcblk0/device/"


@pytest.mark.parametrize(
    ("files", "verdict", "says"),
    [
        ({}, UNKNOWN, "no disk"),
        ({"/sys/block/loop0/size": "1"}, UNKNOWN, "no disk"),
        ({MMC + "life_time": "0x01 0x02", MMC + "pre_eol_info": "0x01"}, OK, "10 to 20 %"),
        ({MMC + "life_time": "0x08 0x02"}, WATCH, "70 to 80 %"),
        ({MMC + "life_time": "0x01 0x01", MMC + "pre_eol_info": "0x02"}, WATCH, "spare blocks"),
        ({MMC + "life_time": "0x0a 0x01"}, BAD, "90 to 100 %"),
        ({MMC + "life_time": "0x0b 0x01"}, BAD, "beyond"),
        ({MMC + "life_time": "0x01 0x01", MMC + "pre_eol_info": "0x03"}, BAD, "nearly used up"),
        ({MMC + "life_time": "0x00 0x00", MMC + "type": "MMC"}, UNKNOWN, "MMC says nothing"),
        ({MMC + "type": "SD"}, UNKNOWN, "SD says nothing"),
        ({"/sys/block/sda/size": "1"}, UNKNOWN, "smartctl is not here"),
    ],
)
def test_wear_is_what_the_disk_says(files: dict[str, str], verdict: str, says: str, tmp_path: Path) -> None:
    look = machine(tmp_path, files)
    assert verdicts(disk.wear, look) == [verdict]
    assert says in words(disk.wear, look)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"smart_status": {"passed": True}}, OK),
        ({"smart_status": {"passed": False}}, BAD),
        (
            {"smart_status": {"passed": True}, "nvme_smart_health_information_log": {"percentage_used": 101}},
            BAD,
        ),
        ({}, UNKNOWN),
    ],
)
def test_smart_is_asked_where_there_is_smartctl(answer: dict[str, Any], verdict: str, tmp_path: Path) -> None:
    look = machine(tmp_path, {"/sys/block/sda/size": "1"}, tool=lambda *_: json.dumps(answer))
    assert verdicts(disk.wear, look) == [verdict]


@pytest.mark.parametrize(
    ("rate_d", "free", "keep", "expected"),
    [
        (None, 10 * GB, 8 * GB, [OK, OK]),  # too young for a rate
        (GB, 150_000_000, 8 * GB, [BAD]),
        (GB, 10 * GB, 8 * GB, [OK, OK]),  # the bound comes first
        (GB, 2 * GB, 8 * GB, [OK, BAD]),
        (GB, 6 * GB, 8 * GB, [OK, WATCH]),
        (GB / 100, 6 * GB, 80 * GB, [OK, OK]),
    ],
)
def test_a_disk_is_judged_by_when_it_is_full(
    rate_d: float | None,
    free: int,
    keep: int,
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place(tmp_path / "BR")
    place.folder.mkdir()
    place.journal.write_bytes(b"")
    monkeypatch.setattr(disk, "_journal_size", lambda _: 1_000_000)
    monkeypatch.setattr(disk, "_span_s", lambda _: 0.0 if rate_d is None else 1e6 / rate_d * 86_400.0)
    monkeypatch.setattr(disk, "_SHORTEST_S", 1.0)
    plan = demo(journal=JournalPlan(keep_bytes=keep, keep_s=1e9))
    look = machine(tmp_path, place=place, plan=plan, space=lambda _: Space(free, 100 * GB))
    assert verdicts(disk.room, look) == expected


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({}, UNKNOWN),
        ({"/sys/fs/ext4/mmcblk0p2/errors_count": "0"}, OK),
        ({"/sys/fs/ext4/mmcblk0p2/errors_count": "3"}, BAD),
        ({"/proc/mounts": "/dev/root / ext4 ro,noatime 0 0\n"}, BAD),
        ({"/proc/mounts": "/dev/root / ext4 rw,noatime,errors=remount-ro 0 0\n"}, OK),
    ],
)
def test_a_hurt_file_system_is_told(files: dict[str, str], verdict: str, tmp_path: Path) -> None:
    assert verdicts(disk.faults, machine(tmp_path, files)) == [verdict]


def on_port(port: str) -> Plan:
    return demo(lines=(LinePlan("probes", Medium.SERIAL, Protocol.MODBUS_RTU, port),))


@pytest.mark.parametrize(
    ("port", "there", "verdict"),
    [
        ("/dev/serial/by-id/usb-FTDI", True, OK),
        ("/dev/serial/by-id/usb-FTDI", False, BAD),
        ("/dev/ttyUSB0", True, WATCH),
    ],
)
def test_ports_must_be_there_under_a_name_that_stays(
    port: str, there: bool, verdict: str, tmp_path: Path
) -> None:
    assert verdicts(serial.ports, machine(tmp_path, {port: ""} if there else {}, plan=on_port(port))) == [
        verdict
    ]


def test_a_port_that_may_not_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    look = machine(tmp_path, {"/dev/serial/by-id/x": ""}, plan=on_port("/dev/serial/by-id/x"))
    assert verdicts(serial.ports, look) == [BAD]
    assert "dialout" in words(serial.ports, look)
    assert verdicts(serial.ports, machine(tmp_path)) == [UNKNOWN]


def test_an_adapter_that_holds_bytes_back_is_told(tmp_path: Path) -> None:
    timers = {
        f"/sys/bus/usb-serial/devices/ttyUSB{n}/latency_timer": f"{ms}\n" for n, ms in enumerate((1, 16))
    }
    look = machine(tmp_path, timers)
    assert verdicts(serial.latency, look) == [OK, WATCH]
    assert "at most 62 exchanges a second" in words(serial.latency, look)
    assert verdicts(serial.latency, machine(tmp_path / "other")) == [OK]


@pytest.mark.parametrize(
    ("vendor", "control", "verdict"), [("0403", "auto", WATCH), ("0403", "on", OK), ("1d6b", "auto", UNKNOWN)]
)
def test_an_adapter_that_may_sleep_is_told(vendor: str, control: str, verdict: str, tmp_path: Path) -> None:
    device = "/sys/bus/usb/devices/1-1.3/"
    look = machine(tmp_path, {device + "idVendor": f"{vendor}\n", device + "power/control": f"{control}\n"})
    assert verdicts(serial.sleep, look) == [verdict]


def line(
    busy_s: float, requests: int, timeouts: int = 0, bad_frames: int = 0, condition: str = "answering"
) -> dict[str, Any]:
    counts = {"busy_s": busy_s, "requests": requests, "timeouts": timeouts, "bad_frames": bad_frames}
    return {"statistics": counts, "instruments": {"ph1": {"condition": condition, "reason": "no reply"}}}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (line(11.0, 1000), [OK]),
        (line(17.1, 1000), [WATCH]),
        (line(19.1, 1000), [BAD]),
        (line(11.0, 1000, timeouts=6, bad_frames=5), [WATCH]),
        (line(11.0, 1000, timeouts=60, bad_frames=50), [BAD]),
        (line(11.0, 1000, condition="silent"), [OK, BAD]),
    ],
)
def test_lines_are_judged_by_load_and_errors(
    after: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    pictures = tuple(
        {"utc_ns": t * 10**9, "lines": {"probes": found}} for t, found in ((0, line(10.0, 900)), (10, after))
    )
    assert verdicts(bus.lines, machine(tmp_path, pictures=pictures)) == expected


def test_what_only_a_running_unit_knows_is_unknown_without_it(tmp_path: Path) -> None:
    look = machine(tmp_path, silence="BR does not answer")
    for check in (
        bus.lines,
        broker.uplink,
        realtime.punctuality,
        configuration.alarms,
        configuration.calibrations,
        configuration.recording,
    ):
        assert verdicts(check, look) == [UNKNOWN]
        assert "BR does not answer" in words(check, look)


@pytest.mark.parametrize(
    ("state", "notice", "verdict"),
    [
        ("connected", "", OK),
        ("none", "", OK),
        ("lost", "", BAD),
        ("fallback set", "", BAD),
        ("connected", "ends soon", WATCH),
    ],
)
def test_the_uplink_is_what_the_unit_says(state: str, notice: str, verdict: str, tmp_path: Path) -> None:
    picture = {"unit_state": {"uplink": state}, "notice": notice}
    assert verdicts(broker.uplink, machine(tmp_path, pictures=(picture, picture))) == [verdict]


@pytest.mark.parametrize(("days", "verdict"), [(400, OK), (29, WATCH), (6, BAD), (-1, BAD)])
def test_a_certificate_is_judged_by_its_end(
    days: int, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "end_of_file", lambda _: NOW_S + days * 86_400 + 60)
    plan = demo(uplink=UplinkPlan("broker", cert_file="br.pem"))
    assert verdicts(broker.certificates, machine(tmp_path, plan=plan)) == [BAD]
    assert verdicts(
        broker.certificates, machine(tmp_path, {"/etc/edgectl/secrets/br.pem": "x"}, plan=plan)
    ) == [verdict]


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    plan = demo(uplink=UplinkPlan("broker", ca_file="/etc/ca.pem"))
    look = machine(tmp_path, {"/etc/ca.pem": "hello"}, plan=plan)
    assert verdicts(broker.certificates, look) == [BAD]
    assert "no certificate in it" in words(broker.certificates, look)


def test_brokers_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One takes connections, one does not; an image is not asked for another machine's brokers."""

    def connect(address: tuple[str, int], _: float) -> Any:
        if address[0] == "dead":
            raise ConnectionRefusedError(111, "Connection refused")
        return SimpleNamespace(__enter__=None)

    class Taken:
        def __enter__(self) -> None:
            return None

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr("socket.create_connection", lambda a, t: connect(a, t) and Taken())
    plan = demo(uplink=UplinkPlan("good", also=(("dead", 1883),)))
    live = Look(Path("/"), tmp_path, plan=plan)
    assert verdicts(broker.brokers, live) == [OK, BAD]
    assert "Connection refused" in words(broker.brokers, live)
    assert verdicts(broker.brokers, machine(tmp_path, plan=plan)) == [UNKNOWN]


def test_a_broker_without_tls_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Taken:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            return None

    def refuse(*_: object, **__: object) -> None:
        raise ssl.SSLError(1, "WRONG_VERSION_NUMBER")

    monkeypatch.setattr("socket.create_connection", lambda *_: Taken())
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", refuse)
    live = Look(Path("/"), tmp_path, plan=demo(uplink=UplinkPlan("good", tls=True)))
    assert verdicts(broker.brokers, live) == [BAD]
    assert "TLS" in words(broker.brokers, live)


@pytest.mark.parametrize(
    ("passwd", "group", "verdict"),
    [
        ("root:x:0", "", UNKNOWN),
        ("edgectl:x:990", "dialout:x:20:anna", BAD),
        ("edgectl:x:990", "dialout:x:20:anna,edgectl", OK),
    ],
)
def test_the_service_must_be_in_dialout(passwd: str, group: str, verdict: str, tmp_path: Path) -> None:
    assert verdicts(
        permission.service_user, machine(tmp_path, {"/etc/passwd": passwd, "/etc/group": group})
    ) == [verdict]


@pytest.mark.parametrize(("mode", "verdict"), [(0o750, OK), (0o755, OK), (0o770, BAD), (0o757, BAD)])
def test_nobody_else_may_write_the_state(mode: int, verdict: str, tmp_path: Path) -> None:
    folder = tmp_path / "BR"
    folder.mkdir()
    folder.chmod(mode)
    assert verdicts(permission.state_folder, machine(tmp_path, place=Place(folder))) == [verdict]


def test_secrets_are_closed(tmp_path: Path) -> None:
    look = machine(tmp_path)
    assert verdicts(permission.secrets, look) == [OK]
    machine(tmp_path, {"/etc/edgectl/secrets/good": "x", "/etc/edgectl/secrets/open": "x"})
    look.secrets.chmod(0o700)
    (look.secrets / "good").chmod(0o600)
    (look.secrets / "open").chmod(0o640)
    assert verdicts(permission.secrets, look) == [BAD]
    assert f"chmod 600 {look.secrets}/open" in words(permission.secrets, look)
    (look.secrets / "open").chmod(0o600)
    assert verdicts(permission.secrets, look) == [OK]
    look.secrets.chmod(0o755)
    assert verdicts(permission.secrets, look) == [BAD]


def test_a_secret_that_nobody_has_put_there_is_told(tmp_path: Path) -> None:
    look = machine(
        tmp_path,
        {"/etc/edgectl/secrets/password": "x"},
        plan=demo(uplink=UplinkPlan("b", password_file="password", key_file="key")),
    )
    assert verdicts(permission.missing_secrets, look) == [OK, BAD]


WD = "/sys/class/watchdog/watchdog0/"


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({}, WATCH),
        ({"/dev/watchdog": ""}, OK),
        (
            {
                WD + "identity": "Broadcom BCM2835 Watchdog timer",
                WD + "state": "active",
                WD + "timeout": "15",
            },
            OK,
        ),
        (
            {
                WD + "identity": "Broadcom BCM2835 Watchdog timer",
                WD + "state": "active",
                WD + "timeout": "60",
            },
            WATCH,
        ),
        ({WD + "identity": "iTCO_wdt", WD + "state": "active", WD + "timeout": "60"}, OK),
        ({WD + "identity": "iTCO_wdt", WD + "state": "inactive", WD + "timeout": "30"}, WATCH),
    ],
)
def test_a_hardware_watchdog_is_there_and_fed(files: dict[str, str], verdict: str, tmp_path: Path) -> None:
    assert verdicts(watchdog.hardware, machine(tmp_path, files)) == [verdict]


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({}, WATCH),
        ({"/etc/systemd/system.conf": "[Manager]\n#RuntimeWatchdogSec=off\n"}, WATCH),
        ({"/etc/systemd/system.conf": "[Manager]\nRuntimeWatchdogSec=off\n"}, WATCH),
        (
            {"/etc/systemd/system.conf.d/50-edgectl.conf": service_file("edgectl.watchdog.conf").read_text()},
            OK,
        ),
        (
            {
                "/etc/systemd/system.conf.d/50-edgectl.conf": "[Manager]\nRuntimeWatchdogSec=15s\n",
                "/etc/systemd/system.conf.d/90-own.conf": "[Manager]\nRuntimeWatchdogSec=0\n",
            },
            WATCH,
        ),
    ],
)
def test_systemd_feeds_it(files: dict[str, str], verdict: str, tmp_path: Path) -> None:
    assert verdicts(watchdog.system, machine(tmp_path, files)) == [verdict]


def test_services_are_watched(tmp_path: Path) -> None:
    assert verdicts(watchdog.service, machine(tmp_path)) == [UNKNOWN, UNKNOWN]
    ours = {str(FILES[name]): service_file(name).read_text() for name in FILES if name.endswith(".service")}
    assert verdicts(watchdog.service, machine(tmp_path, ours)) == [OK, OK]
    drop_in = {"/etc/systemd/system/edgectl-control@.service.d/own.conf": "[Service]\nWatchdogSec=0\n"}
    assert verdicts(watchdog.service, machine(tmp_path, drop_in)) == [BAD, OK]


def process(policy: int, locked_kb: int) -> dict[str, str]:
    stat = ["S", *["0"] * 50]
    stat[37], stat[38] = "50", str(policy)
    return {
        "/proc/77/cmdline": "python\0-m\0edgectl\0control\0--plan\0x\0--state\0/state/BR\0",
        "/proc/77/stat": f"77 (an odd) name) {' '.join(stat)}",
        "/proc/77/status": f"Name:\tx\nVmLck:\t{locked_kb} kB\n",
    }


@pytest.mark.parametrize(("policy", "locked", "expected"), [(1, 200_000, [OK, OK]), (0, 0, [WATCH, WATCH])])
def test_the_running_control_shows_what_it_was_granted(
    policy: int, locked: int, expected: list[str], tmp_path: Path
) -> None:
    files = process(policy, locked)
    assert verdicts(realtime.grants, machine(tmp_path, files, place=Place(Path("/state/BR")))) == expected
    assert verdicts(realtime.grants, machine(tmp_path, place=Place(Path("/state/OTHER")))) == [UNKNOWN]


@pytest.mark.parametrize(("late", "skipped", "verdict"), [(1, 0, OK), (2, 0, WATCH), (0, 1, WATCH)])
def test_late_scans_are_told(late: int, skipped: int, verdict: str, tmp_path: Path) -> None:
    picture = {"late_scans": late, "skipped_scans": skipped, "scan": 1000}
    assert verdicts(realtime.punctuality, machine(tmp_path, pictures=(picture,))) == [verdict]


def with_plan(folder: Path, running: str | None) -> Look:
    place, plan = Place(folder / "BR"), demo()
    plan = replace(plan, digest="a" * 64)
    store_plan(place.plans, plan)
    pictures = () if running is None else ({"plan": running},)
    return machine(folder, place=place, plan=plan, pictures=pictures, silence="BR does not answer")


def test_what_runs_is_compared_with_what_is_in_force(tmp_path: Path) -> None:
    assert verdicts(configuration.in_force, machine(tmp_path)) == [UNKNOWN]
    assert verdicts(configuration.in_force, with_plan(tmp_path, None)) == [UNKNOWN]
    assert verdicts(configuration.in_force, with_plan(tmp_path, "a" * 64)) == [OK]
    assert verdicts(configuration.in_force, with_plan(tmp_path, "b" * 64)) == [WATCH]
    assert verdicts(configuration.in_force, replace(with_plan(tmp_path, None), plan=None)) == [BAD]


def test_a_folder_is_compared_with_what_is_in_force(tmp_path: Path) -> None:
    look = with_plan(tmp_path, None)
    assert look.plan is not None
    assert verdicts(configuration.edited, look) == [UNKNOWN]
    for digest, verdict in (("a" * 64, OK), ("c" * 64, WATCH)):
        made = cast("Compiled", SimpleNamespace(plan=replace(look.plan, digest=digest), errors=()))
        assert verdicts(configuration.edited, replace(look, folder=tmp_path, compiled=made)) == [verdict]
    broken = cast("Compiled", SimpleNamespace(plan=None, errors=(1, 2)))
    found = replace(look, folder=tmp_path, compiled=broken)
    assert verdicts(configuration.edited, found) == [BAD]
    assert "2 errors" in words(configuration.edited, found)


@pytest.mark.parametrize(
    ("days", "expected"),
    [((), [UNKNOWN]), ((0,), [UNKNOWN]), ((30, 4), [OK]), ((30, 2), [WATCH]), ((-5, 2), [WATCH, WATCH])],
)
def test_calibrations_that_are_due_are_told(
    days: tuple[int, ...], expected: list[str], tmp_path: Path
) -> None:
    """Day 0 stands for one without a date."""
    found = {
        f"AT-{n}": {"current": {"due_utc_ns": int((NOW_S + day * 86_400) * 1e9) if day else 0}}
        for n, day in enumerate(days)
    }
    found["AT-9"] = {"current": None}  # type: ignore[dict-item]
    look = machine(tmp_path, pictures=({"calibrations": found},))
    assert verdicts(configuration.calibrations, look) == expected
    assert verdicts(configuration.calibrations, machine(tmp_path, pictures=({},))) == [UNKNOWN]


def test_retired_and_standing_alarms_are_told(tmp_path: Path) -> None:
    def alarm(state: str, by: str = "") -> dict[str, Any]:
        return {"state": state, "hidden": bool(by), "hidden_by": by}

    calm = machine(tmp_path, pictures=({"alarms": {"A": alarm("NORM")}},))
    assert verdicts(configuration.alarms, calm) == [OK]
    found = machine(
        tmp_path, pictures=({"alarms": {"A": alarm("UNACK"), "B": alarm("OOSRV", "anna: probe is out")}},)
    )
    assert verdicts(configuration.alarms, found) == [WATCH, WATCH]
    assert "edgectl alarms return B" in words(configuration.alarms, found)


@pytest.mark.parametrize(
    ("journal", "verdict"),
    [
        (None, UNKNOWN),
        ({"fault": "", "lost": 0}, OK),
        ({"fault": "disk full", "lost": 0}, BAD),
        ({"fault": "", "lost": 3}, WATCH),
    ],
)
def test_recording_is_what_the_unit_says(
    journal: dict[str, Any] | None, verdict: str, tmp_path: Path
) -> None:
    picture = {"journal": journal, "snapshot": {"fault": ""}}
    assert verdicts(configuration.recording, machine(tmp_path, pictures=(picture,))) == [verdict, OK]


@pytest.mark.parametrize(
    ("version", "asked", "right"),
    [
        ("2.5.1", "aiomqtt<3,>=2.5", True),
        ("3.0", "aiomqtt<3,>=2.5", False),
        ("2.4.9", "aiomqtt<3,>=2.5", False),
        ("3.16.1", "pymodbus<3.17,>=3.16", True),
        ("3.17.0", "pymodbus<3.17,>=3.16", False),
        ("1.0", "anything", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, asked: str, right: bool) -> None:
    assert software.fits(version, asked) is right


def test_a_missing_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda _: ["click<9,>=8.2", "no-such-package>=1", "rich>=900"]
    )
    look = machine(tmp_path)
    assert verdicts(software.packages, look) == [BAD]
    assert "no-such-package is missing; rich" in words(software.packages, look)
    assert verdicts(software.python, look) == [OK]


def test_a_check_that_fails_is_unknown_and_the_others_go_on(tmp_path: Path) -> None:
    def broken(_: Look) -> Iterator[Finding]:
        yield ok("first", "it saw this before")
        raise ZeroDivisionError("odd machine")

    def closed(_: Look) -> Iterator[Finding]:
        yield from ()
        raise PermissionError(13, "Permission denied", "/etc/shadow")

    def well(_: Look) -> Iterator[Finding]:
        yield ok("last", "well")

    found = [line.finding for line in examine(machine(tmp_path), (("group", (broken, closed, well)),))]
    assert [f.verdict.value for f in found] == [OK, UNKNOWN, UNKNOWN, OK]
    assert "ZeroDivisionError: odd machine" in found[1].why
    assert "/etc/shadow may not be read" in found[2].why


def test_every_check_survives_an_empty_machine_and_a_mad_one(tmp_path: Path) -> None:
    """Nothing there, and then every file that a check reads full of nonsense."""
    empty = [line.finding for line in examine(machine(tmp_path / "empty"))]
    assert not [f for f in empty if f.why.startswith("this check failed")]
    nonsense = PI | dict.fromkeys(
        (
            "/sys/devices/platform/soc/soc:firmware/get_throttled", "/sys/class/thermal/thermal_zone0/temp", RTC + "since_epoch", MMC + "life_time",
            "/sys/fs/ext4/x/errors_count", "/sys/bus/usb-serial/devices/ttyUSB0/latency_timer", "/sys/bus/usb/devices/1-1/idVendor",
            WD + "timeout", WD + "state", "/etc/systemd/system.conf", "/proc/mounts", "/proc/7/cmdline", "/etc/passwd", "/etc/group",
        ),
        "not what you think\n",
    )  # fmt: skip
    mad = [line.finding for line in examine(machine(tmp_path / "mad", nonsense))]
    assert len(mad) >= sum(len(checks) for _, checks in CHECKS) - 3
    assert sum(f.why.startswith("this check failed") for f in mad) >= 5


def test_the_report_fits_the_terminal_and_says_what_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = [
        Line("disk", bad("disk", "very " * 40 + "full", "make " * 40 + "room")),
        Line("disk", ok("wear", "well")),
        Line("x", watch("a", "b", "c")),
    ]
    lines = list(command.render(found))
    assert max(len(line) for line in (click.unstyle(text) for text in lines)) <= 80
    text = "\n".join(lines)
    assert "-> make make" in text
    assert text.endswith("1 ok, 1 watch, 1 bad, 0 unknown")


@pytest.mark.parametrize(("bits", "code"), [(0, 0), (1, 1)])
def test_the_exit_code_is_1_when_anything_is_bad(bits: int, code: int, tmp_path: Path) -> None:
    machine(tmp_path, throttled(bits))
    done = CliRunner().invoke(edgectl, ["doctor", "--root", str(tmp_path), "--json"])
    document = json.loads(done.output)
    assert (done.exit_code, document["unit"], document["running"]) == (code, None, False)
    supply = document["findings"][0]
    assert (supply["group"], supply["about"], supply["verdict"]) == (
        "power",
        "supply",
        "bad" if bits else "ok",
    )


def test_a_unit_below_the_root_is_found_without_its_daemon(tmp_path: Path) -> None:
    plan = replace(demo(), digest="a" * 64)
    state = tmp_path / "var/lib/edgectl"
    assert CliRunner().invoke(edgectl, ["doctor", "BR-1", "--root", str(tmp_path)]).exit_code == 2
    store_plan(Place(state / "BR-1").plans, plan)
    document = json.loads(CliRunner().invoke(edgectl, ["doctor", "--root", str(tmp_path), "--json"]).output)
    assert document["unit"] == "BR-1"
    store_plan(Place(state / "BR-2").plans, plan)
    several = CliRunner().invoke(edgectl, ["doctor", "--root", str(tmp_path)])
    assert (several.exit_code, "name one of: BR-1, BR-2" in several.output) == (2, True)
