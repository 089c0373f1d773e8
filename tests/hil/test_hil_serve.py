"""The served rig, used as any program would: real terminals, real sockets, a real process."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hil.modbus import seal
from hil.serve import ask

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
READ_PH = seal(bytes.fromhex("01 03 08 29 00 0A"))
READ_CELL = bytes.fromhex("00 01 00 00 00 06 01 04 00 00 00 07")


@dataclass
class Served:
    """A rig in a process of its own."""

    process: subprocess.Popen[str]
    where: dict[str, Any]

    def port(self, line: str) -> str:
        return str(self.where["lines"][line]["port"])

    def order(self, do: str, **words: Any) -> dict[str, Any]:
        reply = ask(self.where["control"], {"do": do, **words})
        assert reply["ok"], reply
        return reply

    def connect(self) -> socket.socket:
        cell = self.where["lines"]["cell"]
        return socket.create_connection((cell["host"], cell["port"]), timeout=2.0)


def start(directory: Path, *words: str) -> Served:
    command = [sys.executable, "-m", "hil", "serve", "demo", "--dir", str(directory), "--with-parent", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=ROOT, text=True)
    assert process.stdout is not None
    return Served(process, json.loads(process.stdout.readline()))


def end(served: Served) -> int:
    assert served.process.stdin is not None
    assert served.process.stdout is not None
    served.process.stdin.close()
    code = served.process.wait(timeout=5)
    served.process.stdout.close()
    return code


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rig")


@pytest.fixture(scope="module")
def module_rig(directory: Path) -> Iterator[Served]:
    served = start(directory, "--speed", "30")
    yield served
    assert end(served) == 0


@pytest.fixture
def rig(module_rig: Served) -> Iterator[Served]:
    module_rig.order("clear")
    yield module_rig
    module_rig.order("clear")
    for line in module_rig.where["lines"].values():
        if "host" not in line:
            forget_unread(line["port"])


def forget_unread(path: str) -> None:
    end = os.open(path, os.O_RDWR | os.O_NOCTTY)
    termios.tcflush(end, termios.TCIFLUSH)
    os.close(end)


def exchange(path: str, request: bytes, length: int, wait_s: float = 1.0) -> bytes:
    """What a plain program gets: open, write, read until enough has come or the time is over."""
    end = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(end, request)
        reply, deadline = b"", time.monotonic() + wait_s
        while len(reply) < length and (left := deadline - time.monotonic()) > 0:
            if select.select([end], [], [], left)[0]:
                reply += os.read(end, 4096)
        return reply
    finally:
        os.close(end)


def test_a_serial_line_is_a_raw_terminal_that_may_be_opened_again_and_again(rig: Served) -> None:
    """Bytes that mean something to a terminal (03, 04, 11, 13, 1A, 0D) pass unchanged."""
    for _ in range(5):
        reply = exchange(rig.port("probes"), READ_PH, 25)
        assert reply[:7] == bytes.fromhex("01 03 14 10 00 00 00")
        assert len(reply) == 25
    board = exchange(rig.port("utility"), seal(bytes.fromhex("03 06 00 00 11 13")), 8)
    assert board == seal(bytes.fromhex("03 06 00 00 11 13"))


def test_ascii_lines_keep_their_carriage_returns(rig: Served) -> None:
    assert exchange(rig.port("gas"), b"AVE\r", 37) == b"A   10v20.0-R24 Jan  9 2025,15:04:07\r"
    assert exchange(rig.port("pump"), b"1xM\r\n", 1) in (b"L", b"M")


def test_modbus_tcp_serves_several_clients_at_once(rig: Served) -> None:
    with rig.connect() as one, rig.connect() as two:
        one.sendall(READ_CELL)
        two.sendall(b"\0\7" + READ_CELL[2:])
        assert one.recv(100)[:2] == b"\0\1"
        assert two.recv(100)[:2] == b"\0\7"


def test_plant_time_runs_thirty_times_as_fast(rig: Served) -> None:
    before, wall_s = rig.order("truth")["truth"]["time_s"], time.monotonic()
    time.sleep(0.5)
    after, took_s = rig.order("truth")["truth"]["time_s"], time.monotonic() - wall_s
    assert (after - before) / took_s == pytest.approx(30.0, rel=0.1)


def test_an_unplugged_adapter_is_gone_and_comes_back_under_another_node(rig: Served) -> None:
    path = rig.port("probes")
    node = Path(path).readlink()
    held = os.open(path, os.O_RDWR | os.O_NOCTTY)
    rig.order("fault", target="probes", verb="unplug")
    assert not Path(path).exists()
    with pytest.raises(OSError, match=r"\[Errno 5\]"):
        os.write(held, READ_PH)
    rig.order("clear", target="probes")
    again = Path(path).readlink()
    assert again != node
    os.close(held)
    assert len(exchange(path, READ_PH, 25)) == 25


def test_an_unplugged_tcp_device_resets_its_clients_and_returns_on_the_same_port(rig: Served) -> None:
    with rig.connect() as client:
        rig.order("fault", target="cell", verb="unplug")
        assert client.recv(10) == b""
        with pytest.raises(ConnectionRefusedError):
            rig.connect()
        rig.order("fault", target="cell", verb="replug")
    with rig.connect() as client:
        client.sendall(READ_CELL)
        assert len(client.recv(100)) == 23


def test_fifty_replugs_leak_no_descriptor(rig: Served) -> None:
    folder = Path(f"/proc/{rig.process.pid}/fd")
    before = len(list(folder.iterdir()))
    for _ in range(50):
        for line in ("probes", "cell"):
            rig.order("fault", target=line, verb="unplug")
            rig.order("clear", target=line)
    assert len(list(folder.iterdir())) <= before + 1


def test_faults_and_clears_work_through_the_socket(rig: Served) -> None:
    rig.order("fault", target="probes/1", verb="mute")
    assert exchange(rig.port("probes"), READ_PH, 25, wait_s=0.2) == b""
    (fault,) = rig.order("faults")["faults"]
    assert (fault["verb"], fault["count"]) == ("mute", 1)
    rig.order("clear", target="probes/1")
    assert len(exchange(rig.port("probes"), READ_PH, 25)) == 25


def test_outputs_and_logs_show_what_reached_the_actuators(rig: Served) -> None:
    exchange(rig.port("utility"), seal(bytes.fromhex("02 05 00 00 FF 00")), 8)
    assert rig.order("outputs")["outputs"]["heater_enabled"] == 1.0
    writes = rig.order("log", target="utility/2")["log"]["writes"]
    assert writes[-1][1:] == ["coil 0", 0xFF00]
    assert rig.order("counts")["counts"]["utility"]["requests"] >= 1


@pytest.mark.parametrize(
    ("order", "hint"),
    [
        ({"do": "dance"}, "truth"),
        ({"do": "fault", "target": "probes/7", "verb": "mute"}, "probes/1"),
        ({"do": "fault", "target": "probes/1"}, "verb"),
        ([1, 2], "JSON object"),
    ],
)
def test_a_wrong_order_is_explained_and_the_rig_goes_on(rig: Served, order: Any, hint: str) -> None:
    reply = ask(rig.where["control"], order)
    assert reply["ok"] is False
    assert hint in reply["error"]
    assert rig.order("where")["lines"] == rig.where["lines"]


def test_the_command_line_asks_and_orders(rig: Served) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hil", "ask", rig.where["control"], *words],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert command("fault", "probes/1", "slow", "delay_s=0.25", "rate=1").returncode == 0
    assert json.loads(command("faults").stdout)["faults"][0]["args"] == {"delay_s": 0.25, "rate": 1}
    refused = command("fault", "probes/1", "slow", "dealy_s=0.25")
    assert refused.returncode == 1
    assert "delay_s" in refused.stdout


def test_a_client_that_never_reads_does_not_stop_the_others(rig: Served) -> None:
    rig.order("fault", target="probes", verb="noise", rate_hz=2000, byte=0)
    for _ in range(20):
        started_s = time.monotonic()
        exchange(rig.port("gas"), b"A\r", 40)
        assert time.monotonic() - started_s < 0.2


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed (.ci/run installs it)")
def test_mbpoll_reads_the_ph_block_and_the_weight(rig: Served) -> None:
    """A master nobody here wrote agrees about frames, checksums and word order."""
    serial = subprocess.run(
        ["mbpoll", "-m", "rtu", "-a", "1", "-b", "19200", "-P", "none", "-s", "2", "-r", "2090", "-c", "10",
         "-t", "4:hex", "-1", rig.port("probes")],
        capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    assert "[2090]: \t0x1000" in serial.stdout
    tcp = subprocess.run(
        ["mbpoll", "-m", "tcp", "-p", rig.port("cell"), "-a", "1", "-r", "1", "-c", "1",
         "-t", "3:float", "-B", "-1", "127.0.0.1"],
        capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    weight = float(tcp.stdout.split("[1]:")[1].split()[0])
    assert weight == pytest.approx(rig.order("truth")["truth"]["weight_kg"], abs=0.02)


def test_a_paced_terminal_takes_the_wire_time(tmp_path: Path) -> None:
    served = start(tmp_path, "--paced")
    started_s = time.monotonic()
    assert len(exchange(served.port("probes"), READ_PH, 25)) == 25
    took_s = time.monotonic() - started_s
    wire_s = (8 + 25 + 3.5) * 11 / 19200 + 0.010
    assert wire_s <= took_s < wire_s + 0.1
    assert end(served) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None])
def test_it_stops_cleanly_and_leaves_nothing(tmp_path: Path, how: signal.Signals | None) -> None:
    served = start(tmp_path)
    assert (tmp_path / "probes").is_symlink()
    if how is not None:
        served.process.send_signal(how)
        assert served.process.wait(timeout=3) == 0
    assert end(served) == 0
    assert list(tmp_path.iterdir()) == []


def test_swapped_adapters_lead_to_the_other_bus(tmp_path: Path) -> None:
    served = start(tmp_path, "--still")
    try:
        served.order("still", readings={"ph": 6.5})
        served.order("swap", target="probes", other="utility")
        utility = os.open(served.port("utility"), os.O_RDWR | os.O_NOCTTY)
        os.write(utility, READ_PH)
        assert select.select([utility], [], [], 2.0)[0], "the probe answers behind the other link"
        os.close(utility)
    finally:
        end(served)


def test_a_second_master_moves_an_output(tmp_path: Path) -> None:
    served = start(tmp_path)
    try:
        served.order("second", target="utility/2", pdu="05 00 00 ff 00")
        assert served.order("outputs")["outputs"]["heater_enabled"] == 1.0
        served.order("second", target="gas/C", text="CS 20")
        assert served.order("log", target="gas/C")["log"]["counts"]["writes"] == 1
    finally:
        end(served)


def test_a_held_gateway_is_silent_and_closes_nothing(tmp_path: Path) -> None:
    served = start(tmp_path)
    try:
        with served.connect() as connection:
            connection.sendall(READ_CELL)
            assert connection.recv(100)
            served.order("hold", target="cell", held=True)
            connection.sendall(READ_CELL)
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(100)
            served.order("hold", target="cell", held=False)
            connection.settimeout(2.0)
            assert connection.recv(100)
            assert served.order("sessions")["sessions"] == {"cell": {"now": 1, "most": 1}}
    finally:
        end(served)
