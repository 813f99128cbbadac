"""Points on powder rings of a frame, found near where a geometry expects them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import Geometry
from .pyfai import PyfaiGeometry

FloatArray = NDArray[np.float64]

SECTORS = 72
STEP_PX = 0.7
HALF_PEAK_PX = 3.0
CLEAR = 6.0
"""Standard deviations by which a peak must rise above the background of its stretch."""
APART = 0.45
"""Part of the distance to the next ring within which a ring is looked for."""
NARROWEST_PX = 4.0
"""Rings with less room than this to either side are left out: their background cannot be told."""


@dataclass(frozen=True)
class RingPoints:
    """Where rings were seen.

    Attributes
    ----------
    row, column
        Positions in pixels, 0 at the centre of the first, shape (n,).
    ring
        Which of the expected rings each belongs to, shape (n,).
    """

    row: FloatArray
    column: FloatArray
    ring: NDArray[np.int64]

    def of(self, ring: int) -> RingPoints:
        """Points on one of the rings."""
        its = self.ring == ring
        return RingPoints(self.row[its], self.column[its], self.ring[its])

    @property
    def rings(self) -> int:
        """Number of different rings."""
        return len(np.unique(self.ring))


@dataclass(frozen=True)
class _Cake:
    """Sums over the pixels of each sector and step of two theta, shape (SECTORS, n_steps)."""

    pixels: FloatArray
    counts: FloatArray
    angle: FloatArray
    counts_angle: FloatArray
    row: FloatArray
    column: FloatArray
    step_rad: float


def _cake(frame: FloatArray, good: NDArray[np.bool_], pyfai: PyfaiGeometry, step_rad: float) -> _Cake:
    """Sum a frame over sectors and steps of two theta."""
    angle = np.asarray(pyfai.center_array(frame.shape, unit="2th_rad", scale=False), float)[good]
    azimuth = np.asarray(pyfai.center_array(frame.shape, unit="chi_rad", scale=False), float)[good]
    row, column = (each.astype(float) for each in np.nonzero(good))
    steps = int(angle.max() / step_rad) + 1
    sector = np.floor((azimuth + np.pi) / (2 * np.pi) * SECTORS).astype(np.int64) % SECTORS
    place = sector * steps + (angle / step_rad).astype(np.int64)
    counts = frame[good]

    def summed(weight: FloatArray) -> FloatArray:
        return np.bincount(place, weight, SECTORS * steps).astype(float).reshape(SECTORS, steps)

    return _Cake(
        pixels=summed(np.ones(counts.size)),
        counts=summed(counts),
        angle=summed(angle),
        counts_angle=summed(counts * angle),
        row=summed(row),
        column=summed(column),
        step_rad=step_rad,
    )


def room_px(two_theta_rad: FloatArray, pixel_rad: float, reach_px: float) -> FloatArray:
    """Give how far to either side each ring (n_rings,) cannot be mistaken for another, at most the reach."""
    gap = np.diff(two_theta_rad, prepend=-np.inf, append=np.inf)
    return np.minimum(reach_px, APART * np.minimum(gap[:-1], gap[1:]) / pixel_rad)


def find_ring_points(
    frame: FloatArray,
    good: NDArray[np.bool_],
    pyfai: PyfaiGeometry,
    two_theta_rad: FloatArray,
    reach_px: float,
) -> RingPoints:
    """Find one point on each ring in each of 72 sectors, where the ring is clear.

    Parameters
    ----------
    frame
        Counts, shape (rows, columns).
    good
        Pixels that count, shape of the frame.
    pyfai
        Geometry, near to the true one.
    two_theta_rad
        Where rings are expected, ascending, radian, shape (n_rings,).
    reach_px
        How far from there they are looked for, pixels; less where rings are close to each other.

    Returns
    -------
    RingPoints
        Centres of gravity above the background of each stretch.
    """
    pixel_rad = float(pyfai.detector.pixel1 / pyfai.dist)
    cake = _cake(frame, good, pyfai, STEP_PX * pixel_rad)
    window = room_px(two_theta_rad, pixel_rad, reach_px) * pixel_rad
    found = [
        _on_ring(cake, pyfai, int(number), two_theta_rad[number], window[number])
        for number in np.flatnonzero(window >= NARROWEST_PX * pixel_rad)
    ]
    if not found:
        return RingPoints(np.empty(0), np.empty(0), np.empty(0, np.int64))
    rows, columns, rings = (np.concatenate(each) for each in zip(*found, strict=True))
    return RingPoints(rows, columns, rings)


def _on_ring(
    cake: _Cake, pyfai: PyfaiGeometry, number: int, angle_rad: float, half_rad: float
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Rows, columns and number of the ring for the sectors in which it is clear."""
    low = max(int((angle_rad - half_rad) / cake.step_rad), 0)
    high = min(int((angle_rad + half_rad) / cake.step_rad) + 1, cake.pixels.shape[1])
    whole = np.arange(SECTORS)[(cake.pixels[:, low:high] > 0).all(axis=1)]
    nothing = np.empty(0), np.empty(0), np.empty(0, np.int64)
    if high - low < 5 or not whole.size:
        return nothing
    # Means, not sums: a gap or mask that cuts a step must not pull the centre of gravity.
    pixels = cake.pixels[whole, low:high]
    profile, angle, profile_angle = (
        each[whole, low:high] / pixels for each in (cake.counts, cake.angle, cake.counts_angle)
    )
    base = np.percentile(profile, 20, axis=1, keepdims=True)
    peak = profile.argmax(axis=1)
    noise = np.sqrt(np.maximum(base, 1.0) / pixels)
    rise = np.take_along_axis((profile - base) / noise, peak[:, None], 1)[:, 0]
    near = np.abs(np.arange(high - low) - peak[:, None]) <= HALF_PEAK_PX / STEP_PX
    above, moment = np.where(near, profile - base, 0.0), np.where(near, profile_angle - base * angle, 0.0)
    seen = (rise > CLEAR) & (peak > 0) & (peak < high - low - 1)
    if not seen.any():
        return nothing
    at_rad = moment.sum(axis=1)[seen] / above.sum(axis=1)[seen]
    middle = [
        np.where(near, each[whole, low:high], 0.0).sum(axis=1)[seen]
        / np.where(near, pixels, 0.0).sum(axis=1)[seen]
        for each in (cake.row, cake.column)
    ]
    row, column = _moved_onto(pyfai, middle[0], middle[1], at_rad)
    return row, column, np.full(row.size, number, np.int64)


def _moved_onto(
    pyfai: PyfaiGeometry, row: FloatArray, column: FloatArray, two_theta_rad: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Move points along the line to the beam until they are at these angles: an arc's mean lies inside it."""
    row0, column0 = (each - 0.5 for each in Geometry.of(pyfai).beam_centre_px)
    for _ in range(4):
        stretch = np.tan(two_theta_rad) / np.tan(np.asarray(pyfai.tth(row, column), float))
        row, column = row0 + (row - row0) * stretch, column0 + (column - column0) * stretch
    return row, column
