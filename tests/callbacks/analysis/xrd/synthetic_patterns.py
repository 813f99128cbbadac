"""Powder patterns with known answers, by sums over every reflection: no code of the analysis is used.

Atoms come from the shipped toml files; form factors from xraydb, lines are true Voigt profiles, and a spread
of c is a sum over cells.
"""

import tomllib
from functools import lru_cache
from pathlib import Path

import gemmi
import numpy as np
import xraydb
from scipy.special import voigt_profile

LIBRARY = Path(__file__).parents[4] / "callbacks/analysis/xrd/library"
Q = np.linspace(1.0, 6.2, 2000)
INSTRUMENT_FWHM = 0.010


@lru_cache(maxsize=1)
def entries() -> dict[str, dict]:
    """Library entries by name, as they stand in the files."""
    found = [e for path in sorted(LIBRARY.glob("*.toml")) for e in tomllib.loads(path.read_text())["phase"]]
    return {entry["name"]: entry for entry in found}


@lru_cache(maxsize=64)
def atoms(name: str) -> tuple[tuple[str, np.ndarray, float, float], ...]:
    """Every atom of the cell: element, place, occupancy, B."""
    entry = entries()[name]
    operations = gemmi.find_spacegroup_by_name(entry["space_group"]).operations()
    found = []
    for element, x, y, z, occupancy, b in entry["sites"]:
        places = []
        for operation in operations:
            place = np.array(operation.apply_to_xyz([x, y, z])) % 1.0
            if all(np.abs((place - p + 0.5) % 1.0 - 0.5).max() > 1e-3 for p in places):
                places.append(place)
        found.append((element, np.array(places), occupancy, b))
    return tuple(found)


def reciprocal(lattice) -> tuple[np.ndarray, float]:
    """Reciprocal metric times (2 pi)**2, and volume."""
    a, b, c = lattice[:3]
    x, y, z = np.cos(np.radians(lattice[3:]))
    metric = np.array(
        [[a * a, a * b * z, a * c * y], [a * b * z, b * b, b * c * x], [a * c * y, b * c * x, c * c]]
    )
    return (2 * np.pi) ** 2 * np.linalg.inv(metric), float(np.sqrt(np.linalg.det(metric)))


def all_hkl(lattice, q_max: float) -> np.ndarray:
    """Every index triple with q below q_max, one of each Friedel pair twice."""
    top = [int(length * q_max / 2 / np.pi) + 1 for length in lattice[:3]]
    grid = np.stack(np.meshgrid(*[np.arange(-t, t + 1) for t in top], indexing="ij"), -1).reshape(-1, 3)
    metric, _ = reciprocal(lattice)
    q = np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", grid, metric, grid), 0))
    return grid[(q > 0.3) & (q < q_max)]


@lru_cache(maxsize=256)
def families(name: str, lattice: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """One index triple and the summed |F|**2 / V**2 of each set of lines that fall together."""
    hkl = all_hkl(lattice, 6.6)
    metric, volume = reciprocal(lattice)
    q = np.sqrt(np.einsum("ni,ij,nj->n", hkl, metric, hkl))
    amplitude = np.zeros(len(hkl), dtype=complex)
    for element, places, occupancy, b in atoms(name):
        factor = xraydb.f0(element, q / (4 * np.pi)) * np.exp(-b * (q / (4 * np.pi)) ** 2) * occupancy
        amplitude += factor * np.exp(2j * np.pi * hkl @ places.T).sum(axis=1)
    power = np.abs(amplitude) ** 2 / volume**2
    order = np.lexsort((*hkl.T, np.round(q, 6)))
    starts = np.flatnonzero(np.r_[True, np.diff(q[order]) > 1e-5])
    power = np.add.reduceat(power[order], starts)
    kept = power > 1e-4 * power.max()
    return hkl[order][starts][kept], power[kept]


def density(name: str) -> float:
    """Mass density in dalton per cubic angstrom."""
    _, volume = reciprocal(tuple(entries()[name]["lattice"]))
    return sum(xraydb.atomic_mass(e) * o * len(p) for e, p, o, _ in atoms(name)) / volume


def texture_of(name: str, rng: np.random.Generator, part: float = 0.3) -> np.ndarray:
    """Random factor of each family of lines, uniform within +- part."""
    lattice = tuple(entries()[name]["lattice"])
    return 1 + rng.uniform(-part, part, len(families(name, lattice)[0]))


def lines(q, name, *, lattice=None, strain=0.002, texture=None, cells=None, displacement=0.0, wavelength=0.5):
    """PatternModel of unit volume of a phase; `cells` is (weight, lattice) of grains that differ."""
    own = tuple(entries()[name]["lattice"])
    hkl, power = families(name, own)
    power = power * (1 if texture is None else texture)
    total = np.zeros(q.size)
    for weight, cell in cells or [(1.0, lattice or own)]:
        metric, _ = reciprocal(cell)
        places = np.sqrt(np.einsum("ni,ij,nj->n", hkl, metric, hkl))
        theta = np.arcsin(places * wavelength / 4 / np.pi)
        seen = 4 * np.pi / wavelength * np.sin(theta + 0.5 * displacement * np.sin(4 * theta) / 2)
        for place, at, area in zip(places, seen, power / places**2, strict=True):
            if q[0] - 0.3 < at < q[-1] + 0.3:
                near = slice(*np.searchsorted(q, (at - 0.5, at + 0.5)))
                gauss = INSTRUMENT_FWHM / 2.3548
                total[near] += weight * area * voigt_profile(q[near] - at, gauss, 0.5 * strain * place)
    return total


def grains(name_or_cell, rng=None, *, a_c=None, content=None, spread=0.0, count=41):
    """Cells of grains whose lithium content is spread: (weight, lattice) from a table (x, a, c)."""
    x, a, c = a_c
    offset = np.linspace(-2.5, 2.5, count) if spread > 0 else np.zeros(1)
    weights = np.exp(-0.5 * offset**2)
    weights /= weights.sum()
    contents = np.clip(content + spread * offset, x[0], x[-1])
    return [
        (w, (float(np.interp(v, x, a)), float(np.interp(v, x, a)), float(np.interp(v, x, c)), 90, 90, 120))
        for w, v in zip(weights, contents, strict=True)
    ]


NMC811 = (
    np.array([0.1, 0.2, 0.25, 0.35, 0.45, 0.6, 0.8, 1.0]),
    np.array([2.815, 2.815, 2.816, 2.819, 2.824, 2.835, 2.853, 2.872]),
    np.array([13.72, 14.08, 14.255, 14.435, 14.462, 14.405, 14.285, 14.200]),
)
"""Lithium content, a and c in angstrom of NMC811 (table of the house, literature memory)."""


def counted(q, pattern, peak_counts, rng, background=0.15):
    """Poisson counts with the highest line at `peak_counts` above a falling background."""
    under = background * peak_counts * (0.6 + 0.8 * np.exp(-(q - q[0]) / 1.5))
    return rng.poisson(pattern * peak_counts / pattern.max() + under).astype(float)
