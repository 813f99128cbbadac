"""Sweeps of the monochromator that make a spectrum: where they go, how fast, and how their gates lie."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..callbacks.analysis.xas import bin_edges, structure_widths
from ..devices.gate_series import PositionPass
from ..devices.monochromator import HC_EV_ANGSTROM, bragg_deg
from ..devices.motor_sweep import Stretch
from .duration import Timing
from .grids import EnergyGrid

Direction = Literal["up", "down", "both"]

DURATION_S = (0.1, 60.0)
"""Shortest and longest sweep, s."""

GATES_PER_STEP = 2.0
"""Gates within the narrowest bin: those at its ends are shared out."""

LEAST_GATE_S, MOST_GATES = 1e-4, 4000
"""Shortest gate, s, in which counters still count, and most gates of a sweep."""

LEAST_COUNTS = 2
"""Counts of the encoder from gate to gate at least."""

LEAST_RUN_UP_DEG = 2e-4
"""Way beyond the gates on either side, degree: more than an encoder's noise and its quantum."""

WIDEST_EV = 0.4
"""Width of the bins of an edge at most, eV: through bins of 1 eV a foil seems 0.06 eV off, by its square."""

BETWEEN_SWEEPS_S = 1.0
"""From the end of a sweep to the begin of the next: file, box and run-up, s."""


@dataclass(frozen=True)
class FlySweeps:
    """Sweeps over a grid at constant angular speed.

    Parameters
    ----------
    grid
        Energies to which the sweeps are brought; its dwell times are of no effect.
    duration_s
        Of one sweep over the grid, s.
    direction
        "up" or "down" in energy, or "both": up and down in turn.
    sweeps
        How many make the spectrum.
    widest_ev
        Width of the bins around the energies at the edge at most, eV; what is counted between them is in the
        file only. Away from the edge bins are as wide as its structures allow.

    Raises
    ------
    ValueError
        If duration or number is out of range, the grid too short, or the direction unknown, or "both" for a
        single sweep.
    """

    grid: EnergyGrid
    duration_s: float
    direction: Direction = "up"
    sweeps: int = 1
    widest_ev: float = WIDEST_EV

    def __post_init__(self) -> None:
        low_s, high_s = DURATION_S
        if not low_s <= self.duration_s <= high_s:
            raise ValueError(
                f"fly scan: duration_s = {self.duration_s:g} s is outside {low_s:g} to {high_s:g} s of a "
                "sweep; for longer spectra give more sweeps"
            )
        if self.direction not in ("up", "down", "both"):
            raise ValueError(f"fly scan: direction {self.direction!r} is unknown; use up, down or both")
        if not 1 <= self.sweeps <= 1000:
            raise ValueError(f"fly scan: {self.sweeps} sweeps; give 1 to 1000")
        if self.direction == "both" and self.sweeps < 2:
            raise ValueError(
                f'fly scan: direction = "both" in {self.sweeps} sweep goes up only; give sweeps = 2 or more'
            )
        if not self.widest_ev > 0.0:
            raise ValueError(f"fly scan: widest_ev = {self.widest_ev:g} eV; give a width above 0 eV")
        bin_edges(self.grid.energy_ev)

    @property
    def gates(self) -> int:
        """Gates of one sweep."""
        edges = bin_edges(self.grid.energy_ev)
        wanted = GATES_PER_STEP * (edges[-1] - edges[0]) / min(np.diff(edges).min(), self.widest_ev)
        return max(int(min(np.ceil(wanted), self.duration_s / LEAST_GATE_S, MOST_GATES)), 2)

    @property
    def bin_widths_ev(self) -> NDArray[np.float64]:
        """Width of the bin of each energy at most, eV."""
        return structure_widths(self.grid.energy_ev, self.grid.e0_ev, self.widest_ev)

    @property
    def middle_ev(self) -> float:
        """Energy for which the gap of the crystals is set, eV."""
        return 0.5 * float(self.grid.energy_ev[0] + self.grid.energy_ev[-1])

    @property
    def lit_s(self) -> float:
        """Time for which the sample is lit, s."""
        return self.sweeps * self.duration_s + (self.sweeps - 1) * BETWEEN_SWEEPS_S

    def is_up(self, sweep: int) -> bool:
        """Whether the energy rises in a sweep, counted from 0."""
        return self.direction == "up" or (self.direction == "both" and sweep % 2 == 0)

    def gate_pass(self, sweep: int, d_spacing_angstrom: float, count_deg: float = 0.0) -> PositionPass:
        """Gates of a sweep, side by side over all bins of the grid.

        A trigger box makes steps of whole counts of the encoder (`count_deg`, degree): gates are a little
        wider then and some fewer, so that all lie within the sweep.
        """
        begin, end = self._ends_deg(sweep, d_spacing_angstrom)
        step, gates = (end - begin) / self.gates, self.gates
        if count_deg:
            counts = max(math.ceil(abs(step / count_deg)), LEAST_COUNTS)
            step = math.copysign(counts * count_deg, step)
            gates = int((end - begin) / step)
        return PositionPass(encoder="bragg", start=begin, step=step, gates=gates)

    def stretch(self, sweep: int, d_spacing_angstrom: float) -> Stretch:
        """Way of the Bragg motor in a sweep, user angles in degree."""
        begin, end = self._ends_deg(sweep, d_spacing_angstrom)
        return Stretch(begin, end, abs(end - begin) / self.duration_s, LEAST_RUN_UP_DEG)

    def duration_of_all_s(self, timing: Timing) -> float:
        """Time that the scan takes, s."""
        return round(timing.start_s + self.lit_s, 6)

    def metadata(self, timing: Timing) -> dict[str, Any]:
        """Keys of the start document that a step scan has as well, and what is special about a fly scan."""
        whole_s = self.duration_of_all_s(timing)
        live = self.sweeps * self.duration_s / whole_s
        return {
            "num_points": len(self.grid),
            "grid": {
                "e0_ev": self.grid.e0_ev,
                "energy_ev": [round(energy, 4) for energy in self.grid.energy_ev.tolist()],
            },
            "estimated_duration_s": whole_s,
            "detector_live_fraction": live,
            "dead_time_s": round(whole_s - self.sweeps * self.duration_s, 6),
            "fly": {
                "duration_s": self.duration_s,
                "direction": self.direction,
                "sweeps": self.sweeps,
                "gates": self.gates,
                "widest_ev": self.widest_ev if np.isfinite(self.widest_ev) else None,
                "state_of_cell": "interpolated in time between readings before and after the sweeps",
            },
        }

    def _ends_deg(self, sweep: int, d_spacing_angstrom: float) -> tuple[float, float]:
        edges = bin_edges(self.grid.energy_ev)
        low, high = (bragg_deg(float(one), d_spacing_angstrom) for one in (edges[0], edges[-1]))
        return (low, high) if self.is_up(sweep) else (high, low)


def energies_ev(bragg_angle_deg: NDArray[np.float64], d_spacing_angstrom: float) -> NDArray[np.float64]:
    """Photon energies (n,), eV, for Bragg angles (n,), degree.

    Examples
    --------
    >>> energies_ev(np.array([bragg_deg(8333.0, 3.1356)]), 3.1356).round(6).tolist()
    [8333.0]
    """
    return HC_EV_ANGSTROM / (2.0 * d_spacing_angstrom * np.sin(np.radians(bragg_angle_deg)))
