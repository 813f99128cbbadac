"""Balls in a box: attenuation per pixel and exact line integrals, written apart from the analysis."""

import numpy as np

BALLS = (
    # z, y, x from the middle and radius, all of half the width; attenuation per pixel
    (0.0, 0.0, 0.0, 0.75, 0.010),
    (0.0, 0.25, -0.2, 0.22, 0.020),
    (0.1, -0.3, 0.15, 0.16, -0.008),
    (-0.2, 0.05, 0.4, 0.12, 0.030),
    (0.05, -0.15, -0.45, 0.1, 0.015),
    (0.0, 0.42, 0.22, 0.08, 0.025),
)


def volume(rows: int, width: int, finer: int = 2) -> np.ndarray:
    """Mean over each pixel, [z, y, x]."""
    half = width / 2
    place = (np.arange(width * finer) - (width * finer - 1) / 2) / finer
    out = np.zeros((rows, width, width))
    for row in range(rows):
        z = row - (rows - 1) / 2
        fine = np.zeros((width * finer, width * finer))
        for z0, y0, x0, radius, value in BALLS:
            inside = (place[:, None] - y0 * half) ** 2 + (place - x0 * half) ** 2 + (z - z0 * half) ** 2
            fine += value * (inside < (radius * half) ** 2)
        out[row] = fine.reshape(width, finer, width, finer).mean(axis=(1, 3))
    return out


def projections(
    angle_deg, rows: int, width: int, centre: float, tilt_deg: float = 0.0, finer: int = 4
) -> np.ndarray:
    """Line integrals [angle, row, column], mean over a pixel's width; the sample turns from x to y."""
    half = width / 2
    row = np.arange(rows)[:, None, None] - (rows - 1) / 2
    step = (np.arange(finer) - (finer - 1) / 2) / finer
    aside = np.arange(width)[:, None] + step - centre
    tilt = np.radians(tilt_deg)
    along, z = aside * np.cos(tilt) - row * np.sin(tilt), aside * np.sin(tilt) + row * np.cos(tilt)
    out = np.zeros((len(angle_deg), rows, width), np.float32)
    for image, angle in zip(out, np.radians(angle_deg), strict=True):
        for z0, y0, x0, radius, value in BALLS:
            s0 = half * (x0 * np.cos(angle) - y0 * np.sin(angle))
            chord = (radius * half) ** 2 - (along - s0) ** 2 - (z - z0 * half) ** 2
            image += value * 2 * np.sqrt(np.maximum(chord, 0)).mean(axis=-1)
    return out


def nrmse(found: np.ndarray, truth: np.ndarray, radius: float = 0.95) -> float:
    """Root mean square difference over the range of the truth, in a circle of each slice."""
    width = truth.shape[-1]
    place = np.arange(width) - (width - 1) / 2
    inside = place[:, None] ** 2 + place**2 < (radius * width / 2) ** 2
    difference = (found - truth)[..., inside]
    return float(np.sqrt(np.mean(difference**2)) / np.ptp(truth))


def counts(line_integrals: np.ndarray, rng: np.random.Generator, beam: float = 20000.0):
    """Frames, flats and darks of a camera with a dead pixel, a hot one and a beam that is not even."""
    rows, width = line_integrals.shape[1:]
    even = beam * (1 + 0.3 * np.sin(np.arange(width) / 7) * np.cos(np.arange(rows)[:, None] / 5))
    even *= rng.normal(1, 0.05, (rows, width))
    dark = rng.uniform(90, 110, (rows, width))
    even[rows // 2, width // 3] = 0
    frames = rng.poisson(even * np.exp(-line_integrals) + dark).astype(np.uint16)
    flats = rng.poisson(even + dark, (12, rows, width)).astype(np.uint16)
    darks = rng.poisson(dark, (12, rows, width)).astype(np.uint16)
    return frames, flats, darks
