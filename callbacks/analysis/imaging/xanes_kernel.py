"""Loops over the pixels of an energy stack: every value is read from memory once, and stays in the cache."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array, compiled

TILE = 512
"""Pixels that are worked on together: their spectra and state stay in the cache."""
TILES = 4
"""Tiles that are read together: runs of memory shorter than 8 KiB are read slower."""
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
    for row in range(0, order.size, STREAMS):
        a, b, c, d = stack[order[row]], stack[order[row + 1]], stack[order[row + 2]], stack[order[row + 3]]
        e, f, g, h = (
            stack[order[row + 4]],
            stack[order[row + 5]],
            stack[order[row + 6]],
            stack[order[row + 7]],
        )
        for tile in range(tiles.shape[0]):
            out = tiles[tile].reshape(-1)[row * TILE : (row + STREAMS) * TILE]
            at = start + tile * TILE
            size = min(max(count - tile * TILE, 0), TILE)
            if size < TILE:
                out[:] = 0.0
            p, q, r, s = a[at : at + size], b[at : at + size], c[at : at + size], d[at : at + size]
            t, u, v, w = e[at : at + size], f[at : at + size], g[at : at + size], h[at : at + size]
            for pixel in range(size):
                out[pixel] = np.float32(p[pixel])
                out[TILE + pixel] = np.float32(q[pixel])
                out[2 * TILE + pixel] = np.float32(r[pixel])
                out[3 * TILE + pixel] = np.float32(s[pixel])
                out[4 * TILE + pixel] = np.float32(t[pixel])
                out[5 * TILE + pixel] = np.float32(u[pixel])
                out[6 * TILE + pixel] = np.float32(v[pixel])
                out[7 * TILE + pixel] = np.float32(w[pixel])


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
        at, then, own, other = first[row], first[row + 1], structure[row], structure[row + 1]
        a, b, c, d, e = weight[row, 0], weight[row, 1], weight[row, 2], weight[row, 3], weight[row, 4]
        p, q, r, s, t = block[at], block[at + 1], block[at + 2], block[at + 3], block[at + 4]
        f, g, h, i, j = (
            weight[row + 1, 0],
            weight[row + 1, 1],
            weight[row + 1, 2],
            weight[row + 1, 3],
            weight[row + 1, 4],
        )
        u, v, w, x, y = block[then], block[then + 1], block[then + 2], block[then + 3], block[then + 4]
        for pixel in range(TILE):
            step = state[STEP * TILE + pixel]
            here = a * p[pixel] + b * q[pixel] + c * r[pixel] + d * s[pixel] + e * t[pixel] - own * step
            there = f * u[pixel] + g * v[pixel] + h * w[pixel] + i * x[pixel] + j * y[pixel] - other * step
            state[NOISE * TILE + pixel] += here * here + there * there
    for pixel in range(TILE):
        state[NOISE * TILE + pixel] = np.sqrt(state[NOISE * TILE + pixel] / np.float32(first.size))


@compiled
def pick(
    block: Array, place: Array, local: Array, state: Array, found: Array, row: int, seen: Array, picked: Array
) -> None:
    """Bring together the points about each pixel's own energy, and note which stencils they need."""
    values, out = block.reshape(-1), picked.reshape(-1)
    seen[:] = False
    for pixel in range(TILE):
        at = np.uint64(max(found[row * TILE + pixel], np.int32(0)))
        here, kind = np.uint64(local.first[at] * TILE + pixel), local.kind[at]
        for point in range(picked.shape[0]):
            out[np.uint64(point * TILE + pixel)] = values[here + np.uint64(point * TILE)]
        state[PLACE * TILE + pixel], state[KIND * TILE + pixel] = place[at], np.float32(kind)
        seen[np.uint64(kind)] = True


@compiled
def fit_locally(local: Array, seen: Array, picked: Array, state: Array) -> None:
    """Local polynomials of all pixels: stencil by stencil, each for the pixels that need it."""
    for kind in range(seen.size):
        if not seen[kind]:
            continue
        project(picked, 0, local.weight[kind], state, FRESH)
        own, width = np.float32(kind), local.width[kind]
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
