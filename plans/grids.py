"""Energy grids of X-ray absorption scans, from both notations that users write."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xraydb
from numpy.typing import NDArray

#: Energy of a free electron with wavenumber 1 per angstrom: hbar^2 / (2 m_e), CODATA 2018, in eV angstrom^2.
EV_PER_K2 = 3.8099821
#: Points closer than this are one point: below the step that any crystal monochromator resolves, in eV.
DUPLICATE_EV = 0.01
#: Energies relative to E0 that a scan can ask for, in eV; what lies beyond is taken for absolute.
RELATIVE_RANGE_EV = (-1000.0, 3000.0)
MAX_POINTS = 20_000

BoundLike = float | str
RegionTuple = tuple[BoundLike, BoundLike, BoundLike, BoundLike] | tuple[float, float, float, BoundLike, str]


@dataclass(frozen=True)
class EnergyGrid:
    """Energies of a scan and how long to count at each.

    Parameters
    ----------
    energy_ev : numpy.ndarray
        Shape (n,), absolute energies in eV, strictly rising.
    dwell_s : numpy.ndarray
        Shape (n,), counting time at each energy in s.
    e0_ev : float
        Edge energy that the regions were relative to, in eV.
    """

    energy_ev: NDArray[np.float64]
    dwell_s: NDArray[np.float64]
    e0_ev: float

    def __len__(self) -> int:
        return len(self.energy_ev)

    @property
    def counting_s(self) -> float:
        """Sum of the counting times, in s."""
        return float(self.dwell_s.sum())


def wavenumber_to_ev(wavenumber_per_angstrom: float) -> float:
    """Energy above the edge, in eV, of a photoelectron wavenumber in 1/angstrom.

    Examples
    --------
    >>> round(wavenumber_to_ev(14), 2)
    746.76
    """
    return EV_PER_K2 * wavenumber_per_angstrom**2


def edge_energy_ev(e0: str | float) -> float:
    """Edge energy in eV, of a name such as ``"Ni_K"`` (Elam tables through xraydb) or a number.

    Raises
    ------
    ValueError
        If the name is not `<element>_<edge>`, xraydb does not know it, or the number is not between 100 and
        120000 eV.

    Examples
    --------
    >>> edge_energy_ev("Ni_K")
    8333.0
    """
    if not isinstance(e0, str):
        if not 100 <= e0 <= 120_000:
            raise ValueError(f"E0 = {e0:g} eV is not an X-ray edge (100 to 120000 eV): is it in keV?")
        return float(e0)
    element, _, edge = e0.partition("_")
    try:
        table = xraydb.xray_edges(element)
    except ValueError:
        table = {}
    if edge not in table:
        raise ValueError(
            f"E0 = {e0!r} is not a known edge: write <element>_<edge> such as 'Ni_K' or 'Mn_L3', or eV"
        )
    return float(table[edge].energy)


def grid_from_bounds(
    bounds: Sequence[BoundLike], steps: Sequence[BoundLike], times: Sequence[BoundLike], *, e0: str | float
) -> EnergyGrid:
    """Grid in the notation of the BMM beamline: n + 1 bounds, n steps, n times.

    A number is eV relative to E0 (bounds), eV (steps) or s (times). With the suffix `k` a bound or a step is
    a wavenumber in 1/angstrom, and a time is that many seconds per 1/angstrom. The last bound is a point of
    the grid.

    Parameters
    ----------
    bounds, steps, times : sequence of float or str
        For example `[-200, -30, 15.5, "14k"]`, `[10, 0.25, "0.05k"]`, `[0.5, 0.5, "0.25k"]`.
    e0 : str or float
        Edge, as for `edge_energy_ev`.

    Raises
    ------
    ValueError
        If the lengths do not fit, or a region is out of order or range (the message names it).

    Notes
    -----
    Notation of NSLS-II BMM, https://nsls-ii-bmm.github.io/BeamlineManual/xafs.html#scan-regions

    Examples
    --------
    >>> len(grid_from_bounds([-20, 0, 10], [10, 5], [1, 2], e0="Ni_K"))
    5
    """
    if not len(bounds) - 1 == len(steps) == len(times) or len(bounds) < 2:
        raise ValueError(
            f"{len(bounds)} bounds, {len(steps)} steps and {len(times)} times: n regions need n + 1 bounds,"
            " n steps and n times, n >= 1"
        )
    regions = list(zip(bounds[:-1], bounds[1:], steps, times, strict=True))
    return grid_from_regions(regions, e0=e0)


def grid_from_regions(regions: Sequence[RegionTuple], *, e0: str | float) -> EnergyGrid:
    """Grid from regions `(start, stop, step, dwell)` in eV relative to E0 and s, or in 1/angstrom.

    Parameters
    ----------
    regions : sequence of tuple
        `(start, stop, step, dwell[, "eV" | "k"])`; numbers with the suffix `k` as in `grid_from_bounds` work
        too. A region starts where the one before it stops, or above. Points nearer than 0.01 eV are merged;
        the dwell is that of the region that begins there.
    e0 : str or float
        Edge, as for `edge_energy_ev`.

    Raises
    ------
    ValueError
        If there is no region, or one is out of order or range (the message names it).

    Examples
    --------
    >>> grid = grid_from_regions([(-10, 0, 5, 0.5), (0, 2, 1, 1.0)], e0=8333.0)
    >>> grid.energy_ev.tolist()
    [8323.0, 8328.0, 8333.0, 8334.0, 8335.0]
    >>> grid.dwell_s.tolist()
    [0.5, 0.5, 1.0, 1.0, 1.0]
    """
    e0_ev = edge_energy_ev(e0)
    if not regions:
        raise ValueError("no region: give at least one (start, stop, step, dwell)")
    relative: list[NDArray[np.float64]] = []
    dwell: list[NDArray[np.float64]] = []
    last_stop = -np.inf
    for number, region in enumerate(regions, start=1):
        points, dwell_s, stop = _expand(region, f"region {number} {region!r}", last_stop)
        relative.append(points)
        dwell.append(dwell_s)
        last_stop = stop
    return _merge(e0_ev, np.concatenate(relative), np.concatenate(dwell))


def _expand(region: RegionTuple, who: str, last_stop: float) -> tuple[NDArray, NDArray, float]:
    """Points relative to E0 (eV), dwell (s) and the stop (eV) of one region."""
    if len(region) not in (4, 5):
        raise ValueError(
            f"{who}: write (start, stop, step, dwell) or (start, stop, step, dwell, 'eV' or 'k')"
        )
    unit = region[4] if len(region) == 5 else "eV"
    if unit not in ("eV", "k"):
        raise ValueError(f"{who}: unit {unit!r} is neither 'eV' nor 'k'")
    start = _bound_ev(region[0], unit, f"{who}: start")
    stop = _bound_ev(region[1], unit, f"{who}: stop")
    step, step_in_k = _number(region[2], f"{who}: step", unit)
    dwell, dwell_per_k = _number(region[3], f"{who}: dwell", "eV")
    _check_region(who, start, stop, step, dwell, last_stop)
    if (step_in_k or dwell_per_k) and start < 0:
        raise ValueError(
            f"{who}: starts at {start:g} eV, below E0, where no wavenumber exists; use eV and s there"
        )
    if step_in_k:
        low, high = np.sqrt(np.array([start, stop]) / EV_PER_K2)
        points = EV_PER_K2 * _steps(low, high, step, who) ** 2
    else:
        points = _steps(start, stop, step, who)
    weight = np.sqrt(points / EV_PER_K2) if dwell_per_k else np.ones_like(points)
    if dwell * weight[0] <= 0:
        raise ValueError(f"{who}: counts {dwell * weight[0]:g} s at its first point; must be above 0 s")
    return points, dwell * weight, stop


def _number(value: BoundLike, who: str, unit: str) -> tuple[float, bool]:
    """Value, and whether it is (per) wavenumber."""
    text = str(value).strip()
    in_k = text[-1:].lower() == "k"
    try:
        number = float(text[:-1] if in_k else text)
    except ValueError:
        raise ValueError(f"{who} {value!r} is not a number, nor a number with the suffix k") from None
    if not np.isfinite(number):
        raise ValueError(f"{who} {value!r} is not finite")
    return number, in_k or unit == "k"


def _bound_ev(value: BoundLike, unit: str, who: str) -> float:
    number, in_k = _number(value, who, unit)
    if in_k and number < 0:
        raise ValueError(f"{who} {value!r}: a wavenumber cannot be negative; below E0 use eV")
    energy = wavenumber_to_ev(number) if in_k else number
    low, high = RELATIVE_RANGE_EV
    if not low <= energy <= high:
        raise ValueError(
            f"{who} {value!r} is {energy:g} eV from E0, outside {low:g} to {high:g}: give it relative to E0"
        )
    return energy


def _check_region(who: str, start: float, stop: float, step: float, dwell: float, last_stop: float) -> None:
    if stop <= start:
        raise ValueError(f"{who}: stops at {stop:g} eV, not above its start at {start:g} eV")
    if start < last_stop - DUPLICATE_EV:
        raise ValueError(
            f"{who}: starts at {start:g} eV, below the stop of the region before it at {last_stop:g} eV"
        )
    if step <= 0:
        raise ValueError(f"{who}: step {step:g} must be above 0")
    if dwell <= 0:
        raise ValueError(f"{who}: dwell {dwell:g} s must be above 0 s")


def _steps(low: float, high: float, step: float, who: str) -> NDArray[np.float64]:
    count = int(np.floor((high - low) / step + 1e-6)) + 1
    if count > MAX_POINTS:
        raise ValueError(f"{who}: {count} points, more than {MAX_POINTS}; use a larger step")
    points = low + step * np.arange(count)
    if high - points[-1] > 1e-6:
        points = np.append(points, high)
    return np.asarray(points, dtype=np.float64)


def _merge(e0_ev: float, relative: NDArray, dwell: NDArray) -> EnergyGrid:
    """Drop each point that the next one repeats."""
    keep = np.append(np.diff(relative) > DUPLICATE_EV, True)
    energy_ev = np.asarray(e0_ev + relative[keep], dtype=np.float64)
    dwell_s = np.asarray(dwell[keep], dtype=np.float64)
    energy_ev.setflags(write=False)
    dwell_s.setflags(write=False)
    return EnergyGrid(energy_ev, dwell_s, e0_ev)
