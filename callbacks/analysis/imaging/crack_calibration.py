"""Calibration of crack fractions by an electrode that is made like the measured one, with known cracks."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray
from .damage import DamageCalibration, calibrate_damage, particle_damage
from .electrode_phantom import ElectrodePhantom, PhantomRecipe, electrode_phantom
from .grey_level import GreyLevels, grey_levels
from .particle_part import moments
from .segmentation import segment_particles

FOUND = 0.5
"""Overlap (intersection over union) from which a particle counts as found."""
LEAST_CRACKED = 0.04
ROOM = 1.3
"""How far beyond the cracks of nearly all measured particles those of the phantom go."""
NEARLY_ALL = 95.0
UNLIKE = 0.006
"""By how much electrodes of the simulated beamline, packed and cracked otherwise, are off a line (rms)."""
FINENESS = {
    "radius_px": 0.05,
    "radius_spread": 0.05,
    "elongation": 0.05,
    "binder": 0.05,
    "blur_px": 0.1,
    "noise": 0.02,
    "thinning": 0.2,
}
"""Steps in which volumes are told apart; that of the radius is relative."""


def measured_recipe(
    volume: ArrayLike, labels: ArrayLike, levels: GreyLevels, *, seed: int = 1
) -> PhantomRecipe:
    """Measure what an electrode has to be made like.

    Parameters
    ----------
    volume
        Grey values, shape (z, y, x).
    labels
        From `segment_particles`, same shape.
    levels
        From `grey_levels`.
    seed
        Of the phantom.

    Returns
    -------
    PhantomRecipe
        Radii of the particles that the edge does not cut, where there are ten, how far these are from
        spheres, how cracks thin out, and the grey levels. Rounded (`FINENESS`), so that volumes of one
        electrode share a calibration.
    """
    values, numbers = np.asarray(volume, dtype=np.float32), np.asarray(labels)
    contrast = levels.active - levels.pore
    radius = _radii(numbers)
    mean, spread = float(radius.mean()), float(np.std(np.log(radius)))
    found = particle_damage(values, numbers, levels)
    cracked = found.crack_fraction
    told = cracked[np.isfinite(cracked)]
    most = ROOM * float(np.percentile(told, NEARLY_ALL)) if told.size else 0.0
    step = np.log1p(FINENESS["radius_px"])
    return PhantomRecipe(
        radius_px=float(np.clip(np.exp(step * round(np.log(mean) / step)), 2.0, 60.0)),
        radius_spread=_rounded("radius_spread", spread, 0.0, 0.6),
        elongation=_rounded("elongation", _elongation(numbers), 0.0, 0.2),
        binder=_rounded("binder", (levels.binder - levels.pore) / contrast, 0.0, 0.9),
        blur_px=_rounded("blur_px", levels.blur_px, 0.0, 5.0),
        noise=_rounded("noise", levels.noise / contrast, 0.0, 1.0),
        most_cracked=float(np.clip(np.ceil(most / 0.02) * 0.02, LEAST_CRACKED, 0.5)),
        thinning=_rounded("thinning", found.thinning, -0.5, 2.0),
        seed=seed,
    )


def _rounded(name: str, value: float, low: float, high: float) -> float:
    return float(np.clip(round(round(value / FINENESS[name]) * FINENESS[name], 3), low, high))


def _radii(labels: NDArray[np.integer[Any]]) -> FloatArray:
    """Radii of spheres as large as the particles, voxels; of whole ones where there are ten."""
    size = np.bincount(labels.ravel())[1:].astype(np.float64)
    ends = [np.take(labels, (0, -1), axis=axis).ravel() for axis in range(labels.ndim)]
    whole = ~np.isin(np.arange(1, size.size + 1), np.concatenate(ends)) & (size > 0)
    return np.cbrt(size[whole if np.count_nonzero(whole) >= 10 else size > 0] * 3 / (4 * np.pi))


def _elongation(labels: NDArray[np.integer[Any]]) -> float:
    """Median over particles of the standard deviation of the logarithms of their half axes."""
    mass, first, second = (each[1:] for each in moments(labels.astype(np.int32)))
    here = mass > 0
    centre = first[here] / mass[here, None]
    spread = second[here] / mass[here, None, None] - centre[:, :, None] * centre[:, None, :] + np.eye(3) / 12
    return float(np.median(np.std(0.5 * np.log(np.linalg.eigvalsh(spread)), axis=1)))


@lru_cache(maxsize=8)
def crack_calibration(recipe: PhantomRecipe) -> DamageCalibration:
    """Calibrate crack fractions by an electrode that is made by a recipe, segmented and measured like any.

    The last ones are kept: a second volume of the same recipe costs nothing.

    Parameters
    ----------
    recipe
        From `measured_recipe`.

    Returns
    -------
    DamageCalibration
        Line for all particles; those for cracks that are open at the surface, and for others, tell how far
        what cannot be seen there leaves it open.

    Raises
    ------
    ValueError
        If fewer than ten particles of a kind are found again: they are too small, or noise is too strong.
    """
    made = electrode_phantom(recipe)
    labels = segment_particles(made.volume).labels
    measured = _measured(made, labels, grey_levels(made.volume, labels))
    kinds = [
        calibrate_damage(measured[one], made.crack_fraction[one]) for one in (made.is_open, ~made.is_open)
    ]
    return replace(calibrate_damage(measured, made.crack_fraction, kinds=kinds), unlike=UNLIKE)


def _measured(made: ElectrodePhantom, labels: NDArray[np.int32], levels: GreyLevels) -> FloatArray:
    """Crack fraction of each particle of a phantom as measured; nan where it was not found."""
    found = particle_damage(made.volume, labels, levels).crack_fraction
    true_size, size = np.bincount(made.labels.ravel()), np.bincount(labels.ravel())
    code = made.labels.ravel().astype(np.int64) * size.size + labels.ravel()
    pairs, shared = np.unique(code, return_counts=True)
    true, seen = np.divmod(pairs, size.size)
    overlap = shared / (true_size[true] + size[seen] - shared)
    hit = (true > 0) & (seen > 0) & (overlap > FOUND)
    measured = np.full(true_size.size - 1, np.nan)
    measured[true[hit] - 1] = found[seen[hit] - 1]
    return measured
