"""A whole screen of ``edgectl top``: unit, alarms, page, keys. Pure: pictures in, rows out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from edgectl.app.alarm import listed
from edgectl.app.top.page import WAITING, Item, alarms, feeds, lines, loops, outputs, values
from edgectl.app.top.row import Piece, Row, Style, clean, fit, full, row
from edgectl.app.top.trend import BARS, Trends
from edgectl.app.top.view import PAGES, View
from edgectl.core.text import span

_DETAIL = 2
_LEAST_BODY = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the unit. ``trouble`` is why it does not answer, ``silent_s`` for how long; ``stored`` how many records wait for the broker."""

    unit: str
    picture: Mapping[str, Any] | None = None
    trouble: str = ""
    silent_s: float = 0.0
    stored: int | None = None
    trends: Trends = field(default_factory=Trends)


def items_of(seen: Seen, view: View, letters: str = BARS) -> list[Item]:
    """The items of the page that is shown."""
    picture = seen.picture
    if picture is None:
        return []
    if view.page == 0:
        return list(loops(picture, seen.trends, letters))
    page = (alarms, outputs, values, feeds, lines)[view.page - 1]
    return list(page(picture))


def frame(seen: Seen, view: View, width: int, height: int, letters: str = BARS) -> list[Row]:
    """Exactly ``height`` rows; where there is little room, what cannot be missed stays."""
    head = [_title(seen, width), alarm_row(seen, width), *_states(seen, width)]
    foot = [_bottom(view, width), _keys(view, width)]
    items = items_of(seen, view, letters)
    chosen = next((item for item in items if item.name and item.name == view.chosen), None)
    detail = _detail(chosen, width) if height >= 16 else []
    room = height - len(head) - len(detail) - len(foot)
    if room < _LEAST_BODY:
        return [*head, *foot][:height] if height <= len(head) + len(foot) else _filled(head, [], foot, height)
    body = _window(items, view, room, width)
    return _filled(head, [*body, *[row("")] * (room - len(body)), *detail], foot, height)


def _filled(head: Sequence[Row], body: Sequence[Row], foot: Sequence[Row], height: int) -> list[Row]:
    empty = [row("")] * (height - len(head) - len(body) - len(foot))
    return [*head, *body, *empty, *foot]


def _title(seen: Seen, width: int) -> Row:
    picture = seen.picture
    if picture is None:
        return full(f"{seen.unit}: waiting for its control process", width, Style.BOLD)
    late = f", {picture['late_scans']} late" if picture["late_scans"] else ""
    time = f"{datetime.fromtimestamp(picture['utc_ns'] / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    left = f"{picture['unit']}  plan {picture['plan'][:8]}  scan {picture['scan']} every {picture['period_s']:g} s{late}"
    return row(Piece(fit(left, width - len(time) - 1), Style.BOLD), " ", time)


def alarm_row(seen: Seen, width: int) -> Row:
    """The row that cannot be missed: no answer, alarms that wait, alarms that stand."""
    if seen.trouble:
        old = "; what is below is old" if seen.picture else ""
        return full(
            f" CONTROL DOES NOT ANSWER for {span(seen.silent_s)}{old}: {seen.trouble}", width, Style.ALARM
        )
    rows = listed(dict(seen.picture)) if seen.picture else []
    if not rows:
        return full(" no alarms" if seen.picture else "", width, Style.GOOD)
    waiting = [found for found in rows if found["state"] in WAITING]
    first = (waiting or rows)[0]
    flood = "FLOOD, " if seen.picture and seen.picture["flood"] else ""
    said = f"{first['priority'].upper()} {first['name']}: {first['reason'] or first['description']}"
    if waiting:
        return full(f" {flood}{len(waiting)} of {len(rows)} ALARMS wait [a]  {said}", width, Style.ALARM)
    return full(f" {flood}{len(rows)} alarms, all acknowledged  {said}", width, Style.NOTICE)


def _states(seen: Seen, width: int) -> Iterator[Row]:
    """Who has the unit, and one row more for each thing that people must know."""
    if seen.picture is None:
        return
    unit = seen.picture["unit_state"]
    owner = f" of {unit['owner']}" if unit["owner"] else ""
    held = f"HELD by {unit['held']}  " if unit["held"] else ""
    rest = f"authority {unit['authority']}{owner}  uplink {unit['uplink']}  batch {unit['batch'] or '-'}"
    held = fit(held, min(len(held), width // 2))
    yield row(Piece(held, Style.BAD), fit(rest, width - len(held)))
    for text in _notices(seen, seen.picture):
        yield full(text, width, Style.NOTICE)


def _notices(seen: Seen, picture: Mapping[str, Any]) -> Iterator[str]:
    unit = picture["unit_state"]
    if unit["uplink"] not in ("none", "connected") or unit["uplink_lost_s"] > 0.0:
        since = datetime.fromtimestamp(picture["utc_ns"] / 1e9 - unit["uplink_lost_s"], UTC)
        stored = "" if seen.stored is None else f", {seen.stored} records stored"
        yield f"SCADA offline since {since:%H:%M:%S} UTC ({span(unit['uplink_lost_s'])}){stored}"
    acting = [name for name, hazard in picture["hazards"].items() if hazard["condition"] != "clear"]
    if acting:
        yield f"hazards act: {', '.join(acting)}"
    if unit["conflict"]:
        yield f"conflict: {unit['conflict']}"
    if picture["notice"]:
        yield f"notice: {picture['notice']}"
    running = [name for name, found in picture["experiments"].items() if found["stage"] != "over"]
    if running:
        yield f"experiment on {', '.join(running)}: page 5"


def _window(items: Sequence[Item], view: View, room: int, width: int) -> list[Row]:
    """The rows around the chosen one, and how many are above and below."""
    if len(items) <= room:
        view.top = 0
        return [_shown(item, view, width) for item in items]
    inside = room - 1
    at = next((place for place, item in enumerate(items) if item.name and item.name == view.chosen), view.top)
    view.top = min(max(view.top, at - inside + 1), at, len(items) - inside)
    seen = items[view.top : view.top + inside]
    below = len(items) - view.top - inside
    return [
        *(_shown(item, view, width) for item in seen),
        row(Piece(fit(f"{view.top} above, {below} below: arrows", width), Style.DIM)),
    ]


def _shown(item: Item, view: View, width: int) -> Row:
    if item.name and item.name == view.chosen:
        return full("".join(piece.text for piece in item.row), width, Style.BAR)
    return item.row


def _detail(item: Item | None, width: int) -> list[Row]:
    if item is None:
        return []
    wrapped = textwrap.wrap(clean(f"{item.name}: {item.detail or 'nothing to add'}"), max(width - 1, 10))
    return [row(Piece(fit(text, width), Style.BOLD)) for text in wrapped[:_DETAIL]]


def _bottom(view: View, width: int) -> Row:
    prompt = view.prompt
    if prompt is None:
        return row(Piece(fit(view.message, width), Style.BOLD))
    if prompt.asks:
        question = f"Acknowledge {prompt.target} as {view.actor}? y/n  "
        return full(f"{question}({prompt.reason.strip()})", width, Style.NOTICE)
    begin = fit(f"Acknowledge {prompt.target}", min(40, width // 2)).rstrip() + ", why (Enter, Esc): "
    return full(begin + prompt.reason[-max(width - len(begin) - 1, 1) :] + "_", width, Style.NOTICE)


def _keys(view: View, width: int) -> Row:
    pages = [
        Piece(f"{place + 1} {name}", Style.BAR if place == view.page else Style.PLAIN)
        for place, name in enumerate(PAGES)
    ]
    spaced = [part for piece in pages for part in (piece, Piece(" "))]
    used = sum(len(piece.text) for piece in spaced)
    return row(*spaced, fit(" Tab Up Dn a/A ack q quit", max(width - used, 0)))
