"""The pages of ``edgectl top``: each makes a head and items of a status picture. An item is one row, and more about it when it is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from edgectl.app.alarm import listed
from edgectl.app.status import in_band
from edgectl.app.top.row import Piece, Row, Style, fit, row
from edgectl.app.top.trend import Trends, bars
from edgectl.core.text import span

Picture = Mapping[str, Any]

_QUALITY = {"GOOD": Style.GOOD, "UNCERTAIN": Style.WATCH, "BAD": Style.BAD}
_HEALTH = {"good": Style.GOOD, "watch": Style.WATCH, "bad": Style.BAD, "unknown": Style.DIM}
_PRIORITY = {"high": Style.BAD, "medium": Style.WATCH, "low": Style.PLAIN}
_TREND = 12
WAITING = ("UNACK", "RTNUN", "LTUNK")  # states that want to be acknowledged


class Item(NamedTuple):
    """``name`` is what it is chosen by (empty: a head line, which cannot be)."""

    name: str
    row: Row
    detail: str = ""


def loops(picture: Picture, trends: Trends, letters: str) -> Iterator[Item]:
    """Loops, then outputs: what the unit does."""
    yield _head(
        f"{'LOOP':10} {'VALUE':>14} {'SET':>8} {'OUTPUT':>8} {'MODE':4} {'TREND':{_TREND}} {'QUAL':4} HEALTH"
    )
    for name, loop in picture["loops"].items():
        yield Item(name, _loop(picture, name, loop, trends, letters), _of_loop(loop))
    if not picture["loops"]:
        yield Item("", row(Piece("no loop has been scanned yet", Style.DIM)))
    yield from outputs(picture)


def _loop(picture: Picture, name: str, loop: Picture, trends: Trends, letters: str) -> Row:
    tag = picture["tags"].get(loop["tag"], {})
    quality, health = tag.get("quality", "BAD"), loop.get("health") or ""
    value = Style.GOOD if in_band(dict(loop)) else Style.WATCH
    shown = bars(trends.of(name), _TREND, loop["target"], loop["band"], letters)
    return row(
        Piece(fit(name, 10), Style.BOLD), " ",
        Piece(fit(number(loop["value"], loop["unit"]), 14, right=True), value), " ",
        fit(number(loop["setpoint"]), 8, right=True), " ", fit(number(loop["output"]), 8, right=True), " ",
        Piece(fit(loop["mode"], 4), Style.PLAIN if loop["mode"] in ("AUTO", "CAS") else Style.NOTICE), " ",
        shown, " ",
        Piece(fit({"UNCERTAIN": "UNC"}.get(quality, quality), 4), _QUALITY.get(quality, Style.BAD)), " ",
        Piece(fit(health or "-", 8), _HEALTH.get(health, Style.DIM)),
    )  # fmt: skip


def _of_loop(loop: Picture) -> str:
    parts = [
        loop["condition"],
        f"limited by {loop['limit']}" if loop["limit"] else "",
        loop.get("health_line") or "",
    ]
    return "; ".join(part for part in parts if part)


def outputs(picture: Picture) -> Iterator[Item]:
    """Outputs with what restricts them."""
    yield _head(f"{'OUTPUT':10} {'VALUE':>14} {'CONFIRMED':>9} {'SAFE':>8} {'BY':14} RESTRICTED BY")
    for name, output in picture["actuators"].items():
        restricted = ", ".join(output["restricted_by"])
        yield Item(
            name,
            row(
                Piece(fit(name, 10), Style.BOLD), " ", fit(number(output["value"], output["unit"]), 14, right=True), " ",
                fit(number(output["achieved"]), 9, right=True), " ", fit(number(output["safe"]), 8, right=True), " ",
                fit(output["source"], 14), " ", Piece(fit(restricted, 19), Style.WATCH),
            ),
            "; ".join(filter(None, (f"restricted by {restricted}" if restricted else "", output["detail"]))),
        )  # fmt: skip


def alarms(picture: Picture) -> Iterator[Item]:
    """All alarms that stand or are hidden, the most urgent first."""
    yield _head(f"{'ALARM':18} {'PRIO':6} {'STATE':5} {'SINCE':>9} WHY")
    rows = [
        found
        for found in listed(dict(picture), everything=True)
        if found["state"] != "NORM" or found["hidden"]
    ]
    for found in rows:
        waits = found["state"] in WAITING
        style = Style.DIM if found["hidden"] else _PRIORITY[found["priority"]]
        why = found["hidden_by"] if found["hidden"] else found["reason"]
        since = "" if found["age_s"] is None else span(found["age_s"])
        yield Item(
            found["name"],
            row(
                Piece(fit(found["name"], 18), style), " ", Piece(fit(found["priority"], 6), style), " ",
                Piece(fit(found["state"], 5), Style.ALARM if waits else Style.PLAIN), " ",
                fit(since, 9, right=True), " ", fit(("first out: " if found["first_out"] else "") + str(why or ""), 37),
            ),
            "; ".join(filter(None, (found["description"], found["consequence"], found["response"]))),
        )  # fmt: skip
    if not rows:
        yield Item("", row(Piece("no alarms", Style.GOOD)))


def values(picture: Picture) -> Iterator[Item]:
    """Every tag with its quality and age."""
    yield _head(f"{'TAG':12} {'VALUE':>16} {'QUALITY':9} {'AGE':>8} WHY")
    for name, tag in picture["tags"].items():
        yield Item(
            name,
            row(
                Piece(fit(name, 12), Style.BOLD), " ", fit(number(tag["value"], tag["unit"]), 16, right=True), " ",
                Piece(fit(tag["quality"], 9), _QUALITY.get(tag["quality"], Style.BAD)), " ",
                fit(span(tag["age_s"]), 8, right=True), " ", fit(tag["reason"], 31),
            ),
            tag["reason"],
        )  # fmt: skip


def feeds(picture: Picture) -> Iterator[Item]:
    """Feeds, perfusions and experiments."""
    yield _head(f"{'FEED':12} {'STAGE':9} {'HOURS':>7} {'FLOW':>13} {'DELIVERED':>12} {'LEFT':>10} WAITS FOR")
    for name, feed in picture.get("feeds", {}).items():
        yield Item(
            name,
            row(
                Piece(fit(name, 12), Style.BOLD), " ", fit(feed["stage"], 9), " ", fit(f"{feed['clock_s'] / 3600.0:.2f}", 7, right=True), " ",
                fit(number(feed["flow"], feed["flow_unit"]), 13, right=True), " ",
                Piece(fit(number(feed["delivered"], feed["unit"]), 12, right=True), Style.WATCH if feed["behind"] else Style.PLAIN), " ",
                fit(number(feed["left"], feed["unit"]), 10, right=True), " ", Piece(fit(feed["waits_for"], 11), Style.WATCH),
            ),
            "; ".join(filter(None, (f"planned {number(feed['planned'], feed['unit'])}", feed["waits_for"]))),
        )  # fmt: skip
    for name, found in picture.get("perfusions", {}).items():
        text = f"{number(found['rate'], 'VVD')}, feed {number(found['feed'])}, permeate {number(found['permeate'])}, bleed {number(found['bleed'])} mL/min"
        yield Item(
            name,
            row(Piece(fit(name, 12), Style.BOLD), " ", fit(found["stage"], 9), " ", fit(text, 57)),
            found["waits_for"],
        )
    yield from _experiments(picture)


def _experiments(picture: Picture) -> Iterator[Item]:
    yield _head("EXPERIMENT")
    for name, found in picture.get("experiments", {}).items():
        left = span(max(0.0, found["longest_s"] - found["elapsed_s"]))
        text = f"{found['stage']}, {found['method']} by {found['actor']}"
        text += f", {found['ended']}" if found["ended"] else f", at most {left} to go"
        style = Style.DIM if found["stage"] == "over" else Style.WATCH
        yield Item(
            f"experiment {name}",
            row(Piece(fit(name, 12), Style.BOLD), " ", Piece(fit(text, 67), style)),
            text,
        )


def lines(picture: Picture) -> Iterator[Item]:
    """Lines with load and errors, and the instruments on them."""
    yield _head(
        f"{'LINE':12} {'CONDITION':12} {'LOAD':>5} {'REQUESTS':>9} {'SILENT':>7} {'DAMAGED':>7} {'FOREIGN':>7}"
    )
    for name, line in picture["lines"].items():
        counts = line["statistics"]
        wrong = counts["timeouts"] + counts["bad_frames"]
        style = Style.WATCH if counts["requests"] and wrong / counts["requests"] > 0.01 else Style.PLAIN
        load = line.get("load")
        yield Item(
            f"line {name}",
            row(
                Piece(fit(name, 12), Style.BOLD), " ", fit(line["condition"], 12), " ", fit("-" if load is None else f"{load:.0%}", 5, right=True), " ",
                fit(str(counts["requests"]), 9, right=True), " ", Piece(fit(str(counts["timeouts"]), 7, right=True), style), " ",
                Piece(fit(str(counts["bad_frames"]), 7, right=True), style), " ", fit(str(counts["foreign"]), 7, right=True),
            ),
            line["reason"],
        )  # fmt: skip
        for instrument, found in line["instruments"].items():
            well = found["condition"] == "answering"
            said = f"{found['condition']} {found['reason']}".strip()
            yield Item(
                f"instrument {instrument}",
                row(
                    "  ",
                    fit(instrument, 14),
                    " ",
                    Piece(fit(said, 52), Style.PLAIN if well else Style.BAD),
                    " ",
                    fit(f"{found['missed_polls']} missed", 10, right=True),
                ),
                said,
            )


def _head(text: str) -> Item:
    return Item("", row(Piece(text, Style.DIM)))


def number(value: float | None, unit: str = "") -> str:
    """A value as people read it; ``-`` where there is none."""
    return "-" if value is None else f"{value:.4g} {unit}".rstrip()
