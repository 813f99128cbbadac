"""Where a fit starts: the lattice whose lines fall on the peaks of a pattern."""
# pyright: standard

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .phase import FloatArray, Phase, System

LAYERED_A = np.arange(2.785, 2.905, 0.005)
LAYERED_C = np.arange(13.1, 15.05, 0.03)
NEAR = np.arange(-0.012, 0.01201, 0.001)
"""Relative changes of a lattice that are tried for phases other than layered ones."""


def signal_of(q_per_a: FloatArray, lines: FloatArray, sigma: FloatArray, width_per_a: float) -> FloatArray:
    """Root of the smoothed lines over their noise (n,): how much a line at each place stands out.

    Parameters
    ----------
    q_per_a
        Rising grid (n,), 1/angstrom.
    lines, sigma
        PatternModel less background, and its standard deviations (n,).
    width_per_a
        Full width over which is smoothed, 1/angstrom.
    """
    step = float(np.median(np.diff(q_per_a)))
    points = max(width_per_a / 2.355 / step, 0.7)
    smooth = gaussian_filter1d(lines, points)
    noise = np.sqrt(gaussian_filter1d(sigma**2, points) / (2 * np.sqrt(np.pi) * points))
    return np.sqrt(np.maximum(smooth / noise - 1.0, 0.0))


def candidate_metrics(phase: Phase, *, wide: bool) -> FloatArray:
    """Metrics (m, k) that are tried for a phase: cells of layered oxides when `wide`, else near its own."""
    own = phase.metric
    if wide and phase.system is System.HEXAGONAL:
        a, c = (grid.ravel() for grid in np.meshgrid(LAYERED_A, LAYERED_C, indexing="ij"))
        return np.stack([(4 / 3) * (2 * np.pi / a) ** 2, (2 * np.pi / c) ** 2], axis=1)
    if phase.system is System.HEXAGONAL or phase.system is System.TETRAGONAL:
        first, second = (grid.ravel() for grid in np.meshgrid(NEAR[::2], NEAR[::2], indexing="ij"))
        return own * np.stack([1 - 2 * first, 1 - 2 * second], axis=1)
    return own * (1 - 2 * NEAR[:, None])


def seed_scores(q_per_a: FloatArray, signal: FloatArray, phase: Phase, metrics: FloatArray) -> FloatArray:
    """Agreement (m,) of lattices with a signal: cosine of the roots of strengths and of the signal there.

    Roots, for texture changes strengths; a strong line that is missing still counts.
    """
    strength = phase.strength
    strong = strength > 0.03 * strength.max()
    places = np.sqrt(np.maximum(metrics @ phase.rows[strong].T, 1e-6))
    inside = (places > q_per_a[0]) & (places < q_per_a[-1])
    weight = np.sqrt(strength[strong]) * inside
    found = np.interp(places, q_per_a, signal)
    length = np.sqrt((weight**2).sum(axis=1))
    return (weight * found).sum(axis=1) / np.maximum(length, 1e-12)


def seed_metric(q_per_a: FloatArray, signal: FloatArray, phase: Phase, *, wide: bool) -> FloatArray:
    """Metric (k,) of the lattice that agrees best."""
    metrics = candidate_metrics(phase, wide=wide)
    return metrics[int(np.argmax(seed_scores(q_per_a, signal, phase, metrics)))]
