"""The files that come with edgectl: unit folders, and what a service needs."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """A folder of ``configs/``: beside the package in a checkout, inside it when installed.

    Raises:
        FileNotFoundError: this installation does not have it.
    """
    return _found("configs", name, "configuration")


def service_file(name: str) -> Path:
    """A file of ``systemd/``, found like a folder of ``configs/``.

    Raises:
        FileNotFoundError: this installation does not have it.
    """
    return _found("systemd", name, "service file")


def _found(folder: str, name: str, kind: str) -> Path:
    for root in (_PACKAGE.parent, _PACKAGE):
        if (root / folder / name).exists():
            return root / folder / name
    raise FileNotFoundError(f"no shipped {kind} {name!r} beside {_PACKAGE}")
