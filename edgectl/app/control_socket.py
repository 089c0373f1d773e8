"""The client's end of the control socket: one JSON object a line each way."""

from __future__ import annotations

import json
import os
import pwd
import socket
from pathlib import Path
from typing import Any

from edgectl.app.place import Place


class Unreachable(Exception):
    """No control process answers; the text says where was looked and what to do."""


def ask(path: Path, question: dict[str, Any], timeout_s: float = 3.0) -> dict[str, Any]:
    """One question, one answer.

    Raises:
        Unreachable: nobody listens there, or the answer did not come in ``timeout_s``.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
    except OSError as error:
        raise Unreachable(
            f"{path}: {error.strerror or error}. Is the unit running? Start it with: edgectl run FOLDER"
        ) from None
    if not line:
        raise Unreachable(f"{path}: the control process closed the connection without an answer")
    answer: dict[str, Any] = json.loads(line)
    return answer


def find(state_dir: Path, unit: str | None) -> Place:
    """The state folder of ``unit``, or of the only unit there is.

    Raises:
        Unreachable: none, or more than one to choose from; the text lists them.
    """
    if unit is not None:
        return Place(state_dir / unit)
    units = sorted(path.parent for path in state_dir.glob("*/control.sock")) if state_dir.is_dir() else []
    if len(units) == 1:
        return Place(units[0])
    if not units:
        raise Unreachable(f"no unit has run under {state_dir}. Start one with: edgectl run FOLDER")
    raise Unreachable(f"several units run here, name one of: {', '.join(path.name for path in units)}")


def user() -> str:
    """The account a request is made under, for the record."""
    return pwd.getpwuid(os.getuid()).pw_name
