"""``edgectl scan`` of hosts: ranges, units behind gateways, and devices that answer to every number."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgectl.app.scan_find import Place
from edgectl.app.scan_host import UNITS, hosts, scan_hosts
from edgectl.app.scan_step import modbus_candidates


@pytest.mark.parametrize(
    ("text", "count", "last"),
    [
        ("10.0.0.10-20:502", 11, ("10.0.0.20", 502)),
        ("10.0.0.250-10.0.1.5", 12, ("10.0.1.5", 502)),
        ("10.0.0.7:1502", 1, ("10.0.0.7", 1502)),
        ("gateway-2.local", 1, ("gateway-2.local", 502)),
    ],
)
def test_a_range_is_its_hosts(text: str, count: int, last: tuple[str, int]) -> None:
    found = hosts(text)
    assert (len(found), found[-1]) == (count, last)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.20-10", "10.0.0.1:0", "10.0.0.1:70000", "10.0.0.1-10.0.9.1", "a b"]
)
def test_what_is_no_range_is_refused_and_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.10-20:502|host"):
        hosts(text)


@asynccontextmanager
async def gateway(units: dict[int, int], others: int | None) -> AsyncIterator[tuple[int, list[int]]]:
    """A Modbus TCP server: the exception code that each unit answers with, and that of the others (None: silence)."""
    functions: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.read(7):
                tag, _, length, unit = struct.unpack(">HHHB", head)
                pdu = await reader.readexactly(length - 1)
                functions.append(pdu[0])
                code = units.get(unit, others)
                if code is not None:
                    writer.write(struct.pack(">HHHBBB", tag, 0, 3, unit, pdu[0] | 0x80, code))
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], functions
    finally:
        server.close()


def scanned(units: dict[int, int], others: int | None) -> tuple[Place, list[int]]:
    async def main() -> tuple[Place, list[int]]:
        async with gateway(units, others) as (port, functions):
            (place,) = await scan_hosts([("127.0.0.1", port)], modbus_candidates(), lambda _: None)
            return place, functions

    return asyncio.run(main())


def test_units_behind_a_gateway_are_told_from_those_that_it_does_not_reach() -> None:
    place, functions = scanned({3: 2, 7: 2}, others=11)
    assert [(find.address, find.driver) for find in place.finds] == [("3", "modbus_map"), ("7", "modbus_map")]
    assert set(functions) <= {1, 2, 3, 4}


def test_a_device_that_answers_to_every_number_is_one() -> None:
    place, _ = scanned({}, others=2)
    assert [find.address for find in place.finds] == ["1"]
    assert len(UNITS) > 8


def test_a_host_that_refuses_is_told_with_what_to_do() -> None:
    async def main() -> list[Place]:
        return await scan_hosts([("127.0.0.1", 9)], modbus_candidates(), lambda _: None)

    (place,) = asyncio.run(main())
    assert "refuses the connection; check the port" in place.held
