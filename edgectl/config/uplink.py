"""uplink.yaml: the broker the unit reports to, and the bounds of its journal."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from edgectl.config.character import visible
from edgectl.config.draft import Draft
from edgectl.config.field import Amount, Duration, SecretFile, Section, Word, within
from edgectl.config.measure import Measure
from edgectl.config.quantity import Unreadable
from edgectl.config.shape import read
from edgectl.model.plan import JournalPlan, UplinkPlan

_LOCAL = ("localhost", "127.0.0.1", "::1")
_LEAST_BYTES = 50_000_000


def _topic(text: str) -> str:
    if not text or text[0] in "/$" or text.endswith("/") or "//" in text or set(text) & set("+# "):
        raise Unreadable(
            f"{visible(text)} cannot begin the topics",
            "use levels such as site/hall: no '+', '#', blanks or empty levels",
        )
    return text


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
    return UplinkPlan(
        host=section.host,
        port=section.port or (8883 if section.tls else 1883),
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
    )


def _check_security(draft: Draft, section: UplinkSection) -> None:
    for key in ("ca_file", "cert_file", "key_file"):
        if getattr(section, key) and not section.tls:
            draft.error(("uplink", key), f"{key} has no use without tls", "write 'tls: true'")
    if bool(section.cert_file) != bool(section.key_file):
        key = "cert_file" if section.cert_file else "key_file"
        draft.error(("uplink", key), "cert_file and key_file belong together", "write both")
    if section.password_file and not section.username:
        draft.error(("uplink", "password_file"), "a password needs a username", "write 'username: ...'")
    if section.password_file and not section.tls and section.host not in _LOCAL:
        draft.warn(
            ("uplink", "password_file"),
            "without tls the password crosses the network in clear",
            "write 'tls: true'",
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
