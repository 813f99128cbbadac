"""Loop over the pixels of an energy stack: every value is read from memory once."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array, compiled

WIDTH = 512
"""Pixels that are worked on together: their spectra stay in the processor's cache."""

# Rows of the state of these pixels. They are in one array, at distances known when compiling, because the
# compiler then sees that they do not overlap, and works on 16 pixels at once.
PRE, POST, NOISE, SMOOTH, RISE, SHARE, TOP, EDGE, PEAK = 0, 2, 5, 6, 7, 8, 9, 10, 11
POLY, TABLE, X, SLOPE, STEP, BASELINES, SIGMA, HEIGHT, SPREAD = 12, 16, 32, 33, 34, 35, 36, 37, 38
ROWS = 39

half, one, two, three = np.float32(0.5), np.float32(1.0), np.float32(2.0), np.float32(3.0)


@compiled
def load(stack: Array, order: Array, start: int, count: int, block: Array) -> None:
    """Copy the spectra of neighbouring pixels in rising order of energy; zero where there is no pixel."""
    for row in range(order.size):
        source = order[row]
        for pixel in range(count):
            block[row, pixel] = np.float32(stack[source, start + pixel])
        for pixel in range(count, WIDTH):
            block[row, pixel] = 0.0


@compiled
def project(block: Array, first: int, weight: Array, state: Array, to: int) -> None:
    """Coefficients of a baseline, into the rows from `to` on."""
    for degree in range(weight.shape[0]):
        row = state[(to + degree) * WIDTH : (to + degree + 1) * WIDTH]
        row[:] = 0.0
        for point in range(weight.shape[1]):
            factor, values = weight[degree, point], block[first + point]
            for pixel in range(WIDTH):
                row[pixel] += factor * values[pixel]


@compiled
def deviate(block: Array, first: Array, weight: Array, state: Array) -> None:
    """Rms deviation of the quiet points from their neighbours."""
    for pixel in range(WIDTH):
        state[NOISE * WIDTH + pixel] = 0.0
    for row in range(first.size):
        at = first[row]
        a, b, c, d, e = weight[row, 0], weight[row, 1], weight[row, 2], weight[row, 3], weight[row, 4]
        for pixel in range(WIDTH):
            value = a * block[at, pixel] + b * block[at + 1, pixel] + c * block[at + 2, pixel]
            value += d * block[at + 3, pixel] + e * block[at + 4, pixel]
            state[NOISE * WIDTH + pixel] += value * value
    for pixel in range(WIDTH):
        state[NOISE * WIDTH + pixel] = np.sqrt(state[NOISE * WIDTH + pixel] / np.float32(first.size))


@compiled
def smoothen(block: Array, first: int, weight: Array, state: Array) -> None:
    """Smooth value at one energy."""
    for pixel in range(WIDTH):
        state[SMOOTH * WIDTH + pixel] = 0.0
    for point in range(weight.size):
        factor = weight[point]
        for pixel in range(WIDTH):
            state[SMOOTH * WIDTH + pixel] += factor * block[first + point, pixel]


@compiled
def begin(state: Array) -> None:
    """Nothing found yet."""
    for pixel in range(WIDTH):
        state[RISE * WIDTH + pixel] = one
        state[SHARE * WIDTH + pixel] = 0.0
        state[TOP * WIDTH + pixel] = -np.float32(np.inf)
        state[EDGE * WIDTH + pixel] = -one
        state[PEAK * WIDTH + pixel] = -one


@compiled
def search(state: Array, index: int, s: Array, t: Array, peaks: bool) -> None:
    """Look at one energy for the first rise through the mean of the baselines, and the highest after it.

    Kept are the difference at the energy before, where between both the rise is, the highest value, and the
    indices of rise and highest point, -1 for none.
    """
    here, s, t = np.float32(index), np.float32(s), np.float32(t)
    for pixel in range(WIDTH):
        smooth = state[SMOOTH * WIDTH + pixel]
        below = state[PRE * WIDTH + pixel] + s * state[(PRE + 1) * WIDTH + pixel]
        above = state[(POST + 1) * WIDTH + pixel] + t * state[(POST + 2) * WIDTH + pixel]
        above = state[POST * WIDTH + pixel] + t * above
        rise = smooth - half * (below + above)
        before = state[RISE * WIDTH + pixel]
        seen = state[EDGE * WIDTH + pixel]
        hit = (rise >= 0) & (before < 0) & (seen < 0)
        share = rise / (rise - before)
        state[SHARE * WIDTH + pixel] = share if hit else state[SHARE * WIDTH + pixel]
        seen = here if hit else seen
        state[RISE * WIDTH + pixel] = rise
        state[EDGE * WIDTH + pixel] = seen
        height = smooth - below if peaks else -np.float32(np.inf)
        top = state[TOP * WIDTH + pixel]
        higher = (seen >= 0) & (height > top)
        state[TOP * WIDTH + pixel] = height if higher else top
        state[PEAK * WIDTH + pixel] = here if higher else state[PEAK * WIDTH + pixel]


@compiled
def gather(block: Array, first: Array, weight: Array, table: Array, state: Array, row: int) -> None:
    """Local polynomial of each pixel about its own energy, and what the table has for that energy."""
    # Unsigned throughout: signed indices are tested for being negative.
    for pixel in range(np.uint64(WIDTH)):
        at = np.uint64(max(state[np.uint64(row * WIDTH) + pixel], np.float32(0.0)))
        start = np.uint64(first[at])
        for degree in range(np.uint64(weight.shape[1])):
            total = np.float32(0.0)
            for point in range(np.uint64(weight.shape[2])):
                total += weight[at, degree, point] * block[start + point, pixel]
            state[(np.uint64(POLY) + degree) * np.uint64(WIDTH) + pixel] = total
        for column in range(np.uint64(table.shape[1])):
            state[(np.uint64(TABLE) + column) * np.uint64(WIDTH) + pixel] = table[at, column]


@compiled
def nearest(state: Array) -> None:
    """Take the point below the edge where the rise is nearer to it."""
    for pixel in range(WIDTH):
        state[EDGE * WIDTH + pixel] -= one if state[SHARE * WIDTH + pixel] > half else np.float32(0.0)
