"""Hollow cores of particles, told from the cracks that meet there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
LabelArray = NDArray[np.integer[Any]]

NEARLY_DEEPEST = 0.7
"""Depth that a core reaches, over that of its particle's deepest voxel."""
CRACK_PX = 1.75
"""Half of the widest crack, voxels: the radius of the ball."""


def own_depth(labels: LabelArray) -> NDArray[np.float32]:
    """Distance of each voxel of a particle from what is not that particle, be it pore or neighbour.

    Parameters
    ----------
    labels
        Number of the particle of each voxel, 0 outside, shape (z, y, x).

    Returns
    -------
    ndarray
        Voxels, same shape: 1 at the surface, 0 outside. The edge of the volume is no surface.
    """
    ndimage: Any = import_module("scipy.ndimage")
    rim = np.zeros(labels.shape, dtype=np.bool_)
    for axis in range(labels.ndim):
        ahead, behind = np.moveaxis(labels, axis, 0)[1:], np.moveaxis(labels, axis, 0)[:-1]
        differ, along = ahead != behind, np.moveaxis(rim, axis, 0)
        along[1:] |= differ
        along[:-1] |= differ
    depth = ndimage.distance_transform_edt(~rim).astype(np.float32) + 1
    return np.where(labels > 0, depth, np.float32(0.0))


def hollow_cores(dark: BoolArray, labels: LabelArray, depth: NDArray[np.float32]) -> BoolArray:
    """Find the hollow cores of particles.

    What is dark is opened by a ball that no crack holds. Of what is left, that which reaches about as deep as
    its particle does is a core; what lies further out is a wide crack.

    Parameters
    ----------
    dark
        Voxels that are void by their grey level, shape (z, y, x).
    labels
        From `segment_particles`, same shape.
    depth
        From `own_depth`.

    Returns
    -------
    ndarray of bool
        Voxels of cores, same shape.
    """
    ndimage: Any = import_module("scipy.ndimage")
    within = dark & (depth > CRACK_PX)
    kernel = ndimage.distance_transform_edt(within) > CRACK_PX
    opened = within & (ndimage.distance_transform_edt(~kernel) <= CRACK_PX + 0.5)
    parts, count = ndimage.label(opened)
    if not count:
        return opened
    number = np.arange(int(count) + 1)
    owner = ndimage.maximum(labels, parts, number).astype(np.intp)
    deepest = np.asarray(ndimage.maximum(depth, labels, np.arange(int(labels.max()) + 1)))
    kept = np.asarray(ndimage.maximum(depth, parts, number)) >= NEARLY_DEEPEST * deepest[owner]
    kept[0] = False
    return kept[parts]
