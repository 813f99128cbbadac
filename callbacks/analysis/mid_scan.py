"""State of the cell in the middle of a scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def mid_scan(time_s: ArrayLike, values: ArrayLike) -> float:
    """Value half way in time between the first and the last point of a scan.

    Parameters
    ----------
    time_s
        Times of the points on the cell's clock, s, shape (n,).
    values
        A quantity at these times, shape (n,); what is not finite is left out.

    Returns
    -------
    float
        In the unit of the values, linear between the two points about the middle; NaN without a value.

    Examples
    --------
    >>> mid_scan([0.0, 1.0, 10.0], [3.0, 3.1, 4.0])
    3.5
    """
    times, quantity = np.asarray(time_s, dtype=float), np.asarray(values, dtype=float)
    known = np.isfinite(times) & np.isfinite(quantity)
    if not known.any():
        return float("nan")
    times, quantity = times[known], quantity[known]
    order = np.argsort(times, kind="stable")
    middle_s = 0.5 * (float(times.min()) + float(times.max()))
    return float(np.interp(middle_s, times[order], quantity[order]))
