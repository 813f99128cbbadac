"""Pair distribution from frames: sample and empty container, integrated, corrected, transformed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..photon import HC_EV_ANGSTROM
from .bad_pixel import bad_pixels
from .geometry import Geometry
from .integration import Integrator
from .pattern import Pattern
from .total_scattering import total_scattering
from .total_scattering_result import TotalScattering

FloatArray = NDArray[np.float64]

USABLE = 0.875
"""Part of the largest q of the camera up to which it is used: beyond, only its corners see a few pixels."""
BINS = 2000
SHADOW = 0.05
"""A pixel that counts less than this part of the median is behind the beam stop, or dead."""
RINGS_PER_PIXEL = 4
"""Rings in which bad pixels are told from lines, which are half a pixel wide where the camera stands near."""


@dataclass(frozen=True)
class ExposedFrames:
    """Frames of one specimen, and what the ion chambers counted.

    Attributes
    ----------
    frames
        Counts, shape (n, rows, columns).
    exposure_s
        Of each, s.
    i0_a, it_a
        Mean currents before and behind the specimen meanwhile, dark subtracted, A.
    masked
        True for pixels that never count, shape (rows, columns); None if nobody says.
    """

    frames: NDArray[np.generic]
    exposure_s: float
    i0_a: float
    it_a: float
    masked: NDArray[np.bool_] | None = None

    @property
    def charge_c(self) -> float:
        """Charge in the chamber before the specimen while the frames were exposed, C."""
        return self.i0_a * self.exposure_s * len(self.frames)


@dataclass(frozen=True)
class PairMeasurement:
    """Patterns of sample and background on one scale, and what follows from them.

    Attributes
    ----------
    q_per_angstrom, intensity, intensity_sigma
        Sample, per charge of the chamber before it, freed of its absorption, shape (n,); counts per C.
    background, background_sigma
        The empty container alike; 0 without one.
    absorbance
        Of the sample without its container, by the ion chambers; nan without a background.
    total
        S(q), F(q) and G(r).
    """

    q_per_angstrom: FloatArray
    intensity: FloatArray
    intensity_sigma: FloatArray
    background: FloatArray
    background_sigma: FloatArray
    absorbance: float
    total: TotalScattering


def pair_measurement(
    sample: ExposedFrames,
    background: ExposedFrames | None,
    geometry: Geometry,
    *,
    composition: str,
    q_max: float | None = None,
    q_min: float = 0.8,
    r: ArrayLike | None = None,
    polarization_factor: float | None = 0.99,
) -> PairMeasurement:
    """Turn frames of a sample and of its empty container into S(q) and G(r).

    Frames are summed and integrated; both patterns are divided by the charge of I0 and by the transmission,
    as It over I0 tells it. A sheet across the beam takes more from what it scatters to large angles:
    exp(-absorbance (1 / cos 2 theta - 1) / 2), scattered in its middle.

    Parameters
    ----------
    sample, background
        What was measured; without a background the container is left in.
    geometry
        Of the camera, with the wavelength.
    composition
        Formula of the sample.
    q_max
        End of the transform, 1/angstrom; `USABLE` of what the camera reaches unless given.
    q_min
        Where the patterns begin, 1/angstrom.
    r
        Distances in A, as of `total_scattering`.
    polarization_factor
        Of the beam.

    Returns
    -------
    PairMeasurement

    Raises
    ------
    ValueError
        If shapes differ, nothing was counted in the chamber or the camera, or as of `total_scattering`.
    """
    for each in (sample, background):
        _require_light(each)
    integrator, reach = _integrator(sample, background, geometry, q_min, polarization_factor)
    of_sample = _summed(integrator, sample)
    q = of_sample.q_per_angstrom
    absorbance = _absorbance(sample, background)
    known = absorbance if np.isfinite(absorbance) else 0.0
    passed = np.exp(-known) * _slant(q, geometry.wavelength_angstrom, known) * sample.charge_c
    intensity, sigma = of_sample.intensity / passed, of_sample.sigma / passed
    empty, empty_sigma = np.zeros_like(q), np.zeros_like(q)
    if background is not None:
        of_empty = _summed(integrator, background)
        empty = of_empty.intensity / background.charge_c
        empty_sigma = of_empty.sigma / background.charge_c
    good = np.isfinite(intensity) & np.isfinite(empty) & (of_sample.intensity > 0) & (q <= reach)
    end = USABLE * float(q[good][-1]) if q_max is None else q_max
    total = total_scattering(
        q[good],
        intensity[good],
        composition=composition,
        q_max=end,
        q_max_inst=min(end + 0.5, float(q[good][-1])),
        r=r,
        background=empty[good],
        intensity_sigma=sigma[good],
        background_sigma=empty_sigma[good],
        energy_ev=HC_EV_ANGSTROM / geometry.wavelength_angstrom,
    )
    return PairMeasurement(
        q[good], intensity[good], sigma[good], empty[good], empty_sigma[good], absorbance, total
    )


def _require_light(exposed: ExposedFrames | None) -> None:
    if exposed is not None and not (exposed.charge_c > 0 and exposed.frames.any()):
        raise ValueError(
            f"pair_measurement: {len(exposed.frames)} frames with {exposed.frames.sum(dtype=float):g} counts "
            f"and {exposed.charge_c:g} C of I0; both must be above 0: was the shutter open?"
        )


def _integrator(
    sample: ExposedFrames,
    background: ExposedFrames | None,
    geometry: Geometry,
    q_min: float,
    polarization_factor: float | None,
) -> tuple[Integrator, float]:
    """Integrator of both, without the pixels that are bad in either, and the largest q it sees."""
    q = np.asarray(geometry.pyfai().center_array(geometry.shape, unit="q_A^-1"))
    bad = np.zeros(geometry.shape, bool)
    for each in (sample, background):
        if each is None:
            continue
        if each.masked is not None:
            bad |= each.masked
        top = np.iinfo(str(each.frames.dtype)).max if each.frames.dtype.kind in "iu" else np.inf
        bad |= (each.frames == top).any(axis=0)
        summed = np.where(bad, 0.0, each.frames.sum(axis=0, dtype=float))
        bad |= bad_pixels(summed, geometry, rings=RINGS_PER_PIXEL * max(geometry.shape))
        bad |= _shadowed(summed, bad)
    reach = float(q[~bad].max())
    integrator = Integrator(
        geometry,
        bad,
        bins=BINS,
        q_range_per_angstrom=(q_min, reach),
        polarization_factor=polarization_factor,
    )
    return integrator, reach


def _shadowed(summed: FloatArray, bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find what counts next to nothing: the beam stop with its rim, and dead pixels, (rows, columns)."""
    dark = summed < SHADOW * float(np.median(summed[~bad]))
    rim = dark.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            rim |= np.roll(dark, step, axis)
    return rim


def _summed(integrator: Integrator, exposed: ExposedFrames) -> Pattern:
    return integrator.integrate(exposed.frames.sum(axis=0, dtype=float))


def _absorbance(sample: ExposedFrames, background: ExposedFrames | None) -> float:
    """Absorbance of the sample without its container; nan where the chambers cannot tell."""
    if background is None or min(sample.i0_a, sample.it_a, background.i0_a, background.it_a) <= 0:
        return float("nan")
    return float(np.log(background.it_a / background.i0_a * sample.i0_a / sample.it_a))


def _slant(q: FloatArray, wavelength_angstrom: float, absorbance: float) -> FloatArray:
    """Share that leaves a sheet at an angle, of what leaves it straight on, shape (n,)."""
    two_theta = 2 * np.arcsin(np.minimum(q * wavelength_angstrom / (4 * np.pi), 1.0))
    return np.exp(-0.5 * absorbance * (1 / np.maximum(np.cos(two_theta), 0.05) - 1))
