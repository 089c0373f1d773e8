"""``edgectl scan`` and ``edgectl init`` as a person calls them."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgectl.app.exit_code import ExitCode
from edgectl.app.scan import Progress, Scan
from edgectl.app.scan_find import Place
from edgectl.app.scan_port import Adapter, adapters, users
from edgectl.app.scan_yaml import pasted
from edgectl.clock import virtual_run
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import store_plan
from edgectl.model.plan import LinePlan
from hil.rig import Rig
from hil.still import StillPlant
from tests.config.unit_folder import compiled
from tests.scan.wires import Wires

CONFIGS = Path(__file__).parents[2] / "configs"


def edgectl(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgectl", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def node(sys_root: Path, dev: Path, name: str, usb: dict[str, str] | None, kind: str = "4") -> None:
    """A tty of a made-up kernel: its device hangs below a USB device where it is an adapter."""
    device = sys_root / "devices" / name / "interface" / "port"
    device.mkdir(parents=True)
    for key, text in (usb or {}).items():
        (sys_root / "devices" / name / key).write_text(f"{text}\n")
    tty_node = sys_root / "class" / "tty" / name
    tty_node.mkdir(parents=True)
    (tty_node / "device").symlink_to(device)
    (tty_node / "type").write_text(kind)
    (dev / name).touch()


FTDI = {
    "idVendor": "0403",
    "idProduct": "6001",
    "manufacturer": "FTDI",
    "product": "USB-RS485 Cable",
    "serial": "FT1",
}


def test_adapters_have_the_name_that_stays_and_what_usb_tells(tmp_path: Path) -> None:
    dev, sys_root = tmp_path / "dev", tmp_path / "sys"
    by_id, by_path = dev / "serial/by-id", dev / "serial/by-path"
    by_id.mkdir(parents=True)
    by_path.mkdir(parents=True)
    node(sys_root, dev, "ttyUSB0", FTDI)
    node(sys_root, dev, "ttyUSB1", {"idVendor": "1a86", "idProduct": "7523", "product": "USB Serial"})
    node(sys_root, dev, "ttyAMA0", None)
    node(sys_root, dev, "ttyS3", None, kind="0")
    (sys_root / "class/tty/tty1").mkdir()
    (by_id / "usb-FTDI_FT1-if00-port0").symlink_to(dev / "ttyUSB0")
    (by_path / "pci-usb-0:1.1").symlink_to(dev / "ttyUSB0")
    (by_path / "pci-usb-0:1.2").symlink_to(dev / "ttyUSB1")
    found = {Path(adapter.device).name: adapter for adapter in adapters(dev, sys_root)}
    assert set(found) == {"ttyUSB0", "ttyUSB1", "ttyAMA0"}
    assert found["ttyUSB0"].name == str(by_id / "usb-FTDI_FT1-if00-port0")
    assert found["ttyUSB0"].title == "FTDI USB-RS485 Cable, serial number FT1"
    assert found["ttyUSB1"].name == str(by_path / "pci-usb-0:1.2")
    assert (found["ttyAMA0"].name, found["ttyAMA0"].title) == (str(dev / "ttyAMA0"), "built-in port")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose unit is running: its lock is held, its plan names a port."""
    state = tmp_path / "state"
    plan = compiled(tmp_path / "u", ["lines.probes.port=/dev/ttyHELD", "lines.cell.host=127.0.0.1"]).plan
    assert plan is not None
    store_plan(state / plan.unit / "plan", plan)
    lock = os.open(state / plan.unit / "control.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield state
    os.close(lock)


def test_a_port_of_a_running_unit_is_not_even_opened(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECTL_STATE_DIR", str(running))
    opened: list[LinePlan] = []
    scan = Scan(
        [Adapter("/dev/ttyHELD", "/dev/ttyHELD")], [("127.0.0.1", 502)], Progress(quiet=True), thorough=False
    )
    asyncio.run(scan.run(opened.append))
    assert opened == []
    assert [place.held.split(";")[0] for place in scan.places] == [
        "not touched: running unit BR-1 uses it"
    ] * 2


def test_a_unit_that_has_stopped_holds_nothing(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u").plan
    assert plan is not None
    store_plan(tmp_path / "state" / plan.unit / "plan", plan)
    (tmp_path / "state" / plan.unit / "control.lock").touch()
    assert users(tmp_path / "state") == {}


def test_a_port_held_by_somebody_else_is_named_with_who_holds_it() -> None:
    import serial

    master, slave = os.openpty()
    with serial.Serial(os.ttyname(slave), exclusive=True):
        done = edgectl("scan", os.ttyname(slave))
    os.close(master)
    os.close(slave)
    assert done.returncode == ExitCode.FAILED
    assert f"is held by process {os.getpid()}" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_real_port_is_scanned_stopped_and_closed() -> None:
    """A pseudo-terminal with nobody at its end: Ctrl-C in the middle, and the port is free again at once."""
    import serial

    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    process = subprocess.Popen(
        [sys.executable, "-m", "edgectl", "scan", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert select.select([master], [], [], 20)[0]
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.FAILED
    assert "stopped; every port is closed again" in errors
    assert "Traceback" not in said + errors
    serial.Serial(name, exclusive=True).close()
    os.close(master)
    os.close(slave)


@pytest.mark.slow
def test_a_scale_on_a_real_port_is_found_and_json_says_so() -> None:
    from hil.line import Line

    master, slave = os.openpty()
    tty.setraw(slave)
    line: Line = Wires.of(9600, "8N1", ("mettler-sics", "1")).buses[0][1]
    stop = threading.Event()

    def serve() -> None:
        begun = time.monotonic()
        while not stop.is_set():
            if select.select([master], [], [], 0.005)[0]:
                line.write(time.monotonic() - begun, os.read(master, 4096))
            os.write(master, line.read(time.monotonic() - begun))

    server = threading.Thread(target=serve)
    server.start()
    done = edgectl("scan", os.ttyname(slave), "--json")
    stop.set()
    server.join()
    os.close(master)
    os.close(slave)
    (place,) = json.loads(done.stdout)["places"]
    assert (done.returncode, place["baud"], place["framing"]) == (0, 9600, "8N1")
    assert [find["driver"] for find in place["finds"]] == ["mettler_sics"]


def scan_of(rig_name: str, settings: dict[str, tuple[int, str]]) -> list[Place]:
    """What a scan of all lines of a rig finds."""
    from hil.uart import Uart

    rig = Rig.load(rig_name, plant=StillPlant())
    places = []
    for name, (baud, framing) in settings.items():
        uart = Uart.of(baud, framing)
        rig.line(name).take_pace(baud, uart.bits, strict=True)
        place = Wires(rig, [(uart, rig.line(name))]).scan()
        place.port = f"/dev/serial/by-id/usb-{name}"
        place.adapter = {"title": f"adapter of {name}"}
        places.append(place)
    return places


BENCH = {
    "ph-probe": (9600, "8N1"),
    "do-probe": (38400, "8N1"),
    "t-probe": (9600, "8N1"),
    "gas": (38400, "8N1"),
    "pump": (9600, "8N1"),
    "utility": (19200, "8N1"),
}


@pytest.fixture(scope="module")
def found() -> list[Place]:
    return scan_of("example-2l", BENCH)


def test_scan_json_is_read_back_as_it_was(found: list[Place]) -> None:
    assert [Place.of(json.loads(json.dumps(place.plain()))) for place in found] == found


def test_pasted_yaml_asks_for_what_nobody_can_know(found: list[Place], tmp_path: Path) -> None:
    for name in ("safety.yaml", "uplink.yaml"):
        (tmp_path / name).write_text((CONFIGS / "bench" / name).read_text())
    rest = (CONFIGS / "bench" / "unit.yaml").read_text().partition("\ntags:")[2]
    (tmp_path / "unit.yaml").write_text(f"unit: X-1\nperiod: 1 s\n{pasted(found)}\ntags:{rest}")
    problems = [problem.render() for problem in compile_folder(tmp_path).problems]
    assert any("full_scale" in problem for problem in problems)
    assert any("safe_c" in problem for problem in problems)
    assert not [problem for problem in problems if "lines." in problem or "serial_number" in problem]


@pytest.mark.parametrize("template", ["stirred-2l", "perfusion-2l", "rocking-2l"])
def test_init_makes_a_folder_that_passes_the_check(template: str, found: list[Place], tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text(json.dumps({"places": [place.plain() for place in found]}))
    done = edgectl(
        "init", tmp_path / "br7", "--template", template, "--from", tmp_path / "scan.json", "--unit", "BR-777",
        "--area", "7", "--yes",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    checked = compile_folder(tmp_path / "br7")
    assert checked.problems == ()
    assert checked.plan is not None
    assert checked.plan.unit == "BR-777"
    assert {tag.name.split("-")[1][0] for tag in checked.plan.tags} == {"7"}
    assert "RS-485" in (tmp_path / "br7" / "unit.yaml").read_text()
    lines = {line.name: line for line in checked.plan.lines}
    assert {name: line.baud for name, line in lines.items()} == {
        name: baud for name, (baud, _) in BENCH.items()
    }
    assert all(line.port == f"/dev/serial/by-id/usb-{name}" for name, line in lines.items())
    serials = {i.name: i.serial_number for i in checked.plan.instruments}
    assert (serials["air"], serials["co2"], serials["o2"]) == ("318201", "318202", "318203")
    assert serials["base"] == serials["feed"] != ""
    assert "edgectl rehearse" in done.stdout
    text = (tmp_path / "br7" / "unit.yaml").read_text()
    source = CONFIGS / template.replace("stirred", "example") / "unit.yaml"
    lost = source.read_text().count("#") - text.count("#")
    assert lost <= 3  # the comments beside the template's own serial numbers


def test_a_scan_of_other_addresses_is_followed_by_folder_and_rig(found: list[Place], tmp_path: Path) -> None:
    """Controllers at D, E and F, relay and jacket changed about: the plan has them, and so has the rig that rehearses it."""
    plain = [place.plain() for place in found]
    move = {"A": "D", "B": "E", "C": "F", "2": "22", "3": "33"}
    for place in plain:
        for find in place["finds"]:
            if place["port"].endswith(("gas", "utility")):
                find["address"] = move.get(find["address"], find["address"])
    (tmp_path / "scan.json").write_text(json.dumps({"places": plain}))
    done = edgectl("init", tmp_path / "moved", "--from", tmp_path / "scan.json", "--yes")
    assert done.returncode == 0, done.stderr
    plan = compile_folder(tmp_path / "moved").plan
    assert plan is not None
    addresses = {i.name: i.address for i in plan.instruments}
    assert [addresses[name] for name in ("air", "co2", "o2", "relay", "stirrer")] == [
        "D",
        "E",
        "F",
        "22",
        "33",
    ]
    rig = Rig.load(tmp_path / "moved" / "rig.toml", plant=StillPlant())
    assert {"gas/D", "gas/E", "gas/F", "utility/1", "utility/22", "utility/33"} <= set(rig.instruments)


@pytest.mark.slow
@pytest.mark.parametrize("template", ["stirred-2l", "perfusion-2l", "rocking-2l"])
def test_what_init_makes_can_be_rehearsed(template: str, tmp_path: Path) -> None:
    assert edgectl("init", tmp_path / "br8", "--template", template, "--yes").returncode == 0
    done = edgectl("rehearse", tmp_path / "br8", "--days", "0.003", "--picture", tmp_path / "p.svg", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["scans"] > 250
    assert report["events"] < 200


def test_init_never_touches_a_folder_that_exists(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "unit.yaml").write_text("mine")
    done = edgectl("init", tmp_path / "mine", "--yes")
    assert done.returncode == ExitCode.USAGE
    assert "exists already" in done.stderr
    assert [path.read_text() for path in (tmp_path / "mine").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--line", "gsa=/dev/x"), "this template has the lines ph-probe, do-probe"),
        (("--set", "loops.TIC-999.gain=1"), "there is no such value"),
        (("--tag", "TT-201"), "not of the form NAME=VALUE"),
        (("--unit", "a b/c"), "unit"),
        (("--set", "period=soon"), "period"),
    ],
)
def test_a_wrong_call_leaves_nothing_behind(arguments: tuple[str, str], says: str, tmp_path: Path) -> None:
    done = edgectl("init", tmp_path / "new", *arguments, "--yes")
    assert done.returncode == ExitCode.USAGE
    assert says in done.stderr + done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_scan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text('{"places": [{"prot": 1}]}')
    done = edgectl("init", tmp_path / "new", "--from", tmp_path / "scan.json", "--yes")
    assert done.returncode == ExitCode.USAGE
    assert "edgectl scan --json" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_asks_nobody_who_is_not_there(tmp_path: Path) -> None:
    done = edgectl("init", tmp_path / "new", stdin=subprocess.DEVNULL)
    assert done.returncode == ExitCode.USAGE
    assert "--yes" in done.stderr


def test_flags_take_the_place_of_what_the_template_says(tmp_path: Path) -> None:
    done = edgectl(
        "init", tmp_path / "new", "--yes", "--line", "gas=/dev/serial/by-id/mine", "--tag", "TT-201=TIT-1",
        "--set", "loops.TIC-201.setpoint=36.9 degC",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = compile_folder(tmp_path / "new").plan
    assert plan is not None
    assert {line.name: line.port for line in plan.lines}["gas"] == "/dev/serial/by-id/mine"
    assert "TIT-1" in {tag.name for tag in plan.tags}
    assert {loop.name: loop.setpoint for loop in plan.loops}["TIC-201"] == 36.9


def test_guided_init_asks_and_takes_what_is_proposed(found: list[Place], tmp_path: Path) -> None:
    """On a terminal: every question answered with Enter gives the same folder as --yes."""
    (tmp_path / "scan.json").write_text(json.dumps({"places": [place.plain() for place in found]}))
    arguments = ["--from", str(tmp_path / "scan.json"), "--unit", "BR-5"]
    assert edgectl("init", tmp_path / "a", *arguments, "--yes").returncode == 0
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "edgectl", "init", str(tmp_path / "b"), *arguments],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(master, b"\n" * 40)
    said, _ = process.communicate(timeout=60)
    os.close(master)
    os.close(slave)
    assert process.returncode == 0, said
    for question in (
        "Template",
        "Hundreds of its tag numbers",
        "Port of line gas",
        "Address of instrument air",
    ):
        assert question in said
    assert (tmp_path / "a" / "unit.yaml").read_text() == (tmp_path / "b" / "unit.yaml").read_text()


def test_progress_tells_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    scan = Scan([Adapter("/dev/emulated", "/dev/emulated")], [], Progress(quiet=False), thorough=False)
    wires = Wires.of(9600, "8N1", ("modbus-map", "200"))
    virtual_run(scan.run(wires.reach))
    said = capsys.readouterr().err.splitlines()
    left = [int(line.split()[2]) for line in said if line.startswith("at most")]
    assert len(left) > 3
    assert left == sorted(left, reverse=True)
    assert scan.tell(as_json=False) is ExitCode.OK
    shown = capsys.readouterr().out
    assert "modbus-rtu 9600 8N1" in shown
    assert "driver: modbus_map" in shown
