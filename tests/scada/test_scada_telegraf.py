"""What Telegraf is told to take is what edgectl sends, and the tables hold it. Telegraf itself is in no registry that tests could use, and was not run."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from edgectl.model.codec import seal
from edgectl.model.health_plan import HealthPlan
from edgectl.store.cursor import Batch
from edgectl.store.reader import Reader
from edgectl.store.record import Kind, Record
from edgectl.uplink.readable import ReadableEncoder
from edgectl.uplink.told import Told
from tests.store.recording import Course, record, unit

SCADA = Path(__file__).parents[2] / "configs" / "scada"
INPUTS: list[dict[str, Any]] = tomllib.loads((SCADA / "telegraf.conf").read_text())["inputs"]["mqtt_consumer"]


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    """Every message that a recorded course makes, and of a gap in the journal."""
    health = HealthPlan("ph", 6.0, 3600.0, 3600.0, 0.03, 0.05, 0.5, 0.2, 3.0)
    site = seal(replace(unit(topic="site-1"), health=(health,)))
    path = tmp_path_factory.mktemp("scada") / "journal.db"
    record(path, Course(site), 300)
    with Reader(path) as reader:
        records = reader.records(0, reader.head(), 10**9, ReadableEncoder.kinds)
    gap = {"what": "journal", "reason": "disk full", "from_utc_ns": 1, "to_utc_ns": 2, "count": 3}
    last = records[-1]
    records = [*records, Record(last.seq + 1, last.run, Kind.GAP, last.at, json.dumps(gap).encode())]
    encoder = ReadableEncoder(site, lambda: 0, Told(structlog.get_logger(), "journal"))
    batch = Batch("journal", 0, 0, tuple(records), {record.run: site for record in records}, 0)
    return [
        (message.topic, json.loads(message.payload)) for message in encoder.encode(batch, historical=True)
    ]


def matches(pattern: str, topic: str) -> bool:
    wanted, found = pattern.split("/"), topic.split("/")
    return len(wanted) == len(found) and all(w in ("+", f) for w, f in zip(wanted, found, strict=True))


def columns() -> dict[str, dict[str, str]]:
    """Table, column and type as timescale.sql has them."""
    text = re.sub(r"--.*", "", (SCADA / "timescale.sql").read_text())
    found = {}
    for name, body in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\n\);", text, re.DOTALL):
        lines = [line.strip().rstrip(",") for line in body.strip().splitlines()]
        found[name] = {line.split()[0].strip('"'): line.partition(" ")[2] for line in lines}
    return found


def rows(settings: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """What Telegraf's parser ``json`` makes of a message: numbers and what is named; null is left out (plugins/parsers/json)."""
    texts = settings["json_string_fields"]
    return {
        key: value
        for key, value in body.items()
        if value is not None
        and (
            key in (*settings["tag_keys"], *texts)
            or (isinstance(value, int | float) and not isinstance(value, bool))
        )
    }


TYPES = {str: "text", float: "double precision", int: "double precision", bool: "boolean"}


def test_every_field_of_every_message_has_its_column(messages: list[tuple[str, dict[str, Any]]]) -> None:
    tables, taken = columns(), Counter[str]()
    for topic, body in messages:
        [settings] = [one for one in INPUTS if any(matches(pattern, topic) for pattern in one["topics"])]
        table = settings["name_override"]
        row = rows(settings, body)
        assert set(body) - set(row) <= {"time", *(key for key, value in body.items() if value is None)}
        for key, value in row.items():
            assert tables[table][key].startswith(TYPES[type(value)]), (table, key)
        required = {
            name for name, words in tables[table].items() if "NOT NULL" in words and name != "reactor"
        }
        assert required <= {*row, "time"}, topic
        taken[table] += 1
    assert set(taken) == {"tag", "loop", "actuator", "event"}


def test_topics_are_taken_apart_as_they_are_built() -> None:
    for settings in INPUTS:
        [parsing], [pattern] = settings["topic_parsing"], settings["topics"]
        assert [word for word in parsing["topic"].split("/")[2:] if word != "+"] == [
            settings["name_override"]
        ]
        assert len(parsing["topic"].split("/")) == len(parsing["tags"].split("/")) == len(pattern.split("/"))
        assert parsing["tags"].split("/")[1] == "reactor"


def test_nothing_is_lost_when_telegraf_is_away() -> None:
    names = [settings["client_id"] for settings in INPUTS]
    assert len(set(names)) == len(names) == 4
    for settings in INPUTS:
        assert (settings["qos"], settings["persistent_session"]) == (1, True)
        assert all(server.startswith("ssl://") for server in settings["servers"])
        assert settings["tls_ca"]
        assert settings["tls_key"]
