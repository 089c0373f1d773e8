"""The digest of commands: two histories of a plant's outputs are the same if and only if their digests are."""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterable

from edgectl.model.command import Command

SIZE = 16

_FIXED = struct.Struct("<dd?qH")


def fold(digest: bytes, commands: Iterable[Command]) -> bytes:
    """``digest`` carried on over the commands of one scan; begin with ``b""``. Floats count with every bit."""
    return hashlib.blake2b(digest + b"".join(map(_packed, commands)), digest_size=SIZE).digest()


@functools.lru_cache(1024)
def _text(actuator: str, source: str, restricted_by: tuple[str, ...]) -> bytes:
    return "\x1f".join((actuator, source, *restricted_by)).encode()


def _packed(command: Command) -> bytes:
    text = _text(command.actuator, command.source, command.restricted_by)
    demanded = command.demanded
    return (
        _FIXED.pack(
            command.value,
            0.0 if demanded is None else demanded,
            demanded is not None,
            command.expires_ns,
            len(text),
        )
        + text
    )
