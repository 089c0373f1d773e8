"""Certificates from the script that is shipped for technicians."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.uplink.peer import need

SCRIPT = Path(__file__).parents[2] / "configs" / "broker" / "certificates.sh"


class Authority:
    """One authority in a folder of its own."""

    def __init__(self, folder: Path, name: str = "edgectl site") -> None:
        need("openssl")
        folder.mkdir()
        self.folder = folder
        self._do("authority", CA=name)

    def broker(self, name: str = "localhost") -> None:
        """A certificate for a broker."""
        self._do("broker", name)

    def client(self, *names: str, days: float = 397) -> None:
        """A certificate each, good for so many days."""
        for name in names:
            self._do("client", name, DAYS=str(days))

    def ended(self, name: str) -> None:
        """A certificate whose time is over."""
        self._do("client", name, WHEN="-startdate 20200101000000Z -enddate 20200102000000Z")

    def revoke(self, name: str) -> None:
        """A certificate that may no longer be used."""
        self._do("revoke", name)

    def file(self, name: str) -> str:
        """The path of one of its files."""
        return str(self.folder / name)

    def words(self, name: str) -> list[str]:
        """What a program of mosquitto-clients has to be told to be this client."""
        own = self.folder / name
        return ["--cafile", self.file("ca.pem"), "--cert", f"{own}.pem", "--key", f"{own}.key"]

    def _do(self, *words: str, **more: str) -> None:
        command = ["sh", str(SCRIPT), *words]
        subprocess.run(
            command, cwd=self.folder, env={**os.environ, **more}, check=True, capture_output=True, timeout=30
        )
