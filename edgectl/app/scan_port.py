"""Serial adapters by names that stay, with what the kernel tells of them; and who uses them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgectl.app.place import Place
from edgectl.config.plan_file import load_last_good

_ABSENT = "0"  # type of a ttyS without a UART behind it (include/uapi/linux/serial.h, PORT_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Adapter:
    """One port. ``name`` is its by-id link, where equal adapters share one its by-path link, else the device itself.

    The rest is what USB tells, empty for ports that are no USB adapter.
    """

    name: str
    device: str
    maker: str = ""
    product: str = ""
    serial_number: str = ""
    usb: str = ""

    @property
    def title(self) -> str:
        """For people."""
        serial = f", serial number {self.serial_number}" if self.serial_number else ""
        return f"{self.maker} {self.product}".strip() + serial or "built-in port"


def adapters(dev: Path = Path("/dev"), sys: Path = Path("/sys")) -> tuple[Adapter, ...]:
    """All serial ports with hardware behind them, in order of their names."""
    links = {**_links(dev / "serial" / "by-path"), **_links(dev / "serial" / "by-id")}
    found = [_adapter(node, dev, links) for node in sorted((sys / "class" / "tty").glob("*")) if _real(node)]
    return tuple(sorted(found, key=lambda adapter: adapter.name))


def _links(folder: Path) -> dict[Path, str]:
    """Device to stable name."""
    return {link.resolve(): str(link) for link in sorted(folder.glob("*"))} if folder.is_dir() else {}


def _real(node: Path) -> bool:
    """Whether there is hardware: a device, and for a built-in UART a chip."""
    if not (node / "device").exists():
        return False
    return not node.name.startswith("ttyS") or _read(node / "type") != _ABSENT


def _adapter(node: Path, dev: Path, links: dict[Path, str]) -> Adapter:
    device = dev / node.name
    name = links.get(device.resolve(), str(device))
    for folder in _upwards((node / "device").resolve()):
        if (folder / "idVendor").exists():
            usb = f"{_read(folder / 'idVendor')}:{_read(folder / 'idProduct')}"
            maker, product, serial = (_read(folder / what) for what in ("manufacturer", "product", "serial"))
            return Adapter(name, str(device), maker, product, serial, usb)
    return Adapter(name, str(device))


def _upwards(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def users(state_dir: Path) -> dict[str, str]:
    """Port (its real path) or ``HOST:PORT`` to the unit that is running and has it in its plan, open at this moment or not."""
    found: dict[str, str] = {}
    for lock in sorted(state_dir.glob("*/control.lock")) if state_dir.is_dir() else ():
        if not _held(lock):
            continue
        kept = load_last_good(Place(lock.parent).plans)
        for line in kept[1].lines if kept else ():
            found[os.path.realpath(line.port) if line.port else f"{line.host}:{line.tcp_port}"] = (
                lock.parent.name
            )
    return found


def _held(lock: Path) -> bool:
    """Whether a control process holds this lock; it is given back at once where none does."""
    with contextlib.suppress(OSError):
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False
