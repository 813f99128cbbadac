"""Light of each image, told from how the depth of its pixels goes with the thickness of the specimen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray, deviation
from ..xas.normalisation import FALL_POWER
from .flat_field import FloatImage

BLOCKS = 2000
"""Blocks of neighbouring pixels, about as many, whose means are looked at: sharp edges average out."""
TILES = 4
"""On a side of the picture; what is in them tells how certain the light is, each left out once."""
LEAST_BLOCKS, LEAST_ENERGIES = 200, 9
LEAST_RELIABILITY = 0.9
"""Correlation of the thickness by every other energy with that by the rest."""
FLICKER = (1e-5, 0.3)
"""Between which the light may change from energy to energy, rms of its logarithm."""
DRIFT = 0.01
"""By which a monitor may drift over the energies, rms; it is believed where offsets are known better."""
GAUSS = 1.4826


class LightVerdict(StrEnum):
    """Whether the light could be told from the images."""

    TOLD = "told"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class ImageLight:
    """Light that the beam monitor missed, of n images.

    Attributes
    ----------
    verdict
        `LightVerdict`; unless it is `TOLD`, offsets are 0 and the light is what the beam monitor said.
    reason
        In words, with numbers, why it is unknown; "" where it is told.
    offset
        Optical depth that is to be taken off all pixels of each image, shape (n,): -ln of the light.
    covariance
        Of what is then left, shape (n, n).
    flicker
        How much the light changes from image to image, rms.
    spectrum
        Of the specimen, for a mean depth of one, shape (n,).
    """

    verdict: LightVerdict
    reason: str
    offset: FloatArray
    covariance: FloatArray
    flicker: float
    spectrum: FloatArray


def image_light(depths: FloatImage, energy_ev: FloatArray) -> ImageLight:
    """Tell the light of each image from pixels of different thickness.

    Light changes the depth of all pixels of an image alike, the specimen as it is thick: extrapolated to no
    thickness, the depth at each energy is the light's, beside a background that falls with energy as
    absorption does. Pixels of air are those of thickness zero, and count most, for weights fall with the
    scatter that grows with thickness. A straight line is extrapolated; its covariance is that of leaving
    out one of 16 parts of the picture each, and how far a parabola ends elsewhere, for where thin places have
    another valence than thick ones the line is not straight. What of the offset has the specimen's own
    spectrum moves no edge and is left. The rest is light: smooth drift, and jumps from image to image. As
    most directions of the n offsets are well known, they tell how large jumps are, and so what to believe in
    the direction in which valence changes spectra, which without thin places is badly known (best linear
    unbiased prediction: Robinson 1991, Statist. Sci. 6, 15).

    Parameters
    ----------
    depths
        -ln of the transmission, aligned, shape (n, rows, columns), as the beam monitor has it; blocks of
        pixels that are not all finite do not count.
    energy_ev
        Rising, shape (n,), eV.

    Returns
    -------
    ImageLight
        With verdict: fewer than 200 blocks, fewer than 9 energies, or pixels all as thick as each other
        within the noise tell no light.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> edge = np.where(np.arange(12) < 5, 0.3, 1.0) + np.where(np.arange(12) == 6, 0.5, 0.0)
    >>> depths = edge[:, None, None] * np.linspace(0.2, 0.8, 40) + 0.002 * rng.standard_normal((12, 40, 40))
    >>> depths[3] += 0.02
    >>> found = image_light(depths.astype(np.float32), np.linspace(8300.0, 8400.0, 12))
    >>> str(found.verdict), round(float(found.offset[3] - found.offset[2]), 2)
    ('told', 0.02)
    """
    spectra, tile = _blocks(depths)
    reason = _problem(spectra)
    if reason:
        return unknown_light(depths, energy_ev, reason)
    thickness: FloatArray = spectra.mean(axis=0)
    weight = _weights(spectra, thickness)
    line, bent = (_extrapolated(spectra, thickness, weight, degree) for degree in (1, 2))
    noise = _noise(spectra, thickness, weight, line)
    parts = [
        _extrapolated(spectra[:, kept], thickness[kept], weight[kept], 1)[0]
        for kept in (tile != number for number in np.unique(tile))
    ]
    scatter: FloatArray = np.stack(parts) - np.mean(parts, axis=0)
    elsewhere: FloatArray = (bent[0] - line[0])[:, None]
    share = (len(parts) - 1) / len(parts)
    covariance: FloatArray = share * scatter.T @ scatter + elsewhere @ elsewhere.T + np.diag(noise)
    offset, left, flicker = _light_in(line[0], covariance, line[1], energy_ev)
    return ImageLight(LightVerdict.TOLD, "", offset, left, flicker, line[1])


def unknown_light(depths: FloatImage, energy_ev: FloatArray, reason: str) -> ImageLight:
    """Leave the light of images as it is, for a reason; how uncertain it is, their mean spectrum bounds.

    Parameters
    ----------
    depths, energy_ev
        As of `image_light`.
    reason
        In words.
    """
    whole = depths.reshape(len(depths), -1)
    some = whole[:, :: max(whole.shape[1] // 100_000, 1)]
    some = some[:, np.isfinite(some).all(axis=0)]
    mean: FloatArray = some.mean(axis=1, dtype=np.float64) if some.size else np.full(len(some), np.nan)
    rough: FloatArray = deviation(energy_ev, mean[None])[0] if mean.size >= 5 else np.array([np.nan])
    flicker = GAUSS * float(np.median(np.abs(rough)))
    covariance: FloatArray = flicker**2 * np.eye(mean.size)
    return ImageLight(LightVerdict.UNKNOWN, reason, np.zeros(mean.size), covariance, flicker, mean)


def _blocks(depths: FloatImage) -> tuple[FloatArray, NDArray[np.intp]]:
    """Means of blocks of pixels, shape (n, m), and the part of the picture that each is in, (m,)."""
    count, rows, columns = depths.shape
    side = max(int(np.sqrt(rows * columns / BLOCKS)), 1)
    down, across = rows // side, columns // side
    cut = depths[:, : down * side, : across * side].reshape(count, down, side, across, side)
    means = cut.mean(axis=(2, 4), dtype=np.float64).reshape(count, -1)
    row, column = (np.arange(size, dtype=np.intp) * TILES // size for size in (down, across))
    tile: NDArray[np.intp] = (row[:, None] * TILES + column).ravel()
    finite: NDArray[np.bool_] = np.isfinite(means).all(axis=0)
    return means[:, finite], tile[finite]


def _problem(spectra: FloatArray) -> str:
    """Why means of blocks, shape (n, m), cannot tell the light; "" if they may."""
    energies, blocks = spectra.shape
    if energies < LEAST_ENERGIES or blocks < LEAST_BLOCKS:
        return (
            f"{energies} energies and {blocks} blocks of pixels, must be {LEAST_ENERGIES} and {LEAST_BLOCKS}"
        )
    even, odd = spectra[::2].mean(axis=0), spectra[1::2].mean(axis=0)
    varied = even.std() > 0.0 and odd.std() > 0.0
    alike = float(np.corrcoef(even, odd)[0, 1]) if varied else 0.0
    if alike < LEAST_RELIABILITY:
        return (
            f"thickness by one half of the energies and by the other correlates by {alike:.2g}, must be "
            f"{LEAST_RELIABILITY:g}: pixels are too much alike"
        )
    return ""


def _weights(spectra: FloatArray, thickness: FloatArray) -> FloatArray:
    """Weights of blocks, shape (m,): their scatter is that of noise, and of valence as they are thick."""
    optimize: Any = import_module("scipy.optimize")
    ones: FloatArray = np.ones(thickness.size, dtype=np.float64)
    law: FloatArray = np.stack([ones, thickness**2], axis=1)
    weight = ones
    for _ in range(4):
        found = _extrapolated(spectra, thickness, weight, 2)
        powers: FloatArray = np.stack([ones, thickness, thickness**2])
        left: FloatArray = spectra - found.T @ powers
        square: FloatArray = (left * left).mean(axis=0)
        noise, grown = optimize.nnls(law * weight[:, None], square * weight)[0]
        floor = max(noise, 1e-4 * grown * float(np.mean(thickness**2)), 1e-14)
        weight = 1.0 / (floor + grown * thickness**2)
        weight /= weight.mean()
    return weight


def _extrapolated(spectra: FloatArray, thickness: FloatArray, weight: FloatArray, degree: int) -> FloatArray:
    """Rising coefficients of the depth at each energy over thickness, shape (degree + 1, n)."""
    powers: FloatArray = np.vander(thickness, degree + 1, increasing=True).T
    normal: FloatArray = (powers * weight) @ powers.T
    return np.asarray(np.linalg.solve(normal, (powers * weight) @ spectra.T), dtype=np.float64)


def _noise(spectra: FloatArray, thickness: FloatArray, weight: FloatArray, line: FloatArray) -> FloatArray:
    """Variance of the offsets of a straight line by what is left of single blocks, shape (n,)."""
    powers: FloatArray = np.stack([np.ones(thickness.size), thickness])
    left = spectra - line.T @ powers
    per_block: FloatArray = np.asarray(np.linalg.inv((powers * weight) @ powers.T), dtype=np.float64)
    spread = np.einsum("ij,j->i", left * left, weight) / thickness.size
    return np.asarray(spread * per_block[0, 0], dtype=np.float64)


def _beside(directions: FloatArray) -> FloatArray:
    """Orthonormal directions beside some, shape (n, n - k) for (n, k)."""
    whole: FloatArray = np.linalg.svd(directions, full_matrices=True)[0]
    return whole[:, directions.shape[1] :]


def _light_in(
    offset: FloatArray, covariance: FloatArray, spectrum: FloatArray, energy_ev: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Light in offsets that are known to a covariance, the covariance of what is left, and the flicker."""
    place = (energy_ev - energy_ev.mean()) / np.ptp(energy_ev)
    own: FloatArray = np.stack([(energy_ev / energy_ev[0]) ** -FALL_POWER, spectrum], axis=1)
    drift: FloatArray = np.stack([place, place**2], axis=1)
    flicker = _flicker(offset, covariance, _beside(np.concatenate([own, drift], axis=1)))
    light: FloatArray = flicker**2 * np.eye(place.size) + DRIFT**2 * drift @ drift.T
    beside = _beside(own)
    gain = light @ beside @ np.linalg.inv(beside.T @ (light + covariance) @ beside)
    return gain @ (beside.T @ offset), light - gain @ beside.T @ light, flicker


def _flicker(offset: FloatArray, covariance: FloatArray, beside: FloatArray) -> float:
    """Rms of the jumps of the light: the mean over all that offsets allow, so that nothing known is much."""
    variance, turn = np.linalg.eigh(beside.T @ covariance @ beside)
    seen = turn.T @ (beside.T @ offset)
    tried: FloatArray = np.geomspace(*FLICKER, 400)
    total = np.maximum(variance, 0.0)[:, None] + tried**2
    likely = -0.5 * np.sum(np.log(total) + (seen**2)[:, None] / total, axis=0)
    share = np.exp(likely - likely.max())
    return float(np.sqrt(share @ tried**2 / share.sum()))
