"""Serial ports on pseudo-terminals and the production loop: opening, losing, finding again, and the pace of the wire."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pty
import struct
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edgectl.model.fault import BadReply, InstrumentFault, LinkFault, NoReply
from edgectl.model.plan import Parity, Protocol
from edgectl.wire.line import open_line
from edgectl.wire.serial_port import SerialPort, explain, serial_link, switch_direction
from tests.wire.peer import Replies, Terminal, answer, descriptors, plan, really, register


def healthy(frame: bytes) -> Replies:
    return [(0.0, answer(frame))]


@contextmanager
def terminal() -> Iterator[str]:
    """A pseudo-terminal that nobody serves."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        os.close(master)


def opening(path: str, *, rs485: bool = False) -> str:
    """What is said when the port is opened and cannot be."""

    async def main() -> str:
        link = serial_link(plan(port=path, rs485=rs485))
        before = descriptors()
        with pytest.raises(LinkFault) as fault:
            await link.open()
        assert not link.opened
        assert descriptors() == before
        return str(fault.value)

    return really(main)


def test_a_missing_port_is_named_with_where_to_look(tmp_path: Path) -> None:
    path = f"{tmp_path}/usb-nothing"
    assert opening(path) == (
        f"{path} does not exist; plug the adapter in, or choose a port from: ls -l /dev/serial/by-id"
    )


def test_s16_a_held_port_is_named_with_its_holder() -> None:
    """Two lines on one port, or a second edgectl: the second is refused and told who is first."""

    name = Path("/proc/self/comm").read_text().strip()

    async def main() -> None:
        with terminal() as path:
            first, second = serial_link(plan(port=path)), serial_link(plan(port=path))
            await first.open()
            own = f"process {os.getpid()} ({name})"
            with pytest.raises(LinkFault) as fault:
                await second.open()
            assert str(fault.value) == f"{path} is held by {own}; stop it, or give this line another port"
            first.close()
            await second.open()
            second.close()

    really(main)


def test_s16_permission_denied_names_the_group_that_may() -> None:
    with terminal() as path:
        Path(path).chmod(0)
        nobody = os.geteuid() == 0
        if nobody:
            os.seteuid(65534)
        try:
            said = opening(path)
        finally:
            if nobody:
                os.seteuid(0)
        group = Path(path).group()
        assert (
            said
            == f"{path}: permission denied; add the user that runs edgectl to group {group}: usermod -aG {group} USER"
        )


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("")
    assert "cannot be used as a serial port" in opening(str(file))


@pytest.mark.parametrize("code", [errno.ENXIO, errno.ENODEV, errno.EIO])
def test_a_node_without_adapter_is_told_from_a_missing_one(code: int) -> None:
    assert "has no adapter behind it" in explain("/dev/ttyUSB0", OSError(code, os.strerror(code)))


def test_rs485_direction_asked_for_and_not_offered_is_said() -> None:
    with terminal() as path:
        assert "rs485 is asked for, but this port's driver does not switch direction" in opening(
            path, rs485=True
        )


@pytest.mark.parametrize(("kept", "works"), [(3, True), (1, True), (2, False), (0, False)])
def test_rs485_direction_is_believed_only_as_the_kernel_gives_it_back(kept: int, works: bool) -> None:
    """Drivers drop the flags they cannot serve, without an error (TIOCSRS485, TIOCGRS485)."""
    calls: list[tuple[int, int]] = []

    def kernel(fd: int, request: int, argument: bytes) -> bytes:
        assert fd == 7
        calls.append((request, struct.unpack("8I", argument)[0]))
        return struct.pack("8I", kept, *[0] * 7)

    if works:
        switch_direction(7, "/dev/ttyS1", kernel)
    else:
        with pytest.raises(LinkFault, match="/dev/ttyS1: rs485 is asked for"):
            switch_direction(7, "/dev/ttyS1", kernel)
    assert calls == [(0x542F, 3), (0x542E, 0)]


def test_low_latency_is_reported_and_its_absence_does_no_harm() -> None:
    async def main() -> None:
        with terminal() as path:
            port = SerialPort(plan(port=path))
            assert port.low_latency is None
            await port.acquire()
            assert port.low_latency is False
            port.release()
            assert port.low_latency is None

    really(main)


def test_reads_and_writes_cross_a_pseudo_terminal() -> None:
    async def main() -> None:
        peer = Terminal(healthy)
        line = open_line(plan(port=peer.path, baud=115200))
        await line.open()
        unit = line.modbus("1")
        for n in range(20):
            assert await unit.read_holding(n, 100) == tuple(register(1, n + k) for k in range(100))
            await unit.write_register(n, n)
        line.close()
        peer.unplug()

    really(main)


def test_s12_trickling_bytes_are_accepted_in_real_time() -> None:
    def trickle(frame: bytes) -> Replies:
        reply = answer(frame)
        return [(0.012 * n, reply[n : n + 1]) for n in range(len(reply))]

    async def main() -> None:
        peer = Terminal(trickle)
        line = open_line(plan(port=peer.path))
        await line.open()
        for n in range(3):
            assert await line.modbus("1").read_holding(n, 2) == (register(1, n), register(1, n + 1))
        line.close()
        peer.unplug()

    really(main)


def test_s07_an_adapter_that_comes_back_under_another_node_is_found_by_its_link(tmp_path: Path) -> None:
    """Fifty times pulled and put back, by turns during an exchange and between two; no descriptor is left open."""
    by_id = tmp_path / "usb-FTDI_0001-if00-port0"

    async def main() -> None:
        line = open_line(plan(port=str(by_id), timeout_s=0.05))
        unit = line.modbus("1")
        nodes, counts = set(), []
        held: list[int] = []
        for n in range(50):
            mute = n % 2 == 0
            peer = Terminal(lambda f, n=n: healthy(f) if f[5] != 99 else [])  # type: ignore[misc]
            nodes.add(peer.path)
            by_id.unlink(missing_ok=True)
            by_id.symlink_to(peer.path)
            await line.open()
            assert await unit.read_input(n, 1) == (register(1, n),)
            if mute:
                asyncio.get_running_loop().call_later(0.005, peer.unplug)
                with pytest.raises(LinkFault):
                    await unit.read_holding(0, 99)
            else:
                peer.unplug()
                with pytest.raises(LinkFault):
                    await unit.read_holding(0, 1)
            assert not line.opened
            counts.append(descriptors() - len(held))
            if n < 3:  # takes the number that would be given again
                held.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
        for fd in held:
            os.close(fd)
        assert len(nodes) > 1
        assert line.statistics.reopenings == 49
        assert counts[5] == counts[-1]

    really(main)


def test_a_missing_adapter_is_told_at_each_try_and_costs_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        line = open_line(plan(port=str(tmp_path / "gone")))
        before = descriptors()
        for _ in range(50):
            with pytest.raises(LinkFault, match="does not exist"):
                await line.open()
        assert descriptors() == before

    really(main)


def test_s09_a_stuck_line_takes_little_of_the_processor_and_the_others_go_on() -> None:
    """Zeros at the rate of 115200 baud: while nobody asks they stay in the kernel; asking ends by itself."""

    async def main() -> None:
        stuck, sound = Terminal(lambda _: []), Terminal(healthy)
        bad = open_line(plan(port=stuck.path, baud=115200, protocol=Protocol.MODBUS_RTU))
        good = open_line(plan(port=sound.path, baud=115200))
        await bad.open()
        await good.open()
        loop = asyncio.get_running_loop()

        async def babble() -> None:
            while True:
                with suppress(BlockingIOError):
                    os.write(stuck.master, b"\0" * 58)
                await asyncio.sleep(0.005)

        async def ask() -> None:
            while True:
                with pytest.raises(InstrumentFault):
                    await bad.modbus("1").read_holding(0, 10)
                await asyncio.sleep(0.1)

        tasks = [asyncio.create_task(babble()), asyncio.create_task(ask())]
        begun, cpu = loop.time(), time.process_time()
        polls = 0
        while loop.time() < begun + 0.7:
            await good.modbus("1").read_holding(0, 1)
            polls += 1
            await asyncio.sleep(0.01)
        assert time.process_time() - cpu < 0.25 * 0.7
        assert polls > 40
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        bad.close()
        good.close()
        stuck.unplug()
        sound.unplug()

    really(main)


def test_bytes_that_nobody_asked_for_cost_one_wake_up() -> None:
    async def main() -> None:
        peer = Terminal(healthy)
        line = open_line(plan(port=peer.path))
        await line.open()
        await line.modbus("1").read_holding(0, 1)
        link = line._link
        for _ in range(20):
            peer.say(b"\0" * 10)
            await asyncio.sleep(0.001)
        assert not link._watched  # type: ignore[attr-defined]
        assert await line.modbus("1").read_holding(0, 1) == (register(1, 0),)
        assert line.statistics.late_bytes == 200
        line.close()
        peer.unplug()

    really(main)


def test_a_second_reader_of_the_line_does_not_exist_but_closing_wakes_the_first() -> None:
    async def main() -> None:
        peer = Terminal(lambda _: [])
        line = open_line(plan(port=peer.path, timeout_s=5.0))
        await line.open()
        task = asyncio.create_task(line.modbus("1").read_holding(0, 1))
        await asyncio.sleep(0.02)
        line.close()
        with pytest.raises(LinkFault, match="is not open"):
            await asyncio.wait_for(task, 0.5)
        peer.unplug()

    really(main)


def test_the_lock_on_the_port_ends_with_the_line() -> None:
    async def main() -> None:
        with terminal() as path:
            link = serial_link(plan(port=path))
            await link.open()
            link.close()
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(fd)

    really(main)


@pytest.mark.parametrize("parity", list(Parity))
@pytest.mark.parametrize("data_bits", [7, 8])
def test_a_pseudo_terminal_takes_any_setting_any_number_of_times(parity: Parity, data_bits: int) -> None:
    async def main() -> None:
        with terminal() as path:
            link = serial_link(plan(port=path, parity=parity, data_bits=data_bits))
            for _ in range(3):
                await link.open()
                link.close()

    really(main)


def test_a_setting_that_the_driver_refuses_is_a_fault_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """tcsetattr fails with an error class of its own, as here where a terminal is not known for pseudo."""
    monkeypatch.setattr("edgectl.wire.serial_port._PSEUDO_TERMINALS", ())

    async def main() -> None:
        with terminal() as path:
            link = serial_link(plan(port=path, parity=Parity.EVEN))
            await link.open()
            link.close()
            with pytest.raises(LinkFault, match="cannot be used as a serial port"):
                await link.open()

    really(main)


def test_a_silent_instrument_is_a_fault_of_its_own_and_not_of_the_line() -> None:
    async def main() -> None:
        peer = Terminal(lambda f: [(0.0, b"\x55" * 30)] if f[0] == 2 else [])
        line = open_line(plan(port=peer.path, timeout_s=0.05))
        await line.open()
        with pytest.raises(NoReply, match=r"unit 1 did not answer within 0\.05 s"):
            await line.modbus("1").read_holding(0, 1)
        with pytest.raises(BadReply, match="30 bytes that are no answer of unit 2"):
            await line.modbus("2").read_holding(0, 1)
        assert line.opened
        line.close()
        peer.unplug()

    really(main)
