"""Who may open, read and write what."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look

_SERVICE = "edgectl"
_INSTALL = "sudo edgectl install-service UNIT does it"


def service_user(look: Look) -> Iterator[Finding]:
    """The user of the services, and whether it may open serial ports."""
    users = (look.text("/etc/passwd") or "").splitlines()
    if not any(line.startswith(f"{_SERVICE}:") for line in users):
        yield unknown("service user", f"there is no user {_SERVICE}: no service is installed here", _INSTALL)
        return
    members = [
        line.split(":")[3].split(",")
        for line in (look.text("/etc/group") or "").splitlines()
        if line.startswith("dialout:")
    ]
    if not members or _SERVICE not in members[0]:
        yield bad(
            "service user",
            f"{_SERVICE} is not in group dialout and cannot open serial ports",
            f"sudo usermod -aG dialout {_SERVICE}, then restart the service",
        )
    else:
        yield ok("service user", f"{_SERVICE} is in group dialout")


def state_folder(look: Look) -> Iterator[Finding]:
    """Whether only the unit's own user may write its state."""
    if look.place is None or not look.place.folder.is_dir():
        yield unknown("state folder", "there is none yet")
        return
    found = look.place.folder.stat()
    about = f"state folder {look.place.folder.name}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield bad(
            about,
            f"others than its owner may write {look.place.folder} ({_mode(found)})",
            f"sudo chmod 750 {look.place.folder}",
        )
    elif not os.access(look.place.folder, os.R_OK | os.X_OK):
        yield unknown(about, "this user may not read it", "look as root or as the user of the service")
    else:
        yield ok(about, f"only its owner may write it ({_mode(found)})")


def secrets(look: Look) -> Iterator[Finding]:
    """Whether passwords and keys are closed to everybody but their owner."""
    if not look.secrets.is_dir():
        yield ok("secrets", f"there is no {look.secrets}")
        return
    entries = sorted(look.secrets.iterdir())
    open_ones = [path for path in (look.secrets, *entries) if _others(path)]
    for path in open_ones:
        yield bad(
            "secrets",
            f"others may read {path} ({_mode(path.stat())})",
            f"sudo chmod {700 if path.is_dir() else 600} {path}",
        )
    if not open_ones:
        yield ok("secrets", f"{len(entries)} files in {look.secrets}, closed to others")


def missing_secrets(look: Look) -> Iterator[Finding]:
    """Files that the plan names and nobody has put there."""
    uplink = look.plan.uplink if look.plan else None
    for name in (uplink.password_file, uplink.key_file) if uplink else ():
        path = look.path(name) if name.startswith("/") else look.secrets / name
        if not name:
            continue
        if path.exists():
            yield ok(f"secret {path.name}", "is there")
        else:
            yield bad(f"secret {path.name}", f"{path} is not there", "put it there: owner root, mode 0600")


def rights(look: Look) -> Iterator[Finding]:
    """Who is looking: what another user sees may differ."""
    if not look.live:
        return
    if os.geteuid() == 0:
        yield ok("this look", "as root: everything could be looked at")
    else:
        yield watch(
            "this look",
            "not as root: what is unknown above may be closed to this user",
            "for those: sudo edgectl doctor",
        )


def _others(path: Path) -> bool:
    mode = path.stat().st_mode
    return (
        bool(mode & (stat.S_IRWXG | stat.S_IRWXO))
        if path.is_file()
        else bool(mode & (stat.S_IWGRP | stat.S_IRWXO))
    )


def _mode(found: os.stat_result) -> str:
    return f"mode {stat.S_IMODE(found.st_mode):04o}"
