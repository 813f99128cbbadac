"""Where in its spectrum each pixel has its edge and its white line, to one point of the grid."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array
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
    compiled,
    one,
    weigh,
)


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
    """Weighted sums of five energies by a symmetric stencil, begun one after the other."""
    a, b, c = weight[0], weight[1], weight[2]
    for pixel in range(TILE):
        s, t, u = points[pixel], points[ROW + pixel], points[2 * ROW + pixel]
        v, w, x = points[3 * ROW + pixel], points[4 * ROW + pixel], points[5 * ROW + pixel]
        y, z = points[6 * ROW + pixel], points[7 * ROW + pixel]
        out[pixel] = a * (s + w) + b * (t + v) + c * u
        out[TILE + pixel] = a * (t + x) + b * (u + w) + c * v
        out[2 * TILE + pixel] = a * (u + y) + b * (v + x) + c * w
        out[3 * TILE + pixel] = a * (v + z) + b * (w + y) + c * x


@compiled
def smoothen(
    block: Array,
    first: int,
    last: int,
    smooth: tuple[Array, Array, Array],
    place: Array,
    at: Array,
    state: Array,
) -> None:
    """Smooth values at the next energies; once at the last, it is taken again, which finds nothing new."""
    begin, weight, even = smooth
    for step in range(AT_ONCE):
        at[step] = place[min(first + step, last - 1)]
    if even[first] and first + AT_ONCE <= last:
        weigh_four(block[begin[first] * ROW :], weight[first], state[SMOOTH * TILE :])
        return
    for step in range(AT_ONCE):
        row = min(first + step, last - 1)
        weigh(block, begin[row], weight[row], state, SMOOTH + step)


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
def remember(state: Array) -> None:
    """Keep the last difference, before which the next ones are."""
    for pixel in range(TILE):
        state[RISE * TILE + pixel] = state[(SMOOTH + AT_ONCE - 1) * TILE + pixel]


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
    smooth: tuple[Array, Array, Array],
    at: Array,
    state: Array,
    found: Array,
) -> None:
    """Find the first rise of every pixel, and the highest point after it.

    Smooth values are taken from a stencil before the first point above the mean of the baselines.
    """
    lowest = NOWHERE
    first = max(limits[2], onset(block, limits, place, state) - smooth[1].shape[1])
    for row in range(first, limits[3], AT_ONCE):
        smoothen(block, row, limits[3], smooth, place, at, state)
        if compare(state, at):
            rise_at(state, found, row)
            lowest, highest = reach(found)
            if highest < NOWHERE:
                break
        remember(state)
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
