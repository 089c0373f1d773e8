"""The files that come with edgectl: unit folders, and what a service needs."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """A folder of ``configs/``: beside the package in a checkout, inside it when installed.

    Raises:
        FileNotFoundError: this installation does not have it.
    """
    for configs in (_PACKAGE.parent / "configs", _PACKAGE / "configs"):
        if (configs / name).is_dir():
            return configs / name
    raise FileNotFoundError(f"no shipped configuration {name!r} beside {_PACKAGE}")


def service_file(name: str) -> Path:
    """A file of ``systemd/``, found like a folder of ``configs/``.

    Raises:
        FileNotFoundError: this installation does not have it.
    """
    for folder in (_PACKAGE.parent / "systemd", _PACKAGE / "systemd"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"no shipped service file {name!r} beside {_PACKAGE}")
