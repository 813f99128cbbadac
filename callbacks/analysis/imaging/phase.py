"""Phase from one distance: what a sample of one material does to the wave front, seen as thickness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..photon import wavelength_angstrom
from .ramp import FloatImage


@dataclass(frozen=True)
class Paganin:
    """Single-distance phase retrieval of a homogeneous sample.

    Parameters
    ----------
    delta_beta
        Refractive decrement over absorption index.
    energy_ev
        Photon energy, eV.
    distance_mm
        Sample to detector, divided by the magnification of a cone beam, mm.
    pixel_um
        Edge of a pixel at the sample, um.
    """

    delta_beta: float
    energy_ev: float
    distance_mm: float
    pixel_um: float

    def __post_init__(self) -> None:
        for name in ("delta_beta", "energy_ev", "distance_mm", "pixel_um"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"Paganin: {name} is {value}; it must be finite and above 0")

    @property
    def length_um(self) -> float:
        """Width over which the filter smooths: sqrt(delta/beta wavelength distance / (4 pi)), um."""
        wavelength_um = 1e-4 * wavelength_angstrom(self.energy_ev)
        return math.sqrt(self.delta_beta * wavelength_um * 1000.0 * self.distance_mm / (4.0 * math.pi))

    @property
    def margin_px(self) -> int:
        """Pixels from which a pixel takes anything of note: exp(-8) of the filter in real space."""
        return math.ceil(8.0 * self.length_um / self.pixel_um)


def phase_retrieved(transmission: ArrayLike, settings: Paganin) -> FloatImage:
    """Undo the edge enhancement of propagation: transmission as contact would give it.

    -ln of the result is mu times thickness (Paganin et al. 2002, J. Microsc. 206, 33, eq. 12). Values beyond
    the edges are taken from the nearest pixel.

    Parameters
    ----------
    transmission
        Projections over flats, shape (..., rows, columns).
    settings
        Material, energy and distance.

    Returns
    -------
    ndarray
        Same shape, single precision.
    """
    fft: Any = import_module("scipy.fft")
    values = np.asarray(transmission, dtype=np.float32)
    rows, columns = values.shape[-2:]
    margin = settings.margin_px
    wide = [int(fft.next_fast_len(side + 2 * min(margin, side), real=True)) for side in (rows, columns)]
    before = [(full - side) // 2 for full, side in zip(wide, (rows, columns), strict=True)]
    room = [
        (first, full - side - first) for first, full, side in zip(before, wide, (rows, columns), strict=True)
    ]
    k_y = 2.0 * np.pi * np.fft.fftfreq(wide[0], settings.pixel_um)
    k_x = 2.0 * np.pi * np.fft.rfftfreq(wide[1], settings.pixel_um)
    transfer = (1.0 / (1.0 + settings.length_um**2 * (k_y[:, None] ** 2 + k_x**2))).astype(np.float32)
    out = np.empty_like(values)
    for place in np.ndindex(values.shape[:-2]):
        spectrum = fft.rfft2(np.pad(values[place], room, mode="edge"))
        full = fft.irfft2(spectrum * transfer, s=wide)
        out[place] = full[before[0] : before[0] + rows, before[1] : before[1] + columns]
    return out
