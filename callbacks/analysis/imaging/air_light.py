"""Light of each image, told from the pixels that show nothing but air."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray
from .flat_field import FloatImage

MOST_AIR_DEPTH = 0.03
"""Optical depth, mean of all energies, up to which a place may be air: a beam monitor errs less."""
LEAST_PIXELS = 50
LEAST_PART = 0.005
"""Of the picture; with fewer pixels in a row, chance or the fringe of a particle passes for air."""
MOST_SIGMA = 0.002
"""Optical depth: light told from air is to be better than what a beam monitor tells."""
MOST_STEP = 0.01
"""Optical depth of the specimen's own spectrum that air may seem to have."""
LEAST_ENERGIES = 6
"""To tell a spectrum in the course of the air from chance."""
SMOOTH_PX = 5
KEEP_OFF_PX = 2
"""From what is no air: fringes, and drift between energies."""
WIDTH_SIGMA = 4.0
GAUSS = 1.4826


class AirVerdict(StrEnum):
    """Where the light of the images is from."""

    AIR = "air"
    NO_AIR = "no air"
    SPECIMEN = "specimen everywhere"


@dataclass(frozen=True, eq=False)
class AirLight:
    """Light of images, told from air in them.

    Attributes
    ----------
    verdict
        `AirVerdict`; unless it is `AIR`, offsets are 0 and the light is what the beam monitor said.
    reason
        In words, with numbers, why there is no air; "" where there is.
    air
        Pixels that are air at every energy, shape (rows, columns).
    offset
        Optical depth of the air in each image, which is to be taken off all of its pixels, shape (n,):
        -ln of the light that the monitor missed.
    sigma
        One standard deviation of it, shape (n,), by the scatter of the air's pixels.
    """

    verdict: AirVerdict
    reason: str
    air: NDArray[np.bool_]
    offset: FloatArray
    sigma: FloatArray


def air_light(depths: FloatImage) -> AirLight:
    """Find the pixels that are air in every image, and what they say of its light.

    A place may be air if its depth, mean of all images and of its neighbourhood, is within 0.03 of nothing.
    Of such places the most frequent depth is that of air, if there is any; those that differ from it by more
    than they scatter, and what is next to them, are left out. A film of the specimen that covers everything,
    as thin as that, is told from air by its edge: the course of the air over the energies must not have more
    than 0.01 of that of the specimen.

    Parameters
    ----------
    depths
        -ln of the transmission, at rising energies, shape (n, rows, columns), as the beam monitor has it.

    Returns
    -------
    AirLight
        With verdict.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> depths = 0.002 * rng.standard_normal((6, 40, 40))
    >>> depths[:, :20] += np.linspace(0.2, 0.8, 6)[:, None, None]
    >>> depths[3] += 0.005
    >>> found = air_light(depths.astype(np.float32))
    >>> str(found.verdict), round(float(found.offset[3] - found.offset[2]), 3)
    ('air', 0.005)
    """
    air = _quiet_places(depths)
    least = max(LEAST_PIXELS, LEAST_PART * air.size)
    if air.sum() < least:
        return no_air(depths, f"{air.sum()} pixels are air, must be {least:.0f} or more")
    shown = depths[:, air].astype(np.float64)
    offset: FloatArray = np.median(shown, axis=1)
    # Of the median of normal deviates; neighbours have fringes and blur in common, so this is a lower limit.
    spread = GAUSS * np.median(np.abs(shown - offset[:, None]), axis=1)
    sigma: FloatArray = spread * np.sqrt(0.5 * np.pi / shown.shape[1])
    if sigma.max() > MOST_SIGMA:
        told = f"air tells the light to {sigma.max():.2g} only, must be {MOST_SIGMA:g}; {air.sum()} pixels"
        return no_air(depths, told)
    step = _specimen_in(offset, depths)
    if abs(step) > MOST_STEP:
        told = f"what may be air has {step:.2g} of the specimen's optical depth, limit {MOST_STEP:g}"
        return no_air(depths, told, AirVerdict.SPECIMEN)
    return AirLight(AirVerdict.AIR, "", air, offset, sigma)


def no_air(depths: FloatImage, reason: str, verdict: AirVerdict = AirVerdict.NO_AIR) -> AirLight:
    """Leave the light of images, shape (n, rows, columns), as it is, for a reason."""
    nothing = np.zeros(len(depths))
    return AirLight(verdict, reason, np.zeros(depths.shape[1:], dtype=bool), nothing, nothing)


def _quiet_places(depths: FloatImage) -> NDArray[np.bool_]:
    """Pixels about which the mean depth is the most frequent of those near nothing, shape (rows, columns)."""
    ndimage: Any = import_module("scipy.ndimage")
    mean = depths.mean(axis=0, dtype=np.float64)
    smooth: FloatArray = ndimage.uniform_filter(mean, SMOOTH_PX, mode="nearest")
    may_be: NDArray[np.bool_] = np.abs(smooth) < MOST_AIR_DEPTH
    if may_be.sum() < LEAST_PIXELS:
        return np.zeros_like(may_be)
    middle, width = _shortest_half(np.sort(smooth[may_be]))
    may_be &= np.abs(smooth - middle) < WIDTH_SIGMA * width
    air: NDArray[np.bool_] = ndimage.binary_erosion(may_be, iterations=KEEP_OFF_PX)
    return air


def _shortest_half(rising: FloatArray) -> tuple[float, float]:
    """Middle and standard deviation of the densest half of sorted values, taken for a normal distribution.

    The shortest half bears 50 % of others on one side, where the median bears none (Rousseeuw and Leroy 1988,
    Statistica Neerlandica 42, 103).
    """
    half = rising.size // 2
    widths = rising[half:] - rising[: rising.size - half]
    at = int(widths.argmin())
    return 0.5 * float(rising[at] + rising[at + half]), max(GAUSS * 0.5 * float(widths[at]), 1e-5)


def _specimen_in(course: FloatArray, depths: FloatImage) -> float:
    """Optical depth of the specimen's spectrum in a course over energies, beside a straight line.

    0 where it is below three standard deviations by what is left of the course.
    """
    mean = depths.mean(axis=0)
    thick: FloatArray = depths[:, mean >= np.percentile(mean, 90.0)].mean(axis=1, dtype=np.float64) - course
    line: FloatArray = np.stack([np.ones(thick.size), np.linspace(-1.0, 1.0, thick.size)], axis=1)
    both: FloatArray = np.stack([thick, course], axis=1)
    bent, left = (both - line @ (np.linalg.pinv(line) @ both)).T
    size = float(bent @ bent)
    if thick.size < LEAST_ENERGIES or not size > 0.0:
        return 0.0
    share = float(bent @ left) / size
    rest = left - share * bent
    sigma = np.sqrt(float(rest @ rest) / (thick.size - 3) / size)
    return share * float(np.ptp(thick)) if abs(share) > 3.0 * sigma else 0.0
