"""Spectra with known answers for the tests of absorption analysis."""

import numpy as np

ENERGY = np.arange(8180.0, 8740.0, 0.5)


def spectrum(half_ev: float = 8343.0, *, step: float = 0.8, energy: np.ndarray = ENERGY) -> np.ndarray:
    """An arctangent-free edge: error-function-like rise, white line 8 eV above, falling background."""
    rise = 1 / (1 + np.exp(-(energy - half_ev) / 1.2))
    white = 0.6 * np.exp(-0.5 * ((energy - half_ev - 8.0) / 3.0) ** 2)
    return 0.5 - 4e-4 * (energy - 8333.0) + step * (rise + white)
