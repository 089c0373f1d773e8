"""What was found, as YAML to paste into ``unit.yaml``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from edgectl.app.scan_find import Find, Place
from edgectl.config.driver_catalog import load_driver

_COLUMN = 34


def pasted(places: Sequence[Place]) -> str:
    """Lines and instruments; what a person has to fill in is marked."""
    used = [place for place in places if place.finds]
    lines = [text for number, place in enumerate(used, 1) for text in _line(number, place)]
    found = [
        text
        for number, place in enumerate(used, 1)
        for find in place.finds
        for text in _instrument(number, find)
    ]
    return "\n".join(["lines:", *lines, "instruments:", *found, ""]) if used else ""


def _commented(text: str, comment: str) -> str:
    return f"{text:<{_COLUMN}}# {comment}" if comment else text


def _line(number: int, place: Place) -> Iterable[str]:
    yield _commented(f"  line-{number}:", place.adapter.get("title", ""))
    yield f"    protocol: {place.protocol}"
    if place.port:
        yield from (f"    port: {place.port}", f"    baud: {place.baud}", f"    framing: {place.framing}")
    else:
        yield from (f"    host: {place.host}", f"    port: {place.tcp_port}")


def _instrument(number: int, find: Find) -> Iterable[str]:
    short = find.driver.split("_")[0]
    who = f"{find.name}, firmware {find.identity.firmware}" if find.identity.firmware else find.name
    yield _commented(f"  {short}-{number}{'-' if find.address else ''}{find.address.lower()}:", who)
    yield f"    driver: {find.driver}"
    yield f"    line: line-{number}"
    if find.address:
        yield f"    address: {find.address}"
    yield "    poll: 5 s"
    if find.identity.serial_number:
        yield f'    serial_number: "{find.identity.serial_number}"'
    if options := [*_options(find)]:
        yield "    options:"
        yield from options


def _options(find: Find) -> Iterable[str]:
    """Those the find tells, and those that have no default."""
    for name, value in find.told.items():
        yield f"      {name}: {value}"
    for field in dataclasses.fields(load_driver(find.driver).options):
        bare = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if bare and field.name not in find.told:
            yield _commented(f"      {field.name}:", "fill in; configs/REFERENCE.md says what it means")
