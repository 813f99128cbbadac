"""The Si(111) double-crystal monochromator: Bragg law, resolution, fixed exit, calibration error."""

import math
from dataclasses import dataclass

HC_EV_ANGSTROM = 12398.419843320026
SI111_D_ANGSTROM = 3.1356
"""Lattice spacing of Si(111) at 297 K (CODATA lattice parameter 5.4310 A over the root of 3)."""
SI111_DARWIN_WIDTH = 1.33e-4
"""Intrinsic relative energy width of Si(111) (Als-Nielsen, Elements of Modern X-ray Physics)."""
FWHM_TO_RMS = 1.0 / 2.354820045


def energy_ev(bragg_deg: float, *, d_spacing_angstrom: float = SI111_D_ANGSTROM) -> float:
    """Photon energy reflected at a Bragg angle.

    Parameters
    ----------
    bragg_deg
        Angle between beam and crystal planes, degree, above 0 to 90.
    d_spacing_angstrom
        Lattice spacing.

    Returns
    -------
    float
        Energy in eV.

    Raises
    ------
    ValueError
        If the angle reflects nothing.

    Examples
    --------
    >>> round(energy_ev(bragg_deg(8333.0)), 6)
    8333.0
    """
    if not 0.0 < bragg_deg <= 90.0:
        raise ValueError(
            f"Bragg angle {bragg_deg} degree reflects nothing: it must be above 0 and at most 90 degree"
        )
    return HC_EV_ANGSTROM / (2.0 * d_spacing_angstrom * math.sin(math.radians(bragg_deg)))


def bragg_deg(energy_ev: float, *, d_spacing_angstrom: float = SI111_D_ANGSTROM) -> float:
    """Bragg angle that reflects an energy.

    Parameters
    ----------
    energy_ev
        Photon energy, eV.
    d_spacing_angstrom
        Lattice spacing.

    Returns
    -------
    float
        Angle in degree.

    Raises
    ------
    ValueError
        If the energy lies below the crystal's back reflection.
    """
    lowest = HC_EV_ANGSTROM / (2.0 * d_spacing_angstrom)
    if not energy_ev >= lowest:
        raise ValueError(
            f"energy {energy_ev} eV is below {lowest:.1f} eV, the lowest that this crystal reflects"
        )
    return math.degrees(math.asin(lowest / energy_ev))


@dataclass(frozen=True)
class Monochromator:
    """A fixed-exit double-crystal monochromator whose Bragg encoder has a zero error.

    Attributes
    ----------
    bragg_zero_error_deg : float
        True angle minus what the motor says, degree; positive makes spectra appear at too high an energy.
    exit_offset_mm : float
        Height between the incoming and the outgoing beam.
    divergence_urad : float
        Vertical divergence accepted, FWHM.
    d_spacing_angstrom : float
        Lattice spacing of the crystals.
    """

    bragg_zero_error_deg: float = 0.0
    exit_offset_mm: float = 25.0
    divergence_urad: float = 25.0
    d_spacing_angstrom: float = SI111_D_ANGSTROM

    def true_bragg_deg(self, motor_deg: float) -> float:
        """Angle at which the crystal really stands when the motor says `motor_deg` (degree)."""
        return motor_deg + self.bragg_zero_error_deg

    def energy_ev(self, motor_deg: float) -> float:
        """Energy that really leaves the crystals (eV) when the motor says `motor_deg`."""
        return energy_ev(self.true_bragg_deg(motor_deg), d_spacing_angstrom=self.d_spacing_angstrom)

    def perp_mm(self, motor_deg: float) -> float:
        """Gap between the crystals (mm) that keeps the exit beam at its height: offset / (2 cos theta)."""
        return self.exit_offset_mm / (2.0 * math.cos(math.radians(self.true_bragg_deg(motor_deg))))

    def height_error_mm(self, motor_deg: float, perp_mm: float) -> float:
        """Height of the exit beam away from its fixed exit (mm) for a gap of `perp_mm`."""
        theta = math.radians(self.true_bragg_deg(motor_deg))
        return 2.0 * perp_mm * math.cos(theta) - self.exit_offset_mm

    def resolution_ev(self, energy_ev: float) -> float:
        """Energy resolution (eV, FWHM): Darwin width and divergence added in quadrature."""
        theta = math.radians(bragg_deg(energy_ev, d_spacing_angstrom=self.d_spacing_angstrom))
        divergence = self.divergence_urad * 1e-6 / math.tan(theta)
        return energy_ev * math.hypot(SI111_DARWIN_WIDTH, divergence)
