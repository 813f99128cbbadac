"""Pixels of a camera that stood at full scale: how bright they were, nobody knows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SATURATED_PART = 0.001
"""Of the pixels: from so many on it is said; fewer are hot ones, which every camera has."""
MOST_SATURATED = 0.2
"""Of the pixels, beyond which a rotation centre and edges would be those of the full scale."""
OFTEN = 0.1
"""Of a pixel's frames that stand at full scale, for it to be left out."""
ENOUGH = 64
"""Frames that tell which pixels saturate often; of more, some are looked at."""
REMEDY = "expose shorter, flats and projections alike"


def full_scale(dtype: np.dtype[Any]) -> float | None:
    """Largest count that a type of pixel holds; none for numbers with a point."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else None


def saturated_pixels(frames: ArrayLike, full_scale_counts: float | None = None) -> NDArray[np.bool_]:
    """Find pixels that stood at full scale in more than a tenth of their frames.

    Parameters
    ----------
    frames
        Counts, shape (n, rows, columns) or (rows, columns), as the camera gave them; in means of frames, nan
        stands for full scale.
    full_scale_counts
        Largest count of the camera; by default that of the type of whole numbers, which a camera of 12 bits
        in pixels of 16 never reaches.

    Returns
    -------
    ndarray of bool
        Shape (rows, columns); of more than 64 frames, 32 or more that are evenly spaced are looked at.

    Examples
    --------
    >>> frames = np.array([[[9, 65535, 65535]]], dtype=np.uint16)
    >>> saturated_pixels(frames).tolist()
    [[False, True, True]]
    """
    stack = np.asarray(frames)
    most = full_scale(stack.dtype) if full_scale_counts is None else full_scale_counts
    limit = np.inf if most is None else most
    shown = stack[None] if stack.ndim == 2 else stack[:: -(-len(stack) // ENOUGH) or 1]
    often = np.zeros(stack.shape[-2:], dtype=np.int32)
    for frame in shown:
        # Not "at or above": what is no number is neither below the limit.
        often += ~(frame < limit)
    return often > OFTEN * len(shown)


def saturation_warning(part: float, what: str) -> str:
    """Say that a part (0..1) of the pixels of a frame is saturated, and what to do; "" where it need not be.

    Examples
    --------
    >>> saturation_warning(0.25, "the flat")
    '25 % of the pixels of the flat are at full scale: expose shorter, flats and projections alike'
    """
    if part < SATURATED_PART:
        return ""
    return f"{100 * part:.2g} % of the pixels of {what} are at full scale: {REMEDY}"
