"""Energy scale of a scan from the reference foil behind the sample."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy import interpolate, optimize  # pyright: ignore[reportMissingTypeStubs]

from .grid import BoolArray, FloatArray, bridge_gaps, ordered, repair_glitches

SMOOTHING_EV = 1.5
"""Half width of the stretch over which a derivative is taken."""
SPACING_EV = 0.1
"""Of the axis on which both foils are compared: scans of different grids must be smoothed alike."""
FINE_EV = 2.5
"""Points further apart say too little of a foil's structures to be compared."""
LEAST_COMPARED_EV = 10.0
WINDOW_EV = (-25.0, 50.0)
LARGEST_SHIFT_EV = 20.0


@dataclass(frozen=True)
class _Slope:
    """Smooth derivative of a foil on an even axis, where its points are dense, and where it rises most."""

    energy_ev: FloatArray
    values: FloatArray
    fine: BoolArray
    steepest_ev: float

    def moved(self, shift_ev: float, energy_ev: FloatArray) -> FloatArray:
        """Take the derivative at energies after a shift."""
        return np.interp(energy_ev, self.energy_ev + shift_ev, self.values)

    def fine_at(self, shift_ev: float, energy_ev: FloatArray) -> BoolArray:
        """Tell at which energies the points are dense after a shift."""
        dense = np.interp(energy_ev, self.energy_ev + shift_ev, self.fine.astype(float), left=0.0, right=0.0)
        return dense > 0.99


def _derivative(energy_ev: ArrayLike, mu: ArrayLike, name: str) -> _Slope:
    """Take the derivative of a foil about its steepest stretch."""
    energy, values = ordered(energy_ev, mu)
    values = bridge_gaps(energy, values)
    kept = np.isfinite(values[0])
    energy, values = energy[kept], values[:, kept]
    if energy.size < 10:
        raise ValueError(f"the {name} holds {energy.size} finite points: a foil shift needs at least 10")
    values = repair_glitches(energy, values)[0][0]
    rough = np.gradient(values, energy)
    steepest = float(energy[1 + int(np.argmax(np.convolve(rough, np.ones(3) / 3, "valid")))])
    reach = LARGEST_SHIFT_EV + 5
    near = (energy > steepest + WINDOW_EV[0] - reach) & (energy < steepest + WINDOW_EV[1] + reach)
    if np.count_nonzero(near) < 10:
        raise ValueError(
            f"the {name} holds fewer than 10 points about its steepest rise at {steepest:.1f} eV"
        )
    return _slope(energy[near], values[near], steepest)


def _slope(energy: FloatArray, values: FloatArray, steepest: float) -> _Slope:
    """Bring a foil to an even axis by a cubic spline, and take its derivative there by local parabolas."""
    axis = np.arange(energy[0], energy[-1], SPACING_EV)
    place = np.clip(np.searchsorted(energy, axis, side="right") - 1, 0, energy.size - 2)
    fine = np.diff(energy)[place] <= FINE_EV
    library: Any = interpolate
    even = cast("FloatArray", library.CubicSpline(energy, values)(axis))
    # Between points that are far apart a spline rings.
    even = np.where(fine, even, np.interp(axis, energy, values))
    count = min(2 * round(SMOOTHING_EV / SPACING_EV) + 1, axis.size - 1 + axis.size % 2)
    smooth: Any = import_module("scipy.signal")  # a second to import, for those who compare no foils
    slope = smooth.savgol_filter(even, count, 2, deriv=1, delta=SPACING_EV)
    return _Slope(axis, np.asarray(slope, dtype=float), fine, steepest)


def foil_shift(
    energy_ev: ArrayLike, foil: ArrayLike, reference_energy_ev: ArrayLike, reference: ArrayLike
) -> float:
    """Shift that brings the energies of a scan onto those of a reference, by least squares on the derivative.

    The derivative of the foil, moved by the shift and scaled freely, is fitted to that of the reference
    within -25..+50 eV of the steepest rise of the reference, where the points of both are at most 2.5 eV
    apart. Both are brought to one even axis before: scans of different grids may be compared. The sign is
    Athena's: add the result to the energies of the scan.

    Parameters
    ----------
    energy_ev, foil
        Energies in eV and absorption of the foil in this scan, shape (n,).
    reference_energy_ev, reference
        The same for the scan, or the table, that defines the energy scale, shape (m,).

    Returns
    -------
    float
        Energy to add to `energy_ev`, eV, within 20 eV.

    Raises
    ------
    ValueError
        If either spectrum holds fewer than ten finite points, or the two edges are over 20 eV apart.

    Examples
    --------
    >>> energy = np.arange(8300.0, 8400.0, 0.5)
    >>> foil = np.arctan(energy - 8333.0)
    >>> round(foil_shift(energy - 1.5, foil, energy, foil), 2)
    1.5
    """
    own, target = (
        _derivative(energy_ev, foil, "foil"),
        _derivative(reference_energy_ev, reference, "reference"),
    )
    edge = target.steepest_ev
    window = (target.energy_ev > edge + WINDOW_EV[0]) & (target.energy_ev < edge + WINDOW_EV[1])
    axis, wanted, fine = target.energy_ev[window], target.values[window], target.fine[window]

    def misfit(shift_ev: float, where: BoolArray) -> float:
        moved, aim = own.moved(shift_ev, axis[where]), wanted[where]
        scale = (moved * aim).sum() / max((moved**2).sum(), 1e-300)
        return float(((aim - max(scale, 0.0) * moved) ** 2).sum())

    everywhere = np.ones(axis.size, dtype=bool)
    trials = np.arange(-LARGEST_SHIFT_EV, LARGEST_SHIFT_EV + 0.25, 0.5)
    best = float(trials[int(np.argmin([misfit(shift, everywhere) for shift in trials]))])
    if abs(best) >= LARGEST_SHIFT_EV:
        raise ValueError(
            f"foil edge near {own.steepest_ev:.1f} eV and reference edge near {edge:.1f} eV differ by more "
            f"than {LARGEST_SHIFT_EV:g} eV: check the element of the foil and the monochromator"
        )
    compared = fine & own.fine_at(best, axis)
    if np.count_nonzero(compared) * SPACING_EV < LEAST_COMPARED_EV:
        compared = everywhere
    bounds, library = (best - 0.75, best + 0.75), cast("Any", optimize)
    found = library.minimize_scalar(
        misfit, bounds=bounds, args=(compared,), method="bounded", options={"xatol": 1e-5}
    )
    return float(found.x)
