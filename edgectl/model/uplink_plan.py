"""How a unit is seen from afar, and what its journal keeps, compiled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SparkplugPlan:
    """The unit as a Sparkplug B edge node. ``group`` empty: it is none. ``primary_host`` empty: none is waited for.

    ``datatypes``: DATA names the type of each metric, which the specification would leave out and some hosts need.
    """

    group: str = ""
    node: str = ""
    device: str = ""
    primary_host: str = ""
    aliases: bool = False
    datatypes: bool = True


@dataclass(frozen=True, slots=True)
class CommandsPlan:
    """What is heard from afar. ``max_age_s`` 0: nothing. Not more than ``per_s`` commands a second."""

    max_age_s: float = 0.0
    per_s: float = 5.0


@dataclass(frozen=True, slots=True)
class UplinkPlan:
    """The brokers and the topics. Secrets are named by file, never held. ``host`` empty: no uplink.

    ``also`` are further brokers, tried in turn when one fails. ``readable``: readable JSON is published.
    """

    host: str = ""
    port: int = 1883
    topic: str = "edgectl"
    client_id: str = ""
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: int = 30
    publish_s: float = 1.0
    also: tuple[tuple[str, int], ...] = ()
    readable: bool = True
    sparkplug: SparkplugPlan = SparkplugPlan()
    commands: CommandsPlan = CommandsPlan()


@dataclass(frozen=True, slots=True)
class JournalPlan:
    """Bounds of the durable journal: commit interval, age and size that are kept."""

    commit_s: float = 1.0
    keep_s: float = 90 * 86_400.0
    keep_bytes: int = 8_000_000_000
