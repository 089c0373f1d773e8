"""Rules for each metric and its properties in births and data (chapters 6.4.5 to 6.4.14)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hil.host import payload as sparkplug
from hil.host.catalogue import DATASET, TEMPLATE
from hil.host.session import REBIRTH, Known
from hil.host.verb import BIRTHS, CHANGE, IN_BIRTH, ORDER, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.host.payload import Metric, Payload, Properties, Property
    from hil.host.session import Session

QUALITIES = (0, 192, 500)
GOOD = sparkplug.Property(sparkplug.INT32, sparkplug.FIELD_OF[sparkplug.INT32], 192)
EARLIEST_MS, LATEST_MS = (
    946_684_800_000,
    4_102_444_800_000,
)  # years 2000 and 2100: seconds and microseconds are outside
_UINT32 = 0xFFFFFFFF


def plausible(session: Session, timestamp: int) -> bool:
    """Whether a timestamp can be UTC milliseconds, and is not in the future."""
    slack_ms = session.settings.clock_ms
    latest_ms = LATEST_MS if slack_ms is None else session.at_ms + slack_ms
    return EARLIEST_MS <= timestamp <= latest_ms


def judge(session: Session, verb: str, content: Payload) -> None:
    """Judge what holds for the metrics of births and data alike, then their order."""
    for metric in content.metrics:
        _identity(session, metric)
        _timestamp(session, metric)
        _datatype(session, verb, metric)
        if metric.properties is not None:
            _properties(session, verb, metric.name or f"alias {metric.alias}", metric.properties)
    live = [m.timestamp for m in content.metrics if not m.historical and m.timestamp is not None]
    session.judge(live == sorted(live), "live metrics are not in the order of their time", ORDER[verb])


def _identity(session: Session, metric: Metric) -> None:
    session.judge(
        metric.name is not None or metric.alias is not None,
        "a metric has neither name nor alias",
        "payloads-name-requirement",
    )


def _timestamp(session: Session, metric: Metric) -> None:
    name, timestamp = metric.name or metric.alias, metric.timestamp
    session.judge(timestamp is not None, f"{name} has no timestamp", "payloads-name-birth-data-requirement")
    if timestamp is not None:
        session.judge(
            plausible(session, timestamp),
            f"{name}: {timestamp} is no time in ms UTC up to now",
            "payloads-metric-timestamp-in-UTC",
        )


def _datatype(session: Session, verb: str, metric: Metric) -> None:
    name, kind = metric.name or metric.alias, metric.datatype
    if verb in BIRTHS:
        session.judge(kind is not None, f"{name} has no datatype", "payloads-metric-datatype-req")
    else:
        session.judge(kind is None, f"{name} has a datatype in {verb}", "payloads-metric-datatype-not-req")
    if kind is None:
        return
    session.judge(kind <= _UINT32, f"{name}: datatype {kind}", "payloads-metric-datatype-value-type")
    if kind <= _UINT32:
        known = kind in sparkplug.METRIC_TYPES
        session.judge(known, f"{name}: datatype {kind} is none", "payloads-metric-datatype-value")
    if kind == sparkplug.DATASET:
        session.ledger.unjudged(f"{name} is a DataSet", *DATASET)
    elif kind == sparkplug.TEMPLATE:
        session.ledger.unjudged(f"{name} is a Template", *TEMPLATE)


def _properties(session: Session, verb: str, name: str, properties: Properties) -> None:
    keys, values = len(properties.keys), len(properties.values)
    session.judge(
        keys == values,
        f"{name}: {keys} property keys and {values} values",
        "payloads-propertyset-keys-array-size",
        "payloads-propertyset-values-array-size",
    )
    for key, value in zip(properties.keys, properties.values, strict=False):
        kind, where = value.kind, f"{name}, property {key}"
        if verb in BIRTHS:
            session.judge(kind is not None, f"{where} has no type", "payloads-metric-propertyvalue-type-req")
        if kind is not None:
            fits = kind <= _UINT32
            session.judge(fits, f"{where}: type {kind}", "payloads-metric-propertyvalue-type-type")
            if fits:
                known = kind in sparkplug.PROPERTY_TYPES
                session.judge(
                    known, f"{where}: type {kind} is none", "payloads-metric-propertyvalue-type-value"
                )
        if key == "Quality":
            _quality(session, where, value)


def _quality(session: Session, where: str, value: Property) -> None:
    if value.kind is not None:
        session.judge(
            value.kind == sparkplug.INT32,
            f"{where}: type {value.kind}",
            "payloads-propertyset-quality-value-type",
        )
    in_int = value.at == sparkplug.FIELD_OF[sparkplug.INT32]
    session.judge(
        in_int and value.raw in QUALITIES,
        f"{where} is {value.raw!r}, not an int_value of {QUALITIES}",
        "payloads-propertyset-quality-value-value",
    )


def fits(metric: Metric, datatype: int | None) -> bool:
    """Whether the value lies in the field of its type, or there is none because it is null."""
    if metric.null:
        return True
    kind = metric.datatype or datatype
    return metric.at is not None and (kind is None or sparkplug.FIELD_OF.get(kind) == metric.at)


def learn(session: Session, verb: str, device: str | None, content: Payload) -> None:
    """Judge the metrics of a birth as the list of all that may come, and keep them."""
    complete, value_rule = VALUES[verb]
    known = session.known(device)
    known.clear()
    for metric in content.metrics:
        name = metric.name or f"alias {metric.alias}"
        good = fits(metric, None)
        session.judge(
            metric.name is not None and metric.datatype is not None and good,
            f"{name} lacks name, datatype or value",
            complete,
        )
        session.judge(
            good and not (metric.null and metric.at is not None),
            f"{name}: no value of its type, or null and a value",
            value_rule,
        )
        _alias(session, device, metric)
        if metric.name is not None:
            known[metric.name] = Known(
                metric.datatype, metric.alias, metric.raw, metric.null, _named(metric), metric.timestamp
            )
    alike = same_but_case(metric.name for metric in content.metrics if metric.name is not None)
    session.judge(not alike, f"names differ by case only: {alike}", "case-sensitivity-metric-names")


def same_but_case(names: Iterable[str]) -> list[str]:
    """Names that differ from another one by letter case only."""
    exact = set(names)
    folded = Counter(name.casefold() for name in exact)
    return sorted(name for name in exact if folded[name.casefold()] > 1)


def _alias(session: Session, device: str | None, metric: Metric) -> None:
    if metric.alias is None:
        return
    name, alias = metric.name or "", metric.alias
    session.judge(bool(name), f"alias {alias} without a name", "payloads-alias-birth-requirement")
    owner = session.aliases.get(alias)
    session.judge(
        owner in (None, (device, name)),
        f"alias {alias} is {owner} and {device, name}",
        "payloads-alias-uniqueness",
    )
    session.aliases.setdefault(alias, (device, name))


def _named(metric: Metric) -> dict[str, Property]:
    properties = metric.properties
    return {} if properties is None else dict(zip(properties.keys, properties.values, strict=False))


def follow(session: Session, verb: str, device: str | None, content: Payload) -> None:
    """Judge the metrics of DATA against their birth, and whether anything has changed (chapters 5.2, 5.9)."""
    known = session.known(device)
    same, live = [], 0
    for metric in content.metrics:
        name, last = _find(session, device, known, metric)
        session.judge(
            last is not None and fits(metric, last.datatype) and metric.datatype in (None, last.datatype),
            f"{name} is not in the birth, or not of that type",
            *IN_BIRTH[verb],
        )
        if last is None:
            continue
        if last.alias is not None:
            alone = metric.alias == last.alias and metric.name is None
            session.judge(alone, f"{name} has an alias", "payloads-alias-data-cmd-requirement")
        if metric.historical:
            continue
        live += 1
        repeat = last.born_at is not None and (metric.timestamp or 0) <= last.born_at
        if not _changed(metric, last) and not repeat:
            same.append(name)
        last.born_at = last.born_at if repeat else None
    if live:
        session.judge(not same, f"unchanged: {same}", "principles-rbe-recommended")
        session.judge(len(same) < live, f"nothing in it has changed: {same}", CHANGE[verb])


def _find(
    session: Session, device: str | None, known: dict[str, Known], metric: Metric
) -> tuple[str, Known | None]:
    if metric.name is not None:
        return metric.name, known.get(metric.name)
    owner, name = session.aliases.get(metric.alias or 0, (None, ""))
    if metric.alias is None or owner != device or not name:
        return f"alias {metric.alias}", None
    return name, known.get(name)


def _changed(metric: Metric, last: Known) -> bool:
    """Whether value, null or properties differ from the last; a Quality that is not sent is good. Keeps the new."""
    properties = {**last.properties, **_named(metric)}
    if metric.properties is None and "Quality" in last.properties:
        properties["Quality"] = GOOD
    before = (repr(last.raw), last.null, _plain(last.properties))
    last.raw, last.null, last.properties = metric.raw, metric.null, properties
    return before != (repr(metric.raw), metric.null, _plain(properties))


def _plain(properties: dict[str, Property]) -> dict[str, str]:
    return {key: repr(value.raw) for key, value in properties.items()}


def rebirth(session: Session, content: Payload) -> None:
    """Judge the metric by which a host asks for a rebirth (6.4.19, 5.12)."""
    start = "operational-behavior-data-commands-rebirth"
    metric = next((metric for metric in content.metrics if metric.name == REBIRTH), None)
    session.judge(metric is not None, f"no {REBIRTH}", f"{start}-name")
    boolean = metric is not None and metric.datatype == sparkplug.BOOLEAN
    false = metric is not None and metric.raw is False
    session.judge(boolean and false, f"{REBIRTH} is no Boolean false", "topics-nbirth-rebirth-metric")
    session.judge(false, f"{REBIRTH} is not false", "payloads-nbirth-rebirth-req")
    if metric is not None:
        session.judge(boolean, f"{REBIRTH} has type {metric.datatype}", f"{start}-datatype")
        session.judge(false, f"{REBIRTH} is {metric.raw!r}", f"{start}-value")
        session.judge(metric.alias is None, f"{REBIRTH} has an alias", f"{start}-name-aliases")
