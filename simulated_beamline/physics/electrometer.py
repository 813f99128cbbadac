"""Ion chambers and fluorescence diode: from photons to the currents that one electrometer reads."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from .array import FloatArray
from .attenuation import element_cm2_g, gas_per_cm, interpolate, ionisation_ev
from .sample_emission import Emission
from .silicon_detector import PAIR_EV, SILICON_G_CM3

ELEMENTARY_CHARGE_C = 1.602176634e-19
STANDARD_PRESSURE_MBAR = 1013.25
MOST_PHOTONS = 1e18
"""Of one reading for which chance is drawn: numpy's Poisson law ends at 9e18, every range long before."""


@dataclass(frozen=True)
class ElectrometerChannel:
    """What an electrometer adds to the current of a detector.

    Attributes
    ----------
    dark_current_a : float
        Offset that it shows without beam.
    electronic_noise_a : float
        Its noise at 1 s, A rms; falls with the root of the averaging time.
    full_scale_a : float
        Largest current of the range; larger ones read full scale.
    """

    dark_current_a: float = 1e-11
    electronic_noise_a: float = 2e-14
    full_scale_a: float = 1e-6

    def reading_a(
        self, photons: ArrayLike, charge_c: ArrayLike, averaging_time_s: ArrayLike, rng: Generator
    ) -> FloatArray:
        """Averaged readings, with shot noise, dark offset, electronic noise and full scale.

        Parameters
        ----------
        photons
            Expected number that the detector absorbs in the averaging time, shape (n,) or a number.
        charge_c
            That each of them makes, C, likewise.
        averaging_time_s
            Length of the average, s, above 0, likewise.
        rng
            Source of chance.

        Returns
        -------
        ndarray
            Currents in A, of the same shape.

        Raises
        ------
        ValueError
            If an averaging time is not positive.
        """
        time_s = np.asarray(averaging_time_s, dtype=np.float64)
        if not np.all(time_s > 0.0):
            raise ValueError(f"averaging time {averaging_time_s} s must be above 0 s")
        expected = np.asarray(photons, dtype=np.float64)
        drawn = rng.poisson(np.minimum(expected, MOST_PHOTONS))
        absorbed = np.where(expected < MOST_PHOTONS, drawn, expected)
        noise_a = rng.normal(0.0, self.electronic_noise_a / np.sqrt(time_s))
        reading = absorbed * np.asarray(charge_c) / time_s + self.dark_current_a + noise_a
        return np.clip(reading, -self.full_scale_a, self.full_scale_a)


@dataclass(frozen=True)
class IonChamber(ElectrometerChannel):
    """One gas ionisation chamber with its electrometer channel.

    Attributes
    ----------
    gas : str
        A gas of xraydb, e.g. "nitrogen" or "argon".
    length_cm : float
        Active length.
    pressure_mbar : float
        Gas pressure; absorption is proportional to it.
    """

    gas: str = "nitrogen"
    length_cm: float = 15.0
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
        absorbed = flux_ph_s * self.absorbed_fraction(energy_ev) * averaging_time_s
        charge_c = ELEMENTARY_CHARGE_C * energy_ev / ionisation_ev(self.gas)
        return float(self.reading_a(absorbed, charge_c, averaging_time_s, rng))


@dataclass(frozen=True)
class FluorescenceDiode(ElectrometerChannel):
    """An ion-implanted (PIPS) silicon diode that looks at the sample from the side of the beam.

    It counts charge, not photons: each makes its energy over 3.66 eV of pairs, so that it does not tell
    fluorescence from scattering. Its dead layer and the gas in front of it are left out.

    Attributes
    ----------
    area_mm2, distance_mm : float
        Of its round face, which is turned to the spot, and from there.
    exit_deg : float
        Angle between the sample's surface and the way to it; the beam meets the surface at 90 degree.
    thickness_um : float
        Of the silicon.
    """

    area_mm2: float = 300.0
    distance_mm: float = 60.0
    exit_deg: float = 45.0
    thickness_um: float = 300.0

    @property
    def solid_angle_sr(self) -> float:
        """Of the face seen from the spot: that of a disc on its axis."""
        slope_length_mm = math.hypot(self.distance_mm, math.sqrt(self.area_mm2 / math.pi))
        return 2.0 * math.pi * (1.0 - self.distance_mm / slope_length_mm)

    def absorbed_fraction(self, energy_ev: ArrayLike) -> FloatArray:
        """Share of the photons that the silicon absorbs (0..1) at energies in eV, of their shape."""
        areal_g_cm2 = SILICON_G_CM3 * self.thickness_um * 1e-4
        return -np.expm1(-areal_g_cm2 * interpolate(element_cm2_g("Si"), energy_ev))

    def currents_a(
        self, flux_ph_s: ArrayLike, emission: Emission, averaging_time_s: ArrayLike, rng: Generator
    ) -> FloatArray:
        """Averaged readings, dark offset and noise included.

        Photons of several energies arrive; one Poisson number with the mean and the variance of their charge
        stands for all of them.

        Parameters
        ----------
        flux_ph_s
            Photons per second that meet the sample, shape (m,).
        emission
            What the sample does with them, at m energies.
        averaging_time_s
            Length of the averages, s, above 0, shape (m,).
        rng
            Source of chance.

        Returns
        -------
        ndarray
            Currents in A, shape (m,).

        Raises
        ------
        ValueError
            If an averaging time is not positive.
        """
        absorbed = emission.photons * self.absorbed_fraction(emission.energy_ev)
        charge_c = ELEMENTARY_CHARGE_C * emission.energy_ev / PAIR_EV
        mean, square = (absorbed * charge_c).sum(axis=0), (absorbed * charge_c**2).sum(axis=0)
        per_photon_c = np.divide(square, mean, out=np.zeros_like(mean), where=mean > 0.0)
        number = np.divide(mean, per_photon_c, out=np.zeros_like(mean), where=mean > 0.0)
        met = np.asarray(flux_ph_s) * np.asarray(averaging_time_s) * self.solid_angle_sr / (4.0 * math.pi)
        return self.reading_a(met * number, per_photon_c, averaging_time_s, rng)


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
