"""The nameplate of a vessel: what gains follow from. Plain data in the units of the names."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class VesselKind(enum.Enum):
    """How the content is mixed and gassed."""

    STIRRED = "stirred"
    ROCKING = "rocking"


@dataclass(frozen=True, slots=True)
class VesselPlan:
    """One vessel.

    ``heat_transfer_w_k`` is jacket or blanket to content, ``heat_loss_w_k`` content to room. ``jacket_j_k`` is the heat capacity of jacket or blanket with
    what is in it. ``transfer_per_h`` is kLa at ``agitation`` (rpm, or rocks/min) and ``gas_ml_min``, ``gas_line_ml`` the volume of the gas line from the
    controllers to the liquid. ``base_mm`` is the strong base in the bottle (mmol/L), ``mixing_s`` how long an addition takes to disperse.
    ``bicarbonate_mm`` and ``buffer_mm`` (with ``buffer_pk``) describe the medium at the set point of pH. Probes are first-order lags.
    """

    kind: VesselKind
    volume_l: float
    total_l: float
    heat_transfer_w_k: float
    heat_loss_w_k: float
    heater_w: float
    cooler_w: float
    jacket_j_k: float
    transfer_per_h: float
    agitation: float
    gas_ml_min: float
    gas_line_ml: float
    base_mm: float
    mixing_s: float
    bicarbonate_mm: float
    buffer_mm: float
    buffer_pk: float
    temperature_probe_s: float
    jacket_probe_s: float
    ph_probe_s: float
    do_probe_s: float
