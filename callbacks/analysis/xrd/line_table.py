"""Places, widths and areas of the lines of one phase, with their derivatives, compiled."""
# pyright: standard

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ....machine_code import compiled
from .phase import FloatArray

LEAST_SQUARED_WIDTH = 1e-8


@dataclass(eq=False)
class Slots:
    """Where the parameters of one part are in the vector.

    Attributes
    ----------
    scale, strain
        Places of these, the latter squared.
    spread
        Place of the squared spread of c; what a changes by with c follows; -1 without.
    metric
        Places of the lattice; empty where it is fixed.
    texture
        Number of the texture of each line, -1 for those that follow the mean.
    lines
        Rows of the part in the table of lines.
    """

    scale: int
    strain: int
    spread: int
    metric: slice
    texture: NDArray[np.int_]
    lines: slice


@partial(compiled, error_model="python")
def fill_lines(
    vector: FloatArray,
    slots: NDArray[np.int_],
    texture: NDArray[np.int_],
    metric: FloatArray,
    rows: FloatArray,
    strength: FloatArray,
    narrow: FloatArray,
    table: FloatArray,
    gradient: FloatArray,
) -> None:  # pragma: no cover
    """Fill the rows of one part.

    Widths of instrument, strain and spread of the cell add as squares, and these squares are the parameters:
    they grow from nothing as readily as from something. c**2 goes as 1 / metric[1] and a**2
    as 4 / 3 / metric[0], so that dq/dc = -2 metric[1] / c dq/dmetric[1]; 2.355 standard deviations are a full
    width.

    Parameters
    ----------
    vector
        All parameters (p,); the first is the square of the instrument's width, the second how it narrows.
    slots
        Places of scale, strain, spread (-1: none), metric (-1: fixed), and of the first texture.
    texture
        Number of the texture of each line (m,), -1 for none.
    metric
        Free numbers of the reciprocal metric (k,).
    rows, strength
        Of each line: rows of q squared (m, k), area (m,).
    narrow
        Squares of the width over that at q = 0 (m, 2): of angles, and of lengths on a flat detector.
    table, gradient
        Written to: place, width, area (m, 3 or more) and their derivatives (m, 3, p), which are zero.
    """
    scale, strain, spread, metric_at, texture_at = slots[0], slots[1], slots[2], slots[3], slots[4]
    numbers = metric.size
    c_a = a_a = 0.0
    if spread >= 0:
        a_a = 4.0 * math.pi / math.sqrt(3.0 * max(metric[0], 1e-6))
        c_a = 2.0 * math.pi / math.sqrt(max(metric[1], 1e-6))
    for j in range(strength.size):
        squared = 0.0
        for k in range(numbers):
            squared += rows[j, k] * metric[k]
        q = math.sqrt(max(squared, 1e-6))
        if metric_at >= 0:
            for k in range(numbers):
                gradient[j, 0, metric_at + k] = rows[j, k] / (2.0 * q)
        share = (1.0 - vector[1]) * narrow[j, 0] + vector[1] * narrow[j, 1]
        wide = vector[0] * share + vector[strain] * q**2
        by_a = together = 0.0
        if spread >= 0:
            by_a = 2.355 * rows[j, 0] / q * metric[0] / a_a
            together = 2.355 * rows[j, 1] / q * metric[1] / c_a + by_a * vector[spread + 1]
            wide += vector[spread] * together**2
        width = math.sqrt(max(wide, LEAST_SQUARED_WIDTH))
        gradient[j, 1, 0] = 0.5 * share / width
        gradient[j, 1, 1] = 0.5 * vector[0] * (narrow[j, 1] - narrow[j, 0]) / width
        gradient[j, 1, strain] = 0.5 * q**2 / width
        if spread >= 0:
            gradient[j, 1, spread] = 0.5 * together**2 / width
            gradient[j, 1, spread + 1] = vector[spread] * together * by_a / width
        area = strength[j]
        if texture[j] >= 0:
            area *= math.exp(vector[texture_at + texture[j]])
            gradient[j, 2, texture_at + texture[j]] = vector[scale] * area
        gradient[j, 2, scale] = area
        table[j, 0], table[j, 1], table[j, 2] = q, width, vector[scale] * area
