"""Pair distribution of a structure: distances, thermal width, damping and the end of q."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np

from .scattering_factor import FloatArray, electrons

_FFT: Any = import_module("scipy.fft")

BEYOND = 4.0
"""Distance by which a model reaches beyond the last r, A, so that the end of q blurs it truly."""
REACH_SIGMAS = 6.0
ROUNDING = 1e-5
LEAST_DISTANCE = 0.3


@dataclass(frozen=True)
class Structure:
    """Crystal given by its sites.

    Attributes
    ----------
    lattice
        Vectors a, b, c as rows, A, shape (3, 3) as nested tuples.
    sites
        Fractional coordinates, shape (n, 3) as nested tuples.
    atoms
        Composition of each site, length n: ``"Ni"``, or ``"Ni0.8Mn0.1Co0.1"`` where atoms share it.
    """

    lattice: tuple[tuple[float, float, float], ...]
    sites: tuple[tuple[float, float, float], ...]
    atoms: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what is no crystal."""
        if np.shape(self.lattice) != (3, 3) or not abs(np.linalg.det(np.array(self.lattice))) > 0:
            raise ValueError(f"Structure: lattice {self.lattice} must be three independent vectors in A")
        if not self.sites or len(self.sites) != len(self.atoms):
            raise ValueError(
                f"Structure: {len(self.sites)} sites, {len(self.atoms)} atoms; name one composition per site"
            )

    @property
    def density(self) -> float:
        """Atoms per A^3."""
        return len(self.sites) / abs(float(np.linalg.det(np.array(self.lattice))))


def face_centred_cubic(atom: str, a: float) -> Structure:
    """Metal such as Ni, Cu, Al or Au.

    Parameters
    ----------
    atom
        Element or composition of the site.
    a
        Length of the cubic cell, A.

    Returns
    -------
    Structure
        With four sites.

    Examples
    --------
    >>> round(face_centred_cubic("Ni", 3.524).density, 4)
    0.0914
    """
    corners = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
    return Structure(((a, 0.0, 0.0), (0.0, a, 0.0), (0.0, 0.0, a)), corners, (atom,) * 4)


@dataclass(frozen=True)
class PairDistances:
    """Shells of neighbours of the average atom.

    Attributes
    ----------
    across, along
        Distance across and along z, A, each (n,).
    weight
        Pairs per atom in units of the mean scattering squared, (n,).
    density
        Atoms per A^3.
    """

    across: FloatArray
    along: FloatArray
    weight: FloatArray
    density: float


@lru_cache(maxsize=8)
def pair_distances(structure: Structure, r_max: float) -> PairDistances:
    """Shells of neighbours up to a distance.

    Pairs are weighted by the electrons of their atoms (Egami and Billinge 2012, Underneath the Bragg Peaks).

    Parameters
    ----------
    structure
        The crystal.
    r_max
        Largest distance, A.

    Returns
    -------
    PairDistances
        Equal distances joined.

    Raises
    ------
    ValueError
        If two sites are nearer than 0.3 A.
    """
    lattice, sites = np.array(structure.lattice, dtype=float), np.array(structure.sites, dtype=float)
    number = np.array([electrons(atom) for atom in structure.atoms])
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    reach: list[int] = [int(np.ceil(r_max / height)) + 1 for height in heights]
    cells = np.array(list(product(*(range(-n, n + 1) for n in reach))), dtype=float)
    found: list[FloatArray] = []
    for i, j in product(range(len(sites)), repeat=2):
        vectors = (cells + sites[j] - sites[i]) @ lattice
        across, along = np.hypot(vectors[:, 0], vectors[:, 1]), np.abs(vectors[:, 2])
        kept = (np.hypot(across, along) < r_max) & ((i != j) | (np.hypot(across, along) > ROUNDING))
        weight = np.full(kept.sum(), number[i] * number[j] / number.mean() ** 2 / len(sites))
        found.append(np.stack([across[kept], along[kept], weight]))
    across, along, weight = np.concatenate(found, axis=1)
    nearest = float(np.hypot(across, along).min(initial=np.inf))
    if nearest < LEAST_DISTANCE:
        raise ValueError(f"Structure: two sites are {nearest:.3f} A apart (limit {LEAST_DISTANCE} A)")
    return _joined(across, along, weight, structure.density)


def _joined(across: FloatArray, along: FloatArray, weight: FloatArray, density: float) -> PairDistances:
    """Join equal distances."""
    keys = np.round(np.stack([across, along], axis=1) / ROUNDING).astype(np.int64)
    shells, member = np.unique(keys, axis=0, return_inverse=True)
    joined = np.bincount(member.ravel(), weights=weight, minlength=len(shells)).astype(np.float64)
    distances = np.asarray(shells * ROUNDING, dtype=np.float64)
    return PairDistances(distances[:, 0], distances[:, 1], joined, density)


@dataclass(frozen=True)
class PairModel:
    """What shapes G(r) apart from the structure.

    Attributes
    ----------
    stretch_across, stretch_along
        Factors on the distances across and along z.
    u_iso
        Mean square displacement of an atom along one direction, A^2.
    delta2
        Correlated motion of near neighbours, A^2: variance times 1 - delta2 / r^2.
    q_damp
        Width of the instrument's q resolution, 1/A: G(r) times exp(-(r q_damp)^2 / 2).
    scale
        Factor on G(r).
    """

    stretch_across: float = 1.0
    stretch_along: float = 1.0
    u_iso: float = 0.005
    delta2: float = 0.0
    q_damp: float = 0.0
    scale: float = 1.0


def model_grid(r_last: float, step: float) -> FloatArray:
    """Distances on which a model is computed: from one step to beyond the last r, A, shape (n,)."""
    return np.asarray(step * np.arange(1, int(np.ceil((r_last + BEYOND) / step)) + 1), dtype=np.float64)


def pair_distribution(pairs: PairDistances, model: PairModel, r: FloatArray, q_max: float) -> FloatArray:
    """G(r) of a structure, as seen with q up to a limit.

    G(r) = scale B(r) [sum over shells of weight / r_s times a Gaussian about r_s - 4 pi density r], cut at
    ``q_max``, with the variance 2 u_iso (1 - delta2 / r_s^2) (Proffen and Billinge 1999, J. Appl. Cryst. 32,
    572). Displacements that are Gaussian in three dimensions, hence a Debye-Waller factor in Debye's sum,
    give 1 / r_s, the distance of the shell; 1 / r would shift the lattice by some 1e-4.

    Parameters
    ----------
    pairs
        Shells up to the last r.
    model
        Broadening, damping and scale.
    r
        Evenly spaced from one step on, as `model_grid` gives, A, shape (n,).
    q_max
        End of q, 1/A.

    Returns
    -------
    ndarray
        G(r) in 1/A^2, shape (n,).

    Examples
    --------
    >>> r = model_grid(5.0, 0.01)
    >>> g = pair_distribution(pair_distances(face_centred_cubic("Ni", 3.524), 9.0), PairModel(), r, 24.0)
    >>> round(float(r[g[:300].argmax()]), 2)
    2.49
    """
    step = r[1] - r[0]
    distance = np.hypot(pairs.across * model.stretch_across, pairs.along * model.stretch_along)
    variance = 2 * model.u_iso * np.maximum(1 - model.delta2 / distance**2, 0.05)
    peaks = _gaussians(r, distance, np.sqrt(variance), pairs.weight / distance, step)
    density = pairs.density / (model.stretch_across**2 * model.stretch_along)
    g = model.scale * np.exp(-0.5 * (r * model.q_damp) ** 2) * (peaks - 4 * np.pi * density * r)
    spectrum = _FFT.dst(g, type=1)
    spectrum[np.pi * np.arange(1, r.size + 1) / (step * (r.size + 1)) > q_max] = 0.0
    return np.asarray(_FFT.idst(spectrum, type=1), dtype=np.float64)


def _gaussians(
    r: FloatArray, centre: FloatArray, sigma: FloatArray, weight: FloatArray, step: float
) -> FloatArray:
    """Sum of Gaussians of given areas on an even grid, each within its own reach."""
    half = int(np.ceil(REACH_SIGMAS * sigma.max() / step))
    first = np.rint(centre / step).astype(np.intp) - 1 - half
    place = first[:, None] + np.arange(2 * half + 1)
    value = np.exp(-0.5 * (((place + 1) * step - centre[:, None]) / sigma[:, None]) ** 2)
    value *= (weight / sigma / np.sqrt(2 * np.pi))[:, None]
    inside = (place >= 0) & (place < r.size)
    return np.bincount(place[inside], weights=value[inside], minlength=r.size).astype(np.float64)
