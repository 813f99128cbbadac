"""Layered oxides: structure and phases against lithium content."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .structure import Atom, Structure, UnitCell, centred

RHOMBOHEDRAL = ((0.0, 0.0, 0.0), (2 / 3, 1 / 3, 1 / 3), (1 / 3, 2 / 3, 2 / 3))
BASE_CENTRED = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0))
LATTICE_LENGTH: Mapping[str, int] = {"R-3m": 2, "C2/m": 4, "P-3m1": 2}
"""Numbers that describe a lattice: a, c (angstrom); monoclinic a, b, c (angstrom), beta (degree)."""


@dataclass(frozen=True)
class OxidePhase:
    """A solid solution over a range of lithium content.

    Attributes
    ----------
    name : str
        For people, such as "H1".
    symmetry : str
        R-3m (O3), C2/m (O3, distorted) or P-3m1 (O1).
    lattice : rows of (lithium content, a, c) or (lithium content, a, b, c, beta)
        Angstrom and degree; lithium content falls from row to row, linear between.
    """

    name: str
    symmetry: str
    lattice: tuple[tuple[float, ...], ...]

    @property
    def fullest(self) -> float:
        """Highest lithium content of the phase."""
        return self.lattice[0][0]

    @property
    def emptiest(self) -> float:
        """Lowest lithium content of the phase."""
        return self.lattice[-1][0]

    def lattice_at(self, lithium_content: float) -> tuple[float, ...]:
        """Lattice parameters (angstrom, degree), those of the nearest end outside the phase's range."""
        rows = np.array(self.lattice[::-1])
        return tuple(float(np.interp(lithium_content, rows[:, 0], column)) for column in rows.T[1:])


@dataclass(frozen=True)
class PhaseShare:
    """A phase that is present: its own lithium content and its share of the formula units."""

    phase: OxidePhase
    lithium_content: float
    share: float


@dataclass(frozen=True)
class OxideSeries:
    """The phases of an oxide between full and empty, and the distance that fixes its oxygen.

    Attributes
    ----------
    composition : Mapping[str, float]
        Metals per formula unit.
    phases : tuple of OxidePhase
        In the order in which lithium leaves; between two of them both are present.
    metal_oxygen_angstrom : rows of (lithium content, distance)
        Rising in lithium content; the same that the fine structure of the edge has.
    """

    composition: Mapping[str, float]
    phases: tuple[OxidePhase, ...]
    metal_oxygen_angstrom: tuple[tuple[float, float], ...]

    def shares(self, lithium_content: float) -> tuple[PhaseShare, ...]:
        """Phases that are present at a mean lithium content: one, or two by the lever rule.

        Examples
        --------
        >>> h1 = OxidePhase("H1", "R-3m", ((1.0, 2.878, 14.190), (0.8, 2.858, 14.265)))
        >>> h3 = OxidePhase("H3", "R-3m", ((0.2, 2.815, 13.5),))
        >>> series = OxideSeries({"Ni": 1.0}, (h1, h3), ((0.0, 1.88), (1.0, 1.97)))
        >>> [(one.phase.name, round(one.share, 3)) for one in series.shares(0.5)]
        [('H1', 0.5), ('H3', 0.5)]
        """
        last = len(self.phases) - 1
        index = next((i for i, one in enumerate(self.phases) if lithium_content >= one.emptiest), last)
        phase = self.phases[index]
        if lithium_content <= phase.fullest or index == 0:
            return (PhaseShare(phase, lithium_content, 1.0),)
        before = self.phases[index - 1]
        share = (lithium_content - phase.fullest) / (before.emptiest - phase.fullest)
        return (
            PhaseShare(before, before.emptiest, share),
            PhaseShare(phase, phase.fullest, 1.0 - share),
        )

    def structure(self, phase: OxidePhase, lithium_content: float) -> Structure:
        """Cell and atoms of a phase at its own lithium content.

        Oxygen lies as far from the metals as the distance says: in a layer of height
        ``sqrt(d^2 - a^2 / 3)`` above them, which is z = 1/3 - height / c in R-3m.
        """
        contents, distances = zip(*self.metal_oxygen_angstrom, strict=True)
        bond = float(np.interp(lithium_content, contents, distances))
        lithium = {"Li": lithium_content}
        build = {"R-3m": _rhombohedral, "C2/m": _monoclinic, "P-3m1": _one_layer}[phase.symmetry]
        return build(phase.lattice_at(lithium_content), bond, self.composition, lithium)


def _height_angstrom(bond_angstrom: float, a_angstrom: float) -> float:
    """Height of the oxygen layer over the metals."""
    return math.sqrt(max(bond_angstrom**2 - a_angstrom**2 / 3.0, 0.01))


def _rhombohedral(
    lattice: tuple[float, ...], bond: float, metals: Mapping[str, float], lithium: Mapping[str, float]
) -> Structure:
    a, c = lattice
    z = 1 / 3 - _height_angstrom(bond, a) / c
    return Structure(
        UnitCell.hexagonal(a, c),
        (
            Atom(metals, centred(RHOMBOHEDRAL, [(0.0, 0.0, 0.0)])),
            Atom(lithium, centred(RHOMBOHEDRAL, [(0.0, 0.0, 0.5)])),
            Atom({"O": 1.0}, centred(RHOMBOHEDRAL, [(0.0, 0.0, z), (0.0, 0.0, -z)])),
        ),
    )


def _monoclinic(
    lattice: tuple[float, ...], bond: float, metals: Mapping[str, float], lithium: Mapping[str, float]
) -> Structure:
    a, b, c, beta = lattice
    sine, cosine = math.sin(math.radians(beta)), math.cos(math.radians(beta))
    height = _height_angstrom(bond, 0.5 * (a / math.sqrt(3.0) + b))
    z = 1.0 - height / (c * sine)
    # Above the centre of a triangle of metals, which is a third of a away from the first of them.
    x = 1 / 3 + (1.0 - z) * c * cosine / a
    return Structure(
        UnitCell(a, b, c, beta_deg=beta),
        (
            Atom(metals, centred(BASE_CENTRED, [(0.0, 0.0, 0.0)])),
            Atom(lithium, centred(BASE_CENTRED, [(0.0, 0.5, 0.5)])),
            Atom({"O": 1.0}, centred(BASE_CENTRED, [(x, 0.0, z), (-x, 0.0, -z)])),
        ),
    )


def _one_layer(
    lattice: tuple[float, ...], bond: float, metals: Mapping[str, float], lithium: Mapping[str, float]
) -> Structure:
    a, c = lattice
    z = _height_angstrom(bond, a) / c
    return Structure(
        UnitCell.hexagonal(a, c),
        (
            Atom(metals, ((0.0, 0.0, 0.0),)),
            Atom(lithium, ((0.0, 0.0, 0.5),)),
            Atom({"O": 1.0}, ((1 / 3, 2 / 3, z), (2 / 3, 1 / 3, -z))),
        ),
    )
