"""Cycler files as tables on absolute time, and the state of the cell at any instant."""

from .half_cycle import HalfCycle, half_cycles
from .incremental_capacity import feature_voltages, incremental_capacity
from .joining import join_cycler_tables
from .plausibility import Defect, defects
from .reading import read_cycler_file
from .record import Corrections, CyclerRecord
from .state import CellState, state_at

__all__ = [
    "CellState",
    "Corrections",
    "CyclerRecord",
    "Defect",
    "HalfCycle",
    "defects",
    "feature_voltages",
    "half_cycles",
    "incremental_capacity",
    "join_cycler_tables",
    "read_cycler_file",
    "state_at",
]
