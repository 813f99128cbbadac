"""A burst of radiographs: when the cell gives way, and how fast that spreads."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

FALSE_ALARMS = 6.0
"""Deviations, in standard deviations of a block before, that count as a change: one in 5e8 by chance."""
LASTING = 2
"""Frames for which a change has to last, its first one included."""
LEAST_BLOCKS = 3
"""Blocks that have to have changed at the onset: one alone may be a hit of a cosmic ray."""


@dataclass(frozen=True, eq=False)
class BurstOnset:
    """When frames begin to differ from those of the beginning.

    Attributes
    ----------
    frame : int or None
        First frame that differs and goes on to; None if none does.
    changed_part : numpy.ndarray
        Part of the blocks that differ in each frame, shape (n,).
    arrival_frame : numpy.ndarray
        First frame in which each block differs for good, -1 where none does, shape (rows, columns) of blocks.
    """

    frame: int | None
    changed_part: FloatArray
    arrival_frame: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RunawayFront:
    """How a change spreads in the picture from where it begins.

    Attributes
    ----------
    onset_s : float
        When it begins, s on the scale of the frames' times.
    origin_row, origin_column : float
        Where, in pixels of the frames from the first one's centre.
    speed_mm_s, speed_error_mm_s : float
        Of the front in the picture, and its standard error by the fit.
    blocks : int
        That the fit used.
    rms_s : float
        Of the fit's residuals, s.
    """

    onset_s: float
    origin_row: float
    origin_column: float
    speed_mm_s: float
    speed_error_mm_s: float
    blocks: int
    rms_s: float


def burst_onset(
    frames: ArrayLike, *, reference: int, block: int = 8, threshold: float = FALSE_ALARMS
) -> BurstOnset:
    """Find the first frame that is unlike those of the beginning.

    Every block of pixels is compared with its own mean and scatter over the reference frames, once the
    brightness of each frame, the median over its blocks, was taken out: half of the picture has to stay as it
    is, such as what is beside the cell.

    Parameters
    ----------
    frames
        Counts less dark, shape (n, rows, columns).
    reference
        Frames of the beginning in which nothing happens, ten or more.
    block
        Side of a block, pixels; its noise falls with it.
    threshold
        Deviation that counts, in standard deviations of the block.

    Returns
    -------
    BurstOnset

    Raises
    ------
    ValueError
        If there are fewer than ten reference frames, or none after them.
    """
    blocks = _blocks(frames, block)
    if not 10 <= reference < len(blocks):
        raise ValueError(
            f"burst_onset: reference is {reference} of {len(blocks)} frames; give ten or more, not all"
        )
    ratio = blocks / blocks[:reference].mean(axis=0)
    ratio /= np.median(ratio, axis=(1, 2), keepdims=True)
    scatter = np.maximum(ratio[:reference].std(axis=0, ddof=1), 1e-9)
    differs = np.abs(ratio - 1.0) > threshold * scatter
    lasting = differs.copy()
    for later in range(1, LASTING):
        lasting[:-later] &= differs[later:]
    lasting[:reference] = False
    arrival = np.where(lasting.any(axis=0), lasting.argmax(axis=0), -1)
    count = lasting.sum(axis=(1, 2))
    begun = np.flatnonzero(count >= min(LEAST_BLOCKS, arrival.size))
    frame = int(begun[0]) if begun.size else None
    return BurstOnset(frame, differs.mean(axis=(1, 2)), arrival.astype(np.int64))


def runaway_front(
    frames: ArrayLike,
    time_s: ArrayLike,
    *,
    pixel_mm: float,
    reference: int,
    block: int = 8,
    within_s: float = 0.015,
) -> RunawayFront:
    """Fit the speed at which a change spreads from a point.

    A front of constant speed v from (r0, c0) reaches a block at a distance d at t0 + d / v; that is
    compared with the first frame in which each block differs, robustly.

    Parameters
    ----------
    frames
        Counts less dark, shape (n, rows, columns).
    time_s
        Of each frame, shape (n,), s.
    pixel_mm
        Size of a pixel at the specimen, mm.
    reference, block
        As of `burst_onset`.
    within_s
        Time after the onset that is fitted, s: before the cell opens and its core flies.

    Returns
    -------
    RunawayFront
        A change that is weak at first is seen late: the speed is that of what can be seen.

    Raises
    ------
    ValueError
        If there is no onset, or fewer than ten blocks change within that time.
    """
    onset = burst_onset(frames, reference=reference, block=block)
    times = np.asarray(time_s, dtype=np.float64)
    if onset.frame is None:
        raise ValueError(
            "runaway_front: no frame differs from those of the beginning; take more, or a later part"
        )
    begun_s = float(times[onset.frame])
    reached_s = np.where(onset.arrival_frame >= 0, times[onset.arrival_frame], np.inf)
    rows, columns = np.nonzero((reached_s >= begun_s) & (reached_s <= begun_s + within_s))
    if rows.size < 10:
        raise ValueError(
            f"runaway_front: {rows.size} blocks change within {within_s:g} s of the onset; give a longer "
            "time, or smaller blocks"
        )
    block_mm, arrival_s = block * pixel_mm, reached_s[rows, columns] - begun_s
    guess_s_mm, step_s = within_s / (10.0 * block_mm), float(np.median(np.diff(times)))
    found, sigma, rms_s = _spread((rows, columns), arrival_s, block_mm, guess_s_mm, step_s)
    slowness, middle = float(found[3]), 0.5 * (block - 1)
    return RunawayFront(
        onset_s=begun_s + float(found[0]),
        origin_row=float(found[1]) * block + middle,
        origin_column=float(found[2]) * block + middle,
        speed_mm_s=1.0 / slowness,
        speed_error_mm_s=float(sigma[3]) / slowness**2,
        blocks=int(rows.size),
        rms_s=rms_s,
    )


def _spread(
    block_place: tuple[NDArray[np.intp], NDArray[np.intp]],
    arrival_s: FloatArray,
    block_mm: float,
    guess_s_mm: float,
    step_s: float,
) -> tuple[FloatArray, FloatArray, float]:
    """Fit t0 (s), row and column of the origin (blocks), 1 / speed (s/mm); with their sigma, and the rms."""
    optimize: Any = import_module("scipy.optimize")
    rows, columns = block_place
    first = arrival_s <= np.quantile(arrival_s, 0.1)
    start = np.array([0.0, rows[first].mean(), columns[first].mean(), guess_s_mm])

    def late_s(found: FloatArray) -> FloatArray:
        away = np.hypot(rows - found[1], columns - found[2])
        return arrival_s - found[0] - found[3] * block_mm * away

    fit = optimize.least_squares(
        late_s, start, loss="soft_l1", f_scale=step_s, x_scale=[step_s, 1.0, 1.0, 1e-3]
    )
    rms_s = float(np.sqrt(np.mean(late_s(fit.x) ** 2)))
    jacobian: FloatArray = np.asarray(fit.jac, dtype=np.float64)
    covariance = np.asarray(np.linalg.pinv(jacobian.T @ jacobian), dtype=np.float64)
    return np.asarray(fit.x), rms_s * np.sqrt(np.diagonal(covariance)), rms_s


def _blocks(frames: ArrayLike, block: int) -> FloatArray:
    """Mean over blocks, shape (n, rows, columns) of blocks; what is left at the far edges is not used."""
    values = np.asarray(frames)
    if values.ndim != 3 or block < 1 or min(values.shape[1:]) < block:
        raise ValueError(f"burst: frames of shape {values.shape} have no blocks of {block} x {block} pixels")
    count, rows, columns = len(values), values.shape[1] // block, values.shape[2] // block
    cut = values[:, : rows * block, : columns * block]
    return cut.reshape(count, rows, block, columns, block).mean(axis=(2, 4), dtype=np.float64)
