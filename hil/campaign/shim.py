"""A shim between the unit and the C library, for faults of wall clock, disk and resolver that need no rights of root."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from hil.campaign.row import Skip


class Shim:
    """Compiled on the spot; its orders are in a file the unit's processes have mapped."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise Skip("no C compiler for the shim: apt-get install gcc libc6-dev")
        self._orders = folder / "shim.orders"
        self._library = folder / "shim.so"
        source = Path(__file__).with_name("shim.c")
        command = (compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(source), "-ldl")
        subprocess.run(command, check=True)
        self._orders.write_bytes(bytes(32))

    @property
    def env(self) -> dict[str, str]:
        """What puts it into a process."""
        return {"LD_PRELOAD": str(self._library), "HIL_SHIM": str(self._orders)}

    def order(self, *, clock_s: int = 0, sync_ms: int = 0, write_errno: int = 0, resolve_ms: int = 0) -> None:
        """The faults from now on; without any, none."""
        with self._orders.open("r+b") as file:
            file.write(struct.pack("qqqq", clock_s, sync_ms, write_errno, resolve_ms))
