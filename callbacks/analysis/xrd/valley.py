"""Whether two phases of one kind are two, or one that is spread."""

from __future__ import annotations

import numpy as np

from .phase import FloatArray

DEEPEST = 0.7
"""A valley is resolved when it falls below this part of the lower of its two peaks."""


def valley_depth(places: FloatArray, widths: FloatArray, areas: FloatArray) -> float:
    """Lowest point between two lines over the lower of the two maxima.

    Parameters
    ----------
    places, widths, areas
        Two lines: places and full widths in 1/angstrom, areas; each (2,).

    Returns
    -------
    float
        0 for lines far apart, 1 where there is no valley.

    Examples
    --------
    >>> valley_depth(np.array([1.30, 1.40]), np.array([0.01, 0.01]), np.array([1.0, 0.1])) < 0.01
    True
    """
    low, high = np.sort(places)
    q = np.linspace(low - 0.5 * widths.max(), high + 0.5 * widths.max(), 200)
    shapes = np.exp(-4 * np.log(2) * ((q[:, None] - places) / widths) ** 2) / widths
    total = shapes @ areas
    inner = np.flatnonzero((total[1:-1] > total[:-2]) & (total[1:-1] >= total[2:])) + 1
    if inner.size < 2:
        return 1.0
    first, last = inner[0], inner[-1]
    return float(total[first:last].min() / min(total[first], total[last]))
