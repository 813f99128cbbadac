"""A phase ring behind the objective: Zernike's contrast, with the halos that a ring of some width brings."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import fourier_gaussian

from .array import ImageArray
from .imaged_specimen import Passed
from .specimen.electrode_optics import Substance, phase_rad

GOLD = Substance("Au", 19.3)


@dataclass(frozen=True)
class PhaseRing:
    """A ring of gold in the back focal plane: through it goes the light that the specimen does not diffract.

    Attributes
    ----------
    gold_um : float
        Its thickness; 0.8 is a quarter of a wave at 8 keV.
    halo_um : float
        Standard deviation of what the ring blurs, um at the specimen: what varies more slowly goes through
        it as undiffracted light does, so that bodies much wider keep contrast at their rims alone.
    """

    gold_um: float = 0.8
    halo_um: float = 0.6

    def picture(self, passed: Passed, pixel_um: float, energy_ev: float) -> ImageArray:
        """Light behind a specimen over that without specimen and ring.

        Parameters
        ----------
        passed
            What the beam has gone through, (rows, columns).
        pixel_um, energy_ev
            Size of a pixel at the specimen, and photon energy.

        Returns
        -------
        numpy.ndarray
            Shape (rows, columns): ``|u + (r - 1) u0|^2`` with the wave u behind the specimen, u0 what of it
            goes through the ring, and r the ring's amplitude. Denser parts are brighter: the ring of metal
            advances the undiffracted light as the specimen does the rest (negative contrast).

        Notes
        -----
        Born and Wolf, Principles of Optics (7th ed.), section 8.6.3.
        """
        wave = np.exp(-0.5 * passed.attenuation + 1j * passed.phase_rad).astype(np.complex64)
        ring = np.complex64(self.amplitude(energy_ev) - 1.0)
        return np.abs(wave + ring * _smoothed(wave, self.halo_um / pixel_um)) ** 2

    def amplitude(self, energy_ev: float) -> complex:
        """Give what the ring makes of the wave's amplitude at a photon energy (eV)."""
        shift_rad = phase_rad(np.array(self.gold_um * GOLD.decrement(energy_ev)), energy_ev)
        return complex(np.exp(-0.5 * self.gold_um * GOLD.attenuation_per_um(energy_ev) + 1j * shift_rad))


def _smoothed(wave: NDArray[np.complex64], sigma_px: float) -> NDArray[np.complex64]:
    """Smear by a Gaussian, as if the border went on outside."""
    room = int(np.ceil(3.0 * sigma_px)) + 1
    padded = np.pad(wave, room, mode="edge")
    smeared: NDArray[np.complex64] = np.asarray(fft.ifft2(fourier_gaussian(fft.fft2(padded), sigma_px)))
    return smeared[room:-room, room:-room]
