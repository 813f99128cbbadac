"""Grains of a secondary particle: radially elongated, with boundaries, cracks and what lies behind them."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .array import BoolArray, FloatArray, IndexArray

RAY_SAMPLES = 48


@dataclass(frozen=True)
class Grains:
    """Which grain every pixel belongs to.

    Attributes
    ----------
    label : ndarray of int, shape (ny, nx)
        Grain, from 0.
    neighbour : ndarray of int, shape (ny, nx)
        The grain that comes second: what lies on the other side of the next boundary.
    boundary_nm : ndarray, shape (ny, nx)
        Distance to the next boundary, nm.
    azimuth_rad : ndarray, shape (grains,)
        Direction from the particle's centre to the middle of each grain.
    """

    label: IndexArray
    neighbour: IndexArray
    boundary_nm: FloatArray
    azimuth_rad: FloatArray

    @property
    def count(self) -> int:
        """Number of grains."""
        return len(self.azimuth_rad)


def grow_grains(
    x_nm: FloatArray, y_nm: FloatArray, *, radius_nm: float, count: int, elongation: float, rng: Generator
) -> Grains:
    """Divide a disc into grains that point outwards.

    A Voronoi tessellation in which distances along the radius of each seed count less than across it: the
    radially aligned primary particles of nickel-rich cathodes in outline.

    Parameters
    ----------
    x_nm, y_nm
        Pixel centres, shape (ny, nx), nm from the particle's centre.
    radius_nm
        Of the disc.
    count
        Number of grains.
    elongation
        Length over width of a grain.
    rng
        Chance.

    Returns
    -------
    Grains
    """
    radius = radius_nm * np.sqrt(rng.uniform(0.0, 1.0, count))
    azimuth = rng.uniform(-np.pi, np.pi, count)
    cosine, sine = np.cos(azimuth), np.sin(azimuth)
    offset_x = x_nm[..., None] - radius * cosine
    offset_y = y_nm[..., None] - radius * sine
    along = (offset_x * cosine + offset_y * sine) / elongation
    across = -offset_x * sine + offset_y * cosine
    distance = np.hypot(along, across)
    nearest = np.argpartition(distance, 1, axis=-1)[..., :2]
    two = np.take_along_axis(distance, nearest, axis=-1)
    order = np.argsort(two, axis=-1)
    nearest = np.take_along_axis(nearest, order, axis=-1)
    two = np.take_along_axis(two, order, axis=-1)
    return Grains(nearest[..., 0], nearest[..., 1], 0.5 * (two[..., 1] - two[..., 0]), azimuth)


def open_cracks(grains: Grains, *, share: float, width_nm: float, rng: Generator) -> BoolArray:
    """Open some of the boundaries between grains.

    Parameters
    ----------
    grains
        As grown.
    share
        Of all pairs of neighbours (0..1) whose boundary is open.
    width_nm
        Of the gap.
    rng
        Chance.

    Returns
    -------
    ndarray of bool
        Shape (ny, nx), true inside a crack.
    """
    low = np.minimum(grains.label, grains.neighbour)
    high = np.maximum(grains.label, grains.neighbour)
    is_open = rng.uniform(0.0, 1.0, (grains.count, grains.count)) < share
    return is_open[low, high] & (grains.boundary_nm < 0.5 * width_nm)


def crack_shadow(
    x_nm: FloatArray, y_nm: FloatArray, cracks: BoolArray, *, radius_nm: float, raster_nm: float
) -> FloatArray:
    """How much crack lies between each pixel and the particle's surface, on the straight way out.

    Parameters
    ----------
    x_nm, y_nm
        Pixel centres, shape (ny, nx), nm from the particle's centre.
    cracks
        Shape (ny, nx).
    radius_nm
        Where the surface is.
    raster_nm
        Pixel size.

    Returns
    -------
    ndarray
        Length of crack crossed, nm, shape (ny, nx).
    """
    radius = np.maximum(np.hypot(x_nm, y_nm), 1e-9)
    path_nm = np.maximum(radius_nm - radius, 0.0)
    direction_x, direction_y = x_nm / radius, y_nm / radius
    rows, columns = cracks.shape
    total = np.zeros(cracks.shape)
    for step in range(RAY_SAMPLES):
        reach = path_nm * (step + 0.5) / RAY_SAMPLES
        column = np.rint((x_nm + reach * direction_x - x_nm[0, 0]) / raster_nm).astype(np.intp)
        row = np.rint((y_nm + reach * direction_y - y_nm[0, 0]) / raster_nm).astype(np.intp)
        total += cracks[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
    return total * path_nm / RAY_SAMPLES
