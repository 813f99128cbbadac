"""Regions of a map: where to measure, from numbers or from a map that was measured before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Region:
    """A rectangle of the specimen.

    Attributes
    ----------
    x_um, y_um
        Lowest and highest position of pixel centres, um.
    """

    x_um: tuple[float, float]
    y_um: tuple[float, float]

    def __post_init__(self) -> None:
        """Refuse ends that are not in order."""
        for name, (low, high) in (("x_um", self.x_um), ("y_um", self.y_um)):
            if not (np.isfinite(low) and np.isfinite(high) and low <= high):
                raise ValueError(f"region: {name} is ({low}, {high}) um; give the lower end first")


def region_above(
    values: ArrayLike, x_um: ArrayLike, y_um: ArrayLike, *, threshold: float, margin_um: float = 0.0
) -> Region:
    """Bounding box of where a map exceeds a threshold, such as a particle in an overview.

    Parameters
    ----------
    values
        Map, shape (rows, columns); nan where it was not measured.
    x_um, y_um
        Positions of columns and rows, um.
    threshold
        In the unit of the map.
    margin_um
        Added on every side, um.

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        If shapes differ, or the map exceeds the threshold nowhere.

    Examples
    --------
    >>> region_above([[0, 0, 0], [0, 5, 9], [0, 0, 0]], [-1, 0, 1], [2, 3, 4], threshold=4, margin_um=0.5)
    Region(x_um=(-0.5, 1.5), y_um=(2.5, 3.5))
    """
    found, x, y = (np.asarray(each, dtype=float) for each in (values, x_um, y_um))
    if found.shape != (y.size, x.size):
        raise ValueError(f"region_above: map {found.shape}, {y.size} rows and {x.size} columns of positions")
    above = found > threshold
    if not above.any():
        largest = np.nanmax(found, initial=-np.inf)
        raise ValueError(
            f"region_above: no pixel exceeds {threshold:g}, the largest is {largest:g}; lower the threshold"
        )
    x_in, y_in = x[above.any(axis=0)], y[above.any(axis=1)]
    return Region(
        (float(x_in.min()) - margin_um, float(x_in.max()) + margin_um),
        (float(y_in.min()) - margin_um, float(y_in.max()) + margin_um),
    )
