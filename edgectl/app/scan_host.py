"""``edgectl scan`` on Modbus TCP: hosts by range, and the units behind them."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Sequence

from edgectl.app.scan_find import Find, Place
from edgectl.app.scan_line import Reach, identify_unit, knock
from edgectl.app.scan_step import Candidate
from edgectl.model.fault import LinkFault
from edgectl.model.plan import LinePlan, Medium, Protocol
from edgectl.wire.line import Line, open_line

UNITS = ("255", *map(str, range(1, 17)))
"""Units that are asked: 255 is the device itself (Modbus messaging on TCP/IP V1.0b, section 4.4.2.1), the others may be behind a gateway."""
_MOST = 256
_AT_ONCE = 16
_UNIT_S = 0.3
_RANGE = re.compile(r"(?P<host>[^:/\s]+?)(?:-(?P<last>[\d.]+))?(?::(?P<port>\d{1,5}))?")


def hosts(text: str) -> tuple[tuple[str, int], ...]:
    """Host and port of ``10.0.0.10``, ``gateway:502``, ``10.0.0.10-20:502`` or ``10.0.0.10-10.0.1.5``.

    Raises:
        ValueError: not such a range, or more than 256 hosts.
    """
    found = _RANGE.fullmatch(text)
    port = int(found["port"] or 502) if found else 0
    if found is None or not 1 <= port <= 65_535:
        raise ValueError(f"{text!r} is no host; write for example 10.0.0.10-20:502")
    if found["last"] is None:
        return ((found["host"], port),)
    try:
        first = ipaddress.IPv4Address(found["host"])
        whole = (
            found["last"] if "." in found["last"] else f"{found['host'].rsplit('.', 1)[0]}.{found['last']}"
        )
        last = ipaddress.IPv4Address(whole)
    except ValueError:
        raise ValueError(f"{text!r}: a range has numbers at both ends, such as 10.0.0.10-20:502") from None
    if not 0 <= int(last) - int(first) < _MOST:
        raise ValueError(f"{text!r}: a range goes upwards and has at most {_MOST} hosts")
    return tuple((str(ipaddress.IPv4Address(number)), port) for number in range(int(first), int(last) + 1))


async def scan_host(host: str, port: int, who: Sequence[Candidate], reach: Reach) -> Place:
    """Who answers at a host; ``held`` says why nobody could be asked."""
    begun = asyncio.get_running_loop().time()
    place = Place(host=host, tcp_port=port)
    plan = LinePlan("scan", Medium.TCP, Protocol.MODBUS_TCP, host=host, tcp_port=port, timeout_s=_UNIT_S)
    line = open_line(plan, reach(plan))
    try:
        await line.open()
        place.finds = await _units(line, who)
    except LinkFault as fault:
        place.held = str(fault)
    finally:
        line.close()
    if place.finds:
        place.protocol = Protocol.MODBUS_TCP.value
    place.took_s = asyncio.get_running_loop().time() - begun
    return place


async def _units(line: Line, who: Sequence[Candidate]) -> list[Find]:
    heard = {unit: note for unit in UNITS if (note := await knock(line, unit)) is not None}
    if len(heard) == len(UNITS):
        heard = {"1": heard["1"]}  # it answers to every number: one device that does not look at it
    found = [await identify_unit(line, unit, who, note) for unit, note in heard.items()]
    return [find for find in found if find]


async def scan_hosts(
    ranges: Sequence[tuple[str, int]], who: Sequence[Candidate], reach: Reach
) -> list[Place]:
    """All hosts, sixteen at once."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(host: str, port: int) -> Place:
        async with turn:
            return await scan_host(host, port, who, reach)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(host, port)) for host, port in ranges]
    return [task.result() for task in tasks]
