"""Cut rings into azimuthal sectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TURN_DEG = 360.0
CLOSE_DEG = 1e-6


def sector_bounds(sectors: int | Sequence[tuple[float, float]] | None) -> NDArray[np.float64]:
    """Begin and end of each sector in degrees, shape (n_sectors, 2).

    Parameters
    ----------
    sectors
        Number of equal sectors from -180 degrees on, or begin and end of each in degrees; None for none.

    Raises
    ------
    ValueError
        If one is empty or more than a turn, or two overlap.

    Examples
    --------
    >>> sector_bounds(2).tolist()
    [[-180.0, 0.0], [0.0, 180.0]]
    """
    if sectors is None:
        return np.empty((0, 2))
    if isinstance(sectors, int):
        if sectors < 1:
            raise ValueError(f"sectors: {sectors} asked for, must be at least 1; leave it out for none")
        edges = np.linspace(-TURN_DEG / 2, TURN_DEG / 2, sectors + 1)
        return np.column_stack([edges[:-1], edges[1:]])
    bounds = np.asarray(sectors, float).reshape(-1, 2)
    _require_apart(bounds)
    return bounds


def _require_apart(bounds: NDArray[np.float64]) -> None:
    """Every sector has a width, and none begins within another."""
    width = bounds[:, 1] - bounds[:, 0]
    for (begin, end), wide in zip(bounds, width, strict=True):
        if not 0 < wide <= TURN_DEG:
            raise ValueError(
                f"sectors: {begin:g} to {end:g} degrees is {wide:g} wide, must be above 0 and at most 360; "
                "write one across 180 degrees as (170, 190)"
            )
        inside = (bounds[:, 0] - begin) % TURN_DEG < wide - CLOSE_DEG
        if inside.sum() > 1:
            raise ValueError(f"sectors: two overlap at {begin:g} to {end:g} degrees; integrate them apart")


def sector_of(azimuth_deg: NDArray[np.floating], bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the number of the sector of each azimuth, n_sectors where there is none; shape of the azimuths."""
    number = np.full(azimuth_deg.shape, len(bounds), np.int64)
    for index, (begin, end) in enumerate(bounds):
        number[(azimuth_deg - begin) % TURN_DEG < end - begin] = index
    return number
