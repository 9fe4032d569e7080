"""All planted faults by their names, each of which the simulation has to find."""

from collections.abc import Mapping

from tests.simulation.planted import FIRST_PLANTS
from tests.simulation.planted_lanes import PLANTS_OF_LANES
from tests.simulation.planted_troubles import MORE_PLANTS
from tests.simulation.processes import MakeBus

PLANTS: Mapping[str, MakeBus] = {**FIRST_PLANTS, **MORE_PLANTS, **PLANTS_OF_LANES}
