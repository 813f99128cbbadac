"""Where in its spectrum each pixel has its edge and its white line, to one point of the grid."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array, compiled
from .xanes_kernel import (
    AT_ONCE,
    EDGE,
    HIGH,
    LOW,
    MEAN,
    NOWHERE,
    PEAK,
    PRE,
    RISE,
    ROW,
    SMOOTH,
    TILE,
    TOP,
    one,
    weigh,
)

FIVE = 5
"""Points of a smooth value where these are at equal distances."""


@compiled
def begin(state: Array, found: Array) -> None:
    """Nothing found yet."""
    for pixel in range(TILE):
        state[RISE * TILE + pixel] = one
        state[LOW * TILE + pixel] = -one
        state[HIGH * TILE + pixel] = one
        state[TOP * TILE + pixel] = -np.float32(np.inf)
        found[EDGE * TILE + pixel] = NOWHERE
        found[PEAK * TILE + pixel] = -1


@compiled
def weigh_four(points: Array, weight: Array, out: Array) -> None:
    """Weighted sums of five energies each, begun one after the other: each value is loaded once."""
    a, b, c, d, e = weight[0, 0], weight[0, 1], weight[0, 2], weight[0, 3], weight[0, 4]
    f, g, h, i, j = weight[1, 0], weight[1, 1], weight[1, 2], weight[1, 3], weight[1, 4]
    k, l, m, n, o = weight[2, 0], weight[2, 1], weight[2, 2], weight[2, 3], weight[2, 4]  # noqa: E741
    p, q, r, s, t = weight[3, 0], weight[3, 1], weight[3, 2], weight[3, 3], weight[3, 4]
    for pixel in range(TILE):
        v0, v1, v2 = points[pixel], points[ROW + pixel], points[2 * ROW + pixel]
        v3, v4, v5 = points[3 * ROW + pixel], points[4 * ROW + pixel], points[5 * ROW + pixel]
        v6, v7 = points[6 * ROW + pixel], points[7 * ROW + pixel]
        out[pixel] = (a * v0 + b * v1) + (c * v2 + d * v3) + e * v4
        out[TILE + pixel] = (f * v1 + g * v2) + (h * v3 + i * v4) + j * v5
        out[2 * TILE + pixel] = (k * v2 + l * v3) + (m * v4 + n * v5) + o * v6
        out[3 * TILE + pixel] = (p * v3 + q * v4) + (r * v5 + s * v6) + t * v7


@compiled
def smoothen(
    block: Array, first: int, last: int, smooth: tuple[Array, Array], place: Array, at: Array, state: Array
) -> None:
    """Smooth values at the next energies; once at the last, it is taken again, which finds nothing new."""
    for step in range(AT_ONCE):
        at[step] = place[min(first + step, last - 1)]
    begin = smooth[0][first]
    is_even = smooth[1].shape[1] == FIVE and first + AT_ONCE <= last
    if is_even and smooth[0][first + AT_ONCE - 1] - begin == AT_ONCE - 1:
        weights = smooth[1][first : first + AT_ONCE]
        weigh_four(block[begin * ROW :], weights, state[SMOOTH * TILE :])
        return
    for step in range(AT_ONCE):
        row = min(first + step, last - 1)
        weigh(block, smooth[0][row], smooth[1][row], state, SMOOTH + step)


@compiled
def onset(block: Array, limits: Array, place: Array, state: Array) -> int:
    """First of four energies at one of which any pixel is above the mean of its baselines."""
    for row in range(limits[2], limits[3] - AT_ONCE, AT_ONCE):
        u, v, w, x = place[row], place[row + 1], place[row + 2], place[row + 3]
        near, above = block[row * ROW :], False
        for pixel in range(TILE):
            base, slope = state[MEAN * TILE + pixel], state[(MEAN + 1) * TILE + pixel]
            bend = state[(MEAN + 2) * TILE + pixel]
            a = near[pixel] >= base + u * (slope + u * bend)
            b = near[ROW + pixel] >= base + v * (slope + v * bend)
            c = near[2 * ROW + pixel] >= base + w * (slope + w * bend)
            d = near[3 * ROW + pixel] >= base + x * (slope + x * bend)
            above |= a | b | c | d
        if above:
            return row
    return limits[3] - AT_ONCE


@compiled
def compare(state: Array, at: Array) -> bool:
    """Take the mean of the baselines from the smooth values; whether any is then not below zero."""
    above = False
    for pixel in range(TILE):
        base, slope = state[MEAN * TILE + pixel], state[(MEAN + 1) * TILE + pixel]
        bend = state[(MEAN + 2) * TILE + pixel]
        for step in range(AT_ONCE):
            z = at[step]
            rise = state[(SMOOTH + step) * TILE + pixel] - (base + z * (slope + z * bend))
            state[(SMOOTH + step) * TILE + pixel] = rise
            above |= rise >= 0
    return above


@compiled
def rise_at(state: Array, found: Array, first: int) -> None:
    """Look at the next energies for the first rise through the mean of the baselines.

    Kept are the differences before and after it, and the index after it.
    """
    for pixel in range(TILE):
        # All are read before any is chosen: a read that depends on a choice is not done for many at once.
        before, edge = state[RISE * TILE + pixel], found[EDGE * TILE + pixel]
        low, high = state[LOW * TILE + pixel], state[HIGH * TILE + pixel]
        for step in range(AT_ONCE):
            rise = state[(SMOOTH + step) * TILE + pixel]
            hit = (rise >= 0) & (before < 0) & (edge == NOWHERE)
            low, high = before if hit else low, rise if hit else high
            edge = np.int32(first + step) if hit else edge
            before = rise
        found[EDGE * TILE + pixel] = edge
        state[LOW * TILE + pixel], state[HIGH * TILE + pixel] = low, high


@compiled
def top_at(state: Array, found: Array, first: int, at: Array) -> None:
    """Look at the next energies for the highest point above the pre-edge, not before the rise."""
    for pixel in range(TILE):
        pre, tilt = state[PRE * TILE + pixel], state[(PRE + 1) * TILE + pixel]
        top, peak = state[TOP * TILE + pixel], found[PEAK * TILE + pixel]
        edge = found[EDGE * TILE + pixel]
        for step in range(AT_ONCE):
            here = np.int32(first + step)
            height = state[(SMOOTH + step) * TILE + pixel] - pre - at[step] * tilt
            higher = (here >= edge) & (height > top)
            top, peak = height if higher else top, here if higher else peak
        state[TOP * TILE + pixel], found[PEAK * TILE + pixel] = top, peak


@compiled
def reach(found: Array) -> tuple[int, int]:
    """First and last place of the edges of a tile."""
    lowest, highest = NOWHERE, np.int32(0)
    for pixel in range(TILE):
        lowest = min(lowest, found[EDGE * TILE + pixel])
        highest = max(highest, found[EDGE * TILE + pixel])
    return int(lowest), int(highest)


@compiled
def search(
    block: Array,
    limits: Array,
    place: Array,
    smooth: tuple[Array, Array],
    at: Array,
    state: Array,
    found: Array,
) -> None:
    """Find the first rise of every pixel, and the highest point after it."""
    lowest = NOWHERE
    first = max(limits[2], onset(block, limits, place, state) - smooth[1].shape[1])
    for row in range(first, limits[3], AT_ONCE):
        smoothen(block, row, limits[3], smooth, place, at, state)
        if compare(state, at):
            rise_at(state, found, row)
            lowest, highest = reach(found)
            if highest < NOWHERE:
                break
        state[RISE * TILE : (RISE + 1) * TILE] = state[
            (SMOOTH + AT_ONCE - 1) * TILE : (SMOOTH + AT_ONCE) * TILE
        ]
    for row in range(lowest, limits[4], AT_ONCE):
        smoothen(block, row, limits[4], smooth, place, at, state)
        top_at(state, found, row, at)


@compiled
def nearest(state: Array, found: Array) -> None:
    """Take the point below the edge where the rise is nearer to it; -1 where there is no edge."""
    for pixel in range(TILE):
        edge = found[EDGE * TILE + pixel]
        at = edge - np.int32(state[HIGH * TILE + pixel] > -state[LOW * TILE + pixel])
        found[EDGE * TILE + pixel] = at if edge < NOWHERE else np.int32(-1)
