"""How a diffractometer misplaces lines: zero shift, sample displacement, a second wavelength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .phase import FloatArray

Shift = Literal["displacement", "zero", "axial"]
CU_KALPHA_A = (1.540593, 1.544427)
"""Copper K alpha 1 and 2, angstrom (Hoelzer 1997, Phys. Rev. A 56, 4554)."""


@dataclass(frozen=True)
class LineShifts:
    """Where lines appear.

    Attributes
    ----------
    wavelength_a
        Wavelength with which two-theta was turned into q, angstrom.
    arrangement
        ``"transmission"`` (flat detector behind the sample) or ``"reflection"`` (Bragg-Brentano).
    shifts
        Which shifts are free: ``"displacement"`` of the sample (radian; times the radius it is a length) and
        ``"zero"`` of two-theta (radian), ``"axial"`` divergence (radian squared, in reflection: the tail it
        gives a line moves its middle). They are alike over a narrow range: name several only for wide scans
        or with an internal standard.
    satellites
        Other wavelengths present: wavelength over the first one, and weight.
    """

    wavelength_a: float
    arrangement: Literal["transmission", "reflection"] = "transmission"
    shifts: tuple[Shift, ...] = ("displacement",)
    satellites: tuple[tuple[float, float], ...] = ()

    def basis(self, q_per_a: FloatArray, shift: Shift) -> FloatArray:
        """Move (n,) in 1/angstrom of a line at q for one radian of a shift.

        In transmission a sample moved by s towards the source appears at tan(2 theta) = r / (L + s), so that
        d(2 theta) = -(s / L) sin(2 theta) cos(2 theta); in reflection d(2 theta) = -(2 s / R) cos(theta).
        Axial divergence moves lines by cot(2 theta) times half the square of its angle (Finger, Cox and
        Jephcoat 1994, J. Appl. Cryst. 27, 892). Fitted is the factor before the angles, with its sign.
        """
        sine = np.clip(q_per_a * self.wavelength_a / (4 * np.pi), 0.0, 1.0)
        cosine = np.sqrt(1 - sine**2)
        angle = np.ones_like(q_per_a)
        if shift == "axial":
            angle = (1 - 2 * sine**2) / np.maximum(2 * sine * cosine, 1e-3)
        if shift == "displacement":
            both = 2 * sine * cosine * (1 - 2 * sine**2)
            angle = both if self.arrangement == "transmission" else cosine
        return 2 * np.pi / self.wavelength_a * cosine * angle

    def polarisation(self, q_per_a: FloatArray) -> FloatArray:
        """Factor (n,) of strengths: (1 + cos**2(2 theta)) / 2 in reflection, where tubes are used."""
        if self.arrangement == "transmission":
            return np.ones_like(q_per_a)
        sine = np.clip(q_per_a * self.wavelength_a / (4 * np.pi), 0.0, 1.0)
        return (1 + (1 - 2 * sine**2) ** 2) / 2

    def width_factors(self, q_per_a: FloatArray) -> FloatArray:
        """Width in q (n, 2) of a constant angle, and of a length on the detector, over those at q = 0.

        dq = 2 pi / wavelength cos(theta) d(2 theta); on a flat detector behind the sample a length dr is
        d(2 theta) = cos(2 theta)**2 dr / L, in reflection it is an angle.
        """
        sine = np.clip(q_per_a * self.wavelength_a / (4 * np.pi), 0.0, 0.999)
        cosine = np.sqrt(1 - sine**2)
        flat = (1 - 2 * sine**2) ** 2 if self.arrangement == "transmission" else np.ones_like(sine)
        return np.stack([cosine, cosine * flat], axis=1)

    def two_theta_deg(self, q_per_a: FloatArray) -> FloatArray:
        """Scattering angle (n,) in degrees."""
        return 2 * np.degrees(np.arcsin(np.clip(q_per_a * self.wavelength_a / (4 * np.pi), 0.0, 1.0)))


def q_from_two_theta(two_theta_deg: FloatArray, wavelength_a: float) -> FloatArray:
    """Scattering vector (n,) in 1/angstrom: 4 pi sin(theta) / wavelength."""
    return 4 * np.pi / wavelength_a * np.sin(np.radians(two_theta_deg) / 2)
