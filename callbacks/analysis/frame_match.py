"""Which frame of a file is which projection, with how much light, and in which state the cell then was."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]

BRIGHTEST = 3
"""The how-manieth of the brightest gates counts as full beam: also where most of a scan was dark."""


class ProjectionVerdict(IntEnum):
    """What became of a projection that was asked for."""

    GOOD = 0
    MISSING = 1
    DARK = 2


def match_frames(
    unique_id: ArrayLike,
    *,
    first_id: int,
    count: int,
    time_s: ArrayLike | None = None,
    gate_time_s: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Find the frame of each gate by the driver's number, so that a lost frame costs its gate and no other.

    A frame that the writer dropped leaves a gap in the numbers. A trigger that the camera missed does not;
    where both times are known, numbers that the times contradict are replaced by the gate that was open then.
    What the first frame shows is trusted: a camera that misses the very first trigger cannot be told from one
    whose clock is late.

    Parameters
    ----------
    unique_id
        Number of each frame in the file, in the order of the file, shape (frames,).
    first_id
        Number that the frame of the first gate has.
    count
        Gates.
    time_s
        When each frame was taken, s by the camera's clock, shape (frames,).
    gate_time_s
        When each gate opened, s by the clock of the trigger box, shape (count,).

    Returns
    -------
    ndarray
        Place in the file of the frame of each gate, -1 where there is none, shape (count,). Of a frame that
        is there twice, the first.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> match_frames([7, 8, 10], first_id=7, count=4)
    array([ 0,  1, -1,  2])
    >>> match_frames([7, 8, 9], first_id=7, count=4, time_s=[50.0, 51.0, 53.0], gate_time_s=[0, 1, 2, 3])
    array([ 0,  1, -1,  2])
    """
    numbers = np.asarray(unique_id, dtype=np.int64) - first_id
    if numbers.ndim != 1 or count < 1:
        raise ValueError(f"frames of shape {numbers.shape}, {count} gates; give (frames,) and 1 or more")
    if time_s is not None and gate_time_s is not None and numbers.size:
        numbers = _by_time(numbers, np.asarray(time_s, float), np.asarray(gate_time_s, float), count)
    frame: NDArray[np.int64] = np.full(count, -1, dtype=np.int64)
    inside = np.flatnonzero((numbers >= 0) & (numbers < count))
    # Backwards, so that of two frames for one gate the first stays.
    frame[numbers[inside[::-1]]] = inside[::-1]
    return frame


def _by_time(
    numbers: NDArray[np.int64], time_s: FloatArray, gate_s: FloatArray, count: int
) -> NDArray[np.int64]:
    """Replace numbers by those of the gates that were open, counted from the first frame."""
    if time_s.shape != numbers.shape or gate_s.shape != (count,):
        raise ValueError(
            f"{numbers.size} frames with times of shape {time_s.shape}, {count} gates with times of shape "
            f"{gate_s.shape}; give one time for each"
        )
    if count < 2 or not 0 <= numbers[0] < count:
        return numbers
    since_s = time_s - time_s[0] + gate_s[numbers[0]]
    later: NDArray[np.int64] = np.asarray(np.searchsorted(gate_s, since_s), dtype=np.int64)
    after = np.minimum(np.maximum(later, 1), count - 1)
    nearest = after - (since_s - gate_s[after - 1] < gate_s[after] - since_s)
    return np.asarray(nearest, dtype=np.int64)


def relative_intensity(counts: ArrayLike, open_s: ArrayLike, *, full_rate_hz: float = 0.0) -> FloatArray:
    """Return how much beam there was in each gate, over that of the scan's bright gates.

    Parameters
    ----------
    counts
        Of a monitor before the specimen, shape (n,).
    open_s
        How long each gate was open, s, shape (n,).
    full_rate_hz
        Rate known from elsewhere, such as just before the scan, counts/s: for a scan without any beam.

    Returns
    -------
    ndarray
        1 for full beam, shape (n,); NaN where nothing was counted in the whole scan.

    Examples
    --------
    >>> relative_intensity([100, 100, 1, 100], [0.1, 0.1, 0.1, 0.1])
    array([1.  , 1.  , 0.01, 1.  ])
    """
    rate = np.asarray(counts, dtype=np.float64) / np.asarray(open_s, dtype=np.float64)
    nth = min(BRIGHTEST, rate.size)
    full = max(float(np.partition(rate, -nth)[-nth]) if nth else 0.0, full_rate_hz)
    return rate / full if full > 0.0 else np.full_like(rate, np.nan)


def state_at(
    time_s: ArrayLike, record_time_s: ArrayLike, record: ArrayLike, *, held_s: float = 0.0
) -> FloatArray:
    """Stamp times with the state of the cell, linear between its samples.

    Parameters
    ----------
    time_s
        Of projections, UNIX s of the cell's clock, any order, NaN where not known.
    record_time_s, record
        Samples of the cell, such as lithium content: times in any order, s, and values, shape (m,).
    held_s
        How long after the last sample its value still counts, s: what the cycler takes until the next one.

    Returns
    -------
    ndarray
        As `time_s`; NaN before the first sample and when the last one no longer counts.

    Examples
    --------
    >>> state_at([0.0, 5.0, 20.0], [0.0, 10.0], [0.9, 0.8])
    array([0.9 , 0.85,  nan])
    """
    when, value = np.asarray(record_time_s, dtype=np.float64), np.asarray(record, dtype=np.float64)
    if when.shape != value.shape or when.ndim != 1:
        raise ValueError(f"state of the cell: {when.shape} times, {value.shape} values; give one each")
    wanted = np.asarray(time_s, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(when) & np.isfinite(value))
    if not known.size:
        return np.full(wanted.shape, np.nan)
    order = known[np.argsort(when[known], kind="stable")]
    last_s = when[order[-1]]
    held = np.where((wanted > last_s) & (wanted <= last_s + held_s), last_s, wanted)
    return np.interp(held, when[order], value[order], left=np.nan, right=np.nan)
