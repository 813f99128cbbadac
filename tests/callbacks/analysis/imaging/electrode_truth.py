"""Packed electrodes with known particles, cracks, binder and detached particles."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

PORE, BINDER, ACTIVE = 0.08, 0.35, 1.0


@dataclass(frozen=True)
class Electrode:
    """An image and what is in it."""

    image: np.ndarray
    labels: np.ndarray
    damage: np.ndarray
    detached: np.ndarray
    centre_px: np.ndarray
    radius_px: np.ndarray


def packed(rng: np.random.Generator, shape, radii: np.ndarray, gap_px: float) -> np.ndarray:
    """Centres of spheres by random sequential addition, the largest first; nan where there is no room."""
    size, centres = np.array(shape, dtype=np.float32), np.full((radii.size, 3), np.nan, dtype=np.float32)
    placed = np.zeros(radii.size, dtype=bool)
    for number, radius in enumerate(radii):
        there, reach = centres[placed], (radii[placed] + radius + gap_px) ** 2
        for _ in range(6):
            trials = rng.uniform(radius + 2, size - radius - 3, (32, 3)).astype(np.float32)
            apart = (trials**2).sum(axis=1)[:, None] + (there**2).sum(axis=1) - 2 * trials @ there.T
            free = (apart > reach).all(axis=1)
            if free.any():
                centres[number], placed[number] = trials[free.argmax()], True
                break
    return centres


def unit(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def cracked(rng: np.random.Generator, offset: np.ndarray, radius: float, sheets: int, width: float):
    """Share of each voxel (3, ...) in radial half sheets that begin at the surface."""
    share = np.zeros(offset.shape[1:])
    for _ in range(sheets):
        normal, inward = unit(rng), unit(rng)
        across = np.abs(np.tensordot(normal, offset, 1))
        along = np.tensordot(inward, offset, 1) > rng.uniform(-0.3, 0.3) * radius
        share = np.maximum(share, np.clip(width / 2 + 0.5 - across, 0, min(width, 1)) * along)
    return share


def electrode(
    shape=(112, 150, 150),
    count: int = 640,
    *,
    seed: int = 1,
    noise: float = 0.1,
    blur_px: float = 0.8,
    radius_px=(5.0, 8.5),
    most_sheets: int = 4,
    gap_px: float = 0.2,
    detached: float = 0.1,
) -> Electrode:
    """Spheres by random sequential addition, cracks as radial sheets, binder, blur and noise."""
    rng = np.random.default_rng(seed)
    radii = np.sort(rng.uniform(*radius_px, count))[::-1]
    centres = packed(rng, shape, radii, gap_px)
    placed = np.isfinite(centres[:, 0])
    centres, radii = centres[placed], radii[placed]
    web = ndimage.gaussian_filter(rng.normal(size=shape).astype(np.float32), 4)
    image = np.where(web > np.quantile(web, 0.4), BINDER, PORE)
    labels, damage = np.zeros(shape, dtype=np.int32), np.zeros(radii.size)
    loose = rng.random(radii.size) < detached
    for number, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        reach = int(radius) + 6
        low = np.maximum(centre.astype(int) - reach, 0)
        box = tuple(slice(a, min(a + 2 * reach + 1, n)) for a, n in zip(low, shape, strict=True))
        offset = np.stack(
            np.meshgrid(*(np.arange(s.start, s.stop, dtype=np.float32) for s in box), indexing="ij")
        ) - centre.reshape(3, 1, 1, 1).astype(np.float32)
        distance = np.linalg.norm(offset, axis=0)
        cover = np.clip(radius + 0.5 - distance, 0, 1)
        if loose[number]:
            cleared = (distance < radius + 5) & (labels[box] == 0)
            image[box] = np.where(cleared & (image[box] < 0.5), PORE, image[box])
        crack = cracked(rng, offset, radius, int(rng.integers(0, most_sheets + 1)), rng.uniform(0.5, 1.8))
        damage[number] = (cover * crack).sum() / cover.sum()
        image[box] = (1 - cover) * image[box] + cover * (ACTIVE * (1 - crack) + PORE * crack)
        labels[box][distance <= radius] = number + 1
    image = ndimage.gaussian_filter(image, blur_px) + noise * rng.normal(size=shape)
    return Electrode(image.astype(np.float32), labels, damage, loose, centres, radii)


def matched(truth: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best overlap (intersection over union) of each true particle, and the label that has it."""
    true_size, found_size = np.bincount(truth.ravel()), np.bincount(found.ravel())
    pairs, shared = np.unique(
        truth.ravel().astype(np.int64) * found_size.size + found.ravel(), return_counts=True
    )
    one, two = np.divmod(pairs, found_size.size)
    inside = (one > 0) & (two > 0)
    one, two, shared = one[inside], two[inside], shared[inside]
    overlap = shared / (true_size[one] + found_size[two] - shared)
    order = np.argsort(overlap)
    best, label = np.zeros(true_size.size), np.zeros(true_size.size, dtype=int)
    best[one[order]], label[one[order]] = overlap[order], two[order]
    return best[1:], label[1:]
