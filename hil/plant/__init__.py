"""A bioreactor from first principles: heat, oxygen, carbon dioxide and pH, cells, flows, probes.

The equations are those of any stirred or rocking vessel; `VESSELS` holds four sets of parameters.
"""

from __future__ import annotations

from hil.plant.broth import Ledger
from hil.plant.catalog import VESSELS
from hil.plant.plant import Plant
from hil.plant.sensor import Sensor
from hil.plant.state import Inputs, Surroundings, Truth
from hil.plant.vessel import Vessel

__all__ = ["VESSELS", "Inputs", "Ledger", "Plant", "Sensor", "Surroundings", "Truth", "Vessel"]
