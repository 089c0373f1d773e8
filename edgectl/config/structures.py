"""The structures by name, and their loops among the others of ``loops``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, text_at
from edgectl.config.shape import read
from edgectl.config.structure import Compile, Loops, Site, StructureSection
from edgectl.config.structure_oxygen import OxygenServos, oxygen_servos
from edgectl.config.structure_ph import PhSplitRange, ph_split_range
from edgectl.config.structure_temperature import TemperatureCascade, temperature_cascade
from edgectl.config.suggestion import did_you_mean, listed
from edgectl.config.tag import Tags
from edgectl.config.yaml_node import MappingNode
from edgectl.model.plan import ActuatorPlan
from edgectl.model.vessel_plan import VesselPlan

STRUCTURES: Mapping[str, tuple[type[StructureSection], Compile]] = MappingProxyType(
    {
        "temperature_cascade": (TemperatureCascade, temperature_cascade),
        "ph_split_range": (PhSplitRange, ph_split_range),
        "oxygen_servos": (OxygenServos, oxygen_servos),
    }
)


@dataclass(frozen=True, slots=True)
class Built:
    """Of each entry of ``loops`` that names a structure its loops by name, and all actuators as the structures want them."""

    loops: Mapping[str, Loops]
    actuators: dict[str, ActuatorPlan | None]


def compile_structures(
    draft: Draft, tags: Tags, actuators: Actuators, vessel: VesselPlan | None, period_s: float
) -> Built:
    """All entries of ``loops`` with a ``structure``."""
    section = draft.node(("loops",))
    found: dict[str, Loops] = {}
    known = dict(actuators)
    for name, entry in section.entries.items() if isinstance(section, MappingNode) else ():
        if not isinstance(entry.node, MappingNode) or "structure" not in entry.node.entries:
            continue
        path = ("loops", name, "structure")
        word = text_at(draft.node(path))
        if word not in STRUCTURES:
            draft.error(
                path,
                f"unknown structure '{word}'; known: {listed(STRUCTURES)}",
                did_you_mean(word, STRUCTURES),
            )
            found[name] = {name: None}
            continue
        kind, build = STRUCTURES[word]
        written: StructureSection | None = read(draft, ("loops", name), entry.node, kind)
        site = Site(draft, name, tags, known, vessel, period_s)
        found[name] = {name: None} if written is None else build(site, written)
        known |= site.changed
    return Built(found, known)
