"""Where the files of one unit live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """The state folder of one unit: everything durable, and the socket and lock of its control process."""

    folder: Path

    @property
    def journal(self) -> Path:
        """The journal: one writer, control."""
        return self.folder / "journal.db"

    @property
    def cursor(self) -> Path:
        """How far the uplink has read the journal: one writer, uplink."""
        return self.folder / "uplink.db"

    @property
    def snapshot(self) -> Path:
        """The core's memory for the next start: one writer, control."""
        return self.folder / "state.json"

    @property
    def calibrations(self) -> Path:
        """Every calibration there was: one writer, ``edgectl calibrate``."""
        return self.folder / "calibration.json"

    @property
    def plans(self) -> Path:
        """Approved plans by digest, and which one is current."""
        return self.folder / "plan"

    @property
    def versions(self) -> Path:
        """Every approved version of the unit's files, by number: who, when, why, the files themselves and the plan they make."""
        return self.folder / "versions"

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.folder / "control.sock"

    @property
    def lock(self) -> Path:
        """Held by the one control process of the unit."""
        return self.folder / "control.lock"
