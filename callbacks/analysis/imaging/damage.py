"""How much of each particle is crack, and how far that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..xas.grid import FloatArray
from .grey_level import GreyLevels

SURFACE_PX = 2.0
LEAST_INNER = 20


@dataclass(frozen=True)
class Damage:
    """Cracks of each particle, arrays of length n_particles in the order of the labels 1, 2, ...

    Attributes
    ----------
    crack_fraction, crack_fraction_sigma
        Share of the particle's inside that is void, from its grey level, and one standard deviation from the
        noise of the voxels; nan where the particle has no inside.
    void_fraction
        Share of voxels below half the level: what a threshold gives. Cracks thinner than the blur are lost.
    inner_voxels
        Voxels farther than 2 voxels from the surface, which count.
    """

    crack_fraction: FloatArray
    crack_fraction_sigma: FloatArray
    void_fraction: FloatArray
    inner_voxels: FloatArray


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
    """

    slope: float
    offset: float
    slope_sigma: float
    offset_sigma: float
    scatter: float
    bias: float

    def applied(self, measured: ArrayLike) -> FloatArray:
        """Give calibrated crack fractions, any shape."""
        return self.offset + self.slope * np.asarray(measured, dtype=np.float64)


def particle_damage(volume: ArrayLike, labels: ArrayLike, levels: GreyLevels) -> Damage:
    """Measure the cracks of each particle.

    Blur spreads a thin crack over its neighbours, so that hardly a voxel of it falls below a threshold, but
    it keeps the sum of grey values. The crack fraction is therefore what is missing in the mean grey value of
    the inside: (active - mean) / (active - pore). The surface itself, blurred with what is outside, is
    left out.

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
        One value per particle.
    """
    ndimage: Any = import_module("scipy.ndimage")
    values, numbers = np.asarray(volume, dtype=np.float32), np.asarray(labels)
    count = int(numbers.max()) + 1
    depth = ndimage.distance_transform_edt(numbers > 0)
    inner = depth > SURFACE_PX
    size = np.bincount(numbers[inner], minlength=count)[1:].astype(np.float64)
    total = np.bincount(numbers[inner], values[inner], count)[1:]
    contrast = levels.active - levels.pore
    enough = size >= LEAST_INNER
    mean = np.divide(total, size, out=np.full(count - 1, np.nan), where=enough)
    sigma = levels.noise / contrast / np.sqrt(np.where(enough, size, np.nan))
    dark = values < (levels.active + levels.pore) / 2
    voids = np.bincount(numbers[inner & dark], minlength=count)[1:]
    naive = np.divide(voids, size, out=np.full(count - 1, np.nan), where=enough)
    return Damage((levels.active - mean) / contrast, sigma, naive, size)


def calibrate_damage(measured: ArrayLike, true: ArrayLike) -> DamageCalibration:
    """Compare measured crack fractions with those of volumes that were made with known cracks.

    Parameters
    ----------
    measured, true
        Crack fractions of the same particles, shape (n,), over all of the range that is to be told: a line of
        a narrow range is too flat. Pairs that are not finite do not count.

    Returns
    -------
    DamageCalibration
        Straight line by least squares, and the bias before it.

    Raises
    ------
    ValueError
        If fewer than ten particles are finite in both.

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
    design = np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    offset, slope = inverse @ design.T @ y
    left: FloatArray = y - offset - slope * x
    scatter = float(np.sqrt((left**2).sum() / left.size))
    sigma = scatter * np.sqrt(np.asarray(inverse.diagonal(), dtype=np.float64))
    return DamageCalibration(
        float(slope), float(offset), float(sigma[1]), float(sigma[0]), scatter, float(np.mean(x - y))
    )
