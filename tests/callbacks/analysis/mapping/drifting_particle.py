"""Rocking maps of particles of many grains that drift from angle to angle, written apart from the analysis.

The beam is a Gaussian with a standard deviation of 0.85 steps (a step is half its width). Every grain is
turned and strained its own way, and on a boundary the beam sees two of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rocking_truth import Crystal, frame, pixel_q

ANGLES = np.arange(-0.55, 0.5501, 0.05)
WIDTHS = (6e-4, 1.5e-3, 1.5e-3)
SIZE, PIXEL = 43, 300e-6
SHAPE = (18, 20)
GRAINS = 24
FINE, BORDER, BEAM = 4, 6, 0.85
PHOTONS, FLUORESCENCE = 1e6, 1e4
"""Of a position that is full of crystal: photons over all angles, and counts of fluorescence at each."""


def thickness(scene: str, rows: np.ndarray, columns: np.ndarray, phase: float) -> np.ndarray:
    """Thickness of a particle: "whole" in the map, "wider" than it with two rims, or "everywhere"."""
    if scene == "whole":
        middle = (SHAPE[0] - 1) / 2, (SHAPE[1] - 1) / 2
        far = np.hypot((rows - middle[0]) / 0.38 / SHAPE[0], (columns - middle[1]) / 0.38 / SHAPE[1])
        return np.sqrt(np.clip(1 - far**2, 0, None))
    relief = np.sin(rows / 3.1 + phase) * np.cos(columns / 2.7 - phase)
    if scene == "wider":
        far = np.hypot(rows - 0.95 * SHAPE[0], columns - 0.75 * SHAPE[1]) - 0.78 * SHAPE[1]
        return (1 + 0.3 * relief) / (1 + np.exp(far / 0.6))
    return 1 + 0.15 * relief


@dataclass
class DriftingParticle:
    """One scene: where it is thick and which grain is where, on a grid finer than the steps."""

    scene: str
    rng: np.random.Generator

    def __post_init__(self) -> None:
        sides = [np.arange((count + 2 * BORDER) * FINE) / FINE - BORDER for count in SHAPE]
        rows, columns = np.meshgrid(*sides, indexing="ij")
        seeds = self.rng.uniform(-BORDER, np.array(SHAPE) + BORDER, (GRAINS, 2))
        far = np.hypot(rows[..., None] - seeds[:, 0], columns[..., None] - seeds[:, 1])
        nearest = np.sort(far, axis=-1)
        boundary = nearest[..., 1] - nearest[..., 0] < 0.35
        thick = thickness(self.scene, rows, columns, self.rng.uniform(0, 6))
        self.sides, self.grain = sides, far.argmin(axis=-1)
        self.thick = np.where(boundary, 0.5 * thick, thick)
        self.crystals = [
            Crystal(self.rng.uniform(-3e-4, 3e-4), *self.rng.uniform(-0.2, 0.2, 2)) for _ in range(GRAINS)
        ]

    @cached_property
    def frames(self) -> np.ndarray:
        """Expected counts of each grain alone, shape (grains, angles, rows, columns)."""
        q = pixel_q(SIZE, PIXEL)
        frames = np.array([[frame(each, angle, WIDTHS, q) for angle in ANGLES] for each in self.crystals])
        return PHOTONS * frames / frames.sum(axis=(1, 2, 3), keepdims=True)

    def lit(self, shift) -> np.ndarray:
        """How much of each grain the beam meets with the sample moved by a shift, (positions, grains)."""
        share = []
        for side, count, by in zip(self.sides, SHAPE, shift, strict=True):
            beam = np.exp(-0.5 * ((side - (np.arange(count) - by)[:, None]) / BEAM) ** 2)
            share.append(beam / beam.sum(axis=1, keepdims=True))
        parts = [share[0] @ (self.thick * (self.grain == k)) @ share[1].T for k in range(GRAINS)]
        return np.stack(parts, axis=-1).reshape(-1, GRAINS)

    def measured(self, drift) -> tuple[list[np.ndarray], np.ndarray]:
        """Frames of each angle (positions, rows, columns), and maps of fluorescence (angles, *map)."""
        frames, maps = [], []
        for index, shift in enumerate(drift):
            lit = self.lit(shift)
            expected = lit @ self.frames[:, index].reshape(GRAINS, -1)
            counts = self.rng.poisson(np.where(expected > 1e-4, expected, 0.0)).astype(np.uint16)
            frames.append(counts.reshape(-1, SIZE, SIZE))
            maps.append(self.rng.poisson(FLUORESCENCE * lit.sum(axis=1)).reshape(SHAPE))
        return frames, np.array(maps, dtype=float)


def drift_of(reach_px: float, rng: np.random.Generator) -> np.ndarray:
    """Drift that bends and is rough by a twentieth of a pixel from angle to angle, shape (angles, 2)."""
    time = np.linspace(0, 1, len(ANGLES))
    bends = [0.3 * np.sin(rate * time + rng.uniform(0, 6)) for rate in (3, 4)]
    smooth = np.stack([time + bends[0], rng.uniform(-1, 1) * time + bends[1]], axis=1)
    drift = reach_px * smooth + 0.05 * rng.normal(size=smooth.shape)
    return drift - drift[0]
