"""X-ray fluorescence of a thin specimen under a focused beam: spectra of a detector of several elements."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .array import FloatArray
from .attenuation import LOWEST_EV, bare_and_jump_cm2_g, interpolate, mass_fractions
from .emission_line import (
    EmissionLine,
    attenuation_cm2_g,
    emission_lines,
    fluorescence_yield,
    k_jump_cm2_g,
    l_vacancies_cm2_g,
    shell_edge_ev,
)
from .ion import IONS
from .pulse_processing import PulseProcessor, Scalers
from .silicon_detector import SiliconDetector

ELECTRON_REST_EV = 510998.95
COMPTON_DOPPLER = 0.012
"""Width (FWHM) of the Compton peak over its energy: the momenta of bound electrons (L: 100 eV at 8 keV)."""
TOP_EV = 800.0
"""Above the energy of the beam nothing is counted but pile-up and the width of the elastic peak."""
RAMAN_LIMIT_EV = 100.0
"""Further below an edge nothing is excited: the tail of a lifetime-broadened edge would never end."""


@dataclass(frozen=True)
class FluorescenceGeometry:
    """Where the detector stands.

    Attributes
    ----------
    incidence_deg, exit_deg : float
        Angles of beam and detector to the specimen's surface; together they make the scattering angle.
    solid_angle_sr : tuple of float
        Of each detector element.
    polarisation_share : float
        Scattered photons over those of an unpolarised beam without angular dependence; a detector in the
        plane of the ring at 90 degree sees few.
    """

    incidence_deg: float = 45.0
    exit_deg: float = 45.0
    solid_angle_sr: tuple[float, ...] = (0.021, 0.020, 0.019, 0.018)
    polarisation_share: float = 0.1


@dataclass(frozen=True)
class Exposure:
    """What one exposure gives.

    Attributes
    ----------
    counts : ndarray of int, shape (elements, channels)
        Spectra.
    scalers : tuple of Scalers
        Of each element.
    """

    counts: NDArray[np.int64]
    scalers: tuple[Scalers, ...]


@dataclass(frozen=True)
class _AtEnergy:
    """What depends on the energy of the beam alone.

    Attributes
    ----------
    shapes : ndarray, shape (lines + 2, top)
        Spectra of all lines, then elastic and Compton peak, up to the highest channel of use.
    made : ndarray, shape (lines,)
        Photons of each line per g/cm2 at full edge height.
    attenuation, jump : ndarray, shape (n,)
        Of each element (cm2/g): all of it by the tables, and the part that is its K edge.
    sharp : ndarray, shape (n,)
        1 above the K edge of each element, 0 below it.
    scatter : ndarray, shape (2, n)
        Elastic and Compton cross section (cm2/g) of each element.
    around : ndarray, shape (2,)
        The same of the surroundings times their mass.
    """

    shapes: FloatArray
    made: FloatArray
    attenuation: FloatArray
    jump: FloatArray
    sharp: FloatArray
    scatter: FloatArray
    around: FloatArray


class FluorescenceModel:
    """Spectra from masses: a table of line shapes times how strongly each line is excited.

    Parameters
    ----------
    elements
        Symbols of what may be in the beam, oxygen for its absorption.
    detector
        One detector element.
    geometry
        Where it stands.
    processor
        Dead time and pile-up.
    environment
        Formula and mass per area (g/cm2) of what is around the particle everywhere: it scatters.

    Notes
    -----
    Self-absorption is that of a homogeneous layer: a line that it weakens by mu_out, made by a beam that it
    weakens by mu_in, is reduced by (1 - exp(-chi)) / chi, chi = (mu_in / sin(in) + mu_out / sin(out)) t. Each
    position is a layer by itself, of the mass that the beam meets there (a thin film): what the photons cross
    next to the beam, and enhancement of one element by another, are left out.
    """

    def __init__(
        self,
        elements: tuple[str, ...],
        *,
        detector: SiliconDetector | None = None,
        geometry: FluorescenceGeometry | None = None,
        processor: PulseProcessor | None = None,
        environment: tuple[str, float] = ("C3H4O3", 2e-3),
    ) -> None:
        self.elements = elements
        self.detector = detector or SiliconDetector()
        self.geometry = geometry or FluorescenceGeometry()
        self.processor = processor or PulseProcessor()
        formula, around_g_cm2 = environment
        self._around = {element: share * around_g_cm2 for element, share in mass_fractions(formula).items()}
        self.lines: tuple[EmissionLine, ...] = tuple(
            line for element in elements for line in emission_lines(element)
        )
        self._row = np.array([elements.index(line.element) for line in self.lines], dtype=np.intp)
        self._is_k = np.array([line.shell == "K" for line in self.lines], dtype=np.bool_)
        shapes = [self._seen(line.energy_ev) for line in self.lines]
        self._shapes = np.array(shapes).reshape(len(self.lines), self.detector.channels)
        leaving = [
            [attenuation_cm2_g(element, line.energy_ev) for element in elements] for line in self.lines
        ]
        self._leaving = np.array(leaving).reshape(len(self.lines), len(elements))
        self._solid_angle = np.array(self.geometry.solid_angle_sr)
        self._at = lru_cache(maxsize=4)(self._at_energy)

    def rates_s(
        self,
        energy_ev: float,
        flux_ph_s: float,
        areal_mass_g_cm2: Mapping[str, float],
        edge_height: Mapping[str, float],
    ) -> FloatArray:
        """Photons per second in each channel, before pile-up and dead time.

        Parameters
        ----------
        energy_ev
            Of the beam.
        flux_ph_s
            Photons per second on the specimen.
        areal_mass_g_cm2
            Mass per area of each of `elements`; those not named are absent.
        edge_height
            Normalised K absorption (0 below the edge, 1 far above it) of elements whose fine structure is
            known (`particle_edge.edge_heights`); a sharp edge for the others.

        Returns
        -------
        ndarray
            Shape (elements of the detector, channels).
        """
        mass = np.array([areal_mass_g_cm2.get(element, 0.0) for element in self.elements])
        here = self._at(energy_ev)
        known = [
            edge_height.get(element, sharp) for element, sharp in zip(self.elements, here.sharp, strict=True)
        ]
        height = np.maximum(np.array(known), 0.0)
        strengths = np.concatenate(
            [self._line_strengths(here, mass, height), here.scatter @ mass + here.around]
        )
        per_steradian = strengths @ here.shapes
        rates = np.zeros((len(self._solid_angle), self.detector.channels))
        factor = flux_ph_s / (4.0 * math.pi * math.sin(math.radians(self.geometry.incidence_deg)))
        rates[:, : per_steradian.size] = np.outer(factor * self._solid_angle, per_steradian)
        return rates

    def expose(
        self,
        energy_ev: float,
        flux_ph_s: float,
        areal_mass_g_cm2: Mapping[str, float],
        edge_height: Mapping[str, float],
        *,
        real_s: float,
        rng: Generator,
    ) -> Exposure:
        """Count for a time, with Poisson noise in every channel.

        Parameters
        ----------
        energy_ev, flux_ph_s, areal_mass_g_cm2, edge_height
            See `rates_s`.
        real_s
            Length of the exposure, s.
        rng
            Chance.

        Returns
        -------
        Exposure
            The scalers count the events of these very spectra.
        """
        rates = self.rates_s(energy_ev, flux_ph_s, areal_mass_g_cm2, edge_height)
        mean, scalers = self.processor.recorded(rates, real_s, channel_ev=self.detector.channel_ev)
        counts = _drawn(mean, rng)
        seen = tuple(
            replace(one, all_events=float(total), good_events=float(total))
            for one, total in zip(scalers, counts.sum(axis=1), strict=True)
        )
        return Exposure(counts, seen)

    def _line_strengths(self, here: _AtEnergy, mass: FloatArray, height: FloatArray) -> FloatArray:
        """Photons of each line that leave the specimen per incoming photon, into all directions."""
        sine_in, sine_out = (
            math.sin(math.radians(angle)) for angle in (self.geometry.incidence_deg, self.geometry.exit_deg)
        )
        incoming = mass @ (here.attenuation + here.jump * (height - here.sharp))
        chi = np.maximum(incoming / sine_in + self._leaving @ mass / sine_out, 1e-12)
        return (
            mass[self._row] * here.made * np.where(self._is_k, height[self._row], 1.0) * -np.expm1(-chi) / chi
        )

    def _at_energy(self, energy_ev: float) -> _AtEnergy:
        geometry = self.geometry
        cosine = math.cos(math.radians(geometry.incidence_deg + geometry.exit_deg))
        compton_ev = energy_ev / (1.0 + energy_ev / ELECTRON_REST_EV * (1.0 - cosine))
        top = min(int((energy_ev + TOP_EV) / self.detector.channel_ev), self.detector.channels)
        peaks = [self._seen(energy_ev), self._seen(compton_ev, COMPTON_DOPPLER * energy_ev)]
        scatter, around = (
            geometry.polarisation_share
            * np.array([[attenuation_cm2_g(one, energy_ev, kind) for one in of] for kind in ("coh", "incoh")])
            for of in (self.elements, self._around)
        )
        above_ev = np.array([energy_ev - shell_edge_ev(element, "K") for element in self.elements])
        jumps = [_k_jump_cm2_g(element, energy_ev) for element in self.elements]
        return _AtEnergy(
            shapes=np.ascontiguousarray(np.vstack([self._shapes, peaks])[:, :top]),
            made=np.array([_photons_cm2_g(line, energy_ev, jumps[row]) for line, row in self._numbered()]),
            attenuation=np.array([attenuation_cm2_g(element, energy_ev) for element in self.elements]),
            jump=np.array(jumps),
            sharp=np.where(above_ev > 0.0, 1.0, 0.0),
            scatter=scatter,
            around=around @ np.array(list(self._around.values())),
        )

    def _numbered(self) -> Iterable[tuple[EmissionLine, int]]:
        return zip(self.lines, self._row, strict=True)

    def _seen(self, energy_ev: float, extra_fwhm_ev: float = 0.0) -> FloatArray:
        detector = self.detector
        return detector.efficiency(energy_ev) * detector.response(energy_ev, extra_fwhm_ev=extra_fwhm_ev)


def _k_jump_cm2_g(element: str, energy_ev: float) -> float:
    """Height of the K edge (cm2/g) at an energy; zero far below it, and where no line of it is seen."""
    edge_ev = shell_edge_ev(element, "K")
    if energy_ev < edge_ev - RAMAN_LIMIT_EV or edge_ev < LOWEST_EV:
        return 0.0
    if element not in IONS:
        return k_jump_cm2_g(element, energy_ev)
    return float(interpolate(bare_and_jump_cm2_g(element)[1], energy_ev))


def _photons_cm2_g(line: EmissionLine, energy_ev: float, k_jump_cm2_g: float) -> float:
    """Photons of a line per mass of its element and incoming photon."""
    made = k_jump_cm2_g if line.shell == "K" else l_vacancies_cm2_g(line.element, energy_ev)[line.shell]
    return made * line.share * fluorescence_yield(line.element, line.shell)


def _drawn(mean: FloatArray, rng: Generator) -> NDArray[np.int64]:
    """Poisson counts (elements, channels); none are asked for where all together would be less than 1e-6."""
    brightest = mean[int(np.argmax(mean.sum(axis=1)))]
    below = np.cumsum(brightest)
    used = min(int(np.searchsorted(below, float(below[-1]) - 1e-6)) + 1, brightest.size)
    counts = np.zeros(mean.shape, dtype=np.int64)
    counts[:, :used] = rng.poisson(mean[:, :used])
    return counts
