"""From the electrons in the ring to the currents of the ion chambers."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .attenuation import gas_per_cm, interpolate, ionisation_ev

ELEMENTARY_CHARGE_C = 1.602176634e-19
STANDARD_PRESSURE_MBAR = 1013.25


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


@dataclass(frozen=True)
class IonChamber:
    """One gas ionisation chamber with its electrometer channel.

    Attributes
    ----------
    gas : str
        A gas of xraydb, e.g. "nitrogen" or "argon".
    length_cm : float
        Active length.
    dark_current_a : float
        Offset that the electrometer shows without beam.
    electronic_noise_a : float
        Noise of the electrometer at 1 s, A rms; falls with the root of the averaging time.
    full_scale_a : float
        Largest current of the range; larger ones read full scale.
    pressure_mbar : float
        Gas pressure; absorption is proportional to it.
    """

    gas: str = "nitrogen"
    length_cm: float = 15.0
    dark_current_a: float = 1e-11
    electronic_noise_a: float = 2e-14
    full_scale_a: float = 1e-6
    pressure_mbar: float = STANDARD_PRESSURE_MBAR

    def absorbed_fraction(self, energy_ev: float) -> float:
        """Share of the photons that the gas absorbs (0..1) at an energy in eV."""
        attenuation_per_cm = float(interpolate(gas_per_cm(self.gas), energy_ev))
        return -math.expm1(-attenuation_per_cm * self.length_cm * self.pressure_mbar / STANDARD_PRESSURE_MBAR)

    def current_a(self, flux_ph_s: float, energy_ev: float, averaging_time_s: float, rng: Generator) -> float:
        """One averaged reading, dark offset and noise included.

        Parameters
        ----------
        flux_ph_s
            Photons per second that enter the chamber.
        energy_ev
            Their energy, eV.
        averaging_time_s
            Length of the average, s, above 0.
        rng
            Source of chance.

        Returns
        -------
        float
            Current in A.

        Raises
        ------
        ValueError
            If the averaging time is not positive.
        """
        if not averaging_time_s > 0.0:
            raise ValueError(f"averaging time {averaging_time_s} s must be above 0 s")
        expected = flux_ph_s * self.absorbed_fraction(energy_ev) * averaging_time_s
        absorbed = float(rng.poisson(expected)) if expected < 1e18 else expected
        charge_c = ELEMENTARY_CHARGE_C * energy_ev / ionisation_ev(self.gas)
        noise_a = float(rng.normal(0.0, self.electronic_noise_a / math.sqrt(averaging_time_s)))
        reading = absorbed * charge_c / averaging_time_s + self.dark_current_a + noise_a
        return float(np.clip(reading, -self.full_scale_a, self.full_scale_a))


@dataclass(frozen=True)
class Readings:
    """Raw currents (A) of one averaged reading: before the sample, behind it, behind the reference foil."""

    i0_a: float
    it_a: float
    ir_a: float


@dataclass(frozen=True)
class IonChambers:
    """Three chambers in the beam: I0, sample, It, reference foil, Ir.

    Attributes
    ----------
    i0, it, ir : IonChamber
        In the order in which the beam meets them.
    """

    i0: IonChamber
    it: IonChamber
    ir: IonChamber

    def currents(
        self,
        flux_ph_s: float,
        energy_ev: float,
        *,
        sample_absorbance: float,
        foil_absorbance: float,
        averaging_time_s: float,
        rng: Generator,
    ) -> Readings:
        """Read all three chambers at once.

        Parameters
        ----------
        flux_ph_s
            Photons per second in front of the first chamber.
        energy_ev
            True photon energy, eV.
        sample_absorbance, foil_absorbance
            mu t of what stands between the chambers.
        averaging_time_s
            Length of the average, s.
        rng
            Source of chance.

        Returns
        -------
        Readings
            Raw currents, A.
        """
        at_sample = flux_ph_s * (1.0 - self.i0.absorbed_fraction(energy_ev))
        at_it = at_sample * math.exp(-sample_absorbance)
        at_ir = at_it * (1.0 - self.it.absorbed_fraction(energy_ev)) * math.exp(-foil_absorbance)
        return Readings(
            i0_a=self.i0.current_a(flux_ph_s, energy_ev, averaging_time_s, rng),
            it_a=self.it.current_a(at_it, energy_ev, averaging_time_s, rng),
            ir_a=self.ir.current_a(at_ir, energy_ev, averaging_time_s, rng),
        )
