"""What an integration says: intensity against q, with uncertainty and the pixels behind each point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Sectors:
    """The same pattern for parts of the rings, to see texture.

    Attributes
    ----------
    bounds_deg
        Azimuth at which each sector begins and ends, degrees: 0 towards higher columns, 90 towards higher
        rows of an unflipped frame, as pyFAI counts; shape (n_sectors, 2). A pixel belongs to the sector of
        its centre.
    intensity, sigma, pixels
        As in `Pattern`, shape (n_sectors, n).
    """

    bounds_deg: FloatArray
    intensity: FloatArray
    sigma: FloatArray
    pixels: FloatArray


@dataclass(frozen=True)
class Pattern:
    """Diffraction pattern of one frame.

    Attributes
    ----------
    q_per_angstrom
        Centre of each bin, 4 pi sin(theta) / wavelength, shape (n,).
    intensity
        Counts per pixel at normal incidence, less dark, divided by flat, solid angle, polarisation and
        monitor, shape (n,); not a number where no good pixel is left.
    sigma
        Standard deviation of the intensity from counting (variance of a pixel = max(counts, 1), and that
        of the dark if given), shape (n,).
    pixels
        Good pixels behind each point, fractions for those that are split over bins, shape (n,).
    dead_pixels, saturated_pixels
        Left out of this frame beyond the fixed mask.
    wavelength_angstrom
        Of the beam.
    sectors
        Parts of the rings, if they were asked for.
    """

    q_per_angstrom: FloatArray
    intensity: FloatArray
    sigma: FloatArray
    pixels: FloatArray
    dead_pixels: int
    saturated_pixels: int
    wavelength_angstrom: float
    sectors: Sectors | None = None

    @property
    def two_theta_deg(self) -> FloatArray:
        """Scattering angle of each point, degrees, shape (n,)."""
        sine = self.q_per_angstrom * self.wavelength_angstrom / (4 * np.pi)
        return 2 * np.degrees(np.arcsin(sine))
