"""What a good reconstruction of an electrode looks like: grey levels, blur, noise, and shapes of any kind."""

# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportArgumentType=false, reportReturnType=false

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

from ..array import FloatArray, ImageArray, LabelArray
from .electrode_volume import Phase, voxels
from .packed_electrode import Damage, PackedElectrode
from .voxel_grid import VoxelGrid

FINER = 2
"""Voxels of the truth along the edge of one of the image."""
LEVELS = {Phase.OUTSIDE: 0.08, Phase.PORE: 0.08, Phase.BINDER: 0.35, Phase.OXIDE: 1.0}
"""Grey levels as of laboratory tomograms with some phase contrast; cracks and hollow cores are as pores."""


@dataclass(frozen=True)
class ImageRecipe:
    """How an electrode is seen.

    Attributes
    ----------
    voxel_um : float
        Edge of a voxel of the image.
    blur_px : float
        Standard deviation of what optic and reconstruction smear, voxels.
    noise : float
        Rms of a voxel, over the contrast of dense oxide.
    stretch : tuple of float
        Of the electrode along z, y, x: a calender presses particles flat.
    warp : float
        Rms of the strain that makes potatoes of spheres; 0.15 is much.
    warp_um, warp_seed : float, int
        Length over which it varies, and seed of its chance.
    """

    voxel_um: float
    blur_px: float = 0.8
    noise: float = 0.1
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    warp: float = 0.0
    warp_um: float = 4.0
    warp_seed: int = 0


@dataclass(frozen=True)
class ElectrodeImage:
    """An image and the truth about its n particles.

    Attributes
    ----------
    image : ndarray, shape (z, y, x)
        Grey values.
    label : ndarray of int32, shape (z, y, x)
        Particle that has most of each voxel, cracks included, from 1 on; 0 between.
    crack_fraction, porosity : ndarray, shape (n,)
        Share of each particle that are cracks; and that are cracks and hollow core.
    voxels : ndarray, shape (n,)
        Volume of each.
    """

    image: ImageArray
    label: LabelArray
    crack_fraction: FloatArray
    porosity: FloatArray
    voxels: FloatArray


def electrode_image(
    electrode: PackedElectrode, damage: Damage, recipe: ImageRecipe, rng: Generator
) -> ElectrodeImage:
    """Image of an electrode, and what is true of each particle in it.

    Parameters
    ----------
    electrode, damage
        The n particles, and what cycling has done to them.
    recipe
        How they are seen.
    rng
        Chance of the noise.

    Returns
    -------
    ElectrodeImage
        Space itself is stretched and warped, so that particles of any shape touch as the spheres did and
        none overlap.
    """
    fine_um = recipe.voxel_um / FINER
    size_um = np.array(electrode.recipe.outline.size_um)
    truth = voxels(electrode, damage, VoxelGrid(_sides(size_um, fine_um), fine_um))
    shape = _sides(size_um * np.array(recipe.stretch), fine_um)
    place = _places(shape, truth.phase.shape, recipe, fine_um)
    phase, label = truth.phase[place], truth.label[place]
    grey = np.zeros(256, dtype=np.float32) + np.float32(LEVELS[Phase.PORE])
    for kind, level in LEVELS.items():
        grey[kind] = level
    image = gaussian_filter(_pooled(grey[phase]), recipe.blur_px)
    image += np.float32(recipe.noise) * rng.standard_normal(image.shape, dtype=np.float32)
    count = electrode.count + 1
    total, cracked, hollow = (
        np.bincount(label[where], minlength=count)[1:].astype(np.float64)
        for where in (phase > Phase.OUTSIDE, phase == Phase.CRACK, phase == Phase.VOID)
    )
    some = np.maximum(total, 1.0)
    return ElectrodeImage(
        image,
        _most_frequent(label),
        cracked / some,
        (cracked + hollow) / some,
        total / FINER**3,
    )


def _sides(size_um: FloatArray, fine_um: float) -> tuple[int, int, int]:
    sides = (2 * FINER * np.ceil(0.5 * size_um / (FINER * fine_um) + 2.0)).astype(int)
    return int(sides[0]), int(sides[1]), int(sides[2])


def _places(
    shape: tuple[int, int, int],
    straight: tuple[int, ...],
    recipe: ImageRecipe,
    fine_um: float,
) -> tuple[LabelArray, ...]:
    """Voxel of the straight electrode that each one of the warped one is, three arrays that broadcast."""
    axes = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in shape), indexing="ij", sparse=True)
    places: list[LabelArray] = []
    rng = np.random.default_rng([recipe.warp_seed, 83])
    for axis, stretch, side, whole in zip(axes, recipe.stretch, shape, straight, strict=True):
        place = (axis - 0.5 * (side - 1)) / np.float32(stretch) + np.float32(0.5 * (whole - 1))
        place = np.rint(place + _waves(shape, recipe, fine_um, rng))
        places.append(np.clip(place, 0, whole - 1).astype(np.int32))
    return tuple(places)


def _waves(
    shape: tuple[int, int, int], recipe: ImageRecipe, fine_um: float, rng: Generator
) -> ImageArray | float:
    """Displacement along one axis, voxels, smooth over the length of the recipe."""
    if not recipe.warp:
        return 0.0
    step = recipe.warp_um / 2.0 / fine_um
    coarse = rng.standard_normal(tuple(int(side / step) + 5 for side in shape))
    soft: FloatArray = gaussian_filter(coarse, 1.0, mode="wrap")
    soft *= recipe.warp * step / float(np.std(np.gradient(soft, axis=0)))
    # Linear interpolation on a grid is a product of one along each axis.
    along = [
        _between(np.arange(side) / step + 2.0, count) for side, count in zip(shape, soft.shape, strict=True)
    ]
    waves = np.einsum("ia,jb,kc,abc->ijk", *along, soft.astype(np.float32), optimize=True)
    return np.asarray(waves, dtype=np.float32)


def _between(places: FloatArray, count: int) -> ImageArray:
    """Shares of `count` points of a line in its places by linear interpolation, shape (places, count)."""
    return np.maximum(1.0 - np.abs(places[:, None] - np.arange(count)), 0.0).astype(np.float32)


def _pooled(values: ImageArray) -> ImageArray:
    parts = [part for side in values.shape for part in (side // FINER, FINER)]
    return values.reshape(parts).mean(axis=(1, 3, 5), dtype=np.float32)


def _most_frequent(label: LabelArray) -> LabelArray:
    """Label of most of the finer voxels in each one; of two that share it evenly the first."""
    corners = range(FINER)
    parts = [label[k::FINER, j::FINER, i::FINER] for k in corners for j in corners for i in corners]
    found, most = parts[0].copy(), np.zeros(parts[0].shape, dtype=np.uint8)
    for part in parts:
        votes = np.zeros_like(most)
        for other in parts:
            votes += part == other
        found[votes > most] = part[votes > most]
        np.maximum(most, votes, out=most)
    return found
