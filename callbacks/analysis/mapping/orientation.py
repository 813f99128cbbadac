"""Colours of orientation: one hue per direction of tilt, paler the smaller the tilt."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .rocking_geometry import FloatArray

GREY = 0.5


def orientation_colours(
    tilt_rocking_deg: ArrayLike, tilt_across_deg: ArrayLike, limit_deg: float | None = None
) -> FloatArray:
    """Colour each position by its two tilts.

    Hue is the direction in the plane of both tilts (red: rocking, positive), saturation the size of the tilt.

    Parameters
    ----------
    tilt_rocking_deg, tilt_across_deg
        Maps of equal shape, degree; not finite where there is nothing to show.
    limit_deg
        Tilt of full colour, degree; by default the 98th percentile of the map.

    Returns
    -------
    ndarray
        Red, green and blue from 0 to 1, shape (..., 3); white without tilt, grey where not finite.

    Raises
    ------
    ValueError
        If the limit is not positive.

    Examples
    --------
    >>> orientation_colours([0.0, 0.1], [0.0, 0.0], limit_deg=0.1).tolist()
    [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    """
    along, across = np.asarray(tilt_rocking_deg, dtype=float), np.asarray(tilt_across_deg, dtype=float)
    size = np.hypot(along, across)
    shown = np.isfinite(size)
    if limit_deg is None:
        limit_deg = float(np.percentile(size[shown], 98)) if shown.any() else 1.0
        limit_deg = limit_deg or 1.0
    if not limit_deg > 0:
        raise ValueError(f"orientation_colours: limit_deg is {limit_deg} degree; it must be positive")
    hue = np.arctan2(np.where(shown, across, 0.0), np.where(shown, along, 0.0)) / (2 * np.pi) % 1.0
    pure = np.clip(np.abs((6 * hue[..., None] + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    saturation = np.clip(np.where(shown, size, 0.0) / limit_deg, 0, 1)[..., None]
    return np.where(shown[..., None], 1 - saturation * (1 - pure), GREY)
