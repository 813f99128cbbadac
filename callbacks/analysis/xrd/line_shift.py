"""How a diffractometer misplaces lines: zero shift, sample displacement, a second wavelength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .phase import FloatArray

Shift = Literal["displacement", "zero"]
AXIAL = "axial"
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
        ``"zero"`` of two-theta (radian). They are alike over a narrow range: name both only for wide scans
        or with an internal standard.
    satellites
        Other wavelengths present: wavelength over the first one, and weight.
    """

    wavelength_a: float
    arrangement: Literal["transmission", "reflection"] = "transmission"
    shifts: tuple[Shift, ...] = ("displacement",)
    satellites: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of_tube(
        cls, wavelengths_a: tuple[float, float] = CU_KALPHA_A, shifts: tuple[Shift, ...] = ("displacement",)
    ) -> LineShifts:
        """Bragg-Brentano diffractometer with a tube: K alpha 1 and 2 (angstrom), the latter of half weight.

        A lattice is on the scale of the wavelengths. Those of Hoelzer are on that of the metre, as certified
        lattices are (NIST SRM 660c: 4.156826 +- 0.000080 angstrom at 22.5 C, traceable to the SI): compare
        with certificates on these. GSAS-II takes 1.5405 and 1.5443 angstrom for copper unless told otherwise,
        and so gives lattices smaller by 60e-6 (`defaultIparms.py` of AdvancedPhotonSource/GSAS-II).

        Examples
        --------
        >>> LineShifts.of_tube().fitted
        ('displacement', 'axial')
        """
        first, second = wavelengths_a
        return cls(first, "reflection", shifts, ((second / first, 0.5),))

    @property
    def fitted(self) -> tuple[str, ...]:
        """All that is fitted: in reflection the axial divergence of the beam too, which tails every line."""
        return (*self.shifts, AXIAL) if self.arrangement == "reflection" else self.shifts

    @property
    def copied(self) -> bool:
        """Whether a line is more than one symmetric peak."""
        return bool(self.satellites) or AXIAL in self.fitted

    def basis(self, q_per_a: FloatArray, shift: str) -> FloatArray:
        """Move (n,) in 1/angstrom of a line at q for one radian of a shift.

        In transmission a sample moved by s towards the source appears at tan(2 theta) = r / (L + s), so that
        d(2 theta) = -(s / L) sin(2 theta) cos(2 theta); in reflection d(2 theta) = -(2 s / R) cos(theta).
        Axial divergence moves a ray by -cot(2 theta) times half the square of its angle (Finger, Cox and
        Jephcoat 1994, J. Appl. Cryst. 27, 892); the mean of that half square is radian squared. Fitted is the
        factor before the functions of theta, with its sign.
        """
        sine = np.clip(q_per_a * self.wavelength_a / (4 * np.pi), 0.0, 1.0)
        cosine = np.sqrt(1 - sine**2)
        angle = np.ones_like(q_per_a)
        if shift == AXIAL:
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
