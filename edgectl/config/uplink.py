"""uplink.yaml: the broker the unit reports to, and the bounds of its journal."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from edgectl.config.character import visible
from edgectl.config.draft import Draft
from edgectl.config.field import Amount, Duration, SecretFile, Section, Word, within
from edgectl.config.measure import Measure
from edgectl.config.quantity import Unreadable
from edgectl.config.shape import read
from edgectl.model.uplink_plan import CommandsPlan, JournalPlan, SparkplugPlan, UplinkPlan

_LOCAL = ("localhost", "127.0.0.1", "::1")
_LEAST_BYTES = 50_000_000
_LONGEST_LEVEL = 64


def _topic(text: str) -> str:
    if not text or text[0] in "/$" or text.endswith("/") or "//" in text or set(text) & set("+# "):
        raise Unreadable(
            f"{visible(text)} cannot begin the topics",
            "use levels such as site/hall: no '+', '#', blanks or empty levels",
        )
    return text


def _level(text: str) -> str:
    """A Sparkplug ID: UTF-8 without characters that mean something in topics (Sparkplug 3.0, intro-group-id-chars and its like)."""
    if not 0 < len(text) <= _LONGEST_LEVEL or set(text) & set("+#/") or not text.isprintable():
        raise Unreadable(
            f"{visible(text)} cannot be a level of a topic", "use 1 to 64 characters without '+', '#' and '/'"
        )
    return text


def _broker(text: str) -> tuple[str, int]:
    """``host`` or ``host:port``; port 0 stands for the usual one."""
    host, colon, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    if not host or " " in text or (colon and not (port.isdecimal() and 0 < int(port) < 65_536)):
        raise Unreadable(
            f"{visible(text)} is no broker", "write a name or address, with ':' and a port if needed"
        )
    return host, int(port) if port else 0


Level = Annotated[
    str, BeforeValidator(_level), WithJsonSchema({"type": "string", "pattern": "^[^+#/]{1,64}$"})
]
OtherBroker = Annotated[tuple[str, int], BeforeValidator(_broker), WithJsonSchema({"type": "string"})]


class SparkplugSection(Section):
    """The unit as a Sparkplug B 3.0 edge node: node = the computer beside it, device = the reactor."""

    group: Level = Field("edgectl", description="Group ID: which units belong together, such as a site")
    node: Level | None = Field(None, description="Edge node ID. Without it: the unit's name")
    device: Level = Field("bioreactor", description="Device ID")
    primary_host: Level | None = Field(
        None,
        description="Host ID whose STATE says whether anybody listens: nothing is sent until it is online, and its writes have its name",
        examples=["scada-1"],
    )
    aliases: bool = Field(
        False, description="Numbers instead of names in DATA: smaller, and harder to read on the wire"
    )
    datatypes: bool = Field(
        True,
        description="DATA names the type of each value. The specification would leave it out (SHOULD); sparkplug-payload of npm and pysparkplug need it",
    )


class CommandsSection(Section):
    """What is heard from afar, within the authority that somebody beside the unit gives."""

    max_age: Annotated[Duration, within(1.0, 300.0)] = Field(
        10.0, description="An older command is refused, and one from the future", examples=["10 s"]
    )
    rate: float = Field(5.0, ge=0.1, le=100.0, description="Not more commands a second", examples=[5])


class UplinkSection(Section):
    """The MQTT broker."""

    host: str = Field(description="Name or address of the broker", examples=["broker.example.org"])
    port: int | None = Field(None, ge=1, le=65_535, description="TCP port. Without it: 1883, with TLS 8883")
    topic: Annotated[str, AfterValidator(_topic)] = Field(
        "edgectl", description="First levels of all topics; the unit's name follows", examples=["site/hall-2"]
    )
    client_id: Word = Field(
        "", description="MQTT client identifier. Without it: edgectl- and the unit's name"
    )
    username: Word = Field("", description="User name at the broker")
    password_file: SecretFile = Field(
        "",
        description="File that holds the password",
        examples=["mqtt-password"],
    )
    tls: bool = Field(False, description="Encrypt the connection and check the broker's certificate")
    ca_file: SecretFile | None = Field(
        None, description="Certificates to trust. Without it: those of the system"
    )
    cert_file: SecretFile | None = Field(None, description="Own certificate, where the broker asks for one")
    key_file: SecretFile | None = Field(None, description="Key of cert_file")
    keepalive: Annotated[Duration, within(5.0, 600.0)] = Field(
        30.0, description="A silent connection is checked so often", examples=["30 s"]
    )
    publish: Annotated[Duration, within(0.1, 60.0)] = Field(
        1.0, description="New records are sent so often", examples=["1 s"]
    )
    also: tuple[OtherBroker, ...] = Field(
        (),
        description="Further brokers, tried in turn when one fails; name, password and TLS as above",
        examples=[["broker-2.example.org:8883"]],
    )
    readable: bool = Field(True, description="Publish readable JSON (see README.md of edgectl/uplink)")
    sparkplug: SparkplugSection | None = Field(None, description="Publish Sparkplug B. Without it: off")
    commands: CommandsSection | None = Field(
        None, description="Hear commands. Without it nothing is subscribed, and nothing from afar is heard"
    )


class JournalSection(Section):
    """The durable journal on the disk of the unit."""

    commit: Annotated[Duration, within(0.05, 1.0)] = Field(
        1.0, description="Records are on the disk at the latest after this time", examples=["1 s"]
    )
    keep: Annotated[Duration, within(86_400.0, 20 * 365 * 86_400.0)] = Field(
        90 * 86_400.0, description="Records are kept so long", examples=["90 d"]
    )
    keep_size: Amount | None = Field(
        None,
        description="The oldest records go when the journal is larger. Without it: 8 GB",
        examples=["8 GB"],
    )


def compile_uplink(draft: Draft, unit: str) -> UplinkPlan:
    """The section ``uplink``; without one the unit has no uplink."""
    node = draft.node(("uplink",))
    section: UplinkSection | None = read(draft, ("uplink",), node, UplinkSection) if node else None
    if section is None:
        return UplinkPlan()
    _check_security(draft, section)
    usual = 8883 if section.tls else 1883
    return UplinkPlan(
        host=section.host,
        port=section.port or usual,
        topic=section.topic,
        client_id=section.client_id or f"edgectl-{unit}",
        username=section.username,
        password_file=section.password_file,
        tls=section.tls,
        ca_file=section.ca_file or "",
        cert_file=section.cert_file or "",
        key_file=section.key_file or "",
        keepalive_s=round(section.keepalive),
        publish_s=section.publish,
        also=tuple((host, port or usual) for host, port in section.also),
        readable=section.readable,
        sparkplug=_sparkplug(section.sparkplug, unit),
        commands=_commands(section.commands),
    )


def _sparkplug(section: SparkplugSection | None, unit: str) -> SparkplugPlan:
    if section is None:
        return SparkplugPlan()
    return SparkplugPlan(
        group=section.group,
        node=section.node or unit,
        device=section.device,
        primary_host=section.primary_host or "",
        aliases=section.aliases,
        datatypes=section.datatypes,
    )


def _commands(section: CommandsSection | None) -> CommandsPlan:
    if section is None:
        return CommandsPlan()
    return CommandsPlan(max_age_s=section.max_age, per_s=section.rate)


def _check_security(draft: Draft, section: UplinkSection) -> None:
    for key in ("ca_file", "cert_file", "key_file"):
        if getattr(section, key) and not section.tls:
            draft.error(("uplink", key), f"{key} has no use without tls", "write 'tls: true'")
    if bool(section.cert_file) != bool(section.key_file):
        key = "cert_file" if section.cert_file else "key_file"
        draft.error(("uplink", key), "cert_file and key_file belong together", "write both")
    if section.password_file and not section.username:
        draft.error(("uplink", "password_file"), "a password needs a username", "write 'username: ...'")
    if not section.readable and section.sparkplug is None:
        draft.error(
            ("uplink", "readable"), "nothing would be published", "add 'sparkplug:', or leave this out"
        )
    hosts = {section.host, *(host for host, _ in section.also)}
    if section.tls or hosts <= set(_LOCAL):
        return
    if section.password_file:
        draft.warn(
            ("uplink", "password_file"),
            "without tls the password crosses the network in clear",
            "write 'tls: true'",
        )
    if section.commands is not None:
        draft.warn(
            ("uplink", "commands"), "without tls whoever is on the network can command", "write 'tls: true'"
        )


def compile_journal(draft: Draft) -> JournalPlan:
    """The section ``journal``; defaults without one."""
    node = draft.node(("journal",))
    section: JournalSection | None = read(draft, ("journal",), node, JournalSection) if node else None
    if section is None:
        return JournalPlan()
    keep_bytes = JournalPlan().keep_bytes
    if section.keep_size is not None:
        keep_bytes = round(
            Measure(draft, ("journal",), "MB").value("keep_size", section.keep_size, 1e3) * 1e6
        )
        if keep_bytes < _LEAST_BYTES:
            draft.error(("journal", "keep_size"), f"{section.keep_size.text} is too small; at least 50 MB")
    return JournalPlan(commit_s=section.commit, keep_s=section.keep, keep_bytes=keep_bytes)
