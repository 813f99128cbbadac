"""What all measurements of an experiment file are made with, whatever their technique."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..plans.beam_guard import BeamGuard
from ..plans.darks import DARK_MAX_AGE_S
from ..plans.duration import Timing


@dataclass(frozen=True)
class MeasurementContext:
    """Beamline and rules for one measurement.

    Attributes
    ----------
    station
        Devices; one that is not there is None.
    timing
        Dead times.
    guard
        Limits below which the beam counts as lost; None: nobody looks.
    shared
        What every `Measurement` has: its name, priority, and what becomes of a request that misses it.
    """

    station: Any
    timing: Timing
    guard: BeamGuard | None
    shared: Mapping[str, Any]

    @property
    def rules(self) -> dict[str, Any]:
        """Options that plans with ion chambers take alike: dead times, guard, and how old darks may be."""
        return {"timing": self.timing, "guard": self.guard, "dark_max_age_s": DARK_MAX_AGE_S}
