"""How much of the time a counting detector was ready."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .rocking_geometry import FloatArray


class DeadTimeModel(StrEnum):
    """What a photon does that comes while the detector is busy."""

    NON_PARALYSABLE = "non-paralysable"
    PARALYSABLE = "paralysable"


def live_fraction(
    recorded_per_s: ArrayLike,
    dead_time_s: float,
    model: DeadTimeModel = DeadTimeModel.PARALYSABLE,
) -> FloatArray:
    """Part of the photons that were recorded; divide counts by it.

    Non-paralysable: 1 - m tau. Paralysable: m = n exp(-n tau), solved on its lower branch by Lambert's W
    (Knoll, Radiation Detection and Measurement, chapter 4).

    Parameters
    ----------
    recorded_per_s
        Rate of all recorded events, 1/s, any shape.
    dead_time_s
        Dead time of one event, s.
    model
        Whether photons that come in dead time prolong it.

    Returns
    -------
    ndarray
        Between 0 and 1, shape of the rate; nan above the rate that the detector can record at all.

    Raises
    ------
    ValueError
        If the dead time is negative.

    Examples
    --------
    >>> float(live_fraction(1e5, 1e-6, DeadTimeModel.NON_PARALYSABLE))
    0.9
    """
    if not dead_time_s >= 0:
        raise ValueError(f"live_fraction: dead_time_s is {dead_time_s} s; it must not be negative")
    busy = np.asarray(recorded_per_s, dtype=float) * dead_time_s
    if model == DeadTimeModel.NON_PARALYSABLE:
        return np.where(busy < 1, 1 - busy, np.nan)
    special: Any = import_module("scipy.special")
    possible = busy <= np.exp(-1)
    branch = special.lambertw(np.where(possible, -busy, 0.0)).real
    return np.where(possible, np.exp(branch), np.nan)
