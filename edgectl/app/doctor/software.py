"""Python and the packages beside it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata

from edgectl import __version__
from edgectl.app.doctor.finding import Finding, bad, ok, watch
from edgectl.app.doctor.look import Look

_NEEDED = (3, 11)
_PART = re.compile(r"(>=|<)\s*([0-9.]+)")
_REPAIR = "/opt/edgectl/bin/pip install --require-hashes -r requirements.lock"


def python(_: Look) -> Iterator[Finding]:
    """The interpreter that looks, which is the service's if it was called from there."""
    said = f"{sys.version.split()[0]} at {sys.executable}, edgectl {__version__}"
    if sys.version_info < _NEEDED:
        yield bad("Python", said, "install Python 3.11 or newer")
    else:
        yield ok("Python", said)


def packages(_: Look) -> Iterator[Finding]:
    """Every package that edgectl asks for, within the versions it was tried with."""
    try:
        asked = metadata.requires("edgectl") or []
    except metadata.PackageNotFoundError:
        yield watch(
            "packages", "edgectl is not installed as a package: nobody knows what it asks for", _REPAIR
        )
        return
    wrong, right = [], 0
    for line in asked:
        name = re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0]
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if fits(found, line):
            right += 1
        else:
            wrong.append(f"{name} {found} is not {line.removeprefix(name)}")
    if wrong:
        yield bad("packages", "; ".join(wrong), _REPAIR)
    else:
        yield ok("packages", f"{right} in the versions that were tried")


def fits(version: str, line: str) -> bool:
    """Whether a version lies within the bounds that a requirement names."""
    have = _numbers(version)
    return all(
        have >= _numbers(bound) if sign == ">=" else have < _numbers(bound)
        for sign, bound in _PART.findall(line)
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])
