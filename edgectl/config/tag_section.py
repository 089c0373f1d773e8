"""What may stand under one tag."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgectl.config.field import Amount, Duration, Range, Section, within


class TagSection(Section):
    """One measured value."""

    channel: str | None = Field(
        None, description="Where it comes from: instrument.channel", examples=["ph1.ph"]
    )
    voted: list[str] | None = Field(
        None,
        description="Instead of a channel: the tags of several probes of one quantity. Two count by their mean, more by their median; one that "
        "fails is left out",
        examples=["[AT-101A, AT-101B]"],
    )
    tolerance: Amount | None = Field(
        None,
        description="With voted: probes that differ by more are UNCERTAIN",
        examples=["0.05 pH"],
    )
    prefer: str | None = Field(
        None,
        description="With voted: which of two counts while they differ: mean, lower, higher, or the name of one. Without it: mean",
        examples=["lower"],
    )
    blend: Annotated[Duration, within(1.0, 3600.0)] | None = Field(
        None,
        description="With voted: how long what is left of a step fades when a probe fails or comes back. Without it: 60 s",
        examples=["60 s"],
    )
    unit: str | None = Field(None, description="Unit; must be that of the channel", examples=["pH"])
    range: Range | None = Field(
        None,
        description="Values a process can have; outside the tag is BAD. Without it: the range of the channel",
        examples=["0..14 pH"],
    )
    late: Annotated[Duration, within(0.1, 7200.0)] | None = Field(
        None, description="Older than this is UNCERTAIN. Without it: 1.5 polls + 1 s", examples=["4 s"]
    )
    stale: Annotated[Duration, within(0.1, 7200.0)] | None = Field(
        None,
        description="Older than this is BAD. Without it: the longest of 3 scans, 5 s and 2.5 polls",
        examples=["5 s"],
    )
    flat: Annotated[Duration, within(1.0, 86_400.0)] | None = Field(
        None,
        description="The very same value for so long means a dead sensor: BAD. Without it: not watched",
        examples=["5 min"],
    )
    rate: Amount | None = Field(
        None,
        description="A faster change is UNCERTAIN for at most rate_samples, then believed. Without it: not watched",
        examples=["0.5 pH/min"],
    )
    rate_samples: int = Field(
        2,
        ge=1,
        le=30,
        description="For how many samples a faster change is doubted; 'stale' ends it as well. More where bubbles pass a probe",
        examples=["5"],
    )
    report: Amount | None = Field(
        None,
        description="A smaller change is not recorded. Without it: every change is",
        examples=["0.01 pH"],
    )
    heartbeat: Annotated[Duration, within(1.0, 3600.0)] = Field(
        60.0, description="Recorded at least so often, changed or not", examples=["60 s"]
    )
    description: str = Field("", description="For people", examples=["pH in the vessel"])
