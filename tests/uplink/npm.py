"""A package of npm as a peer of the tests, installed once into the cache folder of this user."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGE, VERSION = "sparkplug-payload", "1.0.3"
_INSTALL_S = 100.0


def absent(text: str) -> None:
    """Skip, or fail where every peer must be there."""
    if os.environ.get("EDGECTL_REQUIRE_PEERS"):
        pytest.fail(text)
    pytest.skip(text)


def node_modules() -> Path:
    """The folder of packages that has this one."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        absent(f"{', '.join(missing)} missing: apt-get install nodejs npm")
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgectl" / f"{PACKAGE}-{VERSION}"
    )
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not (cache / "whole").exists():
            _install(cache)
            (cache / "whole").touch()
    return cache / "node_modules"


def _install(folder: Path) -> None:
    command = [
        "npm",
        "install",
        "--prefix",
        str(folder),
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        f"{PACKAGE}@{VERSION}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_S)
    except subprocess.TimeoutExpired:
        absent(f"npm did not install {PACKAGE} in {_INSTALL_S:.0f} s: the registry cannot be reached")
        return
    if done.returncode:
        absent(f"npm cannot install {PACKAGE}: {done.stderr.strip()[-300:]}")
