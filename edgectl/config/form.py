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
from edgectl.config.feed import FeedSection
from edgectl.config.field import Duration, Name, Range, Section, within
from edgectl.config.folder import SAFETY, TUNING, UNIT, UPLINK
from edgectl.config.hazard import HazardSection
from edgectl.config.instrument import InstrumentSection
from edgectl.config.ladder import AuthoritySection, RestartSection, UplinkLossSection
from edgectl.config.level import LevelSection
from edgectl.config.line import SerialLine, TcpLine
from edgectl.config.loop import LoopSection
from edgectl.config.perfusion_section import PerfusionSection
from edgectl.config.safety import InterlockSection
from edgectl.config.soft_form import SoftSection
from edgectl.config.structure_oxygen import OxygenServos
from edgectl.config.structure_ph import PhSplitRange
from edgectl.config.structure_temperature import TemperatureCascade
from edgectl.config.tag_section import TagSection
from edgectl.config.tune import TunedSection
from edgectl.config.uplink import JournalSection, UplinkSection
from edgectl.config.vessel import VesselSection


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
    loops: dict[Name, LoopSection | TemperatureCascade | PhSplitRange | OxygenServos] = Field(
        {}, description="Control loops, each written out or as a named structure"
    )
    vessel: VesselSection | None = Field(
        None, description="Nameplate of the vessel: what gains of structures follow from"
    )
    soft_sensors: dict[Name, SoftSection] = Field(
        {}, description="Values nobody measures, worked out from tags"
    )
    levels: dict[Name, LevelSection] = Field(
        {}, description="Control loops that hold a weight with a pump, tuned by physics"
    )
    feeds: dict[Name, FeedSection] = Field({}, description="Feeds by a profile")
    perfusion: dict[Name, PerfusionSection] = Field({}, description="Medium exchange at constant weight")


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


class TuningFile(Section):
    """tuning.yaml: what `edgectl tune` found and a person accepted. It takes the place of what unit.yaml says."""

    tuning: dict[Name, TunedSection] = Field(description="Settings of loops")


FORMS: Mapping[str, type[Section]] = MappingProxyType(
    {UNIT: UnitFile, SAFETY: SafetyFile, UPLINK: UplinkFile, TUNING: TuningFile}
)
