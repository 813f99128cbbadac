"""Azimuthal integration of frames: pyFAI's geometry and weights, one pass over the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .geometry import Geometry
from .pattern import FloatArray, Pattern, Sectors
from .pyfai import PyfaiGeometry, load_poni
from .sector import sector_bounds, sector_of
from .split import Rows, Shares, full_split, rows

EMPTY = 1e-8
"""A bin that has lost all but this part of its pixels is empty: what is left is rounding."""


@dataclass(frozen=True)
class _Layout:
    """One pass over pixels, and their normalisation, dark and its variance, shape (n, 3)."""

    rows: Rows
    correction: NDArray[np.float32]


class Integrator:
    """Turns frames of one detector position into patterns.

    All that does not change from frame to frame is computed once: pyFAI's exact split of each pixel over
    the bins, and the sums of normalisation and dark of each bin. A frame then takes one pass. Pixels that are
    dead or saturated in one frame leave its counts and its normalisation. Threads may share an integrator.

    Parameters
    ----------
    geometry
        Ours, pyFAI's, or the path of a PONI file.
    mask
        True (or not 0) for pixels that never count, shape of a frame; added to the gaps of the detector.
    bins
        Points of the pattern.
    q_range_per_angstrom
        Lower and upper end of the pattern; None for all that the detector sees.
    dark
        Counts to subtract, shape of a frame; pixels where it is not finite are masked.
    dark_variance
        Of the dark, counts^2, shape of a frame: the dark itself where it was counted once, a tenth of it for
        a mean of ten; None for a dark without error, as pyFAI takes it.
    flat
        Relative response of the pixels, shape of a frame; pixels where it is not above 0 are masked.
    polarization_factor
        1 for a beam polarised horizontally, 0 for an unpolarised one, -1 vertically; None for no correction.
    solid_angle
        Whether to correct for the solid angle of the pixels.
    saturation
        Counts at and above which a pixel is left out; None for the largest value of the frame's type (with
        which detectors mark dead pixels too), or no limit for floats.
    minimum
        Counts below which a pixel is dead, for detectors write -1 and -2; give minus infinity for frames that
        may be negative.
    sectors
        Number of equal sectors of azimuth, or begin and end of each in degrees; None for none.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``diffraction``.
    ValueError
        If a shape differs from the detector's, a range or a factor cannot be, sectors overlap, or no pixel is
        left.

    References
    ----------
    Kieffer, Valls, Blanc & Hennig (2020), J. Synchrotron Rad. 27, 558: splitting of pixels, weighted mean
    sum(w (v - dark)) / sum(w norm) and its variance sum(w^2 max(v, 1)) / sum(w norm)^2.
    """

    def __init__(
        self,
        geometry: Geometry | PyfaiGeometry | str | Path,
        mask: ArrayLike | None = None,
        *,
        bins: int = 1000,
        q_range_per_angstrom: tuple[float, float] | None = None,
        dark: ArrayLike | None = None,
        dark_variance: ArrayLike | None = None,
        flat: ArrayLike | None = None,
        polarization_factor: float | None = None,
        solid_angle: bool = True,
        saturation: float | None = None,
        minimum: float = 0.0,
        sectors: int | Sequence[tuple[float, float]] | None = None,
    ) -> None:
        pyfai = _pyfai(geometry)
        self.geometry = Geometry.of(pyfai)
        self.bins = bins
        self.saturation = saturation
        self.minimum = minimum
        self.bounds_deg = sector_bounds(sectors)
        _require(bins, q_range_per_angstrom, polarization_factor)
        norm = self._normalisation(pyfai, flat, polarization_factor, solid_angle)
        offsets = [self._image(dark, "dark", 0.0), self._image(dark_variance, "dark_variance", 0.0)]
        correction = np.stack([norm, *offsets], axis=-1)
        masked = self._mask(pyfai, mask) | ~np.isfinite(correction).all(axis=-1) | (norm <= 0)
        correction[masked] = 0.0
        shares = full_split(pyfai, bins, masked, q_range_per_angstrom)
        self._q_per_angstrom = shares.q_per_angstrom
        if len(self.bounds_deg):
            azimuth_deg = np.degrees(pyfai.center_array(self.geometry.shape, unit="chi_rad", scale=False))
            shares = shares.moved(sector_of(azimuth_deg.ravel(), self.bounds_deg) * bins)
        self._prepare(shares, correction.reshape(-1, 3))

    def _prepare(self, shares: Shares, correction: NDArray[np.float32]) -> None:
        """Cache the sums of each bin (n_bins, 4) and the layout of the passes."""
        total = self.bins * (len(self.bounds_deg) + 1 if len(self.bounds_deg) else 1)
        used = np.zeros(len(correction), bool)
        used[shares.pixel] = True
        correction[~used] = 0.0
        norm, dark, dark_variance = (correction[:, column] for column in range(3))
        self._whole = np.column_stack(
            [
                shares.sums(norm, total),
                shares.sums(dark, total),
                shares.sums(dark_variance, total, power=2),
                shares.sums(np.ones(norm.size), total),
            ]
        )
        self._layouts = [
            _Layout(each, correction if each.pixel is None else correction[each.pixel])
            for each in rows(shares, norm.size)
        ]

    def integrate(self, frame: ArrayLike, *, monitor: float = 1.0) -> Pattern:
        """Integrate one frame.

        Parameters
        ----------
        frame
            Counts, shape of the detector, integers or floats; neither copied nor changed if contiguous.
        monitor
            Incident intensity, arbitrary units, by which the intensity is divided.

        Raises
        ------
        ValueError
            If the shape is not the detector's, or the monitor is not above 0.
        """
        if not 0 < monitor < np.inf:
            raise ValueError(
                f"integration: monitor is {monitor:g}, must be finite and above 0; give 1 for none"
            )
        counts = self._counts(frame)
        sums, lost, dead, saturated = self._pass(counts)
        left = self._whole - lost
        signal, variance = sums[:, 0] - left[:, 1], sums[:, 1] + left[:, 2]
        full = np.stack([signal, variance, left[:, 0] * monitor, left[:, 3]]).reshape(4, -1, self.bins)
        whole = self._whole[:, 3].reshape(-1, self.bins)
        intensity, sigma, pixels = _mean(full.sum(axis=1), whole.sum(axis=0))
        return Pattern(
            q_per_angstrom=self._q_per_angstrom,
            intensity=intensity,
            sigma=sigma,
            pixels=pixels,
            dead_pixels=dead,
            saturated_pixels=saturated,
            wavelength_angstrom=self.geometry.wavelength_angstrom,
            sectors=self._sectors(full, whole),
        )

    def _pass(self, counts: NDArray[Any]) -> tuple[FloatArray, FloatArray, int, int]:
        """Sum counts (n_bins, 2) and what bad pixels take away (n_bins, 4); count dead and saturated ones."""
        from .kernel import LOST_COLUMNS, scatter

        size = len(self._whole)
        width = self._layouts[0].rows.width
        sums, lost = np.zeros(2 * (size + width)), np.zeros((size + width, LOST_COLUMNS))
        limits = (float(self.minimum), self._ceiling(counts.dtype))
        dead = saturated = 0
        for layout in self._layouts:
            each = layout.rows
            part = counts if each.pixel is None else counts[each.pixel]
            found = scatter(
                part, each.first, each.weight, (0,) * each.width, limits, layout.correction, sums, lost
            )
            if each.pixel is None:
                dead, saturated = found
        return sums.reshape(-1, 2)[:size], lost[:size], int(dead), int(saturated)

    def _sectors(self, full: FloatArray, whole: FloatArray) -> Sectors | None:
        if not len(self.bounds_deg):
            return None
        intensity, sigma, pixels = _mean(full[:, :-1], whole[:-1])
        return Sectors(self.bounds_deg, intensity, sigma, pixels)

    def _ceiling(self, kind: np.dtype[Any]) -> float:
        """Give the counts at which a pixel of this type is saturated."""
        if self.saturation is not None:
            return float(self.saturation)
        return float(np.iinfo(kind).max) if kind.kind in "iu" else np.inf

    def _counts(self, frame: ArrayLike) -> NDArray[Any]:
        """Pixels in a row, as the machine reads them."""
        counts = np.asarray(frame)
        self._require_shape(counts, "frame")
        if counts.dtype.kind not in "iuf":
            raise ValueError(f"integration: frame of type {counts.dtype}, must be integers or floats")
        if not counts.dtype.isnative:
            counts = counts.astype(counts.dtype.newbyteorder("="))
        return np.ascontiguousarray(counts).reshape(-1)

    def _require_shape(self, array: NDArray[Any], what: str) -> None:
        if array.shape != self.geometry.shape:
            raise ValueError(
                f"integration: {what} has {array.shape} pixels, the detector {self.geometry.shape}; "
                "check the geometry, binning and orientation"
            )

    def _mask(self, pyfai: PyfaiGeometry, mask: ArrayLike | None) -> NDArray[np.bool_]:
        """Pixels that never count."""
        gaps = pyfai.detector.mask
        never = np.zeros(self.geometry.shape, bool) if gaps is None else np.asarray(gaps, bool)
        return never | (self._image(mask, "mask", 0.0) != 0)

    def _image(self, image: ArrayLike | None, what: str, without: float) -> NDArray[np.float32]:
        """Numbers of the shape of a frame, `without` everywhere if there are none."""
        if image is None:
            return np.full(self.geometry.shape, without, np.float32)
        given = np.asarray(image, np.float32)
        self._require_shape(given, what)
        return given

    def _normalisation(
        self,
        pyfai: PyfaiGeometry,
        flat: ArrayLike | None,
        polarization_factor: float | None,
        solid_angle: bool,
    ) -> NDArray[np.float32]:
        """Give the counts of each pixel for the same intensity, relative to normal incidence."""
        norm = self._image(flat, "flat", 1.0)
        if polarization_factor is not None:
            norm = norm * pyfai.polarization(self.geometry.shape, polarization_factor)
        if solid_angle:
            norm = norm * pyfai.solidAngleArray(self.geometry.shape)
        return norm.astype(np.float32)


def _require(
    bins: int, q_range_per_angstrom: tuple[float, float] | None, polarization_factor: float | None
) -> None:
    """Refuse what pyFAI would take for something else."""
    if bins < 1:
        raise ValueError(f"integration: {bins} bins asked for, must be at least 1")
    low, high = q_range_per_angstrom or (0.0, np.inf)
    if not 0 <= low < high or (q_range_per_angstrom and not np.isfinite(high)):
        raise ValueError(
            f"integration: q_range_per_angstrom is ({low:g}, {high:g}) 1/angstrom; give the lower end first, "
            "both finite and not below 0"
        )
    if polarization_factor is not None and not -1 <= polarization_factor <= 1:
        raise ValueError(f"integration: polarization_factor is {polarization_factor:g}, must be -1 to 1")


def _mean(sums: FloatArray, whole: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Intensity, sigma and pixels from sums (4, ...) of signal, variance, normalisation and pixels."""
    signal, variance, norm, pixels = sums
    full = (pixels > EMPTY * whole) & (norm > 0)
    safe = np.where(full, norm, 1.0)
    intensity = np.where(full, signal / safe, np.nan)
    sigma = np.where(full, np.sqrt(np.maximum(variance, 0.0)) / safe, np.nan)
    return intensity, sigma, np.where(full, pixels, 0.0)


def _pyfai(geometry: Geometry | PyfaiGeometry | str | Path) -> PyfaiGeometry:
    """Give pyFAI's object of any kind of geometry."""
    if isinstance(geometry, Geometry):
        return geometry.pyfai()
    if isinstance(geometry, str | Path):
        return load_poni(geometry)
    return geometry
