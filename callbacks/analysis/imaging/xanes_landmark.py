"""Half step and white line of many pixels at once, to a small part of the energy step."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array, compiled
from .xanes_kernel import (
    AT_ONCE,
    BASELINES,
    EDGE,
    HEIGHT,
    NOISE,
    PEAK,
    POLY,
    POST,
    PRE,
    ROWS,
    SIGMA,
    SLOPE,
    SPREAD,
    STEP,
    TABLE,
    TILE,
    TILES,
    X,
    deviate,
    gather,
    half,
    load,
    one,
    project,
    room,
    three,
    two,
)
from .xanes_search import begin, nearest, search

six = np.float32(6.0)


@compiled
def refine_half(state: Array, u: Array, v: Array) -> None:
    """Half step by a local parabola: energy less that of the point in eV, and slope of the difference."""
    u, v = np.float32(u), np.float32(v)
    for pixel in range(TILE):
        s, t = state[TABLE * TILE + pixel], state[(TABLE + 1) * TILE + pixel]
        width = state[(TABLE + 2) * TILE + pixel]
        p, q = state[PRE * TILE + pixel], state[(PRE + 1) * TILE + pixel]
        f, g, h = (
            state[POST * TILE + pixel],
            state[(POST + 1) * TILE + pixel],
            state[(POST + 2) * TILE + pixel],
        )
        # The difference of parabola and mean baseline is a parabola in eV from the point.
        a = state[POLY * TILE + pixel] - half * (p + s * q + f + t * (g + t * h))
        b = state[(POLY + 1) * TILE + pixel] - half * (u * q + v * (g + two * t * h))
        c = state[(POLY + 2) * TILE + pixel] - half * v * v * h
        x = min(max(-a / b, -width), width)
        x = min(max(x - (a + x * (b + x * c)) / (b + two * c * x), -width), width)
        x = min(max(x - (a + x * (b + x * c)) / (b + two * c * x), -width), width)
        state[X * TILE + pixel] = x
        state[SLOPE * TILE + pixel] = abs(b + two * c * x)
        t += v * x
        state[STEP * TILE + pixel] = f + t * (g + t * h) - p - (s + u * x) * q


@compiled
def judge_half(state: Array, u: Array, v: Array, pre: Array, post: Array) -> None:
    """Sigma of the half step for unit noise, and variance of the edge step."""
    u, v = np.float32(u), np.float32(v)
    pre0, pre1, pre2 = np.float32(pre[0, 0]), np.float32(2 * pre[0, 1]), np.float32(pre[1, 1])
    post0, post1 = np.float32(post[0, 0]), np.float32(2 * post[0, 1])
    post2 = np.float32(post[1, 1] + 2 * post[0, 2])
    post3, post4 = np.float32(2 * post[1, 2]), np.float32(post[2, 2])
    for pixel in range(TILE):
        x = state[X * TILE + pixel]
        s = state[TABLE * TILE + pixel] + u * x
        t = state[(TABLE + 1) * TILE + pixel] + v * x
        baselines = pre0 + s * (pre1 + s * pre2)
        baselines += post0 + t * (post1 + t * (post2 + t * (post3 + t * post4)))
        own = state[(TABLE + 6) * TILE + pixel] + x * state[(TABLE + 7) * TILE + pixel]
        own = state[(TABLE + 4) * TILE + pixel] + x * (state[(TABLE + 5) * TILE + pixel] + x * own)
        own = state[(TABLE + 3) * TILE + pixel] + x * own
        state[BASELINES * TILE + pixel] = np.sqrt(baselines)
        state[SIGMA * TILE + pixel] = np.sqrt(own + half * half * baselines) / state[SLOPE * TILE + pixel]


@compiled
def refine_peak(state: Array, u: Array) -> None:
    """White line by a local cubic: energy less that of the point in eV, height in edge steps, curvature."""
    u = np.float32(u)
    for pixel in range(TILE):
        s, width = state[TABLE * TILE + pixel], half * state[(TABLE + 2) * TILE + pixel]
        p, q = state[PRE * TILE + pixel], state[(PRE + 1) * TILE + pixel]
        a = state[POLY * TILE + pixel] - p - s * q
        b = state[(POLY + 1) * TILE + pixel] - u * q
        c, d = state[(POLY + 2) * TILE + pixel], state[(POLY + 3) * TILE + pixel]
        x, bend = np.float32(0.0), two * c
        for _ in range(4):
            move = (b + x * (two * c + three * d * x)) / bend
            x = min(max(x - move, -width), width) if bend < 0 else x
            bend = two * c + six * d * x
        state[X * TILE + pixel] = x
        state[SLOPE * TILE + pixel] = bend
        state[HEIGHT * TILE + pixel] = (a + x * (b + x * (c + x * d))) / state[STEP * TILE + pixel]


@compiled
def judge_peak(state: Array, u: Array, v: Array, pre: Array, post: Array) -> None:
    """Sigma of the energy and of the height of the white line for unit noise."""
    u, v = np.float32(u), np.float32(v)
    pre0, pre1, pre2 = np.float32(pre[0, 0]), np.float32(2 * pre[0, 1]), np.float32(pre[1, 1])
    post0, post1 = np.float32(post[0, 0]), np.float32(2 * post[0, 1])
    post2 = np.float32(post[1, 1] + 2 * post[0, 2])
    post3, post4 = np.float32(2 * post[1, 2]), np.float32(post[2, 2])
    for pixel in range(TILE):
        x, bend = state[X * TILE + pixel], state[SLOPE * TILE + pixel]
        s = state[TABLE * TILE + pixel] + u * x
        t = state[(TABLE + 1) * TILE + pixel] + v * x
        own, slope = np.float32(0.0), np.float32(0.0)
        for power in range(7):
            own = own * x + state[(TABLE + 9 - power) * TILE + pixel]
        for power in range(5):
            slope = slope * x + state[(TABLE + 14 - power) * TILE + pixel]
        height = state[HEIGHT * TILE + pixel]
        own += (height - one) * (height - one) * (pre0 + s * (pre1 + s * pre2))
        own += height * height * (post0 + t * (post1 + t * (post2 + t * (post3 + t * post4))))
        state[SPREAD * TILE + pixel] = np.sqrt(own) / abs(state[STEP * TILE + pixel])
        sigma = np.sqrt(slope) / -bend
        state[SIGMA * TILE + pixel] = sigma if bend < 0 else np.float32(np.inf)


@compiled
def write_half(
    state: Array, found: Array, energy: Array, start: int, count: int, energies: Array, others: Array
) -> None:
    """Give the numbers of the edge; nan where there is none."""
    where, sigma = energies[0, start : start + count], others[0, start : start + count]
    height, error = others[2, start : start + count], others[3, start : start + count]
    noise = others[6, start : start + count]
    for pixel in range(where.size):
        level, step = state[NOISE * TILE + pixel], state[STEP * TILE + pixel]
        at, x = found[EDGE * TILE + pixel], state[X * TILE + pixel]
        own, baselines = state[SIGMA * TILE + pixel], state[BASELINES * TILE + pixel]
        there = (at >= 0) & (level < np.float32(np.inf))
        gap = np.float32(0.0) if there else np.float32(np.nan)
        where[pixel] = energy[max(at, np.int32(0))] + np.float64(x + gap)
        sigma[pixel] = level * own + gap
        height[pixel] = step + gap
        error[pixel] = level * baselines + gap
        noise[pixel] = level / (abs(step) if there else one)


@compiled
def write_peak(
    state: Array, found: Array, energy: Array, start: int, count: int, energies: Array, others: Array
) -> None:
    """Give the numbers of the white line; nan where there is none."""
    where, sigma = energies[1, start : start + count], others[1, start : start + count]
    height, error = others[4, start : start + count], others[5, start : start + count]
    for pixel in range(where.size):
        level, at = state[NOISE * TILE + pixel], found[PEAK * TILE + pixel]
        x, own = state[X * TILE + pixel], state[SIGMA * TILE + pixel]
        high, spread = state[HEIGHT * TILE + pixel], state[SPREAD * TILE + pixel]
        gap = np.float32(0.0) if (at >= 0) & (level < np.float32(np.inf)) else np.float32(np.nan)
        where[pixel] = energy[max(at, np.int32(0))] + np.float64(x + gap)
        sigma[pixel] = level * own + gap
        height[pixel] = high + gap
        error[pixel] = level * spread + gap


@compiled
def fit_pixels(
    stack: Array,
    first: int,
    last: int,
    order: Array,
    energy: Array,
    limits: Array,
    pre_weight: Array,
    post_weight: Array,
    pre_covariance: Array,
    post_covariance: Array,
    place: Array,
    per_ev: Array,
    smooth: tuple[Array, Array],
    edge: tuple[Array, Array, Array],
    peak: tuple[Array, Array, Array],
    quiet: tuple[Array, Array, Array, Array],
    energies: Array,
    others: Array,
) -> None:
    """Fit the pixels first .. last - 1.

    Parameters
    ----------
    stack
        Absorption, shape (m, pixels), any real type.
    first, last
        Pixels.
    order, energy, limits, ... quiet
        Of `XanesGrid`.
    energies
        Written, shape (2, pixels): half step and white line, eV; nan where there is no edge.
    others
        Written, shape (7, pixels): sigma of the half step and of the white line (eV), edge step and its
        sigma (units of the stack), height of the white line and its sigma (edge steps), noise (edge steps;
        units of the stack where there is no edge).
    """
    tiles = room(TILES * order.size * TILE).reshape((TILES, order.size, TILE))
    state, found = room(ROWS * TILE), np.zeros(2 * TILE, np.int32)
    at = np.empty((2, AT_ONCE), np.float32)
    u, v = per_ev[0], per_ev[1]
    for begun in range(first, last, TILES * TILE):
        load(stack, order, begun, min(TILES * TILE, last - begun), tiles)
        for tile in range(TILES):
            start, block = begun + tile * TILE, tiles[tile]
            count = min(TILE, last - start)
            if count <= 0:
                break
            project(block, limits[0], pre_weight, state, PRE)
            project(block, limits[1], post_weight, state, POST)
            deviate(block, quiet[0], quiet[1], quiet[2], quiet[3], state)
            begin(state, found)
            search(block, limits, place, smooth, at, state, found)
            nearest(state, found)
            gather(block, edge[0], edge[1], edge[2], state, found, EDGE)
            refine_half(state, u, v)
            judge_half(state, u, v, pre_covariance, post_covariance)
            write_half(state, found, energy, start, count, energies, others)
            gather(block, peak[0], peak[1], peak[2], state, found, PEAK)
            refine_peak(state, u)
            judge_peak(state, u, v, pre_covariance, post_covariance)
            write_peak(state, found, energy, start, count, energies, others)
