"""Where the rotation axis lies on the detector: two estimates, and the sharpness of slices that decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .angle import HALF_TURN_DEG, FloatArray, angular_weights
from .opposite import centre_by_opposite
from .ramp import FloatImage, Window, ramp_filtered
from .slab import back_projected, places

COARSE_COLUMNS = 256
COARSE_ANGLES = 181
COARSE_LINES = 64
FINE_STEPS = 300_000_000
"""Interpolations of the fine search, some seconds on one core: they decide how many lines are looked at."""
ROWS = 3
FINE_PX = np.arange(-3.0, 3.01, 0.5)
FITTED = 4
"""Candidates on each side of the lowest that its parabola goes through."""
AGREED_PX = 1.0
MOST_MASS_SPREAD = 0.05
LEAST_SPAN_DEG = 150.0
FULL_TURN_DEG = 360.0
SMOOTHING_PX = 1.0
LEAST_ANGLES = 8
INSIDE = 0.45
"""Radius, of the columns, in which slices are compared."""


class CentreVerdict(StrEnum):
    """What may be said of a centre."""

    AGREED = "agreed"
    SHARPNESS_ONLY = "sharpness only"
    NOT_FOUND = "not found"


@dataclass(frozen=True)
class RotationCentre:
    """Column of the rotation axis.

    Attributes
    ----------
    column_px
        Where slices are sharpest, pixels from the first column's centre; the middle if not found.
    sigma_px
        Half the range over the rows looked at, at least 0.05, pixels.
    by_mass_px, by_opposite_px
        From the centre of mass at all angles, and from projections half a turn apart; NaN where they cannot
        tell.
    verdict, reason
        Whether an estimate agrees with the sharpness within 1 pixel, and why not; empty if so.
    """

    column_px: float
    sigma_px: float
    by_mass_px: float
    by_opposite_px: float
    verdict: CentreVerdict
    reason: str


def centre_by_mass(line_integrals: FloatImage, angle_deg: ArrayLike) -> float:
    """Fit centre + a cos + b sin to the centre of mass of the projections.

    The first moment of a projection is that of the sample, turned (Helgason-Ludwig; Azevedo et al. 1990,
    IEEE Trans. Nucl. Sci. 37, 1525). It holds while all of the sample is in the field, so that every
    projection has the same mass.

    Parameters
    ----------
    line_integrals
        After the logarithm, shape (angles, rows, columns).
    angle_deg
        Degrees, shape (angles,).

    Returns
    -------
    float
        Column, pixels; NaN if the mass varies by more than 5 % or there are fewer than 4 angles.
    """
    profile: FloatArray = line_integrals.sum(axis=1, dtype=np.float64)
    mass = profile.sum(axis=-1)
    if len(mass) < 4 or not mass.mean() > 0 or mass.std() > MOST_MASS_SPREAD * mass.mean():
        return float("nan")
    moment: FloatArray = profile @ np.arange(profile.shape[-1], dtype=np.float64) / mass
    angle_rad = np.radians(np.asarray(angle_deg, dtype=np.float64))
    model = np.stack([np.ones_like(angle_rad), np.cos(angle_rad), np.sin(angle_rad)], axis=1)
    return float(np.linalg.lstsq(model, moment, rcond=None)[0][0])


def centre_sharpness(
    filtered: FloatImage, angle_deg: ArrayLike, candidates_px: ArrayLike, *, lines: int
) -> FloatArray:
    """Absolute steps along the lines of a slice times its absolute values: least where it is sharp.

    A wrong centre pulls each rim apart into two or more, and makes negative values beside a sample in air
    (Donath et al. 2006, J. Opt. Soc. Am. A 23, 1048, compare such sums). The steps tell where the sample
    fills the field, the values keep the search from centres so wrong that all rims are lost.

    Parameters
    ----------
    filtered
        Filtered and weighted line integrals, shape (angles, rows, columns).
    angle_deg
        Degrees, shape (angles,).
    candidates_px
        Columns of the axis, pixels, shape (n,).
    lines
        Lines of the slice that are reconstructed.

    Returns
    -------
    ndarray
        Shape (rows, n), units of the slice.
    """
    ndimage: Any = import_module("scipy.ndimage")
    x_px = places(filtered.shape[-1])
    y_px = x_px[:: max(x_px.size // lines, 1)].copy()
    inside = y_px[:, None] ** 2 + x_px[1:] ** 2 < (INSIDE * x_px.size) ** 2
    values: list[FloatArray] = []
    for each in np.asarray(candidates_px, dtype=np.float64):
        slices = back_projected(filtered, angle_deg, float(each), y_px, x_px)
        steps: FloatImage = np.abs(np.diff(ndimage.gaussian_filter1d(slices, SMOOTHING_PX, axis=-1), axis=-1))
        seen = slices[:, :, 1:][:, inside]
        total = np.maximum(np.abs(seen.sum(axis=-1, dtype=np.float64)), 1e-30)
        part = np.abs(seen).sum(axis=-1, dtype=np.float64) / total
        values.append(part * steps[:, inside].sum(axis=-1, dtype=np.float64))
    return np.stack(values, axis=-1)


def _lowest(places_px: FloatArray, values: FloatArray) -> float:
    """Vertex of the parabola through the lowest value and its neighbours, which averages their noise."""
    lowest = int(np.argmin(values))
    near = slice(max(lowest - FITTED, 0), lowest + FITTED + 1)
    fit = np.asarray(np.polyfit(places_px[near] - places_px[lowest], values[near], 2), dtype=np.float64)
    bend, slope = float(fit[0]), float(fit[1])
    if not bend > 0:
        return float(places_px[lowest])
    return float(places_px[lowest] + np.clip(-0.5 * slope / bend, -1.0, 1.0))


def _weighted(line_integrals: FloatImage, angle_deg: FloatArray) -> FloatImage:
    """Filter so that noise, which the centre does not change, counts little."""
    return (
        ramp_filtered(line_integrals, Window.HANN)
        * angular_weights(angle_deg).astype(np.float32)[:, None, None]
    )


def _coarse(line_integrals: FloatImage, angle_deg: FloatArray, guess: FloatArray) -> float:
    """Search binned columns around the estimates, or through the middle half of the detector without any."""
    columns = line_integrals.shape[-1]
    bins = max(columns // COARSE_COLUMNS, 1)
    every = max(len(angle_deg) // COARSE_ANGLES, 1)
    kept = columns // bins * bins
    mean = line_integrals.mean(axis=1, keepdims=True)
    binned = mean[::every, :, :kept].reshape(-1, 1, kept // bins, bins).mean(axis=-1)
    margin = max(8.0, columns / 64)
    low, high = (guess.min() - margin, guess.max() + margin) if guess.size else (columns / 4, columns * 3 / 4)
    steps = np.arange(0.0, min(high, columns - 1.0) - max(low, 0.0), bins, dtype=np.float64)
    candidates = max(low, 0.0) + steps
    scaled = (candidates - 0.5 * (bins - 1)) / bins
    sharp = centre_sharpness(
        _weighted(binned, angle_deg[::every]), angle_deg[::every], scaled, lines=COARSE_LINES
    )
    return float(candidates[int(np.argmin(sharp[0]))])


def rotation_centre(line_integrals: ArrayLike, angle_deg: ArrayLike) -> RotationCentre:
    """Find the rotation axis from the centre of mass, from opposite projections, and where slices are sharp.

    Parameters
    ----------
    line_integrals
        After the logarithm, shape (angles, rows, columns) or a sinogram (angles, columns).
    angle_deg
        In any order, degrees, shape (angles,).

    Returns
    -------
    RotationCentre
        With both estimates and a verdict.

    Raises
    ------
    ValueError
        If angles and projections differ in number, fewer than 8 angles differ, or an angle is not finite.
    """
    stack = np.asarray(line_integrals, dtype=np.float32)
    stack = stack[:, None] if stack.ndim == 2 else stack
    angles = np.asarray(angle_deg, dtype=np.float64)
    _require(stack, angles)
    mass, opposite = centre_by_mass(stack, angles), centre_by_opposite(stack, angles)
    span_deg = float(np.degrees(angular_weights(angles).sum()))
    if not np.ptp(stack) > 0 or span_deg < LEAST_SPAN_DEG:
        middle = 0.5 * (stack.shape[-1] - 1)
        reason = (
            f"angles cover {span_deg:.0f} of {HALF_TURN_DEG:.0f} degrees (at least {LEAST_SPAN_DEG:.0f} are "
            f"needed), values differ by {np.ptp(stack):.3g}: measure more, or give the centre"
        )
        return RotationCentre(middle, float("nan"), mass, opposite, CentreVerdict.NOT_FOUND, reason)
    known = np.array([each for each in (mass, opposite) if 0 <= each <= stack.shape[-1] - 1])
    # Over a full turn a wrong centre smears without making negative values: half of it is looked at.
    half = np.mod(angles - angles.min(), FULL_TURN_DEG) < HALF_TURN_DEG
    if np.degrees(angular_weights(angles[half]).sum()) >= LEAST_SPAN_DEG:
        stack, angles = stack[half], angles[half]
    candidates = _coarse(stack, angles, known) + FINE_PX
    rows = sorted({stack.shape[1] * part // (ROWS + 1) for part in range(1, ROWS + 1)})
    lines = int(FINE_STEPS / (candidates.size * len(rows) * angles.size * stack.shape[-1])) + 1
    sharp = centre_sharpness(_weighted(stack[:, rows], angles), angles, candidates, lines=lines)
    found = np.array([_lowest(candidates, each) for each in sharp])
    sigma = max(0.5 * float(np.ptp(found)), 0.05)
    return _judged(float(np.median(found)), sigma, mass, opposite)


def _require(stack: FloatImage, angles: FloatArray) -> None:
    """Refuse what tells nothing of an axis."""
    if not np.isfinite(angles).all():
        raise ValueError(f"rotation centre: of {angles.size} angles some are not finite; leave those out")
    different = np.unique(np.mod(angles, FULL_TURN_DEG).round(3)).size
    if stack.ndim != 3 or angles.shape != stack.shape[:1] or different < LEAST_ANGLES:
        raise ValueError(
            f"rotation centre: {different} different ones of {angles.shape} angles for projections of shape "
            f"{stack.shape}; give at least {LEAST_ANGLES} of (angles, rows, columns) and an angle for each"
        )


def _judged(column_px: float, sigma_px: float, mass: float, opposite: float) -> RotationCentre:
    """Compare sharpness with the estimates."""
    off = np.abs(np.array([mass, opposite]) - column_px)
    if np.nanmin(np.append(off, np.inf)) <= AGREED_PX:
        return RotationCentre(column_px, sigma_px, mass, opposite, CentreVerdict.AGREED, "")
    reason = (
        f"sharpest at {column_px:.2f}, centre of mass says {mass:.2f}, opposite projections {opposite:.2f} "
        f"pixels (limit {AGREED_PX} apart): look at a slice; did the sample leave the field, or move?"
    )
    return RotationCentre(column_px, sigma_px, mass, opposite, CentreVerdict.SHARPNESS_ONLY, reason)
