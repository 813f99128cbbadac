"""How long a scan takes, and how far the cell changes meanwhile."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from .grids import EnergyGrid


@dataclass(frozen=True)
class Timing:
    """Dead times of a beamline, as measured there; in s.

    Parameters
    ----------
    move_s : float
        One energy step, settling included in neither.
    settle_s : float
        Waiting after each move.
    per_point_overhead_s : float
        Software and readout at each point.
    start_s : float
        From the order to the first point, shutter and the move back over one scan included, and from the
        last point to the end.
    edge_change_s_per_kev : float
        Moving the monochromator to another edge, in s per keV.
    rotation_deg_s, rotation_ramp_s : float
        Usual speed of a microscope's rotation, degree/s, and the time in which it is gained, s; a speed of 0
        is not known.
    """

    move_s: float = 0.03
    settle_s: float = 0.0
    per_point_overhead_s: float = 0.02
    start_s: float = 2.0
    edge_change_s_per_kev: float = 0.0
    rotation_deg_s: float = 0.0
    rotation_ramp_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < 3600:
                raise ValueError(
                    f"timing: {name} = {value!r} is outside 0 to 3600; measure it on the beamline"
                )

    @property
    def dead_s(self) -> float:
        """Time at each point in which no photon is counted, in s."""
        return self.move_s + self.settle_s + self.per_point_overhead_s


def estimate_duration_s(grid: EnergyGrid, timing: Timing) -> float:
    """Time that a step scan of this grid takes, in s.

    Examples
    --------
    >>> from operando.plans.grids import grid_from_regions
    >>> grid = grid_from_regions([(0, 10, 1, 0.5)], e0="Ni_K")
    >>> estimate_duration_s(grid, Timing(move_s=0.1, settle_s=0.0, per_point_overhead_s=0.0, start_s=1.0))
    7.6
    """
    return round(timing.start_s + grid.counting_s + len(grid) * timing.dead_s, 6)


def estimate_series_s(frames: int, exposure_s: float, period_s: float, timing: Timing) -> float:
    """Time that a series of frames takes, in s.

    Parameters
    ----------
    frames : int
        How many.
    exposure_s, period_s : float
        Of each frame, and from the start of one to that of the next, in s.
    timing : Timing
        Dead times of the beamline; of them a series has but `start_s`.

    Examples
    --------
    >>> estimate_series_s(100, 0.01, 0.01, Timing(start_s=2.0))
    3.0
    """
    return round(timing.start_s + (frames - 1) * period_s + exposure_s, 6)


def edge_change_s(energies_ev: Sequence[float], timing: Timing) -> float:
    """Time that one round over several edges spends from edge to edge, in s.

    Each round begins where the one before has ended, so that it crosses the span of the edges once.

    Parameters
    ----------
    energies_ev : sequence of float
        Edges, eV, in any order.
    timing : Timing
        Dead times of the beamline.

    Examples
    --------
    >>> edge_change_s([6539.0, 7709.0, 8333.0], Timing(edge_change_s_per_kev=5.0))
    8.97
    """
    span_ev = max(energies_ev, default=0.0) - min(energies_ev, default=0.0)
    return round(span_ev * 1e-3 * timing.edge_change_s_per_kev, 6)


def live_fraction(grid: EnergyGrid, timing: Timing) -> float:
    """Share of the scan in which the detector counts (0..1)."""
    return grid.counting_s / estimate_duration_s(grid, timing)


def expected_blur(duration_s: float, current_a: float, capacity_mah: float) -> float:
    """Change of lithium content during a scan, |dx|, from the charge that flows meanwhile.

    Parameters
    ----------
    duration_s : float
        Duration of the scan in s.
    current_a : float
        Current of the cell in A, either sign.
    capacity_mah : float
        Charge that takes lithium content from 1 to 0, in mA h (theoretical capacity times active mass).

    Raises
    ------
    ValueError
        If the capacity or the duration is not above 0.

    Examples
    --------
    >>> expected_blur(900, 0.1e-3, 1.0)  # C/10, 15 min
    0.025
    """
    if capacity_mah <= 0 or duration_s <= 0:
        raise ValueError(
            f"blur of {duration_s:g} s in a cell of {capacity_mah:g} mA h: both must be above 0; "
            "give the cell's active mass and theoretical capacity"
        )
    return abs(current_a) * 1e3 * duration_s / 3600 / capacity_mah
