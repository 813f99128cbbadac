"""Where a fit starts: the lattice whose lines fall on the peaks of a pattern."""
# pyright: standard

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .background import grid_step
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
    step = grid_step(q_per_a)
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


@dataclass(frozen=True, eq=False)
class SeedTable:
    """Where the strong lines of the lattices tried for a phase lie on a grid (n,), and what each weighs.

    Attributes
    ----------
    metrics
        Lattices that are tried (m, k).
    before, part
        Point of the grid before each line (m, l), and how far on to the next one, 0 to 1.
    weight
        Of each line (m, l): roots of strengths, over their length.
    """

    metrics: FloatArray
    before: NDArray[np.intp]
    part: FloatArray
    weight: FloatArray

    def scores(self, signal: FloatArray) -> FloatArray:
        """Agreement (m,) of lattices with a signal (n,): cosine of the roots of strengths and of the signal.

        Roots, for texture changes strengths; a strong line that is missing still counts.
        """
        rise = np.diff(signal)[self.before]
        return (self.weight * (signal[self.before] + self.part * rise)).sum(axis=1)


def seed_table(q_per_a: FloatArray, phase: Phase, *, wide: bool) -> SeedTable:
    """Give the table of a phase on a rising grid (n,); remembered, for a series has one grid."""
    return _seed_table(np.ascontiguousarray(q_per_a, dtype=np.float64).tobytes(), phase, wide)


@lru_cache(maxsize=64)
def _seed_table(grid: bytes, phase: Phase, wide: bool) -> SeedTable:
    """Compute a table: lattices times strong lines."""
    q, metrics = np.frombuffer(grid), candidate_metrics(phase, wide=wide)
    strong = phase.strength > 0.03 * phase.strength.max()
    places = np.sqrt(np.maximum(metrics @ phase.rows[strong].T, 1e-6))
    inside = (places > q[0]) & (places < q[-1])
    weight = np.sqrt(phase.strength[strong]) * inside
    length = np.maximum(np.sqrt((weight**2).sum(axis=1, keepdims=True)), 1e-12)
    before = np.clip(np.searchsorted(q, places) - 1, 0, q.size - 2)
    part = np.clip((places - q[before]) / (q[before + 1] - q[before]), 0.0, 1.0)
    return SeedTable(metrics, before, part, weight / length)


def seed_metric(q_per_a: FloatArray, signal: FloatArray, phase: Phase, *, wide: bool) -> FloatArray:
    """Metric (k,) of the lattice that agrees best."""
    table = seed_table(q_per_a, phase, wide=wide)
    return table.metrics[int(np.argmax(table.scores(signal)))]
