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
def gather(
    block: Array, first: Array, weight: Array, table: Array, state: Array, found: Array, row: int
) -> None:
    """Local polynomial of each pixel about its own energy, and what the table has for that energy.

    Pixel by pixel: neighbours have their edges a few energies apart at most, whose values stay in the cache.
    """
    values, weights = block.reshape(-1), weight.reshape(-1)
    degrees, width = weight.shape[1], weight.shape[2]
    for pixel in range(TILE):
        at = max(found[row * TILE + pixel], np.int32(0))
        place, begin = first[at] * TILE + pixel, at * degrees * width
        a = b = c = d = np.float32(0.0)
        for point in range(width):
            value = values[np.uint64(place + point * TILE)]
            here = np.uint64(begin + point)
            a += weights[here] * value
            b += weights[here + np.uint64(width)] * value
            c += weights[here + np.uint64(2 * width)] * value
            if degrees > 3:
                d += weights[here + np.uint64(3 * width)] * value
        state[POLY * TILE + pixel], state[(POLY + 1) * TILE + pixel] = a, b
        state[(POLY + 2) * TILE + pixel], state[(POLY + 3) * TILE + pixel] = c, d
    for column in range(table.shape[0]):
        own, target = table[column], state[(TABLE + column) * TILE : (TABLE + column + 1) * TILE]
        for pixel in range(TILE):
            target[pixel] = own[max(found[row * TILE + pixel], np.int32(0))]
