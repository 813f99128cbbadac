"""A spectrum as it would look at other energies."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
LEAST_POINTS = 9
"""Of a spectrum, through which a spline is laid."""


def resampled(energy_ev: ArrayLike, own_ev: ArrayLike, absorption: ArrayLike) -> FloatArray | None:
    """Read a spectrum at other energies, between its points by cubic splines.

    Parameters
    ----------
    energy_ev
        Energies that are asked for, eV, shape (n,).
    own_ev, absorption
        The spectrum: eV and its absorption in any unit, shape (m,) each, in any order; points that are not
        finite do not count, and of an energy that comes twice the first one does.

    Returns
    -------
    numpy.ndarray or None
        Shape (n,); None where the spectrum has fewer than 9 points, or does not reach all energies.
    """
    asked, energy, values = (np.asarray(each, dtype=float) for each in (energy_ev, own_ev, absorption))
    good = np.isfinite(energy) & np.isfinite(values)
    energy, first = np.unique(energy[good], return_index=True)
    if not asked.size or energy.size < LEAST_POINTS:
        return None
    if not ((asked >= energy[0]) & (asked <= energy[-1])).all():
        return None
    interpolate: Any = import_module("scipy.interpolate")
    return np.asarray(interpolate.CubicSpline(energy, values[good][first])(asked))
