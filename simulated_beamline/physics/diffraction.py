"""Powder pattern of a cell: rings of its crystals and halos of all else, per solid angle and photon."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .absorption import Layer
from .array import FloatArray
from .attenuation import atomic_mass, mass_fractions
from .crystal import HC_EV_ANGSTROM
from .layered_oxide import OxideSeries
from .structure import Reflections, Structure, form_factor, metal, reflections

ELECTRON_RADIUS_ANGSTROM = 2.8179403262e-5
AVOGADRO_PER_MOL = 6.02214076e23
CM2_PER_ANGSTROM2 = 1e-16
STRAIN_BELOW = 0.40
"""Lithium content below which layered oxides become strained, whatever the rate."""
SPREAD_NODES = ((-math.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (math.sqrt(3.0), 1 / 6))
"""Where a normal distribution is sampled (in its rms) and with which weight: Gauss-Hermite, 3 points."""


@dataclass(frozen=True)
class Powder:
    """How the grains of a crystal broaden and orient its rings.

    Attributes
    ----------
    crystallite_nm : float
        Size of the coherent domains (Scherrer).
    microstrain : float
        Relative rms spread of the lattice parameters.
    texture : float
        Relative amplitude (-1..1) with which rings vary as cos(2 azimuth).
    """

    crystallite_nm: float
    microstrain: float = 0.0
    texture: float = 0.0


@dataclass(frozen=True)
class CrystalLayer:
    """A metal sheet of the cell: which layer, `fcc` or `bcc`, edge of its cube, grains."""

    layer: Layer
    structure: str
    lattice_angstrom: float
    powder: Powder


@dataclass(frozen=True)
class Halo:
    """Broad maximum of what is not crystalline: position and rms width (1/angstrom), relative height."""

    peak_per_angstrom: float
    width_per_angstrom: float
    height: float


@dataclass(frozen=True)
class Cathode:
    """The active material as a powder.

    Attributes
    ----------
    series : OxideSeries
        Its phases.
    formula_units_per_angstrom2 : float
        In the beam, per area.
    powder : Powder
        Of the lithiated oxide.
    late_strain : float
        Microstrain gained per lithium removed below `STRAIN_BELOW`.
    lithium_spread : float
        Rms of the lithium content from grain to grain.
    """

    series: OxideSeries
    formula_units_per_angstrom2: float
    powder: Powder
    late_strain: float = 0.0
    lithium_spread: float = 0.0


@dataclass(frozen=True)
class Pattern:
    """Scattered photons per incident photon and steradian, unpolarised, before any absorption.

    Attributes
    ----------
    q_per_angstrom, even, textured : ndarray
        Shape (n,). At azimuth phi: even + textured cos(2 phi).
    """

    q_per_angstrom: FloatArray
    even: FloatArray
    textured: FloatArray


class PowderCell:
    """What of a cell scatters.

    Parameters
    ----------
    cathode
        The active material.
    metals
        Crystalline sheets.
    amorphous
        All other layers with their halos.
    instrument_fwhm_deg
        Width of a sharp ring in two theta: spot, divergence and detector.
    """

    def __init__(
        self,
        cathode: Cathode,
        metals: Sequence[CrystalLayer],
        amorphous: Sequence[tuple[Layer, Halo]],
        *,
        instrument_fwhm_deg: float,
    ) -> None:
        self._cathode = cathode
        self._metals = tuple(metals)
        self._amorphous = tuple(amorphous)
        self._instrument_fwhm_deg = instrument_fwhm_deg
        self._still: dict[float, Pattern] = {}

    def pattern(self, q_per_angstrom: FloatArray, energy_ev: float, lithium_content: float) -> Pattern:
        """Scattering of the cell.

        Parameters
        ----------
        q_per_angstrom
            Where, 1/angstrom, shape (n,), rising evenly, above 0.
        energy_ev
            Photon energy.
        lithium_content
            Of the illuminated spot.

        Returns
        -------
        Pattern
        """
        still = self._still_pattern(q_per_angstrom, energy_ev)
        even, textured = still.even.copy(), still.textured.copy()
        for node, weight in SPREAD_NODES:
            content = min(max(lithium_content + node * self._cathode.lithium_spread, 0.0), 1.0)
            rings = self._cathode_rings(q_per_angstrom, energy_ev, content)
            even += weight * rings
            textured += weight * self._cathode.powder.texture * rings
        return Pattern(q_per_angstrom, even, textured)

    def _cathode_rings(self, q: FloatArray, energy_ev: float, content: float) -> FloatArray:
        cathode = self._cathode
        strain = cathode.powder.microstrain + cathode.late_strain * max(0.0, STRAIN_BELOW - content)
        powder = Powder(cathode.powder.crystallite_nm, strain)
        total = np.zeros_like(q)
        for one in cathode.series.shares(content):
            structure = cathode.series.structure(one.phase, one.lithium_content)
            per_cell = len(structure.atoms[0].positions)
            cells = cathode.formula_units_per_angstrom2 * one.share / per_cell
            total += powder_rings(q, energy_ev, structure, cells, powder, self._instrument_fwhm_deg)
        return total

    def _still_pattern(self, q: FloatArray, energy_ev: float) -> Pattern:
        """Give the part that no lithium content changes, kept for the last energy."""
        if energy_ev in self._still and np.array_equal(self._still[energy_ev].q_per_angstrom, q):
            return self._still[energy_ev]
        even, textured = np.zeros_like(q), np.zeros_like(q)
        for layer, halo in self._amorphous:
            even += halo_scattering(q, layer, halo)
        for sheet in self._metals:
            element = sheet.layer.formula
            structure = metal(element, sheet.structure, sheet.lattice_angstrom)
            atoms = sheet.layer.areal_density_g_cm2 * CM2_PER_ANGSTROM2 * AVOGADRO_PER_MOL
            cells = atoms / atomic_mass(element) / len(structure.atoms[0].positions)
            rings = powder_rings(q, energy_ev, structure, cells, sheet.powder, self._instrument_fwhm_deg)
            even += rings
            textured += sheet.powder.texture * rings
        self._still = {energy_ev: Pattern(q, even, textured)}
        return self._still[energy_ev]


def powder_rings(
    q_per_angstrom: FloatArray,
    energy_ev: float,
    structure: Structure,
    cells_per_angstrom2: float,
    powder: Powder,
    instrument_fwhm_deg: float,
    *,
    displacement_angstrom2: float = 0.6,
) -> FloatArray:
    """Rings of a crystal, photons per incident photon and steradian, shape (n,).

    Parameters
    ----------
    q_per_angstrom
        Where, 1/angstrom, shape (n,).
    energy_ev
        Photon energy.
    structure, cells_per_angstrom2, powder
        The crystal, its unit cells per area, and its grains.
    instrument_fwhm_deg
        Width of a sharp ring in two theta.
    displacement_angstrom2
        Isotropic B of the Debye-Waller factor.
    """
    q = q_per_angstrom
    found = reflections(
        structure, energy_ev, 1.05 * float(q[-1]), displacement_angstrom2=displacement_angstrom2
    )
    photons = ring_photons(found, energy_ev, cells_per_angstrom2 * structure.cell.volume_angstrom3)
    gauss, lorentz = ring_widths(found.q_per_angstrom, energy_ev, powder, instrument_fwhm_deg)
    profile = np.zeros_like(q)
    for centre, height, sigma, gamma in zip(found.q_per_angstrom, photons, gauss, lorentz, strict=True):
        profile += height * peak_shape(q - centre, sigma, gamma)
    return profile * per_steradian(q, energy_ev)


def ring_widths(
    q: FloatArray, energy_ev: float, powder: Powder, instrument_fwhm_deg: float
) -> tuple[FloatArray, FloatArray]:
    """Full widths (1/angstrom): normal part of instrument and strain, Lorentzian part of the size."""
    wave = 2.0 * np.pi * energy_ev / HC_EV_ANGSTROM
    cosine = np.sqrt(np.maximum(1.0 - (q / (2.0 * wave)) ** 2, 0.01))
    instrument = wave * cosine * math.radians(instrument_fwhm_deg)
    strain = 2.354820045 * powder.microstrain * q
    size = np.full_like(q, 0.9 * 2.0 * np.pi / (10.0 * powder.crystallite_nm))
    return np.hypot(instrument, strain), size


def ring_photons(rings: Reflections, energy_ev: float, thickness_angstrom: float) -> FloatArray:
    """Photons in each whole ring per incident photon, without polarisation, shape (n,).

    Warren, X-ray Diffraction (1969), chapter 4: r_e^2 wavelength^3 (sum |F|^2 / v^2) t / (4 sin theta).
    """
    wavelength = HC_EV_ANGSTROM / energy_ev
    sine = rings.q_per_angstrom * wavelength / (4.0 * np.pi)
    reachable = sine < 1.0
    strength = ELECTRON_RADIUS_ANGSTROM**2 * wavelength**3 * rings.strength_per_angstrom6
    return np.where(reachable, strength * thickness_angstrom / (4.0 * sine), 0.0)


def per_steradian(q_per_angstrom: FloatArray, energy_ev: float) -> FloatArray:
    """Return photons per steradian for one photon per q: dq/d(2 theta) / (2 pi sin 2 theta), shape (n,)."""
    wave = 2.0 * np.pi * energy_ev / HC_EV_ANGSTROM
    sine = np.minimum(q_per_angstrom / (2.0 * wave), 0.999)
    return wave / (4.0 * np.pi * sine)


def peak_shape(offset: FloatArray, gauss_fwhm: float, lorentz_fwhm: float) -> FloatArray:
    """Pseudo-Voigt of area one (Thompson, Cox and Hastings 1987, doi 10.1107/S0021889887087090).

    `offset` is the distance from the centre, shape (n,); the full widths of its parts are in the same unit.
    """
    g, w = gauss_fwhm, lorentz_fwhm
    fwhm = (
        g**5 + 2.69269 * g**4 * w + 2.42843 * g**3 * w**2 + 4.47163 * g**2 * w**3 + 0.07842 * g * w**4 + w**5
    ) ** 0.2
    ratio = w / fwhm
    mixing = 1.36603 * ratio - 0.47719 * ratio**2 + 0.11116 * ratio**3
    squared = (offset / fwhm) ** 2
    lorentz = 2.0 / (np.pi * fwhm) / (1.0 + 4.0 * squared)
    normal = 2.0 / fwhm * math.sqrt(math.log(2.0) / np.pi) * np.exp(-4.0 * math.log(2.0) * squared)
    return mixing * lorentz + (1.0 - mixing) * normal


def halo_scattering(q_per_angstrom: FloatArray, layer: Layer, halo: Halo) -> FloatArray:
    """Scattering of a layer without crystals, photons per incident photon and steradian, shape (n,).

    Independent atoms whose coherent part has one broad maximum and fades towards q = 0, and Compton
    scattering as Z - f^2 / Z: of the right size, not of the right detail.
    """
    q = q_per_angstrom
    shape = 1.0 - np.exp(-2.0 * (q / halo.peak_per_angstrom) ** 2)
    shape += halo.height * np.exp(-0.5 * ((q - halo.peak_per_angstrom) / halo.width_per_angstrom) ** 2)
    total = np.zeros_like(q)
    for element, atoms in _atoms_per_angstrom2(layer).items():
        factor, electrons = form_factor(element, q), float(form_factor(element, np.zeros(1))[0])
        total += atoms * (factor**2 * shape + electrons - factor**2 / electrons)
    return ELECTRON_RADIUS_ANGSTROM**2 * total


@lru_cache(maxsize=64)
def _atoms_per_angstrom2(layer: Layer) -> Mapping[str, float]:
    areal = layer.areal_density_g_cm2 * CM2_PER_ANGSTROM2 * AVOGADRO_PER_MOL
    return {
        element: areal * share / atomic_mass(element)
        for element, share in mass_fractions(layer.formula).items()
    }
