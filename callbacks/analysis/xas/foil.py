"""Energy scale of a scan from the reference foil behind the sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import (  # pyright: ignore[reportMissingTypeStubs]
    minimize_scalar,  # pyright: ignore[reportUnknownVariableType]
)

from .grid import FloatArray, bridge_gaps, ordered, repair_glitches
from .local import smoothing_matrices

SMOOTHING_EV = 1.5
WINDOW_EV = (-25.0, 50.0)
LARGEST_SHIFT_EV = 20.0


def _derivative(energy_ev: ArrayLike, mu: ArrayLike, name: str) -> tuple[FloatArray, FloatArray, float]:
    """Find energies and smooth derivative about the steepest stretch, and the energy of the largest slope."""
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
    differentiator = smoothing_matrices(energy[near], SMOOTHING_EV)[1]
    return energy[near], differentiator @ values[near], steepest


def foil_shift(
    energy_ev: ArrayLike, foil: ArrayLike, reference_energy_ev: ArrayLike, reference: ArrayLike
) -> float:
    """Shift that brings the energies of a scan onto those of a reference, by least squares on the derivative.

    The derivative of the foil, moved by the shift and scaled freely, is fitted to that of the reference
    within -25..+50 eV of the steepest rise of the reference. The sign is Athena's: add the result to the
    energies of the scan.

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
    own_energy, own, own_edge = _derivative(energy_ev, foil, "foil")
    target_energy, target, edge = _derivative(reference_energy_ev, reference, "reference")
    window = (target_energy > edge + WINDOW_EV[0]) & (target_energy < edge + WINDOW_EV[1])
    target_energy, target = target_energy[window], target[window]
    weights = np.gradient(target_energy)

    def misfit(shift_ev: float) -> float:
        moved = np.interp(target_energy, own_energy + shift_ev, own)
        scale = (weights * moved * target).sum() / max((weights * moved**2).sum(), 1e-300)
        return float((weights * (target - max(scale, 0.0) * moved) ** 2).sum())

    trials = np.arange(-LARGEST_SHIFT_EV, LARGEST_SHIFT_EV + 0.25, 0.5)
    best = float(trials[int(np.argmin([misfit(shift) for shift in trials]))])
    if abs(best) >= LARGEST_SHIFT_EV:
        raise ValueError(
            f"foil edge near {own_edge:.1f} eV and reference edge near {edge:.1f} eV differ by more than "
            f"{LARGEST_SHIFT_EV:g} eV: check the element of the foil and the monochromator"
        )
    found = minimize_scalar(
        misfit, bounds=(best - 0.75, best + 0.75), method="bounded", options={"xatol": 1e-5}
    )
    return float(found.x)
