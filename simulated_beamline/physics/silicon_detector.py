"""A silicon drift detector: what one photon energy looks like in its spectrum."""

# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erfcx, ndtr

from .array import FloatArray
from .crystal import FWHM_TO_RMS
from .emission_line import attenuation_cm2_g, fluorescence_yield, shell_edge_ev

PAIR_EV = 3.66
"""Energy per electron-hole pair in silicon at the temperature of a cooled detector."""
SILICON_KA_EV = 1740.0
SILICON_K_JUMP = 10.37
SILICON_G_CM3 = 2.329
BERYLLIUM_G_CM3 = 1.848


@dataclass(frozen=True)
class SiliconDetector:
    """One kind of detector element with its digital spectrum.

    Attributes
    ----------
    channels : int
        Of the spectrum.
    channel_ev : float
        Width of a channel; channel n counts photons from n to n + 1 times this.
    noise_fwhm_ev : float
        Electronic noise.
    fano : float
        Fano factor of silicon.
    tail_share, tail_ev : float
        Share of events with incomplete charge, and how far their exponential tail reaches below the peak.
    thickness_um, window_um : float
        Of the silicon, and of the beryllium window in front of it.
    """

    channels: int = 4096
    channel_ev: float = 10.0
    noise_fwhm_ev: float = 80.0
    fano: float = 0.115
    tail_share: float = 0.015
    tail_ev: float = 250.0
    thickness_um: float = 450.0
    window_um: float = 25.0

    def fwhm_ev(self, energy_ev: float) -> float:
        """Full width at half maximum of a peak (eV): noise and Fano statistics in quadrature.

        Examples
        --------
        >>> round(SiliconDetector().fwhm_ev(5895.0))
        142
        """
        statistics = self.fano * PAIR_EV * energy_ev / FWHM_TO_RMS**2
        return math.sqrt(self.noise_fwhm_ev**2 + statistics)

    def efficiency(self, energy_ev: float) -> float:
        """Share (0..1) of photons that pass the window and are stopped by the silicon."""
        window = BERYLLIUM_G_CM3 * 1e-4 * self.window_um * attenuation_cm2_g("Be", energy_ev)
        silicon = SILICON_G_CM3 * 1e-4 * self.thickness_um * attenuation_cm2_g("Si", energy_ev, "photo")
        return math.exp(-window) * -math.expm1(-silicon)

    def escape_share(self, energy_ev: float) -> float:
        """Share of events from which a silicon K photon leaves through the front.

        Notes
        -----
        Reed and Ware, J. Phys. E 5 (1972) 582: w r / 2 (1 - m ln(1 + 1/m)), m the ratio of the attenuation of
        the escaping to that of the incoming photon, w the K yield, r = 1 - 1/jump.
        """
        if energy_ev <= shell_edge_ev("Si", "K"):
            return 0.0
        ratio = attenuation_cm2_g("Si", SILICON_KA_EV) / attenuation_cm2_g("Si", energy_ev)
        k_share = fluorescence_yield("Si", "K") * (1.0 - 1.0 / SILICON_K_JUMP)
        return 0.5 * k_share * (1.0 - ratio * math.log1p(1.0 / ratio))

    def response(self, energy_ev: float, *, extra_fwhm_ev: float = 0.0) -> FloatArray:
        """Where the events of one photon energy are counted.

        Parameters
        ----------
        energy_ev
            Of the photons.
        extra_fwhm_ev
            Width that they have before they are detected, such as the Doppler width of Compton scattering.

        Returns
        -------
        ndarray
            Share per channel, shape (channels,); sums to 1 but for what falls below channel 0.
        """
        escape = self.escape_share(energy_ev)
        peak = self._peak(energy_ev, extra_fwhm_ev)
        if not escape:
            return peak
        return (1.0 - escape) * peak + escape * self._peak(energy_ev - SILICON_KA_EV, extra_fwhm_ev)

    def _peak(self, energy_ev: float, extra_fwhm_ev: float) -> FloatArray:
        """Gaussian over the channels, and an exponential tail folded with it."""
        rms_ev = math.hypot(self.fwhm_ev(energy_ev), extra_fwhm_ev) * FWHM_TO_RMS
        edges = (self.channel_ev * np.arange(self.channels + 1) - energy_ev) / rms_ev
        # The tail's integral less its Gaussian's: exp(z r + r^2/2) Q(z + r), written so that none overflows.
        ratio = rms_ev / self.tail_ev
        near = np.maximum(edges, -20.0 - ratio)
        below = 0.5 * np.exp(-0.5 * near**2) * erfcx((near + ratio) / math.sqrt(2.0))
        below = np.where(edges < near, np.exp(edges * ratio + 0.5 * ratio**2), below)
        return np.diff(ndtr(edges) + self.tail_share * below)
