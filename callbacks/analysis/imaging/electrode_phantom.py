"""Electrodes that are made, not measured: particles of given size with known cracks, for calibration."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..xas.grid import FloatArray

FloatImage = NDArray[np.float32]
LabelArray = NDArray[np.int32]

VOXELS = 1_500_000
PARTICLES = (36, 120)
"""How many voxels a phantom has, as far as these numbers of particles allow."""
PACKED = 0.3
"""Share of the volume that random sequential addition fills easily."""
TRIALS, ROUNDS = 64, 20
MARGIN_PX = 3
CRACKS = (6, 12)
"""Fewest and most of a particle."""
HALF_ANGLE_RAD = (0.4, 1.2)
ROOT, WIDEST_PX = 0.15, 3.5
"""Where cracks begin, in radii of the particle, and how wide they get."""
NEAREST_TIP = 0.7
"""Where the shortest of the closed cracks end, in radii of the particle."""
WEB_PX = 4.0
"""Length over which binder and pores alternate."""


@dataclass(frozen=True)
class PhantomRecipe:
    """What an electrode is made from; grey values run from 0 (pores and cracks) to 1 (active material).

    Attributes
    ----------
    radius_px
        Mean radius of the particles, voxels.
    radius_spread
        Standard deviation of the radius's logarithm, cut at two of them.
    elongation
        Standard deviation of the logarithms of a particle's half axes.
    binder
        Grey level of binder.
    blur_px
        Standard deviation of the blur, voxels.
    noise
        Rms of a voxel.
    most_cracked
        Largest crack fraction; those of the particles are spread evenly from 0 to it.
    thinning
        Power of 1 / radius by which cracks thin out from the centre to the surface.
    seed
        Of all chance: the same recipe always makes the same electrode.
    """

    radius_px: float
    radius_spread: float = 0.3
    elongation: float = 0.1
    binder: float = 0.3
    blur_px: float = 0.8
    noise: float = 0.1
    most_cracked: float = 0.15
    thinning: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        limits = {
            "radius_px": (2.0, 60.0),
            "radius_spread": (0.0, 0.6),
            "elongation": (0.0, 0.2),
            "blur_px": (0.0, 5.0),
            "noise": (0.0, 1.0),
            "most_cracked": (0.01, 0.5),
            "thinning": (-0.5, 2.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"PhantomRecipe: {name} is {value:g}; give {low:g} to {high:g}")


@dataclass(frozen=True)
class ElectrodePhantom:
    """An electrode and what is true of its n particles.

    Attributes
    ----------
    volume
        Grey values, shape (z, y, x).
    labels
        Particle of each voxel, cracks included, from 1 on; 0 outside; same shape.
    crack_fraction
        Share of each particle that is cracks, shape (n,).
    is_open
        Whether the cracks of each are open at its surface; else they end between 0.7 radii and there, shape
        (n,).
    """

    volume: FloatImage
    labels: LabelArray
    crack_fraction: FloatArray
    is_open: NDArray[np.bool_]


def electrode_phantom(recipe: PhantomRecipe) -> ElectrodePhantom:
    """Make an electrode of warped spheres with cracks of two kinds, open at the surface and not.

    Parameters
    ----------
    recipe
        Sizes, grey levels, blur and noise.

    Returns
    -------
    ElectrodePhantom
        Of 36 to 120 particles, none cut by the edge of the volume.

    Examples
    --------
    >>> made = electrode_phantom(PhantomRecipe(radius_px=5.0))
    >>> bool(made.labels.max() == made.crack_fraction.size)
    True
    """
    ndimage: Any = import_module("scipy.ndimage")
    rng = np.random.default_rng(recipe.seed)
    radius, centre, side = _packing(recipe, rng)
    web = ndimage.gaussian_filter(rng.standard_normal((side,) * 3, dtype=np.float32), WEB_PX)
    volume = np.where(web > np.median(web), np.float32(recipe.binder), np.float32(0.0))
    place, labels = _places(recipe, side, rng), np.zeros(volume.shape, dtype=np.int32)
    wanted = rng.uniform(0.0, recipe.most_cracked, radius.size)
    is_open = np.arange(radius.size) % 2 == 0
    true = np.zeros(radius.size)
    for number, (middle, size) in enumerate(zip(centre, radius, strict=True)):
        box = _surroundings(middle, size, side)
        offset = place[:, *box] - middle[:, None, None, None]
        away = np.linalg.norm(offset, axis=0)
        cover = np.clip(size + 0.5 - away, 0.0, 1.0)
        nearest_tip = 1.0 if is_open[number] else NEAREST_TIP
        crack = _cracks(offset / size, size, wanted[number], recipe.thinning, nearest_tip, rng)
        true[number] = float((cover * crack).sum() / cover.sum())
        volume[box] += cover * ((1.0 - crack) - volume[box])
        labels[box][away <= size] = number + 1
    image: FloatImage = ndimage.gaussian_filter(volume, recipe.blur_px)
    image += np.float32(recipe.noise) * rng.standard_normal(image.shape, dtype=np.float32)
    return ElectrodePhantom(image, labels, true, is_open)


def _packing(recipe: PhantomRecipe, rng: Generator) -> tuple[FloatArray, FloatArray, int]:
    """Radii, centres (n, 3) and side of a cube, voxels: random sequential addition, the largest first."""
    mean_px3 = 4 / 3 * np.pi * recipe.radius_px**3 * np.exp(3 * recipe.radius_spread**2)
    count = int(np.clip(VOXELS * PACKED / mean_px3, *PARTICLES))
    spread = recipe.radius_spread * np.clip(rng.standard_normal(count), -2.0, 2.0)
    radius = np.sort(np.exp(spread))[::-1]
    radius *= recipe.radius_px / radius.mean()
    side = int(np.cbrt(4 / 3 * np.pi * (radius**3).sum() / PACKED)) + 2 * MARGIN_PX
    centre = np.zeros((count, 3))
    placed = np.zeros(count, dtype=np.bool_)
    for number, size in enumerate(radius):
        for _ in range(ROUNDS):
            reach = size + MARGIN_PX
            trial = rng.uniform(reach, max(side - 1 - reach, reach + 1e-6), (TRIALS, 3))
            apart = np.linalg.norm(trial[:, None] - centre[placed], axis=2)
            free = (apart > size + radius[placed]).all(axis=1)
            if free.any():
                centre[number], placed[number] = trial[free.argmax()], True
                break
    return radius[placed], centre[placed], side


def _places(recipe: PhantomRecipe, side: int, rng: Generator) -> FloatImage:
    """Place of each voxel in a space that is warped, where particles are spheres, shape (3, z, y, x)."""
    ndimage: Any = import_module("scipy.ndimage")
    place = np.indices((side,) * 3, dtype=np.float32)
    if recipe.elongation:
        for axis in place:
            wave = ndimage.gaussian_filter(rng.standard_normal(axis.shape, np.float32), recipe.radius_px)
            axis += wave * np.float32(recipe.elongation / np.gradient(wave, axis=0).std())
    return place


def _surroundings(centre: FloatArray, radius: float, side: int) -> tuple[slice, slice, slice]:
    """Box that holds a particle, warped or not."""
    reach = 1.3 * radius + 6
    low = np.maximum((centre - reach).astype(int), 0).tolist()
    high = np.minimum((centre + reach).astype(int) + 1, side).tolist()
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def _cracks(
    place: FloatImage, radius_px: float, wanted: float, power: float, nearest_tip: float, rng: Generator
) -> FloatImage:
    """Share of each voxel that is crack; places (3, ...) and tips in radii of the particle.

    Each crack is a sector of a wedge through the centre. A sector of an even plate takes a share of
    1 / radius of the shells that it goes through; widths as radius ** (1 - power) make it radius ** -power.
    """
    count = int(rng.integers(CRACKS[0], CRACKS[1] + 1))
    half_rad, tip = rng.uniform(*HALF_ANGLE_RAD, count), rng.uniform(nearest_tip, 1.0, count)
    area = float((2.0 * half_rad * tip ** (3.0 - power)).sum()) / (3.0 - power)
    width_px = radius_px * wanted * 4 / 3 * np.pi / area
    away = np.linalg.norm(place, axis=0)
    wide_px = np.minimum(width_px * np.maximum(away, ROOT) ** (1.0 - power), WIDEST_PX)
    share = np.zeros(away.shape, dtype=np.float32)
    for angle, end in zip(half_rad, tip, strict=True):
        along, normal = np.linalg.qr(rng.standard_normal((3, 2)))[0].T
        across_px = radius_px * np.abs(np.tensordot(normal, place, 1))
        sector = np.tensordot(along, place, 1) > np.cos(angle) * away
        sector &= (away > ROOT) & (away < end + (nearest_tip == 1.0))
        covered = np.clip(wide_px / 2 + 0.5 - across_px, 0.0, np.minimum(wide_px, 1.0))
        share = np.maximum(share, sector * covered)
    return share
