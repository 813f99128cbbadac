"""Energy-dispersive detector: channels to energies, width of lines, and spectra of pure components."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from .fluorescence_line import SILICON_KA_EV, escape_share, line_group
from .rocking_geometry import FloatArray

_SPECIAL: Any = import_module("scipy.special")

PAIR_EV = 3.66
"""Energy of an electron-hole pair in silicon, eV."""
TO_FWHM = 2.3548200450309493
COMPTON_BROADER = 2.5
"""Width of the Compton peak over that of a line: solid angle and the motion of electrons."""


@dataclass(frozen=True)
class DetectorResponse:
    """How a detector writes photons into channels.

    Attributes
    ----------
    offset_ev, gain_ev
        Energy of the middle of channel 0, and eV per channel.
    noise_ev
        Electronic full width at half maximum, eV.
    fano
        Fano factor.
    beta_scale
        Factor on the tabulated shares of K beta lines, which are good to some per cent.
    """

    offset_ev: float = 0.0
    gain_ev: float = 10.0
    noise_ev: float = 80.0
    fano: float = 0.115
    beta_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no detector."""
        for name in ("gain_ev", "noise_ev", "fano", "beta_scale"):
            if not getattr(self, name) > 0:
                raise ValueError(f"DetectorResponse: {name} is {getattr(self, name)}; it must be positive")

    def sigma_ev(self, energy_ev: float) -> float:
        """Give the standard deviation of a line, eV."""
        return float(np.sqrt((self.noise_ev / TO_FWHM) ** 2 + PAIR_EV * self.fano * max(energy_ev, 0.0)))

    def peak(self, energy_ev: float, channels: FloatArray, broader: float = 1.0) -> FloatArray:
        """One photon in its channels, integrated over each, shape of `channels`."""
        sigma = broader * self.sigma_ev(energy_ev) / self.gain_ev
        middle = (energy_ev - self.offset_ev) / self.gain_ev
        upper = _SPECIAL.ndtr((channels + 0.5 - middle) / sigma)
        return np.asarray(upper - _SPECIAL.ndtr((channels - 0.5 - middle) / sigma), dtype=np.float64)

    def element(self, element: str, beam_ev: float, channels: FloatArray) -> FloatArray:
        """One photon of an element in its channels: all lines of its group and their escape peaks."""
        group = line_group(element, beam_ev)
        share = group.share * np.where(group.beta, self.beta_scale, 1.0)
        spectrum = np.zeros(channels.size)
        for energy, part in zip(group.energy_ev, share / share.sum(), strict=True):
            escaped = escape_share(float(energy))
            spectrum += part * (1 - escaped) * self.peak(float(energy), channels)
            if escaped > 0:
                spectrum += part * escaped * self.peak(float(energy) - SILICON_KA_EV, channels)
        return spectrum


def compton_ev(beam_ev: float, angle_deg: float = 90.0) -> float:
    """Energy of Compton scattering off electrons at rest, eV.

    Examples
    --------
    >>> round(compton_ev(9000.0))
    8844
    """
    return beam_ev / (1 + beam_ev / 510998.95 * (1 - np.cos(np.deg2rad(angle_deg))))


def components(
    response: DetectorResponse, elements: tuple[str, ...], beam_ev: float, channels: FloatArray
) -> FloatArray:
    """Spectra of pure components in a stretch of channels.

    Parameters
    ----------
    response
        The detector.
    elements
        Symbols, length n.
    beam_ev
        Photon energy of the beam, eV.
    channels
        Numbers of the channels, rising, shape (m,).

    Returns
    -------
    ndarray
        Columns of the elements (one photon each), elastic and Compton peak, and two ramps of unit sum that
        together make any straight background that is not negative; shape (m, n + 4).
    """
    ramp = np.linspace(0, 1, channels.size)
    columns = [response.element(element, beam_ev, channels) for element in elements]
    columns.append(response.peak(beam_ev, channels))
    columns.append(response.peak(compton_ev(beam_ev), channels, COMPTON_BROADER))
    columns += [(1 - ramp) / (1 - ramp).sum(), ramp / ramp.sum()]
    return np.stack(columns, axis=1)
