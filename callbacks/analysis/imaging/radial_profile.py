"""From the surface of a particle to its core: profiles, gradients, and the strain that they would make."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..xas.grid import FloatArray, IndexArray

LEAST_PIXELS = 12


@dataclass(frozen=True)
class RadialProfile:
    """A quantity against relative depth, over all particles of an image or volume.

    Attributes
    ----------
    depth
        Middle of each bin, 0 at the surface, 1 at the deepest point of a particle, shape (bins,).
    mean, sigma
        Mean over particles and its standard deviation, from the spread of particles, shape (bins,).
    spread
        Standard deviation between particles, shape (bins,).
    particles
        Particles that have pixels in the bin, shape (bins,).
    """

    depth: FloatArray
    mean: FloatArray
    sigma: FloatArray
    spread: FloatArray
    particles: IndexArray


@dataclass(frozen=True)
class RadialGradient:
    """How a quantity goes from surface to core in each particle, arrays in the order of the labels 1, 2, ...

    Attributes
    ----------
    surface
        Value at the surface, by the straight line through the pixels.
    core_less_surface, core_less_surface_sigma
        Change from surface to deepest point, and one standard deviation from the scatter about the line.
    scatter
        Rms deviation of pixels from the line.
    pixels
        Pixels that count; results are nan below twelve.
    """

    surface: FloatArray
    core_less_surface: FloatArray
    core_less_surface_sigma: FloatArray
    scatter: FloatArray
    pixels: IndexArray


def relative_depth(labels: ArrayLike) -> FloatArray:
    """Depth of every pixel below the surface of its particle, over that of the deepest one.

    Parameters
    ----------
    labels
        Numbers of particles, 0 outside, shape (rows, columns) or (z, y, x).

    Returns
    -------
    ndarray
        0 at the surface to 1, same shape; nan outside. Surfaces between touching particles count.
    """
    ndimage: Any = import_module("scipy.ndimage")
    numbers = np.pad(np.asarray(labels), 1)
    rim = np.zeros(numbers.shape, dtype=bool)
    for axis in range(numbers.ndim):
        for step in (-1, 1):
            rim |= np.roll(numbers, step, axis=axis) != numbers
    body = numbers > 0
    # Pixels of the rim are half a pixel deep.
    depth = ndimage.distance_transform_edt(~rim) + 0.5
    deepest = np.asarray(ndimage.maximum(depth, numbers, np.arange(numbers.max() + 1)), dtype=np.float64)
    scaled = np.where(body, (depth - 0.5) / np.maximum(deepest[numbers] - 0.5, 0.5), np.nan)
    return scaled[(slice(1, -1),) * numbers.ndim]


def _counted(values: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, FloatArray, IndexArray, int]:
    """Values, depths and particle numbers of the pixels that count, and how many particles there are."""
    measured, numbers = np.asarray(values, dtype=np.float64), np.asarray(labels)
    if measured.shape != numbers.shape or not numbers.any():
        raise ValueError(
            f"values of shape {measured.shape}, labels of shape {numbers.shape} with "
            f"{np.unique(numbers).size - 1} particles; give two of one shape with one particle at least"
        )
    good = (numbers > 0) & np.isfinite(measured)
    return measured[good], relative_depth(numbers)[good], numbers[good].astype(np.intp), int(numbers.max())


def radial_profile(values: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> RadialProfile:
    """Average a map or volume over layers of equal relative depth in its particles.

    Every particle counts alike in a layer, however large it is.

    Parameters
    ----------
    values
        Such as valence; pixels that are not finite do not count. Shape (rows, columns) or (z, y, x).
    labels
        Numbers of particles, same shape.
    bins
        Number of layers.

    Returns
    -------
    RadialProfile
        Units of the values.

    Raises
    ------
    ValueError
        If the shapes differ, or there is no particle or no layer.
    """
    if bins < 1:
        raise ValueError(f"radial_profile: {bins} layers; give one at least")
    measured, depth, number, count = _counted(values, labels)
    code = number * bins + np.minimum((depth * bins).astype(np.intp), bins - 1)
    size = np.bincount(code, minlength=(count + 1) * bins).reshape(-1, bins)[1:]
    total = np.bincount(code, measured, (count + 1) * bins).reshape(-1, bins)[1:]
    each = np.divide(total, size, out=np.full(total.shape, np.nan), where=size > 0)
    particles = (size > 0).sum(axis=0)
    mean = np.nansum(each, axis=0) / np.maximum(particles, 1)
    left = np.where(size > 0, each - mean, 0.0)
    spread = np.sqrt((left**2).sum(axis=0) / np.maximum(particles - 1, 1))
    some = particles > 1
    return RadialProfile(
        depth=(np.arange(bins) + 0.5) / bins,
        mean=np.where(particles > 0, mean, np.nan),
        sigma=np.where(some, spread / np.sqrt(np.maximum(particles, 1)), np.nan),
        spread=np.where(some, spread, np.nan),
        particles=particles.astype(np.intp),
    )


def radial_gradient(values: ArrayLike, labels: ArrayLike) -> RadialGradient:
    """Fit a straight line against relative depth in every particle.

    Parameters
    ----------
    values
        Such as valence or lithium content; pixels that are not finite do not count.
    labels
        Numbers of particles, same shape.

    Returns
    -------
    RadialGradient
        Units of the values. The sigma takes pixels as independent.

    Raises
    ------
    ValueError
        If the shapes differ or there is no particle.
    """
    y, x, number, count = _counted(values, labels)
    n, sx, sy, sxx, sxy, syy = (
        np.bincount(number, weight, count + 1)[1:] for weight in (np.ones_like(x), x, y, x * x, x * y, y * y)
    )
    enough = n >= LEAST_PIXELS
    with np.errstate(invalid="ignore", divide="ignore"):
        vxx, vxy, vyy = sxx / n - (sx / n) ** 2, sxy / n - sx * sy / n**2, syy / n - (sy / n) ** 2
        slope = np.where(enough & (vxx > 0), vxy / vxx, np.nan)
        scatter = np.sqrt(np.maximum(vyy - slope * vxy, 0.0) * n / (n - 2))
        sigma = scatter / np.sqrt(n * vxx)
        surface = sy / n - slope * sx / n
    return RadialGradient(surface, slope, sigma, scatter, n.astype(np.intp))


def mismatch_strain(gradient: RadialGradient, *, strain_per_unit: float) -> tuple[FloatArray, FloatArray]:
    """Strain between core and surface if each could take its free length: a proxy, not a stress analysis.

    Parameters
    ----------
    gradient
        Of lithium content, valence or the like.
    strain_per_unit
        Linear strain of the lattice per unit of that quantity, such as a third of the relative change of
        the volume of the cell.

    Returns
    -------
    tuple of arrays
        Strain (core less surface) of each particle and one standard deviation.
    """
    return (
        strain_per_unit * gradient.core_less_surface,
        abs(strain_per_unit) * gradient.core_less_surface_sigma,
    )
