"""How far one map is moved against another, to a small part of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rocking_geometry import FloatArray

FINE_STEPS = 21
LEAST_CORRELATION = 0.3
LARGEST_PART = 0.4
LARGEST_RUNNER_UP = 0.8
TAPER_PART = 0.15
LINE_REACH, LINE_ROUNDS = 6.0, 2
"""Rows over which lines are compared with their neighbours (standard deviation), and how often."""


class RegistrationVerdict(StrEnum):
    """Whether a shift may be used."""

    GOOD = "good"
    UNLIKE = "unlike"
    AMBIGUOUS = "ambiguous"
    TOO_FAR = "too far"


@dataclass(frozen=True)
class Registration:
    """Shift of a map.

    Attributes
    ----------
    rows, columns
        By how many pixels the second map appears moved against the first: its pixel (i + rows, j + columns)
        shows what the first shows at (i, j).
    correlation
        Of both gradients once the shift is taken back, -1 to 1.
    runner_up
        Highest other peak of the correlation over the chosen one, 0 to 1.
    verdict, reason
        Whether to trust the shift, and why (not); empty if there is nothing to say.
    """

    rows: float
    columns: float
    correlation: float
    runner_up: float
    verdict: RegistrationVerdict
    reason: str

    @property
    def shift_px(self) -> tuple[float, float]:
        """Rows and columns."""
        return self.rows, self.columns


def _taper(count: int) -> FloatArray:
    """Flat window with soft ends, shape (count,)."""
    signal: Any = import_module("scipy.signal")
    return np.asarray(signal.windows.tukey(count, 2 * TAPER_PART), dtype=np.float64)


def filled(image: FloatArray) -> FloatArray:
    """Fill gaps by the median."""
    finite = np.isfinite(image)
    return np.where(finite, image, np.median(image[finite]) if finite.any() else 0.0)


def levelled(image: FloatArray) -> FloatArray:
    """Take out by how much each scan line is brighter than those around it, by the median over its pixels.

    An edge between lines stays where it is however the sample moves, and gradients see little else. The
    median leaves structures that are narrower than half a line as they are.
    """
    ndimage: Any = import_module("scipy.ndimage")
    level = filled(image)
    for _ in range(LINE_ROUNDS):
        around: FloatArray = ndimage.gaussian_filter1d(level, LINE_REACH, axis=0, mode="nearest")
        level = level - np.median(level - around, axis=1, keepdims=True)
    return level


def _structure(image: FloatArray, smooth_px: float) -> FloatArray:
    """Gradient magnitude without its mean, tapered to the edges."""
    ndimage: Any = import_module("scipy.ndimage")
    steep: FloatArray = ndimage.gaussian_gradient_magnitude(image, smooth_px, mode="nearest")
    window = _taper(image.shape[0])[:, None] * _taper(image.shape[1])
    return (steep - float((steep * window).sum() / window.sum())) * window


def _waves(count: int, shifts: FloatArray) -> NDArray[np.complex128]:
    """Fourier factors (n_shifts, count) that evaluate a spectrum at shifts in pixels."""
    return np.exp(2j * np.pi * np.outer(shifts, np.fft.fftfreq(count)))


def _spectrum(first: FloatArray, second: FloatArray) -> NDArray[np.complex128]:
    """Fourier series of the correlation, phases not normalised."""
    return np.conj(np.fft.fft2(first)) * np.fft.fft2(second)


def _cross(first: FloatArray, second: FloatArray) -> FloatArray:
    """Correlation at whole pixels."""
    return np.fft.ifft2(_spectrum(first, second)).real


def _overlap(
    first: FloatArray, second: FloatArray, shift: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Cut out what both maps show at a whole shift: windows then move with the sample."""
    spans: list[tuple[slice, slice]] = []
    for count, step in zip(first.shape, map(int, shift), strict=True):
        spans.append((slice(max(-step, 0), count - max(step, 0)), slice(max(step, 0), count + min(step, 0))))
    return first[spans[0][0], spans[1][0]], second[spans[0][1], spans[1][1]]


def _refined(first: FloatArray, second: FloatArray) -> tuple[tuple[float, float], float]:
    """Shift below a pixel and the correlation there, by the Fourier series on ever finer grids.

    Guizar-Sicairos, Thurman and Fienup (2008), Opt. Lett. 33, 156.
    """
    spectrum = _spectrum(first, second)
    row, column, reach, highest = 0.0, 0.0, 1.5, 0.0
    while reach > 1e-3:
        offsets = np.linspace(-reach, reach, FINE_STEPS)
        local = _waves(spectrum.shape[0], row + offsets) @ spectrum
        values = (local @ _waves(spectrum.shape[1], column + offsets).T).real
        best = np.unravel_index(values.argmax(), values.shape)
        row, column = row + float(offsets[best[0]]), column + float(offsets[best[1]])
        highest = float(values.max()) / spectrum.size
        reach *= 4.0 / FINE_STEPS
    return (row, column), highest / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-300)


def _coarse(correlation: FloatArray) -> tuple[tuple[float, float], float]:
    """Whole-pixel place of the highest peak, and the highest other peak over it."""
    peak = np.unravel_index(correlation.argmax(), correlation.shape)
    size = correlation.shape
    place = tuple(float((int(index) + n // 2) % n - n // 2) for index, n in zip(peak, size, strict=True))
    ndimage: Any = import_module("scipy.ndimage")
    tops = ndimage.maximum_filter(correlation, size=5, mode="wrap") == correlation
    tops[peak] = False
    highest = float(correlation[peak])
    other = float(correlation[tops].max(initial=0.0) / highest) if highest > 0 else 1.0
    return (place[0], place[1]), other


def _judge(correlation: float, runner_up: float, part: float) -> tuple[RegistrationVerdict, str]:
    """Verdict on a shift and its reason."""
    if correlation < LEAST_CORRELATION:
        return RegistrationVerdict.UNLIKE, (
            f"gradients correlate by {correlation:.2f} (limit {LEAST_CORRELATION}): use maps of like edges"
        )
    if part > LARGEST_PART:
        return RegistrationVerdict.TOO_FAR, (
            f"the shift is {part:.0%} of the map (limit {LARGEST_PART:.0%}): map a wider field"
        )
    if runner_up > LARGEST_RUNNER_UP:
        return RegistrationVerdict.AMBIGUOUS, (
            f"another shift correlates {runner_up:.0%} as well: the structure repeats or is too small"
        )
    return RegistrationVerdict.GOOD, ""


def register(first: ArrayLike, second: ArrayLike, *, smooth_px: float = 2.0) -> Registration:
    """Find by how much the second map is moved against the first.

    The magnitudes of the gradients are correlated without normalisation of phases: noise that stays where it
    is, such as of a detector or of scan lines, draws phase correlation to zero shift, and maps of different
    contrast still share their edges. Rows are taken as scan lines, and what makes one brighter than its
    neighbours is taken out before. The peak is found to a thousandth of a pixel on the Fourier series of the
    correlation.

    Parameters
    ----------
    first, second
        Maps of equal shape, at least 16 x 16; gaps are filled by the median.
    smooth_px
        Standard deviation of the Gaussian in the gradient, pixels.

    Returns
    -------
    Registration
        Shift with a verdict.

    Raises
    ------
    ValueError
        If the maps differ in shape or are too small.

    Examples
    --------
    >>> rows, columns = np.mgrid[0:64, 0:64]
    >>> def spot(row, column):
    ...     return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 50)
    >>> found = register(spot(30, 33), spot(32.5, 30))
    >>> round(found.rows, 1), round(found.columns, 1)
    (2.5, -3.0)
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != two.shape or one.ndim != 2 or min(one.shape) < 16:
        raise ValueError(
            f"register: maps of {one.shape} and {two.shape} pixels; give two of equal shape, at least 16 x 16"
        )
    one, two = levelled(one), levelled(two)
    start, runner_up = _coarse(_cross(_structure(one, smooth_px), _structure(two, smooth_px)))
    part = max(abs(start[0]) / one.shape[0], abs(start[1]) / one.shape[1])
    shift, correlation = start, 0.0
    if part <= LARGEST_PART:
        structures = (_structure(image, smooth_px) for image in _overlap(one, two, start))
        rest, correlation = _refined(*structures)
        shift = start[0] + rest[0], start[1] + rest[1]
    verdict, reason = _judge(correlation, runner_up, part)
    return Registration(*shift, correlation, runner_up, verdict, reason)


def moved_back(image: ArrayLike, registration: Registration) -> FloatArray:
    """Move a map back by its shift, by cubic interpolation.

    Parameters
    ----------
    image
        The second map of `register`, shape (rows, columns).
    registration
        Its shift.

    Returns
    -------
    ndarray
        Shape (rows, columns); nan where the map shows nothing.
    """
    ndimage: Any = import_module("scipy.ndimage")
    back = (-registration.rows, -registration.columns)
    return np.asarray(
        ndimage.shift(np.asarray(image, dtype=float), back, order=3, mode="constant", cval=np.nan),
        dtype=np.float64,
    )
