"""Loops over the pixels of an energy stack: every value is read from memory once, and stays in the cache."""

from __future__ import annotations

from functools import partial

import numpy as np

from .... import machine_code
from ..xrd.kernel import Array

compiled = partial(machine_code.compiled, fastmath={"contract"}, _nrt=False)
"""Compiles a loop that allocates nothing, and does not count who holds an array.

Each slice would count, by locked additions for which threads that share an array wait in turn.
"""

TILE = 512
"""Pixels that are worked on together: their spectra and state stay in the cache."""
RUN = 8 * TILE
"""Pixels that are read together: runs of memory shorter than 16 KiB are read slower."""
ROW = RUN + TILE
"""From one energy to the next in what was read: at multiples of 4 KiB they would drive each other out."""
STREAMS = 8
"""Energies that are read side by side, which hides most of the wait for the memory."""

# Rows of the state of a tile. They are in one array, at distances known when compiling, because the compiler
# then sees that they do not overlap, and works on many pixels at once.
PRE, POST, MEAN, NOISE, STEP = 0, 2, 5, 8, 9
RISE, LOW, HIGH, TOP, SMOOTH = 10, 11, 12, 13, 14
POLY, PLACE, KIND, WIDTH, X, SLOPE, OWN, OTHER, BEND = 18, 22, 23, 24, 25, 26, 27, 28, 29
FRESH = SMOOTH
"""Where coefficients of one kind are made, when what is smooth is no longer needed."""
ROWS = 30

EDGE, PEAK = 0, 1
"""Rows of the places found in a tile, indices of energies."""
NOWHERE = np.int32(2**30)

AT_ONCE = 4
"""Energies that are searched in one pass over a tile."""

LINE = 16
"""Single numbers in a line of the cache."""

R1, R2, R3, R4 = np.uint64(ROW), np.uint64(2 * ROW), np.uint64(3 * ROW), np.uint64(4 * ROW)

half, one, two, three = np.float32(0.5), np.float32(1.0), np.float32(2.0), np.float32(3.0)


def room(count: int) -> Array:
    """Zeros of single precision that begin at a line of the cache, which half of all loads else straddle."""
    whole = np.zeros(count + LINE, np.float32)
    begin = -(whole.ctypes.data // 4) % LINE
    return whole[begin : begin + count]


@compiled
def load(stack: Array, order: Array, start: int, count: int, block: Array) -> None:
    """Copy the spectra of neighbouring pixels in rising order of energy; zero where there is no pixel."""
    end = start + count
    for row in range(0, order.size, STREAMS):
        a, b = stack[order[row]][start:end], stack[order[row + 1]][start:end]
        c, d = stack[order[row + 2]][start:end], stack[order[row + 3]][start:end]
        e, f = stack[order[row + 4]][start:end], stack[order[row + 5]][start:end]
        g, h = stack[order[row + 6]][start:end], stack[order[row + 7]][start:end]
        out = block[row * ROW : (row + STREAMS) * ROW]
        if count < RUN:
            out[:] = 0.0
        for pixel in range(count):
            out[pixel], out[ROW + pixel] = np.float32(a[pixel]), np.float32(b[pixel])
            out[2 * ROW + pixel], out[3 * ROW + pixel] = np.float32(c[pixel]), np.float32(d[pixel])
            out[4 * ROW + pixel], out[5 * ROW + pixel] = np.float32(e[pixel]), np.float32(f[pixel])
            out[6 * ROW + pixel], out[7 * ROW + pixel] = np.float32(g[pixel]), np.float32(h[pixel])


@compiled
def weigh(block: Array, first: int, weight: Array, state: Array, row: int) -> None:
    """Weighted sum of an odd number of neighbouring energies, five or more, into a row of the state."""
    out, near = state[row * TILE : (row + 1) * TILE], block[first * ROW :]
    a, b, c, d, e = weight[0], weight[1], weight[2], weight[3], weight[4]
    for pixel in range(TILE):
        low = a * near[pixel] + b * near[ROW + pixel]
        high = c * near[2 * ROW + pixel] + d * near[3 * ROW + pixel]
        out[pixel] = low + high + e * near[4 * ROW + pixel]
    for point in range(5, weight.size, 2):
        a, b, more = weight[point], weight[point + 1], block[(first + point) * ROW :]
        for pixel in range(TILE):
            out[pixel] += a * more[pixel] + b * more[ROW + pixel]


@compiled
def project(block: Array, first: int, weight: Array, state: Array, to: int) -> None:
    """Coefficients of a baseline, into the rows from `to` on."""
    for degree in range(weight.shape[0]):
        weigh(block, first, weight[degree], state, to + degree)


@compiled
def average(state: Array) -> None:
    """Mean of the two baselines, which a half step crosses, and the edge step where it is tabulated."""
    for pixel in range(TILE):
        pre, post = state[PRE * TILE + pixel], state[POST * TILE + pixel]
        tilt, slope = state[(PRE + 1) * TILE + pixel], state[(POST + 1) * TILE + pixel]
        state[MEAN * TILE + pixel], state[STEP * TILE + pixel] = half * (pre + post), post - pre
        state[(MEAN + 1) * TILE + pixel] = half * (tilt + slope)
        state[(MEAN + 2) * TILE + pixel] = half * state[(POST + 2) * TILE + pixel]


@compiled
def deviate(block: Array, first: Array, weight: Array, structure: Array, state: Array) -> None:
    """Rms deviation of the quiet points from their neighbours, less the structure of so large an edge."""
    for pixel in range(TILE):
        state[NOISE * TILE + pixel] = 0.0
    for row in range(0, first.size, 2):
        a, b, c, d, e = weight[row, 0], weight[row, 1], weight[row, 2], weight[row, 3], weight[row, 4]
        then, own, other = row + 1, structure[row], structure[row + 1]
        f, g, h, i, j = weight[then, 0], weight[then, 1], weight[then, 2], weight[then, 3], weight[then, 4]
        p, q = block[first[row] * ROW :], block[first[then] * ROW :]
        for pixel in range(TILE):
            step = state[STEP * TILE + pixel]
            here = a * p[pixel] + b * p[ROW + pixel] + c * p[2 * ROW + pixel] + d * p[3 * ROW + pixel]
            here += e * p[4 * ROW + pixel] - own * step
            there = f * q[pixel] + g * q[ROW + pixel] + h * q[2 * ROW + pixel] + i * q[3 * ROW + pixel]
            there += j * q[4 * ROW + pixel] - other * step
            state[NOISE * TILE + pixel] += here * here + there * there
    for pixel in range(TILE):
        state[NOISE * TILE + pixel] = np.sqrt(state[NOISE * TILE + pixel] / np.float32(first.size))


@compiled
def kinds(local: Array, found: Array, row: int, seen: Array) -> tuple[int, int]:
    """First place that any pixel has, and how many stencils lie from there to the last: those are noted."""
    first, last = NOWHERE, np.int32(-1)
    for pixel in range(TILE):
        at = found[row * TILE + pixel]
        first, last = min(first, at if at >= 0 else NOWHERE), max(last, at)
    seen[:] = False
    first = min(first, max(last, np.int32(0)))
    for at in range(first, max(last, first) + 1):
        seen[local.kind[at]] = True
    return int(first), int(seen.sum())


@compiled
def pick(
    block: Array, place: Array, local: Array, state: Array, found: Array, row: int, seen: Array, picked: Array
) -> None:
    """Bring together the points about each pixel's own energy, and note which stencils they need.

    A pixel that has no such energy takes the first of the others': nothing is told of it.
    """
    least, count = kinds(local, found, row, seen)
    for pixel in range(TILE):
        at = np.uint64(max(found[row * TILE + pixel], np.int32(least)))
        here, to = np.uint64(local.first[at] * ROW + pixel), np.uint64(pixel)
        picked[to], picked[to + R1] = block[here], block[here + R1]
        picked[to + R2], picked[to + R3] = block[here + R2], block[here + R3]
        picked[to + R4] = block[here + R4]
        for point in range(5, local.weight.shape[2], 2):
            beyond = np.uint64(point * ROW)
            picked[to + beyond], picked[to + beyond + R1] = block[here + beyond], block[here + beyond + R1]
        state[PLACE * TILE + pixel] = place[at]
    for pixel in range(TILE if count > 1 else 0):
        at = np.uint64(max(found[row * TILE + pixel], np.int32(least)))
        state[KIND * TILE + pixel] = np.float32(local.kind[at])
    if count == 1:
        state[KIND * TILE : (KIND + 1) * TILE] = np.float32(local.kind[least])


@compiled
def fit_locally(local: Array, seen: Array, picked: Array, state: Array) -> None:
    """Local polynomials of all pixels: stencil by stencil, each for the pixels that need it."""
    alone = seen.sum() == 1
    for kind in range(seen.size):
        if not seen[kind]:
            continue
        project(picked, 0, local.weight[kind], state, POLY if alone else FRESH)
        own, width = np.float32(kind), local.width[kind]
        if alone:
            state[WIDTH * TILE : (WIDTH + 1) * TILE] = width
            return
        for pixel in range(TILE):
            same = state[KIND * TILE + pixel] == own
            for degree in range(4):
                old, new = state[(POLY + degree) * TILE + pixel], state[(FRESH + degree) * TILE + pixel]
                state[(POLY + degree) * TILE + pixel] = new if same else old
            old = state[WIDTH * TILE + pixel]
            state[WIDTH * TILE + pixel] = width if same else old


@compiled
def judge_locally(local: Array, seen: Array, state: Array) -> None:
    """Variance of the local polynomials, their slopes and curvatures where each was refined to."""
    for kind in range(seen.size):
        if not seen[kind]:
            continue
        u, v, w = local.own[kind], local.slope[kind], local.bend[kind]
        own, a, b, c, d, e, f, g = np.float32(kind), u[0], u[1], u[2], u[3], u[4], u[5], u[6]
        p, q, r, s, t, h, i, j = v[0], v[1], v[2], v[3], v[4], w[0], w[1], w[2]
        for pixel in range(TILE):
            x, same = state[X * TILE + pixel], state[KIND * TILE + pixel] == own
            old, other = state[OWN * TILE + pixel], state[OTHER * TILE + pixel]
            bend = state[BEND * TILE + pixel]
            value = a + x * (b + x * (c + x * (d + x * (e + x * (f + x * g)))))
            state[OWN * TILE + pixel] = value if same else old
            state[OTHER * TILE + pixel] = p + x * (q + x * (r + x * (s + x * t))) if same else other
            state[BEND * TILE + pixel] = h + x * (i + x * j) if same else bend
