"""Serial ports: opened by pyserial, exclusive, raw, without delay, direction switched by the kernel where asked."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import struct
import termios
from collections.abc import Callable
from pathlib import Path

import serial

from edgectl.model.fault import LinkFault
from edgectl.model.plan import LinePlan, Parity
from edgectl.wire.stream import StreamLink

_PARITY = {Parity.NONE: serial.PARITY_NONE, Parity.EVEN: serial.PARITY_EVEN, Parity.ODD: serial.PARITY_ODD}
_TIOCGRS485 = 0x542E
_TIOCSRS485 = 0x542F
_RS485 = struct.Struct("8I")  # struct serial_rs485: flags, two delays in ms, padding
_RS485_ENABLED = 1
_RS485_RTS_ON_SEND = 2
_PSEUDO_TERMINALS = range(136, 144)

Ioctl = Callable[[int, int, bytes], bytes]


class SerialPort:
    """The port of a line, by the path in the plan.

    The path is looked up anew at each ``acquire``: a ``by-id`` link finds its adapter again under whatever node it came back. ``low_latency`` says
    whether the driver hands bytes over at once (FTDI adapters otherwise wait 16 ms); None while not opened.
    """

    def __init__(self, plan: LinePlan) -> None:
        self._plan = plan
        self._serial: serial.Serial | None = None
        self.low_latency: bool | None = None

    @property
    def name(self) -> str:
        """The path as the plan has it."""
        return self._plan.port

    async def acquire(self) -> int:
        """Open and configure.

        Raises:
            LinkFault: missing, held by another process, not permitted, no serial port, or without the RS-485 direction asked for.
        """
        plan = self._plan
        pseudo = _is_pseudo_terminal(plan.port)
        try:
            port = serial.Serial(
                plan.port,
                plan.baud,
                bytesize=8 if pseudo else plan.data_bits,
                parity=_PARITY[Parity.NONE if pseudo else plan.parity],
                stopbits=plan.stop_bits,
                timeout=0,
                write_timeout=0,
                inter_byte_timeout=0,  # VMIN 1: nothing there is EAGAIN, and an empty read means unplugged
                exclusive=True,
            )
        except (OSError, ValueError, termios.error) as error:
            raise LinkFault(explain(plan.port, error)) from error
        self._serial = port
        try:
            if plan.rs485:
                switch_direction(port.fileno(), plan.port, fcntl.ioctl)
        except LinkFault:
            self.release()
            raise
        self.low_latency = _low_latency(port)
        return port.fileno()

    def release(self) -> None:
        """Close; harmless when closed."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None
            self.low_latency = None


def serial_link(plan: LinePlan) -> StreamLink:
    """The link of a serial line."""
    return StreamLink(SerialPort(plan))


def switch_direction(fd: int, port: str, ioctl: Ioctl) -> None:
    """Have the kernel raise RTS while it sends (TIOCSRS485), and read back that it will: it drops what a driver cannot do.

    Raises:
        LinkFault: the driver does not switch direction.
    """
    try:
        ioctl(fd, _TIOCSRS485, _RS485.pack(_RS485_ENABLED | _RS485_RTS_ON_SEND, *[0] * 7))
        flags = _RS485.unpack(ioctl(fd, _TIOCGRS485, bytes(_RS485.size)))[0]
    except OSError:
        flags = 0
    if not flags & _RS485_ENABLED:
        raise LinkFault(
            f"{port}: rs485 is asked for, but this port's driver does not switch direction; "
            "remove rs485 from the line if the adapter switches by itself, else use another port"
        )


def explain(port: str, error: Exception) -> str:
    """Why a port cannot be opened, and what to do about it."""
    code = error.errno if isinstance(error, OSError) else None
    match code:
        case errno.ENOENT:
            return (
                f"{port} does not exist; plug the adapter in, or choose a port from: ls -l /dev/serial/by-id"
            )
        case errno.EACCES | errno.EPERM:
            return f"{port}: permission denied; {_permission(port)}"
        case errno.EAGAIN | errno.EBUSY:
            return f"{port} is held by {_holder(port)}; stop it, or give this line another port"
        case errno.ENXIO | errno.ENODEV | errno.EIO:
            return f"{port} has no adapter behind it ({error}); plug it in again"
    return f"{port} cannot be used as a serial port: {error}"


def _is_pseudo_terminal(port: str) -> bool:
    """Pseudo-terminals have neither parity nor character size, and refuse to be asked for them twice (pty(7), device majors 136-143)."""
    try:
        return os.major(Path(port).stat().st_rdev) in _PSEUDO_TERMINALS
    except OSError:
        return False


def _permission(port: str) -> str:
    """Which group may use the port."""
    try:
        group = grp.getgrgid(Path(port).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    return f"add the user that runs edgectl to group {group}: usermod -aG {group} USER"


def _holder(port: str) -> str:
    """The process that has locked the port, from proc(5) locks: one short file, so that a busy loop is not held up."""
    unknown = f"another process (sudo fuser -v {port} names it)"
    try:
        status = Path(port).stat()
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        locks = Path("/proc/locks").read_text(encoding="ascii")
        pid = next(fields[4] for line in locks.splitlines() if device in (fields := line.split()))
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (OSError, StopIteration):
        return unknown
    return f"process {pid} ({name})"


def _low_latency(port: serial.Serial) -> bool:
    """Ask for ASYNC_LOW_LATENCY (FTDI: a latency timer of 1 ms); drivers without it have nothing to gain."""
    try:
        port.set_low_latency_mode(True)
    except (OSError, ValueError, NotImplementedError):
        return False
    return True
