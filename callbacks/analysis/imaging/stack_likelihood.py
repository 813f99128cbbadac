"""Shifts of all images of a stack at once, by the likelihood of what they show together."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mapping.registration import filled
from ..xas.grid import FloatArray

ComplexArray = NDArray[np.complex128]

MOST_SIDE, LEAST_SIDE = 256, 16
"""Pixels of the middle of the field that are looked at, and the fewest that will do."""
LEAST_IMAGES = 5
"""Of fewer, what they share cannot be told from what they do not."""
FARTHEST_PX = 2.0
"""The most that a shift is corrected by; more means that the start was not one."""
MARGIN_PX = 3
TAPER_PART = 0.15
FINEST_WAVE = 2.6
"""Largest wave number that is looked at, radian per pixel: that of the pixels is pi."""
FLAT_WAVE = 1.8
"""Wave number from which noise tells how images are weighed against each other."""
MOST_RINGS, RINGS_ALIKE = 32, 2.0
"""Rings of wave numbers, and over how many of them noise and pattern are much the same."""
FAINT = 0.01
"""Part of the structure that must stand out of noise in the rings that tell how images are related."""
FIRST_FITS, FITS = 8, 3
FISHER_MODES, FISHER_AT_ONCE = 400, 50
ROUNDS, SETTLED_PX, LONGEST_STEP_PX = 16, 1e-2, 0.5


@dataclass(frozen=True)
class _Modes:
    """Waves of a window that are looked at, by rising wave number.

    Those along rows and columns are left out, for lines that are brighter than others live there.
    """

    place: NDArray[np.intp]
    wave: FloatArray
    rings: tuple[slice, ...]

    @classmethod
    def of(cls, shape: tuple[int, int]) -> _Modes:
        axes = 2 * np.pi * np.fft.fftfreq(shape[0]), 2 * np.pi * np.fft.rfftfreq(shape[1])
        wave: FloatArray = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(2, -1).astype(np.float64)
        size = np.hypot(*wave)
        place = np.flatnonzero(wave.all(axis=0) & (size < FINEST_WAVE))
        place = place[np.argsort(size[place], kind="stable")]
        width = max(FINEST_WAVE / MOST_RINGS, 2 * np.pi / min(shape))
        starts = np.unique((size[place] / width).astype(int), return_index=True)[1].tolist()
        return cls(
            place, wave[:, place], tuple(map(slice, starts, [*starts[1:], len(place)], [1] * len(starts)))
        )

    @property
    def counts(self) -> FloatArray:
        """Waves of each ring."""
        return np.array([ring.stop - ring.start for ring in self.rings], dtype=np.float64)

    def spread(self, of_rings: FloatArray) -> FloatArray:
        """Give each wave what its ring has."""
        return np.repeat(of_rings, self.counts.astype(int))

    def moments(self, amplitudes: ComplexArray) -> FloatArray:
        """Mean products (rings, n, n) of images."""
        parts = (amplitudes[:, ring] for ring in self.rings)
        return np.stack([(part @ part.conj().T).real / part.shape[1] for part in parts])


@dataclass(frozen=True)
class _Covariance:
    """What is expected of images put on each other, whose waves are normal and independent.

    Of each ring: ``size related + pattern`` (of what stays on the detector) ``+ noise``.
    """

    related: FloatArray
    size: FloatArray
    pattern: FloatArray
    noise: FloatArray

    def fitted(self, seen: FloatArray, still: FloatArray, counts: FloatArray) -> _Covariance:
        """Fit moments once more by least squares, weighted by what was expected."""
        unit = np.eye(len(self.related))
        parts = np.empty((len(seen), 3))
        for n, (size, pattern, noise) in enumerate(zip(self.size, self.pattern, self.noise, strict=True)):
            whole: FloatArray = size * self.related + pattern * still[n] + noise * unit
            white = np.asarray(np.linalg.inv(np.linalg.cholesky(whole)), dtype=np.float64)
            parts[n] = _shares(
                [white @ each @ white.T for each in (self.related, still[n], unit)],
                white @ seen[n] @ white.T,
            )
        size = np.maximum(parts[:, 0], 1e-12 * parts[:, 0].max())
        pattern, noise = (_alike(of_rings, counts) for of_rings in parts[:, 1:].T)
        noise = np.maximum(noise, 1e-9 * size.max())
        weight = counts * (size / (size + (noise + pattern) / FAINT)) ** 2
        rest = seen - pattern[:, None, None] * still - noise[:, None, None] * unit
        return _Covariance(
            _positive(np.tensordot(weight / size, rest, axes=1) / weight.sum()), size, pattern, noise
        )


def _shares(parts: list[FloatArray], whole: FloatArray) -> FloatArray:
    """Amounts of parts, none below zero, that make a whole."""
    optimize: Any = import_module("scipy.optimize")
    units = [float(np.linalg.norm(part)) for part in parts]
    columns = [part.ravel() / unit for part, unit in zip(parts, units, strict=True)]
    return optimize.nnls(np.stack(columns, axis=1), whole.ravel())[0] / units


def _alike(of_rings: FloatArray, counts: FloatArray) -> FloatArray:
    """Mean over neighbouring rings."""
    ndimage: Any = import_module("scipy.ndimage")
    most, waves = (
        ndimage.gaussian_filter1d(each, RINGS_ALIKE, mode="constant") for each in (of_rings * counts, counts)
    )
    return most / waves


def _positive(related: FloatArray) -> FloatArray:
    """Take out what no images could have, and let the mean of the squares be 1."""
    values, vectors = np.linalg.eigh(related)
    values = np.maximum(values, 1e-12 * values[-1])
    return (vectors * (values / values.mean())) @ vectors.T


def _taper(count: int, off: float) -> FloatArray:
    """Soft ends (count,) of a window that is moved by a part of a pixel."""
    inside = np.clip((np.arange(count) - off - 0.5) / (count - 2), 0.0, 1.0)
    return np.sin(0.5 * np.pi * np.minimum(np.minimum(inside, 1.0 - inside) / (TAPER_PART / 2), 1.0)) ** 2


class _Stack:
    """Images whose waves are told at any shifts, without interpolation: windows move with the sample."""

    def __init__(self, images: NDArray[np.generic], shift_px: FloatArray) -> None:
        starts = [max((side - MOST_SIDE) // 2, 0) for side in images.shape[1:]]
        rows, columns = (slice(start, start + MOST_SIDE) for start in starts)
        self._images = [filled(np.asarray(image, dtype=np.float64)) for image in images[:, rows, columns]]
        self._corner = np.ceil(np.maximum(-shift_px.min(axis=0), 0)).astype(int) + MARGIN_PX
        beyond = np.ceil(np.maximum(shift_px.max(axis=0), 0)).astype(int) + MARGIN_PX
        height, width = (np.array(self._images[0].shape) - self._corner - beyond).tolist()
        self.shape: tuple[int, int] = (height, width)

    def seen(self, shift_px: FloatArray, modes: _Modes) -> ComplexArray:
        """Give the waves (n, m) of all images, put back by their shifts."""
        fft: Any = import_module("scipy.fft")
        found = np.empty((len(shift_px), modes.place.size), dtype=np.complex128)
        whole: FloatArray = np.round(shift_px)
        for n, (image, part) in enumerate(zip(self._images, list(shift_px - whole), strict=True)):
            row, column = (int(v) for v in self._corner + whole[n])
            soft = np.multiply.outer(_taper(self.shape[0], part[0]), _taper(self.shape[1], part[1]))
            cut = image[row : row + self.shape[0], column : column + self.shape[1]]
            inner = (cut - (cut * soft).sum() / soft.sum()) * soft / np.linalg.norm(soft)
            found[n] = fft.rfft2(inner).ravel()[modes.place] * np.exp(1j * (part @ modes.wave))
        return found


class _Likelihood:
    """Slopes of the logarithm of the likelihood of images by their shifts."""

    def __init__(self, modes: _Modes, seen: ComplexArray, still: ComplexArray, expected: _Covariance) -> None:
        self._modes, self._still, self._related = modes, still, expected.related
        self._size, pattern, noise = map(modes.spread, (expected.size, expected.pattern, expected.noise))
        values, self._vectors = np.linalg.eigh(expected.related)
        self._inverse = 1.0 / (noise + np.multiply.outer(values, self._size))
        self._own = self._without(still)
        self._part = pattern / (1.0 + pattern * (still.conj() * self._own).sum(axis=0).real)
        self._left = self._without(seen) - self._own * self._part * (self._own.conj() * seen).sum(axis=0)

    def _without(self, amplitudes: ComplexArray) -> ComplexArray:
        """Multiply by the inverse covariance (n, n) of each wave, as it were without a pattern."""
        return self._vectors @ (self._inverse * (self._vectors.T @ amplitudes))

    def slopes(self) -> FloatArray:
        """Differentiate by shifts, shape (n, 2): what is left against what is expected by all others."""
        expected = self._size * (self._related @ self._left)
        along = 2 * (self._left.conj() * expected + self._part * self._still * self._own.conj()).imag
        return along @ self._modes.wave.T

    def information(self) -> FloatArray:
        """Fisher's (2 n, 2 n) of rows, then columns, by a sample of all waves."""
        count = len(self._related)
        found = np.zeros((2, 2, count, count))
        total = self._modes.place.size
        # An odd step, for waves along both diagonals lie beside each other.
        chosen = np.arange(0, total, total // FISHER_MODES | 1)
        for start in range(0, len(chosen), FISHER_AT_ONCE):
            at = chosen[start : start + FISHER_AT_ONCE]
            wave, own = self._modes.wave[:, at], self._own[:, at].T
            inverse = (self._vectors * self._inverse[:, at].T[:, None, :]) @ self._vectors.T
            inverse = inverse - self._part[at, None, None] * own[:, :, None] * own.conj()[:, None, :]
            right = inverse @ (self._size[at, None, None] * self._related)
            both = self._size[at, None, None] * self._related @ right
            each = 2 * (inverse * both.swapaxes(1, 2) - right * right.swapaxes(1, 2)).real
            found += np.einsum("ak,bk,kij->abij", wave, wave, each, optimize=True)
        return found.swapaxes(1, 2).reshape(2 * count, 2 * count) * (total / len(chosen))

    def step(self, free: NDArray[np.bool_]) -> FloatArray:
        """Give the change of the shifts (n, 2) that the slopes ask for, by Fisher's scoring."""
        chosen, change = np.tile(free, 2), np.zeros((2, len(free)))
        slopes = self.slopes()[free].T.ravel()
        found = np.linalg.lstsq(self.information()[np.ix_(chosen, chosen)], slopes, rcond=1e-10)[0]
        change[:, free] = found.reshape(2, -1)
        return change.T


def _first_guess(seen: FloatArray) -> _Covariance:
    """Structure alone, before the first fit."""
    size: FloatArray = np.trace(seen, axis1=1, axis2=2) / seen.shape[1]
    floor = max(float(np.median(np.linalg.eigvalsh(seen[-1]))), 1e-9 * float(size.max()))
    low = _positive(seen[: max(len(seen) // 5, 1)].sum(axis=0))
    return _Covariance(low, size, np.zeros_like(size), np.full_like(size, floor))


def _expected(
    modes: _Modes, seen: ComplexArray, still: ComplexArray, before: _Covariance | None
) -> _Covariance:
    """Fit what is expected to the images, beginning with what was before."""
    moments = modes.moments(seen), modes.moments(still)
    expected = before or _first_guess(moments[0])
    for _ in range(FITS if before else FIRST_FITS):
        expected = expected.fitted(*moments, modes.counts)
    return expected


def refined_shifts(images: NDArray[np.generic], shift_px: FloatArray, reference: int) -> FloatArray:
    """Correct shifts of images of one sample by what all of them show together.

    Where structures that absorb differently overlap, the correlation of two images is drawn to the stronger
    one's neighbours, and what stays on the detector draws it to zero. Here the waves of all images are taken
    as normal: those of the sample, once put on each other, are related between images in one way at all wave
    numbers (as structures with edges are, whatever each does at an absorption edge), those of the detector's
    pattern stay where they are, and noise is in each image alone. Spectra and relations are fitted to the
    moments of the waves, and shifts by the likelihood, in turns. A gradient of valence within a grain is not
    taken for a shift, since a shift would move edges: of fine waves it would make more than the gradient has.

    Parameters
    ----------
    images
        Shape (n, rows, columns).
    shift_px
        By correlation with the reference, rows and columns, shape (n, 2), to within a pixel or so.
    reference
        Index of the image whose shift stays.

    Returns
    -------
    ndarray
        Shape (n, 2); as given where there are fewer than 5 images, what all of them show is smaller than 16
        pixels, or no shifts within two pixels are found.

    Notes
    -----
    Fisher's scoring of Whittle's likelihood, with a covariance of low rank in place of the noise's; the
    relations by weighted least squares of moments (Delabrouille, Cardoso and Patanchon 2003, Mon. Not. R.
    Astron. Soc. 346, 1089, who match spectra of components in the same way).
    """
    stack, shifts = _Stack(images, shift_px), shift_px.copy()
    if len(images) < LEAST_IMAGES or min(stack.shape) < LEAST_SIDE:
        return shift_px
    modes, free = _Modes.of(stack.shape), np.arange(len(images)) != reference
    noise = np.linalg.norm(stack.seen(shifts, modes)[:, np.hypot(*modes.wave) > FLAT_WAVE], axis=1)
    unit = np.maximum(noise, 1e-9 * noise.max())[:, None]
    expected: _Covariance | None = None
    for _ in range(ROUNDS):
        seen: ComplexArray = stack.seen(shifts, modes) / unit
        still: ComplexArray = np.exp(1j * (shifts @ modes.wave)) / unit
        expected = _expected(modes, seen, still, expected)
        step = _Likelihood(modes, seen, still, expected).step(free)
        longest = float(np.abs(step).max())
        shifts += step * min(1.0, LONGEST_STEP_PX / max(longest, 1e-300))
        if np.abs(shifts - shift_px).max() > FARTHEST_PX:
            break
        if longest < SETTLED_PX:
            return shifts
    return shift_px
