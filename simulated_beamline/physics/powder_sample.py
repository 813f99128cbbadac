"""Powders of known structure on the sample holder: calibrants, standards, and what holds them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .absorption import Layer
from .array import FloatArray
from .attenuation import (
    HIGHEST_EV,
    LOWEST_EV,
    atomic_mass,
    bare_and_jump_cm2_g,
    compound_cm2_g,
    edge_energy_ev,
    interpolate,
    mass_fractions,
)
from .diffraction import (
    AVOGADRO_PER_MOL,
    CM2_PER_ANGSTROM2,
    ELECTRON_RADIUS_ANGSTROM,
    Halo,
    Pattern,
    Powder,
    halo_scattering,
    powder_rings,
)
from .sample_emission import Emission, flat_emission, k_lines, scattering, with_lines
from .structure import CUBIC_FACES, Atom, Structure, UnitCell, anomalous, centred, form_factor, metal

LATTICE_ANGSTROM = {"LaB6": 4.156826, "CeO2": 5.411651, "Si": 5.431195, "Ni": 3.5238}
"""Cubic cells at 295 K: NIST SRM 660c, 674b and 640d, and nickel (Swanson 1953, NBS Circular 539 I)."""
BORON_X = 0.1988
"""Of boron in LaB6 (NIST SRM 660c)."""


def cubic_powder(name: str, a_angstrom: float | None = None) -> Structure:
    """Structure of a powder: LaB6, CeO2, Si or Ni.

    Parameters
    ----------
    name
        Which one.
    a_angstrom
        Edge of its cube; that of `LATTICE_ANGSTROM` unless given.

    Raises
    ------
    ValueError
        If there is no such powder.

    Examples
    --------
    >>> len(cubic_powder("CeO2").atoms[1].positions)
    8
    """
    if name not in LATTICE_ANGSTROM:
        raise ValueError(f"powder {name!r} is unknown, known are {', '.join(LATTICE_ANGSTROM)}")
    a = a_angstrom or LATTICE_ANGSTROM[name]
    if name == "Ni":
        return metal("Ni", "fcc", a)
    quarters = (0.25, 0.25, 0.25)
    atoms = {
        "LaB6": (
            Atom({"La": 1.0}, ((0.0, 0.0, 0.0),)),
            Atom({"B": 1.0}, tuple(_octahedron(BORON_X))),
        ),
        "CeO2": (
            Atom({"Ce": 1.0}, CUBIC_FACES),
            Atom({"O": 1.0}, centred(CUBIC_FACES, [quarters, (0.75, 0.75, 0.75)])),
        ),
        "Si": (Atom({"Si": 1.0}, centred(CUBIC_FACES, [(0.0, 0.0, 0.0), quarters])),),
    }
    return Structure(UnitCell.cubic(a), atoms[name])


def _octahedron(x: float) -> list[tuple[float, float, float]]:
    return [place for u in (x, 1.0 - x) for place in ((u, 0.5, 0.5), (0.5, u, 0.5), (0.5, 0.5, u))]


@dataclass(frozen=True)
class PowderSample:
    """A powder in its container, or the container alone.

    Attributes
    ----------
    structure : Structure or None
        Of the powder; None for an empty container.
    areal_density_g_cm2 : float
        Of the powder in the beam.
    powder : Powder
        Its grains.
    u_iso_angstrom2 : float
        Mean square displacement of every atom along a direction, atoms moving on their own.
    container : Layer
        What holds it, and scatters as a halo.
    halo : Halo
        Of the container.
    instrument_fwhm_deg : float
        Width of a sharp ring in two theta.
    """

    structure: Structure | None
    areal_density_g_cm2: float
    powder: Powder
    u_iso_angstrom2: float
    container: Layer
    halo: Halo
    instrument_fwhm_deg: float

    def absorbance(self, energy_ev: ArrayLike) -> FloatArray:
        """Absorbance of powder and container at true energies (eV), shape (m,)."""
        table = self.container.areal_density_g_cm2 * compound_cm2_g(self.container.formula)
        if self.structure is not None:
            table = table + self.areal_density_g_cm2 * compound_cm2_g(_formula(self.structure))
        return np.atleast_1d(interpolate(table, np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))))

    def emission(self, energy_ev: ArrayLike, *, exit_deg: float) -> Emission:
        """Tell what is sent back to the side of the beam: K lines of the powder, and scatter.

        K edges are sharp, and the container does not stand before the powder; otherwise as
        `CellStack.emission`.
        """
        energy = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
        fractions = mass_fractions(_formula(self.structure)) if self.structure is not None else {}
        emitting = [each for each in fractions if LOWEST_EV < edge_energy_ev(each) < HIGHEST_EV]
        lines = k_lines(emitting)
        layer = self.absorbance(with_lines(energy, lines))
        return flat_emission(
            energy,
            lines,
            exit_deg=exit_deg,
            k_absorbance={
                each: self.areal_density_g_cm2 * fractions[each] * _k_cm2_g(each, energy) for each in emitting
            },
            layer=layer,
            whole=layer[: energy.size],
            scattering=interpolate(self._scattering(fractions), energy),
        )

    def _scattering(self, fractions: Mapping[str, float]) -> FloatArray:
        container = self.container
        table = scattering(mass_fractions(container.formula), container.areal_density_g_cm2)
        return table + scattering(fractions, self.areal_density_g_cm2) if fractions else table

    def pattern(self, q_per_angstrom: FloatArray, energy_ev: float) -> Pattern:
        """Scattering of powder and container.

        Bragg rings with their Debye-Waller factor, what that takes from them as diffuse scattering of atoms
        that move on their own (Warren, X-ray Diffraction, 1969, chapter 11), and Compton scattering.

        Parameters
        ----------
        q_per_angstrom
            Where, 1/angstrom, shape (n,), rising evenly, above 0.
        energy_ev
            Photon energy.

        Returns
        -------
        Pattern
        """
        q = q_per_angstrom
        even = halo_scattering(q, self.container, self.halo)
        if self.structure is not None:
            cells = self._cells_per_angstrom2(self.structure)
            even += powder_rings(
                q,
                energy_ev,
                self.structure,
                cells,
                self.powder,
                self.instrument_fwhm_deg,
                displacement_angstrom2=8.0 * math.pi**2 * self.u_iso_angstrom2,
            )
            even += cells * self._diffuse_angstrom2(self.structure, q, energy_ev)
        return Pattern(q, even, np.zeros_like(q))

    def _cells_per_angstrom2(self, structure: Structure) -> float:
        mass = sum(atomic_mass(element) * count for element, count in _counts(structure).items())
        return self.areal_density_g_cm2 * CM2_PER_ANGSTROM2 * AVOGADRO_PER_MOL / mass

    def _diffuse_angstrom2(self, structure: Structure, q: FloatArray, energy_ev: float) -> FloatArray:
        lost = 1.0 - np.exp(-self.u_iso_angstrom2 * q**2)
        total = np.zeros_like(q)
        for element, count in _counts(structure).items():
            factor, electrons = form_factor(element, q), float(form_factor(element, np.zeros(1))[0])
            coherent = np.abs(factor + anomalous(element, energy_ev)) ** 2
            total += count * (coherent * lost + electrons - factor**2 / electrons)
        return ELECTRON_RADIUS_ANGSTROM**2 * total


def _k_cm2_g(element: str, energy: FloatArray) -> FloatArray:
    return interpolate(bare_and_jump_cm2_g(element)[1], energy) * (energy > edge_energy_ev(element))


def _counts(structure: Structure) -> dict[str, float]:
    """Atoms of each element in the unit cell."""
    counts: dict[str, float] = {}
    for atom in structure.atoms:
        for element, occupancy in atom.occupants.items():
            counts[element] = counts.get(element, 0.0) + occupancy * len(atom.positions)
    return counts


def _formula(structure: Structure) -> str:
    return "".join(f"{element}{count:g}" for element, count in _counts(structure).items())
