"""When a certificate ends.

Python's ssl decodes certificates that a peer has shown, never one in a file; its only reader of files is private (``ssl._ssl._test_decode_cert``), and the
``cryptography`` package is large. The date stands at a fixed place of a format that has not changed since 1988, so it is walked to here.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# Tags of DER (X.690): a version stands before the serial number in all but the oldest certificates.
_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
_VALIDITY = 3  # after serial number, signature algorithm and issuer (RFC 5280, section 4.1)


def end_of_file(path: str) -> int:
    """When the first certificate of a PEM file ends (UTC, s): with a chain, that is the own one.

    Raises:
        ValueError: there is no certificate that could be read; the text names the file.
    """
    try:
        block = _BLOCK.search(Path(path).read_text())
        if block is None:
            raise ValueError("no certificate in it")  # noqa: TRY301
        return end_of(ssl.PEM_cert_to_DER_cert(block.group()))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: {error}") from None


def end_of(der: bytes) -> int:
    """The notAfter of an X.509 certificate (RFC 5280, section 4.1.2.5; UTC, s).

    Raises:
        ValueError: this is no certificate.
        IndexError: it is cut short.
    """
    (_, whole), *_ = _elements(der)
    (_, signed), *_ = _elements(whole)
    parts = [part for part in _elements(signed) if part[0] != _VERSION]
    (_, _), (tag, text) = _elements(parts[_VALIDITY][1])
    words = text.decode("ascii")
    if tag == _UTC_TIME:
        words = ("19" if words[0] >= "5" else "20") + words
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"tag {tag:#x} is no time")
    return int(datetime.strptime(words, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp())


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element (X.690, section 8.1)."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if at + length > len(der):
            raise ValueError("cut short")
        yield tag, der[at : at + length]
        at += length
