"""An implementation nobody here wrote: libmodbus' own unit-test server, over TCP and over a serial line."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgectl.model.fault import BadReply, LinkFault, NoReply, Refused
from edgectl.model.plan import Protocol
from edgectl.wire.line import open_line
from edgectl.wire.port import ModbusPort
from tests.wire.peer import Replies, Terminal, plan, really

EXAMPLES = Path("/usr/share/doc/libmodbus-dev/examples")
BITS, INPUT_BITS, REGISTERS, INPUTS = 0x130, 0x1C4, 0x160, 0x108
BUSY, WRONG_NUMBER, SLEEP, BYTEWISE = 0x170, 0x171, 0x172, 0x173


@contextmanager
def server(folder: Path, backend: str, instead_of: str, here: str) -> Iterator[subprocess.Popen[bytes]]:
    """Build the server with its fixed port or device replaced, and run it."""
    source = EXAMPLES / "unit-test-server.c"
    if not source.exists() or shutil.which("gcc") is None:
        why = "needs gcc and the examples of libmodbus: apt-get install gcc libc6-dev libmodbus-dev"
        if os.environ.get("EDGECTL_REQUIRE_PEERS"):
            pytest.fail(why)
        pytest.skip(why)
    text = source.read_text()
    assert instead_of in text
    (folder / "server.c").write_text(text.replace(instead_of, here))
    binary = folder / "server"
    include = [f"-I{EXAMPLES}", "-I/usr/include/modbus"]
    subprocess.run(["gcc", *include, "-o", str(binary), str(folder / "server.c"), "-lmodbus"], check=True)
    process = subprocess.Popen([str(binary), backend], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def use(unit: ModbusPort) -> None:
    """Read and write everything the server has, and read it back."""
    assert (
        await unit.read_discrete_inputs(INPUT_BITS, 22)
        == tuple(bool(byte >> n & 1) for byte in (0xAC, 0xDB, 0x35) for n in range(8))[:22]
    )
    assert await unit.read_input(INPUTS, 1) == (10,)
    await unit.write_coil(BITS, 0xFF00)
    assert await unit.read_coils(BITS, 3) == (True, False, False)
    pattern = [n % 3 == 0 for n in range(0x25)]
    await unit.write_coils(BITS, pattern)
    assert list(await unit.read_coils(BITS, 0x25)) == pattern
    await unit.write_register(REGISTERS, 0x1234)
    assert await unit.read_holding(REGISTERS, 1) == (0x1234,)
    values = list(struct.unpack(">32H", struct.pack(">16f", *(n / 7 for n in range(16)))))
    await unit.write_registers(REGISTERS, values)
    assert list(await unit.read_holding(REGISTERS, 32)) == values
    with pytest.raises(Refused, match="exception 02, illegal data address"):
        await unit.read_holding(REGISTERS, 33)
    with pytest.raises(Refused) as busy:
        await unit.read_holding(BUSY, 1)
    assert busy.value.busy


def test_m01_s12_libmodbus_is_read_and_written_over_tcp(tmp_path: Path) -> None:
    """Its misbehaviours as well: a wrong number, too few values, an answer in single bytes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def main() -> None:
        line = open_line(
            plan(Protocol.MODBUS_TCP, host="127.0.0.1", tcp_port=port, in_flight=2, timeout_s=0.3)
        )
        for _ in range(200):
            try:
                await line.open()
                break
            except LinkFault:
                await asyncio.sleep(0.02)
        unit = line.modbus("255")
        await use(unit)
        assert await unit.read_holding(BYTEWISE, 1) == (0,)
        with pytest.raises(BadReply):
            await unit.read_holding(REGISTERS, 2)
        with pytest.raises(NoReply):
            await unit.read_holding(WRONG_NUMBER, 1)
        assert line.statistics.foreign == 1
        assert await unit.read_input(INPUTS, 1) == (10,)
        line.close()

    with server(tmp_path, "tcp", "1502", str(port)):
        really(main)


def test_s05_libmodbus_is_read_and_written_over_a_serial_line(tmp_path: Path) -> None:
    """Its late answer (0.5 s) is waited out, and not taken for the next register's value."""

    async def main() -> None:
        ours, theirs = Terminal(lambda _: []), Terminal(lambda _: [])

        def join(one: Terminal, other: Terminal) -> None:
            def carry(data: bytes) -> Replies:
                other.say(data)
                return []

            one.respond = carry

        join(ours, theirs)
        join(theirs, ours)
        line = open_line(plan(port=ours.path, baud=115200, timeout_s=0.3))
        await line.open()
        with server(tmp_path, "rtu", "/dev/ttyUSB0", theirs.path):
            unit = line.modbus("17")
            for _ in range(20):
                try:
                    await unit.read_input(INPUTS, 1)
                    break
                except NoReply:
                    await asyncio.sleep(0.05)
            await use(unit)
            await unit.write_register(SLEEP, 77)
            with pytest.raises(NoReply):
                await unit.read_holding(SLEEP, 1)
            assert await unit.read_holding(REGISTERS, 1) != (77,)
            with pytest.raises(NoReply):
                await line.modbus("18").read_holding(REGISTERS, 1)
        line.close()
        ours.unplug()
        theirs.unplug()

    really(main)
