"""Half step and white line of many pixels at once, to a small part of the energy step."""

from __future__ import annotations

import numpy as np

from ..xrd.kernel import Array
from .xanes_grid import XanesGrid
from .xanes_kernel import (
    AT_ONCE,
    BEND,
    EDGE,
    MEAN,
    NOISE,
    OTHER,
    OWN,
    PEAK,
    PLACE,
    POLY,
    POST,
    PRE,
    ROW,
    ROWS,
    RUN,
    SLOPE,
    STEP,
    TILE,
    TOP,
    WIDTH,
    X,
    average,
    compiled,
    deviate,
    fit_locally,
    half,
    judge_locally,
    load,
    one,
    pick,
    project,
    room,
    three,
    two,
)
from .xanes_search import begin, nearest, search

GOOD, NOISY, NO_EDGE, NO_DATA = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(3)
"""Codes of `PixelVerdict`, as the compiler takes them."""
LEAST_BEND_SIGMA = 3.0
"""Least curvature of a white line, in its sigmas: below, a maximum is anywhere on a plateau."""


@compiled
def refine_half(state: Array, per_ev: float) -> None:
    """Half step by a local parabola: energy less that of the point in eV, slope there, and the edge step."""
    k = np.float32(per_ev)
    for pixel in range(TILE):
        z, width = state[PLACE * TILE + pixel], state[WIDTH * TILE + pixel]
        f, g, h = (
            state[MEAN * TILE + pixel],
            state[(MEAN + 1) * TILE + pixel],
            state[(MEAN + 2) * TILE + pixel],
        )
        # The difference of parabola and mean baseline is a parabola in eV from the point.
        a = state[POLY * TILE + pixel] - (f + z * (g + z * h))
        b = state[(POLY + 1) * TILE + pixel] - k * (g + two * z * h)
        c = state[(POLY + 2) * TILE + pixel] - k * k * h
        x = min(max(-a / b, -width), width)
        x = min(max(x - (a + x * (b + x * c)) / (b + two * c * x), -width), width)
        x = min(max(x - (a + x * (b + x * c)) / (b + two * c * x), -width), width)
        z += k * x
        below = state[PRE * TILE + pixel] + z * state[(PRE + 1) * TILE + pixel]
        bend = state[(POST + 1) * TILE + pixel] + z * state[(POST + 2) * TILE + pixel]
        state[STEP * TILE + pixel] = state[POST * TILE + pixel] + z * bend - below
        state[X * TILE + pixel], state[PLACE * TILE + pixel] = x, z
        state[SLOPE * TILE + pixel] = abs(b + two * c * x)


@compiled
def refine_peak(state: Array, per_ev: float) -> None:
    """White line by a local cubic: energy less that of the point in eV, curvature and height, edge steps."""
    k = np.float32(per_ev)
    for pixel in range(TILE):
        z, width = state[PLACE * TILE + pixel], state[WIDTH * TILE + pixel]
        tilt = state[(PRE + 1) * TILE + pixel]
        a = state[POLY * TILE + pixel] - state[PRE * TILE + pixel] - z * tilt
        b = state[(POLY + 1) * TILE + pixel] - k * tilt
        c, d = state[(POLY + 2) * TILE + pixel], state[(POLY + 3) * TILE + pixel]
        # The root of the derivative at which the cubic bends down, without the loss of digits of small d.
        root = np.sqrt(max(c * c - three * b * d, np.float32(0.0)))
        x = min(max(b / (root - c), -width), width)
        x = x if c < 0 else np.float32(0.0)
        state[X * TILE + pixel], state[PLACE * TILE + pixel] = x, z + k * x
        state[SLOPE * TILE + pixel] = two * (c + three * d * x)
        state[TOP * TILE + pixel] = (a + x * (b + x * (c + x * d))) / state[STEP * TILE + pixel]


@compiled
def write_energy(state: Array, grid: XanesGrid, energies: Array) -> None:
    """Give the energies in eV: apart, as double precision has half as many in a register."""
    edge_ev, scale_ev = grid.edge_ev, 1 / grid.per_ev
    for pixel in range(energies.size):
        energies[pixel] = edge_ev + scale_ev * np.float64(state[PLACE * TILE + pixel])


@compiled
def write_half(
    state: Array,
    found: Array,
    grid: XanesGrid,
    limits: tuple[float, float],
    pixels: tuple[int, int],
    energies: Array,
    others: Array,
    verdict: Array,
) -> None:
    """Give the half step and its sigma, the edge step and what they are worth; nan where there is none."""
    first, last = pixels
    sigma, height, error = others[0, first:last], others[2, first:last], others[3, first:last]
    noise, code = others[6, first:last], verdict[first:last]
    most, least = np.float32(limits[0]), np.float32(limits[1])
    p, q, r = grid.pre_variance[0], grid.pre_variance[1], grid.pre_variance[2]
    a, b, c = grid.post_variance[0], grid.post_variance[1], grid.post_variance[2]
    d, e = grid.post_variance[3], grid.post_variance[4]
    for pixel in range(code.size):
        z, level, step = state[PLACE * TILE + pixel], state[NOISE * TILE + pixel], state[STEP * TILE + pixel]
        baselines = p + z * (q + z * r) + a + z * (b + z * (c + z * (d + z * e)))
        spread = np.sqrt(state[OWN * TILE + pixel] + half * half * baselines) / state[SLOPE * TILE + pixel]
        there = (found[EDGE * TILE + pixel] >= 0) & (level < np.float32(np.inf))
        gap = np.float32(0.0) if there else np.float32(np.nan)
        own, uncertain = level * spread, level * np.sqrt(baselines)
        state[PLACE * TILE + pixel] = z + gap
        sigma[pixel], height[pixel], error[pixel] = own + gap, step + gap, uncertain + gap
        noise[pixel] = level / (abs(step) if there else one)
        grade = GOOD if own < most else NOISY
        grade = grade if there & (step > least * uncertain) else NO_EDGE
        code[pixel] = grade if level < np.float32(np.inf) else NO_DATA
    write_energy(state, grid, energies[0, first:last])


@compiled
def write_peak(
    state: Array, found: Array, grid: XanesGrid, pixels: tuple[int, int], energies: Array, others: Array
) -> None:
    """Give the white line and its sigma, its height and sigma of that; nan where there is none."""
    first, last = pixels
    sigma, height, error = others[1, first:last], others[4, first:last], others[5, first:last]
    p, q, r = grid.pre_variance[0], grid.pre_variance[1], grid.pre_variance[2]
    a, b, c = grid.post_variance[0], grid.post_variance[1], grid.post_variance[2]
    d, e = grid.post_variance[3], grid.post_variance[4]
    common, varied, stretch = np.float32(grid.bend[0]), np.float32(grid.bend[1]), np.float32(grid.bend[2])
    least = np.float32(LEAST_BEND_SIGMA)
    for pixel in range(sigma.size):
        z, level, high = state[PLACE * TILE + pixel], state[NOISE * TILE + pixel], state[TOP * TILE + pixel]
        spread = state[OWN * TILE + pixel] + (high - one) * (high - one) * (p + z * (q + z * r))
        spread += high * high * (a + z * (b + z * (c + z * (d + z * e))))
        there = (found[PEAK * TILE + pixel] >= 0) & (level < np.float32(np.inf))
        gap = np.float32(0.0) if there else np.float32(np.nan)
        step, own = state[STEP * TILE + pixel], state[SLOPE * TILE + pixel]
        prior, noise = varied * step * step, level * level * state[BEND * TILE + pixel]
        bend = (prior * own + noise * common * step) / (prior + noise)
        shift = np.sqrt(level * level * state[OTHER * TILE + pixel] / (bend * bend) + stretch * stretch)
        flattest = max(bend, common * step)
        told = (own < 0) & (flattest < 0) & (flattest * flattest > least * least * noise)
        state[PLACE * TILE + pixel] = z + gap
        sigma[pixel], height[pixel] = (shift if told else np.float32(np.inf)) + gap, high + gap
        error[pixel] = level * np.sqrt(spread) / abs(step) + gap
    write_energy(state, grid, energies[1, first:last])


def workspace(grid: XanesGrid) -> tuple[Array, ...]:
    """Arrays in which a thread works: spectra, points about a place, state and places of a tile, others."""
    return (
        room(grid.order.size * ROW),
        room(max(grid.half_step.weight.shape[2], grid.white_line.weight.shape[2]) * ROW),
        room(ROWS * TILE),
        np.zeros(2 * TILE, np.int32),
        np.empty(AT_ONCE, np.float32),
        np.zeros(grid.order.size, np.bool_),
    )


@compiled
def fit_pixels(
    stack: Array,
    first: int,
    last: int,
    grid: XanesGrid,
    limits: tuple[float, float],
    work: tuple[Array, ...],
    energies: Array,
    others: Array,
    verdict: Array,
) -> None:
    """Fit the pixels first .. last - 1.

    Parameters
    ----------
    stack
        Absorption, shape (m, pixels), any real type.
    first, last
        Pixels.
    grid
        Of `xanes_grid`.
    limits
        Largest sigma of a good half step, eV; least edge step, in its sigmas.
    work
        Of `workspace`, for this thread alone.
    energies
        Written, shape (2, pixels): half step and white line, eV; nan where there is no edge.
    others
        Written, shape (7, pixels): sigma of the half step and of the white line (eV), edge step and its
        sigma (units of the stack), height of the white line and its sigma (edge steps), noise (edge steps;
        units of the stack where there is no edge).
    verdict
        Written, shape (pixels,): codes of `PixelVerdict`.
    """
    blocks, picked, state, found, at, seen = work
    for begun in range(first, last, RUN):
        load(stack, grid.order, begun, min(RUN, last - begun), blocks)
        for start in range(begun, min(begun + RUN, last), TILE):
            block, pixels = blocks[start - begun :], (start, min(start + TILE, last))
            project(block, grid.limits[0], grid.pre_weight, state, PRE)
            project(block, grid.limits[1], grid.post_weight, state, POST)
            average(state)
            deviate(block, grid.quiet[0], grid.quiet[1], grid.quiet[2], state)
            begin(state, found)
            search(block, grid.limits, grid.place, grid.smooth, at, state, found)
            nearest(state, found)
            pick(block, grid.place, grid.half_step, state, found, EDGE, seen, picked)
            fit_locally(grid.half_step, seen, picked, state)
            refine_half(state, grid.per_ev)
            judge_locally(grid.half_step, seen, state)
            write_half(state, found, grid, limits, pixels, energies, others, verdict)
            pick(block, grid.place, grid.white_line, state, found, PEAK, seen, picked)
            fit_locally(grid.white_line, seen, picked, state)
            refine_peak(state, grid.per_ev)
            judge_locally(grid.white_line, seen, state)
            write_peak(state, found, grid, pixels, energies, others)
