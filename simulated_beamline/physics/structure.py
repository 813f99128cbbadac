"""Crystal structures: unit cells, atoms in them, and the strength of every reflection."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from .array import FloatArray
from .attenuation import xraydb_module

SAME_Q_PER_ANGSTROM = 1e-6
WEAKEST = 1e-7
"""Reflections weaker than this share of the strongest are left out."""


@dataclass(frozen=True)
class UnitCell:
    """Edges (angstrom) and angles (degree) of a unit cell.

    Examples
    --------
    >>> round(UnitCell.hexagonal(2.872, 14.2).d_spacing_angstrom(0, 0, 3), 4)
    4.7333
    """

    a_angstrom: float
    b_angstrom: float
    c_angstrom: float
    alpha_deg: float = 90.0
    beta_deg: float = 90.0
    gamma_deg: float = 90.0

    @classmethod
    def cubic(cls, a_angstrom: float) -> "UnitCell":
        """Return a cube."""
        return cls(a_angstrom, a_angstrom, a_angstrom)

    @classmethod
    def hexagonal(cls, a_angstrom: float, c_angstrom: float) -> "UnitCell":
        """Return a hexagonal cell."""
        return cls(a_angstrom, a_angstrom, c_angstrom, gamma_deg=120.0)

    @property
    def metric(self) -> FloatArray:
        """Metric tensor (3, 3), angstrom squared."""
        edges = np.array([self.a_angstrom, self.b_angstrom, self.c_angstrom])
        alpha, beta, gamma = (
            math.cos(math.radians(angle)) for angle in (self.alpha_deg, self.beta_deg, self.gamma_deg)
        )
        cosines = np.array([[1.0, gamma, beta], [gamma, 1.0, alpha], [beta, alpha, 1.0]])
        return np.outer(edges, edges) * cosines

    @property
    def volume_angstrom3(self) -> float:
        """Volume of the cell."""
        return math.sqrt(float(np.linalg.det(self.metric)))

    def q_per_angstrom(self, hkl: NDArray[np.int64]) -> FloatArray:
        """Length of scattering vectors, 2 pi / d (1/angstrom; shape (n,)), of indices of shape (n, 3)."""
        reciprocal = np.linalg.inv(self.metric)
        return 2.0 * np.pi * np.sqrt(np.einsum("ni,ij,nj->n", hkl, reciprocal, hkl))

    def d_spacing_angstrom(self, h: int, k: int, l: int) -> float:  # noqa: E741
        """Distance of the lattice planes (h k l)."""
        return 2.0 * math.pi / float(self.q_per_angstrom(np.array([[h, k, l]]))[0])


@dataclass(frozen=True)
class Atom:
    """A site in the unit cell.

    Attributes
    ----------
    occupants : Mapping[str, float]
        Elements and their occupancy.
    positions : tuple of (x, y, z)
        Every equivalent position in the cell, fractional.
    """

    occupants: Mapping[str, float]
    positions: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Structure:
    """A unit cell with its atoms."""

    cell: UnitCell
    atoms: tuple[Atom, ...]


@dataclass(frozen=True)
class Reflections:
    """Rings of a powder, weakest left out.

    Attributes
    ----------
    q_per_angstrom : ndarray
        Shape (n,), rising.
    strength_per_angstrom6 : ndarray
        Sum of |F|^2 over equivalent planes, over the cell's volume squared, shape (n,).
    """

    q_per_angstrom: FloatArray
    strength_per_angstrom6: FloatArray


def centred(
    lattice: Sequence[tuple[float, float, float]], positions: Sequence[tuple[float, float, float]]
) -> tuple[tuple[float, float, float], ...]:
    """Positions repeated at each lattice point of a centred cell, fractional.

    Examples
    --------
    >>> centred([(0.0, 0.0, 0.0), (0.5, 0.5, 0.5)], [(0.0, 0.0, 0.5)])
    ((0.0, 0.0, 0.5), (0.5, 0.5, 0.0))
    """
    return tuple(
        ((x + u) % 1.0, (y + v) % 1.0, (z + w) % 1.0) for u, v, w in lattice for x, y, z in positions
    )


CUBIC_FACES = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
METAL_SITES: Mapping[str, tuple[tuple[float, float, float], ...]] = MappingProxyType(
    {"fcc": CUBIC_FACES, "bcc": ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5))}
)


def metal(element: str, kind: str, a_angstrom: float) -> Structure:
    """Structure of a cubic metal: Al 4.0495 and Cu 3.6149 angstrom are `fcc`, Li 3.509 `bcc`.

    Raises
    ------
    ValueError
        If the kind is neither.
    """
    if kind not in METAL_SITES:
        raise ValueError(
            f"structure {kind!r} of {element} is unknown, the metals have {', '.join(METAL_SITES)}"
        )
    return Structure(UnitCell.cubic(a_angstrom), (Atom({element: 1.0}, METAL_SITES[kind]),))


@lru_cache(maxsize=64)
def anomalous(element: str, energy_ev: float) -> complex:
    """Dispersion correction f' + i f'' of the form factor, electrons (Chantler's tables via xraydb)."""
    library = xraydb_module()
    return complex(library.f1_chantler(element, energy_ev), library.f2_chantler(element, energy_ev))


def form_factor(element: str, q_per_angstrom: FloatArray) -> FloatArray:
    """Form factor f0 of the neutral atom, electrons (Waasmaier and Kirfel 1995 via xraydb).

    Parameters
    ----------
    element
        Symbol.
    q_per_angstrom
        4 pi sin(theta) / wavelength, 1/angstrom, shape (n,).
    """
    return np.asarray(xraydb_module().f0(element, q_per_angstrom / (4.0 * np.pi)), dtype=np.float64)


def planes(cell: UnitCell, q_max_per_angstrom: float) -> NDArray[np.int64]:
    """Return indices (n, 3) of all lattice planes with scattering vectors up to a length, but for (0 0 0)."""
    limits = [
        int(q_max_per_angstrom * edge / (2.0 * math.pi)) + 1
        for edge in (cell.a_angstrom, cell.b_angstrom, cell.c_angstrom)
    ]
    axes = [np.arange(-limit, limit + 1) for limit in limits]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    q = cell.q_per_angstrom(hkl)
    return hkl[(q > 0.0) & (q <= q_max_per_angstrom)]


def reflections(
    structure: Structure, energy_ev: float, q_max_per_angstrom: float, *, displacement_angstrom2: float = 0.6
) -> Reflections:
    """Kinematic strength of all rings: Warren, X-ray Diffraction (1969), chapters 3 and 4.

    Parameters
    ----------
    structure
        Cell and atoms.
    energy_ev
        Photon energy, for the dispersion corrections.
    q_max_per_angstrom
        Largest scattering vector.
    displacement_angstrom2
        Isotropic B of the Debye-Waller factor, common to all atoms.

    Returns
    -------
    Reflections
    """
    cell = structure.cell
    hkl = planes(cell, q_max_per_angstrom)
    q = cell.q_per_angstrom(hkl)
    lengths, ring = np.unique(np.round(q / SAME_Q_PER_ANGSTROM).astype(np.int64), return_inverse=True)
    length: FloatArray = np.asarray(lengths * SAME_Q_PER_ANGSTROM, dtype=np.float64)
    amplitude = np.zeros(len(hkl), dtype=np.complex128)
    for atom in structure.atoms:
        factor = np.zeros(len(length), dtype=np.complex128)
        for element, occupancy in atom.occupants.items():
            factor += occupancy * (form_factor(element, length) + anomalous(element, energy_ev))
        phases = np.exp(2j * np.pi * (hkl @ np.asarray(atom.positions).T)).sum(axis=1)
        amplitude += factor[ring] * phases
    # Counted as integers where no ring is within reach.
    strength = np.bincount(ring, weights=np.abs(amplitude) ** 2, minlength=len(length)).astype(np.float64)
    strength *= np.exp(-2.0 * displacement_angstrom2 * (length / (4.0 * np.pi)) ** 2)
    kept = strength > WEAKEST * strength.max(initial=0.0)
    return Reflections(length[kept], strength[kept] / cell.volume_angstrom3**2)
