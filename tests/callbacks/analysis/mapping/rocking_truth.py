"""Rocking frames of crystals with known strain and tilt, written apart from the analysis.

A peak is a Gaussian in the crystal's own axes: spacing, rocking angle and azimuth, each pixel by its place in
the laboratory. Vertical scattering plane, rocking about x.
"""

from dataclasses import dataclass

import numpy as np

KEV = 10.0
LAMBDA = 12.398419843320026 / KEV
THETA = np.deg2rad(19.0)
DISTANCE, PIXEL = 1.0, 75e-6
SIZE = 61


@dataclass(frozen=True)
class Crystal:
    """Strain of the planes, tilt about x and about the direction of x cross Q, degree, and photons."""

    strain: float = 0.0
    rocking_deg: float = 0.0
    across_deg: float = 0.0
    photons: float = 1e6


def turn_x(vector: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = np.moveaxis(vector, -1, 0)
    return np.stack(
        [x, y * np.cos(angle) - z * np.sin(angle), y * np.sin(angle) + z * np.cos(angle)], axis=-1
    )


def pixel_q(size: int = SIZE, pixel: float = PIXEL) -> np.ndarray:
    """Scattering vector of each pixel in the laboratory, 1/A, rows rising with two theta."""
    v, u = np.meshgrid(*2 * [(np.arange(size) - size // 2) * pixel], indexing="ij")
    place = turn_x(np.stack([u, v, np.full_like(u, DISTANCE)], axis=-1), -2 * THETA)
    unit = place / np.sqrt((place**2).sum(axis=-1))[..., None]
    return 2 * np.pi / LAMBDA * (unit - np.array([0.0, 0.0, 1.0]))


def frame(
    crystal: Crystal, angle_deg: float, widths=(3e-4, 1.5e-4, 2.5e-4), q_lab: np.ndarray | None = None
) -> np.ndarray:
    """Expected counts on the detector with the sample turned by an angle about x.

    Widths: relative spread of the spacing, of the rocking tilt and of the other tilt (radian).
    """
    q = turn_x(pixel_q() if q_lab is None else q_lab, -np.deg2rad(angle_deg))
    # Undo the tilts in turn: first the one about x, then the one about the direction ahead of Q.
    q = turn_x(q, -np.deg2rad(crystal.rocking_deg))
    normal = np.array([0.0, np.cos(THETA), -np.sin(THETA)])
    ahead = np.array([0.0, -normal[2], normal[1]])
    x, along, forward = q[..., 0], q @ normal, q @ ahead
    turn = np.deg2rad(crystal.across_deg)
    x, along = x * np.cos(turn) + along * np.sin(turn), along * np.cos(turn) - x * np.sin(turn)
    length = 4 * np.pi * np.sin(THETA) / LAMBDA / (1 + crystal.strain)
    size = np.sqrt(x**2 + along**2 + forward**2)
    parts = (size / length - 1, np.arctan2(forward, along), np.arctan2(x, along))
    shape = np.exp(-0.5 * sum((part / width) ** 2 for part, width in zip(parts, widths, strict=True)))
    return shape


def scan(crystal: Crystal, angles_deg: np.ndarray) -> np.ndarray:
    """Expected counts, shape (angles, rows, columns), which add up to the crystal's photons."""
    frames = np.stack([frame(crystal, angle) for angle in angles_deg])
    return crystal.photons * frames / frames.sum()
