"""Loops over the pixels of an energy stack: every value is read from memory once, and stays in the cache."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array, compiled

TILE = 256
"""Pixels that are worked on together: their spectra and state stay in the cache."""
TILES = 2
"""Tiles that are read together: runs of memory shorter than 2 KiB are read slower."""

# Rows of the state of a tile. They are in one array, at distances known when compiling, because the compiler
# then sees that they do not overlap, and works on many pixels at once.
PRE, POST, NOISE, SMOOTH, RISE, LOW, HIGH, TOP = 0, 2, 5, 6, 10, 11, 12, 13
POLY, TABLE, X, SLOPE, STEP, BASELINES, SIGMA, HEIGHT, SPREAD = 14, 18, 33, 34, 35, 36, 37, 38, 39
ROWS = 40

EDGE, PEAK = 0, 1
"""Rows of the places found in a tile, indices of energies."""
NOWHERE = np.int32(2**30)

AT_ONCE = 4
"""Energies that are searched in one pass over a tile."""

LINE = 16
"""Single numbers in a line of the cache."""

half, one, two, three = np.float32(0.5), np.float32(1.0), np.float32(2.0), np.float32(3.0)


@compiled
def room(count: int) -> Array:
    """Zeros of single precision that begin at a line of the cache, which half of all loads else straddle."""
    whole = np.zeros(count + LINE, np.float32)
    begin = -(whole.ctypes.data // 4) % LINE
    return whole[begin : begin + count]


@compiled
def load(stack: Array, order: Array, start: int, count: int, tiles: Array) -> None:
    """Copy the spectra of neighbouring pixels in rising order of energy; zero where there is no pixel."""
    for row in range(order.size):
        source = stack[order[row], start : start + count]
        for tile in range(tiles.shape[0]):
            # A view of its own: a sum of indices would be tested for being negative, one pixel at a time.
            part, target = source[tile * TILE : (tile + 1) * TILE], tiles[tile, row]
            for pixel in range(part.size):
                target[pixel] = np.float32(part[pixel])
            target[part.size :] = 0.0


@compiled
def weigh(block: Array, first: int, weight: Array, state: Array, row: int) -> None:
    """Weighted sum of an odd number of neighbouring energies, five or more, into a row of the state."""
    out = state[row * TILE : (row + 1) * TILE]
    a, b, c, d, e = weight[0], weight[1], weight[2], weight[3], weight[4]
    p, q, r = block[first], block[first + 1], block[first + 2]
    s, t = block[first + 3], block[first + 4]
    for pixel in range(TILE):
        out[pixel] = (a * p[pixel] + b * q[pixel]) + (c * r[pixel] + d * s[pixel]) + e * t[pixel]
    for point in range(5, weight.size, 2):
        a, b, p, q = weight[point], weight[point + 1], block[first + point], block[first + point + 1]
        for pixel in range(TILE):
            out[pixel] += a * p[pixel] + b * q[pixel]


@compiled
def project(block: Array, first: int, weight: Array, state: Array, to: int) -> None:
    """Coefficients of a baseline, into the rows from `to` on."""
    for degree in range(weight.shape[0]):
        weigh(block, first, weight[degree], state, to + degree)


@compiled
def deviate(block: Array, first: Array, weight: Array, structure: Array, edge: Array, state: Array) -> None:
    """Rms deviation of the quiet points from their neighbours, less the structure of so large an edge."""
    u, v = edge[0], edge[1]
    for pixel in range(TILE):
        below = state[PRE * TILE + pixel] + u * state[(PRE + 1) * TILE + pixel]
        bend = state[(POST + 1) * TILE + pixel] + v * state[(POST + 2) * TILE + pixel]
        state[STEP * TILE + pixel] = state[POST * TILE + pixel] + v * bend - below
        state[NOISE * TILE + pixel] = 0.0
    for row in range(first.size):
        at, own = first[row], structure[row]
        a, b, c, d, e = weight[row, 0], weight[row, 1], weight[row, 2], weight[row, 3], weight[row, 4]
        p, q, r, s, t = block[at], block[at + 1], block[at + 2], block[at + 3], block[at + 4]
        for pixel in range(TILE):
            value = a * p[pixel] + b * q[pixel] + c * r[pixel] + d * s[pixel] + e * t[pixel]
            value -= own * state[STEP * TILE + pixel]
            state[NOISE * TILE + pixel] += value * value
    for pixel in range(TILE):
        state[NOISE * TILE + pixel] = np.sqrt(state[NOISE * TILE + pixel] / np.float32(first.size))


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
def smoothen(
    block: Array, first: int, last: int, smooth: tuple[Array, Array], place: Array, at: Array, state: Array
) -> None:
    """Smooth values at the next energies; once at the last, it is taken again, which finds nothing new."""
    for step in range(AT_ONCE):
        row = min(first + step, last - 1)
        at[0, step], at[1, step] = np.float32(place[0, row]), np.float32(place[1, row])
        weigh(block, smooth[0][row], smooth[1][row, 0], state, SMOOTH + step)


@compiled
def rise_at(state: Array, found: Array, first: int, at: Array) -> None:
    """Look at the next energies for the first rise through the mean of the baselines.

    Kept are the differences before and after it, and the index after it.
    """
    for pixel in range(TILE):
        pre, tilt = state[PRE * TILE + pixel], state[(PRE + 1) * TILE + pixel]
        f, g, h = (
            state[POST * TILE + pixel],
            state[(POST + 1) * TILE + pixel],
            state[(POST + 2) * TILE + pixel],
        )
        # All are read before any is chosen: a read that depends on a choice is not done for many at once.
        before, edge = state[RISE * TILE + pixel], found[EDGE * TILE + pixel]
        low, high = state[LOW * TILE + pixel], state[HIGH * TILE + pixel]
        for step in range(AT_ONCE):
            s, t = at[0, step], at[1, step]
            mean = half * (pre + s * tilt + f + t * (g + t * h))
            rise = state[(SMOOTH + step) * TILE + pixel] - mean
            hit = (rise >= 0) & (before < 0) & (edge == NOWHERE)
            low, high = before if hit else low, rise if hit else high
            edge = np.int32(first + step) if hit else edge
            before = rise
        state[RISE * TILE + pixel], found[EDGE * TILE + pixel] = before, edge
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
            height = state[(SMOOTH + step) * TILE + pixel] - pre - at[0, step] * tilt
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
    for row in range(limits[2], limits[3], AT_ONCE):
        smoothen(block, row, limits[3], smooth, place, at, state)
        rise_at(state, found, row, at)
        lowest, highest = reach(found)
        if highest < NOWHERE:
            break
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


@compiled
def keep(state: Array, found: Array, row: int, at: int, to: int) -> None:
    """Keep the weighted sum for the pixels whose place this is."""
    places, target = found[row * TILE : (row + 1) * TILE], state[to * TILE : (to + 1) * TILE]
    here = np.int32(at)
    for pixel in range(TILE):
        own, other = state[SMOOTH * TILE + pixel], target[pixel]
        target[pixel] = own if max(places[pixel], np.int32(0)) == here else other


@compiled
def gather(
    block: Array, first: Array, weight: Array, table: Array, state: Array, found: Array, row: int, seen: Array
) -> None:
    """Local polynomial of each pixel about its own energy, and what the table has for that energy.

    Each energy that occurs is worked out for all pixels of the tile and kept for its own: far fewer energies
    than pixels occur, and neighbours in memory are fetched together.
    """
    seen[:] = False
    for pixel in range(TILE):
        seen[max(found[row * TILE + pixel], 0)] = True
    for at in range(seen.size):
        if seen[at]:
            for degree in range(weight.shape[1]):
                weigh(block, first[at], weight[at, degree], state, SMOOTH)
                keep(state, found, row, at, POLY + degree)
    for column in range(table.shape[0]):
        values, target = table[column], state[(TABLE + column) * TILE : (TABLE + column + 1) * TILE]
        for pixel in range(TILE):
            target[pixel] = values[max(found[row * TILE + pixel], np.int32(0))]
