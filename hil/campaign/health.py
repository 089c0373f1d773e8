"""What is not as it should be in the unit's own picture of itself."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def ailing(status: dict[str, Any]) -> str:
    """The first thing that is wrong; empty when all is well."""
    return next(itertools.chain(_instruments(status), _values(status), _outputs(status), _loops(status)), "")


def _instruments(status: dict[str, Any]) -> Iterator[str]:
    for line in status["lines"].values():
        for name, instrument in line["instruments"].items():
            if instrument["condition"] != "answering":
                yield f"{name} {instrument['condition']}: {instrument['reason']}"


def _values(status: dict[str, Any]) -> Iterator[str]:
    """What is measured; an estimate that is not sure yet, or for which a probe is missing, is honest."""
    for name, tag in status["tags"].items():
        if tag["quality"] != "GOOD" and not tag["estimated"]:
            yield f"{name} {tag['quality']}: {tag['reason']}"


def _outputs(status: dict[str, Any]) -> Iterator[str]:
    for name, actuator in status["actuators"].items():
        if actuator["detail"] or actuator["restricted_by"]:
            yield f"{name} {actuator['detail']} {' '.join(actuator['restricted_by'])}"


def _loops(status: dict[str, Any]) -> Iterator[str]:
    for name, loop in status["loops"].items():
        if loop["condition"] != "regulating":
            yield f"{name} {loop['condition']}"
