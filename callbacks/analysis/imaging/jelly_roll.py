"""A wound cell in cross-section: its can and the layers of its dense electrode."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BoolArray = NDArray[np.bool_]
CAN_PART = 0.95


@dataclass(frozen=True)
class JellyRoll:
    """Parts of a slice, each of shape (rows, columns).

    Attributes
    ----------
    can
        The metal can.
    inside
        All that it encloses.
    layers
        The dense electrode, one connected spiral.
    threshold
        Between layers and the rest of the inside, units of the image.
    """

    can: BoolArray
    inside: BoolArray
    layers: BoolArray
    threshold: float


def _largest(mask: BoolArray) -> BoolArray:
    ndimage: Any = import_module("scipy.ndimage")
    labels, _ = ndimage.label(mask)
    size = np.bincount(np.asarray(labels).ravel())
    size[0] = 0
    return np.asarray(labels == size.argmax())


def jelly_roll(image: ArrayLike, *, can_part: float = CAN_PART, threshold: float | None = None) -> JellyRoll:
    """Find can and dense electrode in a slice across a wound cell.

    Parameters
    ----------
    image
        Slice, shape (rows, columns), brightest in metal; the can must be closed in it.
    can_part
        Grey level of the can, as a part of the highest.
    threshold
        Between layers and the rest of the inside, units of the image; by default Otsu's over the inside.

    Returns
    -------
    JellyRoll
        Masks.

    Raises
    ------
    ValueError
        If no closed can is found.
    """
    ndimage: Any = import_module("scipy.ndimage")
    filters: Any = import_module("skimage.filters")
    values = np.asarray(image, dtype=np.float64)
    can = _largest(values > can_part * float(values.max()))
    inside = ndimage.binary_erosion(ndimage.binary_fill_holes(can) & ~can, iterations=2)
    if inside.sum() < can.sum():
        raise ValueError(
            f"jelly_roll: what is above {can_part:.0%} of the highest grey level {values.max():.4g} encloses "
            f"{inside.sum()} pixels; lower can_part until the can is closed"
        )
    level = float(filters.threshold_otsu(values[inside])) if threshold is None else threshold
    return JellyRoll(can, inside, _largest(inside & (values > level)), level)
