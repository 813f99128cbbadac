"""Spheres packed at random without overlap."""

# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportAttributeAccessIssue=false

import numpy as np
from numpy.random import Generator
from scipy.spatial import cKDTree

from ..array import FloatArray, IndexArray
from .outline import Outline

SWEEPS = 600
REFRESH = 5
"""Sweeps between two searches for neighbours."""
CLEARANCE = 1.01
"""Distance that touching spheres are pushed to, in sums of their radii."""
WELL_APART = 1.001


def pack_spheres(radius_um: FloatArray, outline: Outline, rng: Generator) -> tuple[FloatArray, FloatArray]:
    """Pack spheres into an outline by pushing apart what overlaps.

    Parameters
    ----------
    radius_um
        Wanted radii, shape (n,).
    outline
        Where they have to be.
    rng
        Chance.

    Returns
    -------
    centre_um, radius_um : ndarray
        Centres (z, y, x), shape (n, 3), and radii, shape (n,): those wanted, all times one factor of at most
        1, the largest with which no two overlap and none sticks out.

    Raises
    ------
    ValueError
        If a sphere is larger than the outline.

    Notes
    -----
    Overlaps are resolved pair by pair, as in the force-biased algorithm of Moscinski and Bargiel (1991).
    """
    if 2.0 * float(radius_um.max()) >= min(outline.size_um):
        raise ValueError(
            f"packing: a sphere of radius {radius_um.max():.2f} um does not fit into {outline.size_um} um: "
            "take more particles, a lower solid_fraction or a larger outline"
        )
    centre = outline.random_centres(radius_um, rng)
    pairs = np.zeros((0, 2), dtype=np.intp)
    for sweep in range(SWEEPS):
        if sweep % REFRESH == 0:
            pairs = _neighbours(centre, radius_um)
            if _tightness(centre, radius_um, pairs) >= WELL_APART:
                break
        centre = outline.keep_inside(centre + _pushes(centre, radius_um, pairs), radius_um)
    fit = min(1.0, _tightness(centre, radius_um, _neighbours(centre, radius_um)))
    return centre, radius_um * fit


def _neighbours(centre: FloatArray, radius: FloatArray) -> IndexArray:
    """Pairs that overlap or may do so before the next search, shape (m, 2)."""
    reach = 2.0 * CLEARANCE * float(radius.max())
    pairs = np.asarray(cKDTree(centre).query_pairs(reach, output_type="ndarray"), dtype=np.intp)
    apart = np.linalg.norm(centre[pairs[:, 0]] - centre[pairs[:, 1]], axis=1)
    return pairs[apart < 1.3 * CLEARANCE * (radius[pairs[:, 0]] + radius[pairs[:, 1]])]


def _tightness(centre: FloatArray, radius: FloatArray, pairs: IndexArray) -> float:
    """Least distance of two spheres in sums of their radii."""
    if not len(pairs):
        return CLEARANCE
    apart = np.linalg.norm(centre[pairs[:, 0]] - centre[pairs[:, 1]], axis=1)
    return float(np.min(apart / (radius[pairs[:, 0]] + radius[pairs[:, 1]])))


def _pushes(centre: FloatArray, radius: FloatArray, pairs: IndexArray) -> FloatArray:
    """Return moves that part each overlapping pair, the smaller going further, shape (n, 3)."""
    first, second = pairs[:, 0], pairs[:, 1]
    way = centre[first] - centre[second]
    apart = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
    overlap = np.maximum(CLEARANCE * (radius[first] + radius[second]) - apart, 0.0)
    share = radius[second] / (radius[first] + radius[second])
    step = 0.7 * overlap / apart
    move = np.empty_like(centre)
    for axis in range(3):
        along = step * way[:, axis]
        move[:, axis] = np.bincount(first, along * share, len(centre))
        move[:, axis] -= np.bincount(second, along * (1.0 - share), len(centre))
    return move
