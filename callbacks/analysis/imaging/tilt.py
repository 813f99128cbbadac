"""How the rotation axis leans across the detector: measured from opposite projections, and put upright."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .angle import FloatArray
from .opposite import PAIRS, mirror_centre, opposite_pairs
from .ramp import FloatImage

ROUNDS = 8
SMOOTHING_PX = 1.0
EDGE = 8
"""Part of rows and columns at each edge that is left out."""


@dataclass(frozen=True)
class AxisTilt:
    """How the rotation axis leans across the detector.

    Attributes
    ----------
    tilt_deg, sigma_deg
        The axis' column grows with the row by tan(tilt); standard error, degrees. NaN without projections
        half a turn apart, and the error where there is one pair only.
    column_px
        Of the axis at the middle row, pixels.
    """

    tilt_deg: float
    sigma_deg: float
    column_px: float


def _turned(
    image: FloatImage, angle_rad: float, at: tuple[float, float], to: tuple[float, float]
) -> FloatImage:
    """Turn an image about a point (row, column), which then lies at another; edges repeat the nearest pixel.

    What is at a larger row moves to smaller columns.
    """
    ndimage: Any = import_module("scipy.ndimage")
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    out = np.empty(image.shape, np.float32)
    offset = np.array(at) - turn @ np.array(to)
    ndimage.affine_transform(image, turn, offset, output=out, order=3, mode="nearest")
    return out


def _mirrored(first: FloatImage, second: FloatImage) -> tuple[float, float]:
    """Tilt (rad) and column of the axis about which two images mirror, by least squares on their gradients.

    A mirror image about a tilted axis is a flip of the columns and a turn by twice the tilt about the axis:
    turned about another point it would need a shift of the rows as well.
    """
    ndimage: Any = import_module("scipy.ndimage")
    one: FloatImage = ndimage.gaussian_filter(first, SMOOTHING_PX)
    two = np.ascontiguousarray(ndimage.gaussian_filter(second, SMOOTHING_PX)[:, ::-1])
    rows, columns = one.shape
    middle, last = 0.5 * (rows - 1), columns - 1
    row: FloatArray = (np.arange(rows, dtype=np.float64) - middle)[:, None]
    axis, angle = mirror_centre(first, second), 0.0
    # What mirroring and turning bring in over the edges is made up.
    aside = columns // EDGE + int(abs(last - 2.0 * axis))
    low, high = (aside, columns // EDGE) if 2.0 * axis > last else (columns // EDGE, aside)
    inner = (slice(rows // EDGE, rows - rows // EDGE), slice(low, max(columns - high, low + 1)))
    for _ in range(ROUNDS):
        moved = _turned(two, angle, (middle, last - axis), (middle, axis))
        column: FloatArray = np.arange(columns, dtype=np.float64) - axis
        d_row: FloatImage = np.gradient(moved, axis=0)
        d_column: FloatImage = np.gradient(moved, axis=1)
        model = np.stack([2.0 * d_column[inner], (d_column * row - d_row * column)[inner]], axis=-1)
        rest: FloatImage = one[inner].ravel() - moved[inner].ravel()
        step = np.asarray(np.linalg.lstsq(model.reshape(-1, 2), rest, rcond=None)[0], dtype=np.float64)
        axis, angle = axis - float(step[0]), angle + float(step[1])
        if abs(step[0]) < 5e-4 and abs(step[1]) * columns < 1e-3:
            break
    return -0.5 * angle, axis


def axis_tilt(line_integrals: ArrayLike, angle_deg: ArrayLike) -> AxisTilt:
    """Measure the tilt of the axis from projections half a turn apart.

    Parameters
    ----------
    line_integrals
        After the logarithm, shape (angles, rows, columns).
    angle_deg
        Degrees, shape (angles,).

    Returns
    -------
    AxisTilt
        For `untilted`.

    Raises
    ------
    ValueError
        If there are fewer than 8 rows: a tilt does not show in fewer.
    """
    stack = np.asarray(line_integrals, dtype=np.float32)
    if stack.ndim != 3 or stack.shape[1] < 8:
        raise ValueError(
            f"axis tilt: projections of shape {stack.shape}; give (angles, rows, columns), at least 8 rows"
        )
    pairs = opposite_pairs(angle_deg)[:PAIRS]
    if not pairs:
        return AxisTilt(float("nan"), float("nan"), float("nan"))
    found: FloatArray = np.array([_mirrored(stack[a], stack[b]) for a, b in pairs], dtype=np.float64)
    tilt, column = np.median(found, axis=0)
    sigma = 1.2533 * np.std(found[:, 0], ddof=1) / math.sqrt(len(pairs)) if len(pairs) > 1 else float("nan")
    return AxisTilt(math.degrees(tilt), math.degrees(sigma), float(column))


def untilted(
    images: ArrayLike, tilt_deg: float, centre_px: float, *, middle_row: float | None = None
) -> FloatImage:
    """Turn images so that the rotation axis is along the columns.

    Parameters
    ----------
    images
        Shape (angles, rows, columns).
    tilt_deg
        Of the axis: its column grows with the row by tan(tilt), degrees.
    centre_px
        Column of the axis at the middle row, which stays, pixels.
    middle_row
        The detector's middle, counted from the first row of `images`, where these are a part of its rows.

    Returns
    -------
    ndarray
        Same shape; edges repeat the nearest pixel.
    """
    stack = np.asarray(images, dtype=np.float32)
    if tilt_deg == 0.0:
        return stack
    about = 0.5 * (stack.shape[1] - 1) if middle_row is None else middle_row, centre_px
    return np.stack([_turned(image, math.radians(tilt_deg), about, about) for image in stack])
