"""One photon: its energy and its wavelength."""

from __future__ import annotations

HC_EV_ANGSTROM = 12398.419843320026
"""Planck constant times speed of light: photon energy times wavelength (CODATA 2018, exact)."""


def wavelength_angstrom(energy_ev: float) -> float:
    """Wavelength (angstrom) of a photon energy (eV).

    Examples
    --------
    >>> round(wavelength_angstrom(8333.0), 4)
    1.4879
    """
    return HC_EV_ANGSTROM / energy_ev
