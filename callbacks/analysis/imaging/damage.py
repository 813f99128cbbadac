"""How much of each particle is crack, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray
from .grey_level import GreyLevels
from .hollow_core import hollow_cores, own_depth

SMOOTH_PX = 0.5
SURFACE_PX, RIM_PX = 2.0, 2.0
"""How far a surface and the rim of a hollow core reach at least: their place is not sharp."""
REACH = 2.2
"""How far blur reaches, in its standard deviations, from the middle of a surface's voxels: 1.4 % is left."""
SURFACE_ERROR_PX = 0.2
"""What the surface of a segmented sphere is off by."""
LEAST_INNER = 20
CENTRE_TO_SURFACE = 0.3, 0.9
"""Radii, in those of the particle, between which the thinning of cracks is found."""


@dataclass(frozen=True)
class Damage:
    """Cracks of each particle, arrays of length n_particles in the order of the labels 1, 2, ...

    Attributes
    ----------
    crack_fraction, crack_fraction_sigma
        Share of the particle's volume that is cracks, from its grey level, and one standard deviation from
        the noise of the voxels; nan where the particle has no inside.
    core_fraction, core_fraction_sigma
        Share that is a hollow core, and one standard deviation from where its surface is.
    void_fraction
        Share of voxels below half the level: what a threshold gives. Cracks thinner than the blur are lost.
    inner_voxels
        Number of voxels that count for cracks: farther from the surface than its blur reaches, 2 at least,
        and than 2 from the core; nan where there are too few.
    thinning
        Power of 1 / radius by which the cracks of all particles thin out; it is used as far as 0 to 1.
    """

    crack_fraction: FloatArray
    crack_fraction_sigma: FloatArray
    core_fraction: FloatArray
    core_fraction_sigma: FloatArray
    void_fraction: FloatArray
    inner_voxels: FloatArray
    thinning: float


@dataclass(frozen=True)
class DamageCalibration:
    """True crack fraction against the measured one, from volumes with known cracks.

    Attributes
    ----------
    slope, offset
        True = offset + slope * measured.
    slope_sigma, offset_sigma
        One standard deviation.
    scatter
        Rms deviation of single particles from the line.
    bias
        Mean of measured less true, before calibration.
    particles, middle
        Number of particles, and mean of what was measured of them.
    kinds
        Lines of single kinds of cracks, where they are known.
    unlike
        By how much the volumes of the line may be off those that it is for, as far as is known.
    """

    slope: float
    offset: float
    slope_sigma: float
    offset_sigma: float
    scatter: float
    bias: float
    particles: int
    middle: float
    kinds: tuple[DamageCalibration, ...] = ()
    unlike: float = 0.0

    def applied(self, measured: ArrayLike) -> FloatArray:
        """Give calibrated crack fractions, any shape."""
        return self.offset + self.slope * np.asarray(measured, dtype=np.float64)

    def bias_sigma(self, measured: ArrayLike) -> FloatArray:
        """Tell how well the bias is known, any shape: what all particles have in common.

        In quadrature the line's own standard deviation, the rms distance of the lines of single kinds from
        it, and `unlike`.
        """
        values = np.asarray(measured, dtype=np.float64)
        own = (
            self.unlike**2
            + self.scatter**2 / self.particles
            + (self.slope_sigma * (values - self.middle)) ** 2
        )
        apart = [(kind.applied(values) - self.applied(values)) ** 2 for kind in self.kinds]
        return np.sqrt(own + (np.mean(apart, axis=0) if apart else 0.0))


def particle_damage(volume: ArrayLike, labels: ArrayLike, levels: GreyLevels) -> Damage:
    """Measure the cracks of each particle, and its hollow core apart from them.

    Blur spreads a thin crack over its neighbours, so that hardly a voxel of it falls below a threshold, but
    it keeps the sum of grey values. Cracks are therefore what is missing in the mean grey value of the
    inside: (active - mean) / (active - pore). What is next to another particle or to a surface is blurred
    with it and left out. Cracks thin out towards the surface, those that grow from a core as 1 / radius; a
    power of the radius is found from all particles together, by which the inside of each stands for it all.

    Parameters
    ----------
    volume
        Grey values, shape (z, y, x).
    labels
        From `segment_particles`, same shape.
    levels
        From `grey_levels`.

    Returns
    -------
    Damage
        One value per particle. A core narrower than about five voxels counts as cracks.
    """
    ndimage: Any = import_module("scipy.ndimage")
    values, numbers = np.asarray(volume, dtype=np.float32), np.asarray(labels)
    depth, contrast = own_depth(numbers), levels.active - levels.pore
    half = (levels.active + levels.pore) / 2
    core = hollow_cores(ndimage.gaussian_filter(values, SMOOTH_PX) < half, numbers, depth)
    below = depth > max(SURFACE_PX, REACH * levels.blur_px + 0.5)
    inner = below & (ndimage.distance_transform_edt(~core) > RIM_PX) if core.any() else below
    whole, size, near = (_counted(numbers, where) for where in (numbers > 0, inner, below & ~inner))
    voids = _counted(numbers, inner & (values < half))
    size[size < LEAST_INNER] = np.nan
    lack = (levels.active - values) / np.float32(contrast)
    missing = _counted(numbers, inner, lack) / size
    dark = _counted(numbers, below & ~inner, lack) - np.nan_to_num(missing) * near
    hollow = np.where(_counted(numbers, core) > 0, np.clip(dark, 0.0, whole), 0.0)
    power = _thinning(lack[inner], depth[inner] / np.cbrt(whole * 3 / (4 * np.pi))[numbers[inner] - 1])
    share = _share_of_shell(whole, hollow, size + near, near, float(np.clip(power, 0.0, 1.0)))
    sigma = levels.noise * share / contrast / np.sqrt(size)
    core_sigma = np.cbrt(36 * np.pi * hollow**2) * SURFACE_ERROR_PX / whole
    return Damage(missing * share, sigma, hollow / whole, core_sigma, voids / size, size, power)


def _counted(
    labels: NDArray[np.integer[Any]], where: NDArray[np.bool_], values: NDArray[np.float32] | None = None
) -> FloatArray:
    """Voxels of each particle, or the sum of their values, shape (n,)."""
    weights = None if values is None else values[where]
    return np.bincount(labels[where], weights, int(labels.max()) + 1)[1:].astype(np.float64)


def _thinning(lack: NDArray[np.float32], depth: FloatArray) -> float:
    """Find the power of 1 / radius by which cracks thin out; depths in radii of the particle."""
    radius = 1.0 - depth
    edge = np.linspace(*CENTRE_TO_SURFACE, 9)
    place = np.digitize(radius, edge)
    count = np.bincount(place, minlength=edge.size + 1)[1:-1]
    mean = np.bincount(place, lack, edge.size + 1)[1:-1] / np.maximum(count, 1)
    told = (count >= LEAST_INNER) & (mean > 0.0)
    if np.count_nonzero(told) < 3:
        return 0.0
    middle = 0.5 * (edge[1:] + edge[:-1])
    slope = np.polynomial.polynomial.polyfit(
        np.log(middle[told]), np.log(mean[told]), 1, w=np.sqrt(count[told]) * mean[told]
    )[1]
    return -float(slope)


def _share_of_shell(
    whole: FloatArray, hollow: FloatArray, outer: FloatArray, inner: FloatArray, power: float
) -> FloatArray:
    """Mean of a power of 1 / radius over a particle, over that of the shell between two balls.

    All, the hollow core too, are volumes of balls about one centre. For a solid ball and power 1 it
    is the radius of the ball that is looked at over that of the particle.
    """
    particle, core, far, near = (np.cbrt(each) for each in (whole, hollow, outer, inner))
    rest = 3.0 - power
    of_particle = (particle**rest - core**rest) / whole
    return of_particle * (outer - inner) / (far**rest - near**rest)


def calibrate_damage(
    measured: ArrayLike, true: ArrayLike, *, kinds: Sequence[DamageCalibration] = ()
) -> DamageCalibration:
    """Compare measured crack fractions with those of volumes that were made with known cracks.

    Parameters
    ----------
    measured, true
        Crack fractions of the same particles, shape (n,), over all of the range that is to be told: a line of
        a narrow range is too flat. Pairs that are not finite do not count.
    kinds
        Lines of single kinds of cracks among them.

    Returns
    -------
    DamageCalibration
        Straight line by least squares, and the bias before it.

    Raises
    ------
    ValueError
        If fewer than ten particles are finite in both, or all are measured alike.

    Examples
    --------
    >>> measured = np.linspace(0.0, 0.2, 20)
    >>> round(calibrate_damage(measured, 0.01 + 1.5 * measured).slope, 3)
    1.5
    """
    x, y = np.asarray(measured, dtype=np.float64), np.asarray(true, dtype=np.float64)
    good = np.isfinite(x) & np.isfinite(y)
    if good.sum() < 10:
        raise ValueError(f"calibrate_damage: {good.sum()} particles are finite in both; give at least 10")
    x, y = x[good], y[good]
    if not np.ptp(x) > 0:
        raise ValueError(
            f"calibrate_damage: all {x.size} measured fractions are {x[0]:.3g}; give particles whose cracks "
            "differ"
        )
    design = np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    offset, slope = inverse @ design.T @ y
    left: FloatArray = y - offset - slope * x
    scatter = float(np.sqrt((left**2).sum() / left.size))
    sigma = scatter * np.sqrt(np.asarray(inverse.diagonal(), dtype=np.float64))
    return DamageCalibration(
        float(slope),
        float(offset),
        float(sigma[1]),
        float(sigma[0]),
        scatter,
        float(np.mean(x - y)),
        x.size,
        float(x.mean()),
        tuple(kinds),
    )
