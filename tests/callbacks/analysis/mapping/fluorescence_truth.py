"""Fluorescence spectra with known counts, written apart from the analysis.

Line energies: Bearden (1967), Rev. Mod. Phys. 39, 78. K beta shares: some five per cent below Elam's
table, as measured ones of 3d metals are. Escape: 0.4 % at 5.9 keV and falling as absorption in silicon does.
"""

import numpy as np

LINES_EV = {
    "Ti": (4510.84, 4504.86, 4931.81),
    "Mn": (5898.75, 5887.65, 6490.45),
    "Fe": (6403.84, 6390.84, 7057.98),
    "Co": (6930.32, 6915.30, 7649.43),
    "Ni": (7478.15, 7460.89, 8264.66),
}
"""K alpha 1, K alpha 2, K beta."""
BETA_SHARE = {"Ti": 0.1075, "Mn": 0.1190, "Fe": 0.1195, "Co": 0.1205, "Ni": 0.1210}
BEAM_EV = 9000.0
CHANNELS = 4096
GAIN_EV, OFFSET_EV, NOISE_EV = 10.013, -4.0, 85.0


def line_shape(energy_ev: float, broader: float = 1.0) -> np.ndarray:
    """One photon in 4096 channels."""
    width = broader * np.sqrt((NOISE_EV / 2.3548) ** 2 + 0.12 * 3.65 * energy_ev)
    fine = OFFSET_EV + GAIN_EV * (np.arange(CHANNELS)[:, None] + (np.arange(9) - 4) / 9)
    density = np.exp(-0.5 * ((fine - energy_ev) / width) ** 2)
    return density.mean(axis=1) * GAIN_EV / width / np.sqrt(2 * np.pi)


def escape(energy_ev: float) -> float:
    return 0.004 * (5900 / energy_ev) ** 2.6


def element_shape(element: str) -> np.ndarray:
    alpha1, alpha2, beta = LINES_EV[element]
    share = BETA_SHARE[element]
    parts = {alpha1: (1 - share) * 0.662, alpha2: (1 - share) * 0.338, beta: share}
    return sum(
        part * ((1 - escape(energy)) * line_shape(energy) + escape(energy) * line_shape(energy - 1740))
        for energy, part in parts.items()
    )


def expected(photons: dict[str, np.ndarray], scatter: float = 2000.0, background: float = 0.3) -> np.ndarray:
    """Expected spectra, shape (*map, 4096), of photons per element (each of the shape of the map)."""
    map_shape = np.shape(next(iter(photons.values())))
    spectra = np.full((*map_shape, CHANNELS), background)
    for element, counts in photons.items():
        spectra += np.asarray(counts)[..., None] * element_shape(element)
    return spectra + scatter * (0.6 * line_shape(BEAM_EV) + 0.4 * line_shape(8850.0, 3.0))
