"""The files of a unit folder and their top-level keys. JSON Schema and reference are made from these models too."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from edgectl.config.actuator import ActuatorSection
from edgectl.config.alarm import AlarmSection
from edgectl.config.check import CheckSection
from edgectl.config.dose import DoseSection
from edgectl.config.field import Duration, Name, Range, Section, within
from edgectl.config.folder import SAFETY, UNIT, UPLINK
from edgectl.config.hazard import HazardSection
from edgectl.config.instrument import InstrumentSection
from edgectl.config.ladder import AuthoritySection, RestartSection, UplinkLossSection
from edgectl.config.line import SerialLine, TcpLine
from edgectl.config.loop import LoopSection
from edgectl.config.safety import InterlockSection
from edgectl.config.tag_section import TagSection
from edgectl.config.uplink import JournalSection, UplinkSection


class UnitFile(Section):
    """unit.yaml: what the unit is, and how it is controlled."""

    unit: Name = Field(description="Name of the unit, in all records and topics", examples=["BR-101"])
    description: str = Field("", description="For people", examples=["2 L stirred vessel"])
    period: Annotated[Duration, within(0.05, 60.0)] = Field(
        1.0, description="Time between two scans: every loop decides so often", examples=["1 s"]
    )
    lines: dict[Name, SerialLine | TcpLine] = Field(description="Serial ports and TCP connections")
    instruments: dict[Name, InstrumentSection] = Field(description="Instruments on the lines")
    tags: dict[Name, TagSection] = Field(description="Measured values")
    actuators: dict[Name, ActuatorSection] = Field({}, description="Outputs")
    loops: dict[Name, LoopSection] = Field({}, description="Control loops")


class SafetyFile(Section):
    """safety.yaml: outer limits, interlocks, dosing limits, plausibility checks, the hazard matrix, alarms, and what happens when the uplink stays away."""

    limits: dict[Name, Range] = Field(
        {},
        description="Widest range of an actuator, or of the set point of a loop, that unit.yaml may ask for",
    )
    interlocks: dict[Name, InterlockSection] = Field(
        description="What forces outputs, whatever the loops want"
    )
    doses: dict[Name, DoseSection] = Field({}, description="The most that may pass an actuator")
    checks: dict[Name, CheckSection] = Field({}, description="Plausibility: what must follow from what")
    hazards: dict[Name, HazardSection] = Field({}, description="The hazard matrix")
    alarms: dict[Name, AlarmSection] = Field({}, description="What a person is called for")
    uplink_loss: UplinkLossSection | None = Field(
        None, description="When the uplink stays away. Without it: remote authority ends after 60 s"
    )
    authority: AuthoritySection | None = Field(None, description="How long what people do by hand stands")
    restart: RestartSection | None = Field(None, description="What a start makes of the run before")


class UplinkFile(Section):
    """uplink.yaml: broker and journal."""

    uplink: UplinkSection | None = Field(None, description="The MQTT broker. Without it: no uplink")
    journal: JournalSection | None = Field(None, description="The journal on the disk")


FORMS: Mapping[str, type[Section]] = MappingProxyType(
    {UNIT: UnitFile, SAFETY: SafetyFile, UPLINK: UplinkFile}
)
