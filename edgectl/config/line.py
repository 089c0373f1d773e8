"""Lines: the serial ports and TCP connections of a unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from edgectl.config.draft import Draft, text_at
from edgectl.config.field import Duration, FilePath, Section, within
from edgectl.config.problem import cut
from edgectl.config.quantity import Unreadable
from edgectl.config.shape import read
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.plan import LinePlan, Medium, Parity, Protocol

_BAUDS = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 921_600)
_FRAMING = re.compile(r"([78])([NEO])([12])")
_PARITY = {"N": Parity.NONE, "E": Parity.EVEN, "O": Parity.ODD}


def _baud(value: int) -> int:
    if value not in _BAUDS:
        near = min(_BAUDS, key=lambda baud: abs(baud - value))
        raise Unreadable(
            f"{value} is no usual rate; allowed: {', '.join(map(str, _BAUDS))}", f"did you mean {near}?"
        )
    return value


def _framing(text: str) -> str:
    if not _FRAMING.fullmatch(text):
        raise Unreadable(
            f"'{cut(text)}' is not a framing; allowed: data bits 7 or 8, parity N, E or O, stop bits 1 or 2",
            "write for example 8N1",
        )
    return text


class SerialLine(Section):
    """A serial port, RS-232 or RS-485."""

    protocol: Literal["modbus-rtu", "ascii"] = Field(
        description="What is spoken on the line", examples=["modbus-rtu"]
    )
    port: FilePath = Field(
        description="Device of the port; a by-id name stays the same when adapters are plugged elsewhere",
        examples=["/dev/serial/by-id/usb-FTDI_USB-RS485_AB12CD34-if00-port0"],
    )
    baud: Annotated[int, AfterValidator(_baud)] = Field(description="Bits per second", examples=[19200])
    framing: Annotated[str, AfterValidator(_framing)] = Field(
        description="Data bits, parity (N, E, O) and stop bits", examples=["8N1"]
    )
    rs485: bool = Field(
        False,
        description="Let the kernel switch the direction of an on-board RS-485 port; USB adapters do it themselves",
    )
    timeout: Annotated[Duration, within(0.01, 10.0)] = Field(
        0.5, description="Time an instrument has for the first byte of its reply", examples=["500 ms"]
    )


class TcpLine(Section):
    """A TCP connection."""

    protocol: Literal["modbus-tcp", "modbus-rtu", "ascii"] = Field(
        description="What is spoken; modbus-rtu and ascii through a serial device server",
        examples=["modbus-tcp"],
    )
    host: str = Field(description="Name or address of the instrument or gateway", examples=["192.168.10.20"])
    port: int = Field(502, ge=1, le=65_535, description="TCP port")
    timeout: Annotated[Duration, within(0.01, 10.0)] = Field(
        0.5,
        description="Time an instrument has for its reply, and for accepting the connection",
        examples=["500 ms"],
    )
    in_flight: int = Field(
        1,
        ge=1,
        le=16,
        description="Requests that may wait for answers at once (modbus-tcp; 1 suits every device)",
    )


def compile_lines(draft: Draft) -> dict[str, LinePlan | None]:
    """All lines of ``lines``; None for one that has errors."""
    section = draft.node(("lines",))
    if not isinstance(section, MappingNode):
        return {}
    lines = {name: _line(draft, name, entry.node) for name, entry in section.entries.items()}
    _check_shared_ports(draft, lines)
    return lines


def is_tcp(node: Node) -> bool:
    """Whether the keys of a line are those of a TCP connection."""
    if not isinstance(node, MappingNode):
        return False
    protocol = node.entries.get("protocol")
    return "host" in node.entries or (protocol is not None and text_at(protocol.node) == "modbus-tcp")


def _line(draft: Draft, name: str, node: Node) -> LinePlan | None:
    if is_tcp(node):
        tcp: TcpLine | None = read(draft, ("lines", name), node, TcpLine)
        return _tcp(draft, name, tcp) if tcp else None
    serial: SerialLine | None = read(draft, ("lines", name), node, SerialLine)
    return _serial(draft, name, serial) if serial else None


def _tcp(draft: Draft, name: str, line: TcpLine) -> LinePlan:
    if line.in_flight > 1 and line.protocol != "modbus-tcp":
        draft.error(
            ("lines", name, "in_flight"), f"{line.protocol} has one request at a time", "delete the line"
        )
    return LinePlan(
        name=name,
        medium=Medium.TCP,
        protocol=Protocol(line.protocol),
        host=line.host,
        tcp_port=line.port,
        timeout_s=line.timeout,
        in_flight=line.in_flight,
    )


def _serial(draft: Draft, name: str, line: SerialLine) -> LinePlan | None:
    framing = _FRAMING.fullmatch(line.framing)
    assert framing is not None
    if line.protocol == "modbus-rtu" and framing[1] != "8":
        draft.error(("lines", name, "framing"), "Modbus RTU has 8 data bits", f"write 8{line.framing[1:]}")
    if line.port.startswith(("/dev/ttyUSB", "/dev/ttyACM")):
        draft.warn(
            ("lines", name, "port"),
            "the number of this port changes when adapters are plugged elsewhere",
            "use its name under /dev/serial/by-id/ or /dev/serial/by-path/",
        )
    return LinePlan(
        name=name,
        medium=Medium.SERIAL,
        protocol=Protocol(line.protocol),
        port=line.port,
        baud=line.baud,
        data_bits=int(framing[1]),
        parity=_PARITY[framing[2]],
        stop_bits=int(framing[3]),
        rs485=line.rs485,
        timeout_s=line.timeout,
    )


def _check_shared_ports(draft: Draft, lines: Mapping[str, LinePlan | None]) -> None:
    owners: dict[str, str] = {}
    for name, line in lines.items():
        if line is None:
            continue
        end = line.port or f"{line.host}:{line.tcp_port}"
        owner = owners.setdefault(end, name)
        if owner != name:
            draft.error(
                ("lines", name, "port"),
                f"lines '{owner}' ({draft.line_of(('lines', owner, 'port'))}) and '{name}' both use {end}",
                "put the instruments of one port on one line",
            )
