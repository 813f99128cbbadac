"""From the electrons in the ring to the photons at the sample."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class StorageRing:
    """Stored current: exponential decay, topped up at a fixed interval.

    Attributes
    ----------
    current_ma : float
        Current right after a top-up.
    lifetime_s : float
        Time in which the current would fall to 1/e.
    top_up_interval_s : float
        Time between injections.
    refill_s : float
        Time that a fill from nothing takes after a dump.
    """

    current_ma: float = 500.0
    lifetime_s: float = 10 * 3600.0
    top_up_interval_s: float = 180.0
    refill_s: float = 600.0

    def stored_ma(
        self, time_s: float, *, dumped_s: float | None = None, refill_started_s: float | None = None
    ) -> float:
        """Return the stored current at a time.

        Parameters
        ----------
        time_s
            Simulated UNIX time, s.
        dumped_s
            When the beam was last lost, s; None if never.
        refill_started_s
            When filling began after that dump, s; None if it has not.

        Returns
        -------
        float
            Current in mA.
        """
        full = self.current_ma * math.exp(-(time_s % self.top_up_interval_s) / self.lifetime_s)
        if dumped_s is None or time_s < dumped_s:
            return full
        if refill_started_s is None or time_s < refill_started_s:
            return 0.0
        return full * min(1.0, (time_s - refill_started_s) / self.refill_s)


@dataclass(frozen=True)
class Beam:
    """Monochromatic photons that reach the first ion chamber.

    Attributes
    ----------
    flux_ph_s : float
        Photons per second at `nominal_energy_ev` and `nominal_current_ma`, crystals well tuned.
    nominal_energy_ev, nominal_current_ma : float
        Where that flux holds.
    spectral_slope : float
        Exponent of the flux against energy near the nominal one.
    height_rms_mm : float
        How far the exit beam may miss the slits' centre before the flux falls to exp(-1/2).
    width_mm, height_mm : float
        Of the spot on the sample.
    """

    flux_ph_s: float = 1e10
    nominal_energy_ev: float = 8333.0
    nominal_current_ma: float = 500.0
    spectral_slope: float = -1.0
    height_rms_mm: float = 0.15
    width_mm: float = 1.0
    height_mm: float = 0.5

    @property
    def area_mm2(self) -> float:
        """Area of the spot on the sample."""
        return self.width_mm * self.height_mm

    def photon_flux(self, energy_ev: float, ring_current_ma: float, *, height_error_mm: float = 0.0) -> float:
        """Photons per second.

        Parameters
        ----------
        energy_ev
            True photon energy, eV.
        ring_current_ma
            Stored current, mA.
        height_error_mm
            Exit beam away from its fixed height, mm (`Monochromator.height_error_mm`).

        Returns
        -------
        float
            Flux in photons/s, never negative.
        """
        tuned = self.flux_ph_s * max(ring_current_ma, 0.0) / self.nominal_current_ma
        spectrum = (energy_ev / self.nominal_energy_ev) ** self.spectral_slope
        return tuned * spectrum * math.exp(-0.5 * (height_error_mm / self.height_rms_mm) ** 2)
