"""A crystalline phase: its lattice, and its powder lines with their strengths."""
# pyright: standard

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Lattice = tuple[float, float, float, float, float, float]
"""a, b, c in angstrom, alpha, beta, gamma in degrees."""


class System(StrEnum):
    """Crystal system: which numbers of a lattice are free."""

    CUBIC = "cubic"
    TETRAGONAL = "tetragonal"
    HEXAGONAL = "hexagonal"
    ORTHORHOMBIC = "orthorhombic"
    MONOCLINIC = "monoclinic"
    TRICLINIC = "triclinic"


_PRODUCTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Which products of indices multiply the six numbers of the reciprocal metric."""
_TIED: dict[System, tuple[tuple[tuple[int, float], ...], ...]] = {
    System.CUBIC: (((0, 1.0), (1, 1.0), (2, 1.0)),),
    System.TETRAGONAL: (((0, 1.0), (1, 1.0)), ((2, 1.0),)),
    System.HEXAGONAL: (((0, 1.0), (1, 1.0), (5, 1.0)), ((2, 1.0),)),
    System.ORTHORHOMBIC: (((0, 1.0),), ((1, 1.0),), ((2, 1.0),)),
    System.MONOCLINIC: (((0, 1.0),), ((1, 1.0),), ((2, 1.0),), ((4, 1.0),)),
    System.TRICLINIC: tuple(((index, 1.0),) for index in range(6)),
}


def metric_rows(hkl: NDArray[np.int_], system: System) -> FloatArray:
    """Rows (n, k) that give q squared from the free numbers of the reciprocal metric: rows @ metric."""
    indices = np.asarray(hkl, dtype=float)
    products = [indices[:, i] * indices[:, j] * (1.0 if i == j else 2.0) for i, j in _PRODUCTS]
    if system is System.HEXAGONAL:  # the sixth number is half of the first: a* b* cos(60 degrees)
        products[5] = products[5] / 2
    return np.stack([sum(products[i] * factor for i, factor in tied) for tied in _TIED[system]], axis=1)


def metric_of(lattice: Lattice, system: System) -> FloatArray:
    """Free numbers of the reciprocal metric (k,) of a lattice, 1/angstrom**2, with the factor (2 pi)**2."""
    lengths, angles = np.array(lattice[:3]), np.cos(np.radians(lattice[3:]))
    direct = np.outer(lengths, lengths) * np.array(
        [[1, angles[2], angles[1]], [angles[2], 1, angles[0]], [angles[1], angles[0], 1]]
    )
    reciprocal = (2 * np.pi) ** 2 * np.linalg.inv(direct)
    return np.array([reciprocal[_PRODUCTS[tied[0][0]]] for tied in _TIED[system]])


def lattice_of(metric: FloatArray, system: System) -> Lattice:
    """Lattice that belongs to the free numbers of a reciprocal metric; nan where there is none."""
    six = [0.0] * len(_PRODUCTS)
    for value, tied in zip(metric.tolist(), _TIED[system], strict=True):
        for index, factor in tied:
            six[index] = value * factor * (0.5 if system is System.HEXAGONAL and index == 5 else 1.0)
    xx, yy, zz, yz, xz, xy = six
    minors = (yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy)
    determinant = xx * minors[0] - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    squares = [minor / determinant if determinant else math.nan for minor in minors]
    if not all(square > 0 for square in squares):
        return math.nan, math.nan, math.nan, math.nan, math.nan, math.nan
    a, b, c = (2 * math.pi * math.sqrt(square) for square in squares)
    crossed = (xy * xz - xx * yz, xy * yz - yy * xz, xz * yz - zz * xy)
    pairs = ((1, 2), (0, 2), (0, 1))
    cosines = [
        cross / determinant / math.sqrt(squares[i] * squares[j])
        for cross, (i, j) in zip(crossed, pairs, strict=True)
    ]
    alpha, beta, gamma = (math.degrees(math.acos(x)) if abs(x) <= 1 else math.nan for x in cosines)
    return (a, b, c, alpha, beta, gamma)


def lattice_jacobian(metric: FloatArray, system: System) -> FloatArray:
    """Differentiate the lattice (6, k) by the free numbers of the reciprocal metric."""
    step = 1e-6 * float(np.max(np.abs(metric)))
    columns: list[FloatArray] = []
    for index in range(len(metric)):
        shift = np.zeros(len(metric))
        shift[index] = step
        above, below = lattice_of(metric + shift, system), lattice_of(metric - shift, system)
        columns.append((np.array(above) - np.array(below)) / (2 * step))
    return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class Phase:
    """A phase and its powder lines.

    Attributes
    ----------
    name, family, source
        What it is called, its kind such as ``"layered"``, and where its numbers come from.
    space_group, system
        Hermann-Mauguin symbol and crystal system.
    lattice
        a, b, c in angstrom, alpha, beta, gamma in degrees.
    hkl
        One index triple of each line (n, 3), sorted by q.
    q_per_a
        Place of each line (n,), 1/angstrom.
    strength
        Area of each line (n,) in q: multiplicity |F|**2 / (V**2 q**2), electrons**2 / angstrom**4, as an
        azimuthal average over Debye rings gives it; polarisation and absorption are not in it.
    rows
        Rows (n, k) that give q**2 from the free numbers of the reciprocal metric.
    density
        Mass density in dalton per cubic angstrom.
    material
        What it is a phase of, such as ``"LiNiO2"`` whatever its lithium content; empty where not told.
    """

    name: str
    family: str
    source: str
    space_group: str
    system: System
    lattice: Lattice
    hkl: NDArray[np.int_]
    q_per_a: FloatArray
    strength: FloatArray
    rows: FloatArray
    density: float
    material: str = ""

    @property
    def relative_intensity(self) -> FloatArray:
        """Strength of each line (n,) relative to the strongest, 0 to 100."""
        return 100.0 * self.strength / self.strength.max()

    @cached_property
    def metric(self) -> FloatArray:
        """Free numbers of the reciprocal metric (k,), 1/angstrom**2."""
        return metric_of(self.lattice, self.system)
