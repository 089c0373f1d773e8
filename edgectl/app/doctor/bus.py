"""Lines of the running unit: load, errors, and instruments that do not answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look

_BUSY, _FULL = 0.7, 0.9
_NOISY, _BROKEN = 0.01, 0.1
_WIRING = "check termination, bias, grounding and stubs (docs/wiring.md)"
_LESS = "poll less often (poll:), raise the baud rate, or split the line in two"


def lines(look: Look) -> Iterator[Finding]:
    """Each line between two looks at the running unit."""
    if len(look.pictures) < 2:
        yield unknown("lines", f"only a running unit knows: {look.silence}", "start it and look again")
        return
    before, after = look.pictures[0], look.pictures[-1]
    span_s = (after["utc_ns"] - before["utc_ns"]) / 1e9
    for name, line in after["lines"].items():
        earlier = before["lines"].get(name, line)
        yield from _line(f"line {name}", earlier["statistics"], line["statistics"], span_s)
        yield from _instruments(line)


def _line(
    about: str, before: Mapping[str, Any], after: Mapping[str, Any], span_s: float
) -> Iterator[Finding]:
    load = (after["busy_s"] - before["busy_s"]) / span_s if span_s > 0.0 else 0.0
    wrong = (after["timeouts"] + after["bad_frames"]) / after["requests"] if after["requests"] else 0.0
    said = f"load {min(load, 1.0):.0%}, {wrong:.2%} of {after['requests']} requests failed ({after['timeouts']} silent, {after['bad_frames']} damaged)"
    if wrong > _BROKEN:
        yield bad(about, said, _WIRING)
    elif load > _FULL:
        yield bad(about, said, _LESS)
    elif wrong > _NOISY:
        yield watch(about, said, _WIRING)
    elif load > _BUSY:
        yield watch(about, said, _LESS)
    else:
        yield ok(about, said)


def _instruments(line: Mapping[str, Any]) -> Iterator[Finding]:
    for name, instrument in line["instruments"].items():
        if instrument["condition"] != "answering":
            why = f"{instrument['condition']}: {instrument['reason']}".rstrip(": ")
            yield bad(
                f"instrument {name}",
                why,
                "check its power, cable and address; docs/errors.md has its message",
            )
