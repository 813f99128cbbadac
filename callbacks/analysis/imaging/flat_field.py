"""From counts to transmission and line integrals: darks, flats that drift, and dead pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..saturation import MOST_SATURATED, REMEDY, saturated_pixels

FloatImage: TypeAlias = NDArray[np.float32]

LEAST_FLAT = 0.05
"""Of the median flat: a pixel with less sees no beam."""
MOST_FLAT = 20.0
"""Of the median flat: a pixel with more is hot."""
LEAST_TRANSMISSION = 1e-6
MOST_DEAD = 0.2


@dataclass(frozen=True)
class Transmission:
    """Projections over the beam without a sample.

    Attributes
    ----------
    values
        Transmission, shape (angles, rows, columns), single precision; dead pixels are bridged.
    dead
        Pixels that see no beam, are stuck or saturated, shape (rows, columns).
    saturated
        Of those, the ones at full scale in flats or projections, shape (rows, columns).
    """

    values: FloatImage
    dead: NDArray[np.bool_]
    saturated: NDArray[np.bool_]


def _mean(frames: ArrayLike, shape: tuple[int, ...], what: str) -> FloatImage:
    """Average frames of shape (n, rows, columns), or take one frame as it is."""
    stack = np.asarray(frames)
    if stack.shape[-2:] != shape or stack.ndim not in (2, 3) or stack.size == 0:
        raise ValueError(
            f"normalise: {what} have shape {stack.shape}, projections rows and columns {shape}; give frames "
            f"of the same camera region, shape (n, {shape[0]}, {shape[1]})"
        )
    flat = stack if stack.ndim == 2 else stack.mean(axis=0, dtype=np.float64)
    return flat.astype(np.float32)


def dead_pixels(beam: FloatImage, flats: NDArray[np.generic] | None = None) -> NDArray[np.bool_]:
    """Find pixels that see no beam, are hot, or never change from frame to frame.

    Parameters
    ----------
    beam
        Mean flat minus mean dark, counts, shape (rows, columns).
    flats
        Single flats, shape (n, rows, columns): with at least 5, a value that never changes is stuck, unless
        most pixels' do not (a camera without noise).

    Returns
    -------
    ndarray of bool
        Shape (rows, columns).
    """
    typical = float(np.median(beam[np.isfinite(beam)])) if np.isfinite(beam).any() else 0.0
    dead = ~(beam > LEAST_FLAT * typical) | (beam > MOST_FLAT * typical)
    if flats is not None and flats.ndim == 3 and len(flats) >= 5:
        stuck = flats.min(axis=0) == flats.max(axis=0)
        if stuck.mean() < MOST_DEAD:
            dead |= stuck
    return dead


def bridge(images: FloatImage, dead: NDArray[np.bool_]) -> None:
    """Put the mean of the nearest good pixels of the same row in place of dead ones, in each image.

    A row without any good pixel takes the nearest row that has one.

    Parameters
    ----------
    images
        Changed in place, shape (n, rows, columns).
    dead
        Shape (rows, columns).
    """
    columns: NDArray[np.int64] = np.arange(dead.shape[1], dtype=np.int64)
    lost = np.flatnonzero(dead.all(axis=1))
    kept = np.flatnonzero(~dead.all(axis=1))
    for row in np.flatnonzero(dead.any(axis=1) & ~dead.all(axis=1)):
        good, bad = columns[~dead[row]], columns[dead[row]]
        right = np.clip(np.searchsorted(good, bad), 0, good.size - 1)
        left = np.clip(np.searchsorted(good, bad) - 1, 0, good.size - 1)
        span = np.maximum(good[right] - good[left], 1)
        share: FloatImage = np.clip((bad - good[left]) / span, 0.0, 1.0).astype(np.float32)
        one, two = images[:, row, good[left]], images[:, row, good[right]]
        images[:, row, bad] = one + share * (two - one)
    for row in lost:
        images[:, row] = images[:, kept[np.argmin(np.abs(kept - row))]]


def normalise(
    projections: ArrayLike,
    flats: ArrayLike,
    darks: ArrayLike | None = None,
    *,
    flats_after: ArrayLike | None = None,
    time_fraction: ArrayLike | None = None,
    full_scale_counts: float | None = None,
) -> Transmission:
    """Divide projections by the beam: (projection - dark) / (flat - dark).

    Parameters
    ----------
    projections
        Counts, shape (angles, rows, columns).
    flats
        Counts without the sample, before the scan, shape (n, rows, columns) or (rows, columns).
    darks
        Counts without beam, likewise; none where the camera subtracts them.
    flats_after
        Flats taken after the scan: the flat of each projection lies between, by its time.
    time_fraction
        Time of each projection between the flats, 0 to 1, shape (angles,); even if not given.
    full_scale_counts
        As of `saturated_pixels`: pixels that stand at full scale are taken for dead ones.

    Returns
    -------
    Transmission
        Values and dead pixels.

    Raises
    ------
    ValueError
        If shapes differ, there is no beam, or more than a fifth of the pixels is dead or saturated.

    Examples
    --------
    >>> found = normalise(np.full((2, 4, 4), 60.0), np.full((4, 4), 110.0), np.full((4, 4), 10.0))
    >>> float(found.values[0, 0, 0])
    0.5
    """
    counts = np.asarray(projections)
    if counts.ndim != 3:
        raise ValueError(f"normalise: projections of shape {counts.shape}; give (angles, rows, columns)")
    shape = counts.shape[1:]
    dark = np.zeros(shape, np.float32) if darks is None else _mean(darks, shape, "darks")
    beam = _mean(flats, shape, "flats") - dark
    saturated = saturated_pixels(flats, full_scale_counts) | saturated_pixels(counts, full_scale_counts)
    later = None if flats_after is None else _mean(flats_after, shape, "flats_after") - dark
    if flats_after is not None:
        saturated |= saturated_pixels(flats_after, full_scale_counts)
    _require_few(saturated)
    dead = dead_pixels(beam, np.asarray(flats)) | ~np.isfinite(beam) | saturated
    if later is not None:
        dead |= dead_pixels(later, np.asarray(flats_after))
    _require_beam(beam, dead)
    values = counts.astype(np.float32)
    values -= dark
    beam = np.where(dead, np.float32(1.0), beam)
    if later is None:
        values /= beam
    else:
        passed = _fractions(time_fraction, len(values))
        later = np.where(dead, np.float32(1.0), later)
        for value, share in zip(values, passed, strict=True):
            value /= beam + share * (later - beam)
    bridge(values, dead)
    return Transmission(values, dead, saturated)


def _require_beam(beam: FloatImage, dead: NDArray[np.bool_]) -> None:
    """Refuse flats that show no beam."""
    if dead.mean() > MOST_DEAD or not np.median(beam[~dead]) > 0:
        raise ValueError(
            f"normalise: median flat {np.nanmedian(beam):.4g} counts above the dark, {100 * dead.mean():.0f} "
            f"% of the pixels dead (limit {100 * MOST_DEAD:.0f} %); check the shutter, and that flats and "
            "darks are not mixed up"
        )


def _require_few(saturated: NDArray[np.bool_]) -> None:
    """Refuse frames in which a rotation centre and edges would be those of the full scale."""
    if saturated.mean() > MOST_SATURATED:
        raise ValueError(
            f"normalise: {100 * saturated.mean():.0f} % of the pixels are at full scale, or no number, in "
            f"flats or projections (limit {100 * MOST_SATURATED:.0f} %); {REMEDY}"
        )


def _fractions(time_fraction: ArrayLike | None, count: int) -> FloatImage:
    given = np.linspace(0.0, 1.0, count) if time_fraction is None else np.asarray(time_fraction)
    if given.shape != (count,):
        raise ValueError(
            f"normalise: time_fraction of shape {given.shape} for {count} projections; give one each, 0 at "
            "the flats before and 1 at those after"
        )
    return given.astype(np.float32)


def line_integral(transmission: ArrayLike) -> FloatImage:
    """Return -ln of a transmission, which is cut at 1e-6; pixels that are not finite become 0.

    Parameters
    ----------
    transmission
        Any shape.

    Returns
    -------
    ndarray
        Attenuation summed along the beam, single precision.

    Examples
    --------
    >>> float(line_integral([np.exp(-2.0)])[0])
    2.0
    """
    values = np.array(transmission, dtype=np.float32)
    np.maximum(values, np.float32(LEAST_TRANSMISSION), out=values)
    np.log(values, out=values)
    np.negative(values, out=values)
    values[~np.isfinite(values)] = 0.0
    return values
