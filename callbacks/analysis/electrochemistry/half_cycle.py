"""Half cycles of a cell, from where its net charge turns round."""
# pyright: standard

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .record import FloatArray

LEAST_FRACTION = 0.02


@dataclass(frozen=True)
class HalfCycle:
    """One way between two turning points of the net charge.

    Attributes
    ----------
    first_row, last_row
        Rows of the turning points.
    charge_ah
        Charge passed, positive on charge.
    """

    first_row: int
    last_row: int
    charge_ah: float


def half_cycles(net_capacity_ah: FloatArray, least_fraction: float = LEAST_FRACTION) -> list[HalfCycle]:
    """Split a record where its net charge turns round.

    Parameters
    ----------
    net_capacity_ah
        Shape (n,), finite.
    least_fraction
        Ways shorter than this fraction of the whole span count as none.

    Returns
    -------
    list of HalfCycle
        In order; empty if no charge passed.

    Examples
    --------
    >>> import numpy as np
    >>> [way.charge_ah for way in half_cycles(np.array([0.0, 1.0, 0.99, 2.0, 0.5]))]
    [2.0, -1.5]
    """
    values = net_capacity_ah
    least = least_fraction * float(np.ptp(values))
    if least <= 0:
        return []
    turns, direction, extreme = [0], 0, 0
    for row in _extremes(values):
        change = float(values[row] - values[extreme])
        if change * direction > 0:
            extreme = row
        elif abs(change) > least:
            if direction:
                turns.append(extreme)
            direction, extreme = (1 if change > 0 else -1), row
    turns.append(extreme)
    return [HalfCycle(first, last, float(values[last] - values[first])) for first, last in pairwise(turns)]


def _extremes(values: FloatArray) -> list[int]:
    """Rows at which a record that is not constant begins, turns round or ends, the first of equal ones."""
    change = np.diff(values)
    steps = np.flatnonzero(change)
    upward = change[steps] > 0
    turning = steps[:-1][upward[1:] != upward[:-1]] + 1
    return [0, *turning.tolist(), int(steps[-1]) + 1]
