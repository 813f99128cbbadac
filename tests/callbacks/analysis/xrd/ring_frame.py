"""Frames of powder rings from a known geometry, for tests of what reads them."""

from __future__ import annotations

import numpy as np
from operando.callbacks.analysis.xrd import Geometry

LATTICE = {"LaB6": 4.156826, "CeO2": 5.411651, "Si": 5.431179}
SIDE = 512


def geometry(**changes) -> Geometry:
    """Detector of 512 x 512 pixels of 0.15 mm near the beam, 0.4 angstrom, slightly tilted."""
    numbers = {
        "distance_mm": 100.0,
        "poni1_mm": 38.7,
        "poni2_mm": 37.9,
        "wavelength_angstrom": 0.4,
        "shape": (SIDE, SIDE),
        "pixel_mm": (0.15, 0.15),
        "rot1_deg": 0.6,
        "rot2_deg": -0.4,
    }
    return Geometry(**(numbers | changes))


def cubic_q(lattice_angstrom: float, indices_squared: tuple[int, ...]) -> np.ndarray:
    """Positions of cubic reflections with these h^2 + k^2 + l^2, 1/angstrom."""
    return 2 * np.pi * np.sqrt(np.array(indices_squared)) / lattice_angstrom


def ring_frame(
    where: Geometry,
    q_per_angstrom: np.ndarray,
    rng: np.random.Generator,
    *,
    peak: float = 400.0,
    background: float = 30.0,
    width_per_angstrom: float = 0.02,
) -> np.ndarray:
    """Counts (rows, columns) of Gaussian rings on a flat background, with counting noise."""
    pyfai = where.pyfai()
    q = pyfai.array_from_unit(where.shape, "center", "q_A^-1", scale=True)
    rings = sum(np.exp(-0.5 * ((q - each) / width_per_angstrom) ** 2) for each in q_per_angstrom)
    polarised = pyfai.polarization(where.shape, 0.95) * pyfai.solidAngleArray(where.shape)
    return rng.poisson((background + peak * rings) * polarised).astype(np.uint32)
