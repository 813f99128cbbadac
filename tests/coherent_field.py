"""Far fields of specimens in a coherent beam: ptychography, and a crystal that rocks through a reflection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HC_EV_M = 1.239841984e-6
"""Planck's constant times the speed of light, eV m (CODATA 2018, exact)."""


def specimen_pixel_m(side: int, *, energy_ev: float, distance_m: float, pixel_m: float) -> float:
    """Edge of a pixel of the specimen whose far field a camera samples, m.

    Parameters
    ----------
    side
        Pixels along each edge of the camera.
    energy_ev
        Photon energy, eV.
    distance_m, pixel_m
        From specimen to camera, and edge of its pixels, m.

    References
    ----------
    wavelength x distance / (side x pixel), as of M. Dierolf et al., New J. Phys. 12, 035017 (2010).

    Examples
    --------
    >>> round(1e9 * specimen_pixel_m(64, energy_ev=8333.0, distance_m=2.0, pixel_m=75e-6), 1)
    62.0
    """
    return HC_EV_M / energy_ev * distance_m / (side * pixel_m)


def thin_specimen(side: int, rng: np.random.Generator, *, phase: float = 1.0) -> NDArray[np.complex128]:
    """Transmission of a thin specimen of grains without symmetry, shape (side, side).

    Parameters
    ----------
    side
        Pixels along each edge.
    rng
        From which the grains come.
    phase
        Range of the phase shift, radian; it absorbs a fifth of that.
    """
    waves = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    blurred = np.fft.fft2(rng.random((side, side))) * np.exp(-2.0 * (2.0 * np.pi * waves) ** 2)
    grains = np.fft.ifft2(blurred).real
    thickness = np.clip((grains - grains.mean()) / grains.std(), -1.5, 1.5) / 3.0 + 0.5
    return np.exp((1j - 0.2) * phase * thickness)


def focused_beam(side: int, diameter_px: float, aperture_px: float = 10.0) -> NDArray[np.complex128]:
    """Wave of a round beam in front of its focus, on the specimen, shape (side, side); power 1.

    Parameters
    ----------
    side
        Pixels along each edge, as of the camera.
    diameter_px
        Of the geometric beam on the specimen, pixels.
    aperture_px
        Radius of the image of the optic's aperture on the camera, pixels.

    References
    ----------
    M. Guizar-Sicairos et al., Opt. Express 20, 10622 (2012): a curved wave front spreads the direct beam and
    makes objects easier to find.
    """
    places = np.arange(side) - side // 2
    squared = places[:, None] ** 2 + places[None, :] ** 2
    # A ray from the edge of the aperture meets the specimen half a diameter from the middle.
    curved = np.exp(1j * np.pi * diameter_px * squared / (2.0 * aperture_px * side))
    aperture = np.where(squared <= aperture_px**2, curved, 0.0)
    wave = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(aperture)))
    return wave / np.sqrt((np.abs(wave) ** 2).sum())


def far_field(wave: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Intensity in the far field, its direct beam in pixel (side // 2, ...); sum as of the wave."""
    moved = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(wave), norm="ortho"))
    return np.abs(moved) ** 2


def ptycho_frame(
    specimen: NDArray[np.complex128], beam: NDArray[np.complex128], row: int, column: int
) -> NDArray[np.float64]:
    """Far field behind a specimen of which the beam meets the part that begins at a row and column."""
    side = len(beam)
    return far_field(specimen[row : row + side, column : column + side] * beam)


def rocked_frames(density: NDArray[np.complex128], photons: float) -> NDArray[np.float64]:
    """Mean counts about a Bragg peak, slice by slice of the rocking scan, shape as of the crystal.

    Parameters
    ----------
    density
        Of the crystal, its phase that of the displacement, on the axes conjugate to angles, rows, columns.
    photons
        In all frames together.

    References
    ----------
    I. Robinson and R. Harder, Nature Materials 8, 291 (2009); the skew of the axes is left to the geometry.
    """
    counts = far_field(density)
    return photons * counts / counts.sum()
