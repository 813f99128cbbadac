"""Half step and white line of many pixels at once, to a small part of the energy step."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array, compiled
from .xanes_kernel import (
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
    WIDTH,
    X,
    begin,
    deviate,
    gather,
    half,
    load,
    nearest,
    one,
    project,
    search,
    smoothen,
    three,
    two,
)

six = np.float32(6.0)


@compiled
def refine_half(state: Array, u: Array, v: Array) -> None:
    """Half step by a local parabola: energy less that of the point in eV, and slope of the difference."""
    u, v = np.float32(u), np.float32(v)
    for pixel in range(WIDTH):
        s, t = state[TABLE * WIDTH + pixel], state[(TABLE + 1) * WIDTH + pixel]
        width = state[(TABLE + 2) * WIDTH + pixel]
        p, q = state[PRE * WIDTH + pixel], state[(PRE + 1) * WIDTH + pixel]
        f, g, h = (
            state[POST * WIDTH + pixel],
            state[(POST + 1) * WIDTH + pixel],
            state[(POST + 2) * WIDTH + pixel],
        )
        # The difference of parabola and mean baseline is a parabola in eV from the point.
        a = state[POLY * WIDTH + pixel] - half * (p + s * q + f + t * (g + t * h))
        b = state[(POLY + 1) * WIDTH + pixel] - half * (u * q + v * (g + two * t * h))
        c = state[(POLY + 2) * WIDTH + pixel] - half * v * v * h
        x = min(max(-a / b, -width), width)
        x = min(max(x - (a + x * (b + x * c)) / (b + two * c * x), -width), width)
        x = min(max(x - (a + x * (b + x * c)) / (b + two * c * x), -width), width)
        state[X * WIDTH + pixel] = x
        state[SLOPE * WIDTH + pixel] = abs(b + two * c * x)
        t += v * x
        state[STEP * WIDTH + pixel] = f + t * (g + t * h) - p - (s + u * x) * q


@compiled
def judge_half(state: Array, u: Array, v: Array, pre: Array, post: Array) -> None:
    """Sigma of the half step for unit noise, and variance of the edge step."""
    u, v = np.float32(u), np.float32(v)
    pre0, pre1, pre2 = np.float32(pre[0, 0]), np.float32(2 * pre[0, 1]), np.float32(pre[1, 1])
    post0, post1 = np.float32(post[0, 0]), np.float32(2 * post[0, 1])
    post2 = np.float32(post[1, 1] + 2 * post[0, 2])
    post3, post4 = np.float32(2 * post[1, 2]), np.float32(post[2, 2])
    for pixel in range(WIDTH):
        x = state[X * WIDTH + pixel]
        s = state[TABLE * WIDTH + pixel] + u * x
        t = state[(TABLE + 1) * WIDTH + pixel] + v * x
        baselines = pre0 + s * (pre1 + s * pre2)
        baselines += post0 + t * (post1 + t * (post2 + t * (post3 + t * post4)))
        own = state[(TABLE + 6) * WIDTH + pixel] + x * state[(TABLE + 7) * WIDTH + pixel]
        own = state[(TABLE + 4) * WIDTH + pixel] + x * (state[(TABLE + 5) * WIDTH + pixel] + x * own)
        own = state[(TABLE + 3) * WIDTH + pixel] + x * own
        state[BASELINES * WIDTH + pixel] = np.sqrt(baselines)
        state[SIGMA * WIDTH + pixel] = np.sqrt(own + half * half * baselines) / state[SLOPE * WIDTH + pixel]


@compiled
def refine_peak(state: Array, u: Array) -> None:
    """White line by a local cubic: energy less that of the point in eV, height in edge steps, curvature."""
    u = np.float32(u)
    for pixel in range(WIDTH):
        s, width = state[TABLE * WIDTH + pixel], half * state[(TABLE + 2) * WIDTH + pixel]
        p, q = state[PRE * WIDTH + pixel], state[(PRE + 1) * WIDTH + pixel]
        a = state[POLY * WIDTH + pixel] - p - s * q
        b = state[(POLY + 1) * WIDTH + pixel] - u * q
        c, d = state[(POLY + 2) * WIDTH + pixel], state[(POLY + 3) * WIDTH + pixel]
        x, bend = np.float32(0.0), two * c
        for _ in range(4):
            move = (b + x * (two * c + three * d * x)) / bend
            x = min(max(x - move, -width), width) if bend < 0 else x
            bend = two * c + six * d * x
        state[X * WIDTH + pixel] = x
        state[SLOPE * WIDTH + pixel] = bend
        state[HEIGHT * WIDTH + pixel] = (a + x * (b + x * (c + x * d))) / state[STEP * WIDTH + pixel]


@compiled
def judge_peak(state: Array, u: Array, v: Array, pre: Array, post: Array) -> None:
    """Sigma of the energy and of the height of the white line for unit noise."""
    u, v = np.float32(u), np.float32(v)
    pre0, pre1, pre2 = np.float32(pre[0, 0]), np.float32(2 * pre[0, 1]), np.float32(pre[1, 1])
    post0, post1 = np.float32(post[0, 0]), np.float32(2 * post[0, 1])
    post2 = np.float32(post[1, 1] + 2 * post[0, 2])
    post3, post4 = np.float32(2 * post[1, 2]), np.float32(post[2, 2])
    for pixel in range(WIDTH):
        x, bend = state[X * WIDTH + pixel], state[SLOPE * WIDTH + pixel]
        s = state[TABLE * WIDTH + pixel] + u * x
        t = state[(TABLE + 1) * WIDTH + pixel] + v * x
        own, slope = np.float32(0.0), np.float32(0.0)
        for power in range(7):
            own = own * x + state[(TABLE + 9 - power) * WIDTH + pixel]
        for power in range(5):
            slope = slope * x + state[(TABLE + 14 - power) * WIDTH + pixel]
        height = state[HEIGHT * WIDTH + pixel]
        own += (height - one) * (height - one) * (pre0 + s * (pre1 + s * pre2))
        own += height * height * (post0 + t * (post1 + t * (post2 + t * (post3 + t * post4))))
        state[SPREAD * WIDTH + pixel] = np.sqrt(own) / abs(state[STEP * WIDTH + pixel])
        sigma = np.sqrt(slope) / -bend
        state[SIGMA * WIDTH + pixel] = sigma if bend < 0 else np.float32(np.inf)


@compiled
def write_half(state: Array, energy: Array, start: int, count: int, energies: Array, others: Array) -> None:
    """Give the numbers of the edge; nan where there is none."""
    for pixel in range(count):
        to, level = start + pixel, state[NOISE * WIDTH + pixel]
        at = int(state[EDGE * WIDTH + pixel])
        there = at >= 0 and np.isfinite(level)
        gap = np.float32(0.0) if there else np.float32(np.nan)
        step = state[STEP * WIDTH + pixel]
        energies[0, to] = energy[max(at, 0)] + state[X * WIDTH + pixel] + gap
        others[0, to] = level * state[SIGMA * WIDTH + pixel] + gap
        others[2, to] = step + gap
        others[3, to] = level * state[BASELINES * WIDTH + pixel] + gap
        others[6, to] = level / abs(step) if there else level


@compiled
def write_peak(state: Array, energy: Array, start: int, count: int, energies: Array, others: Array) -> None:
    """Give the numbers of the white line; nan where there is none."""
    for pixel in range(count):
        to, level = start + pixel, state[NOISE * WIDTH + pixel]
        at = int(state[PEAK * WIDTH + pixel])
        gap = np.float32(0.0) if at >= 0 and np.isfinite(level) else np.float32(np.nan)
        energies[1, to] = energy[max(at, 0)] + state[X * WIDTH + pixel] + gap
        others[1, to] = level * state[SIGMA * WIDTH + pixel] + gap
        others[4, to] = state[HEIGHT * WIDTH + pixel] + gap
        others[5, to] = level * state[SPREAD * WIDTH + pixel] + gap


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
    quiet: tuple[Array, Array],
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
    block, state = np.empty((order.size, WIDTH), np.float32), np.zeros(ROWS * WIDTH, np.float32)
    u, v = per_ev[0], per_ev[1]
    for start in range(first, last, WIDTH):
        count = min(WIDTH, last - start)
        load(stack, order, start, count, block)
        project(block, limits[0], pre_weight, state, PRE)
        project(block, limits[1], post_weight, state, POST)
        deviate(block, quiet[0], quiet[1], state)
        begin(state)
        for row in range(limits[2], limits[3]):
            smoothen(block, smooth[0][row], smooth[1][row, 0], state)
            search(state, row, place[0, row], place[1, row], row < limits[4])
        nearest(state)
        gather(block, edge[0], edge[1], edge[2], state, EDGE)
        refine_half(state, u, v)
        judge_half(state, u, v, pre_covariance, post_covariance)
        write_half(state, energy, start, count, energies, others)
        gather(block, peak[0], peak[1], peak[2], state, PEAK)
        refine_peak(state, u)
        judge_peak(state, u, v, pre_covariance, post_covariance)
        write_peak(state, energy, start, count, energies, others)
