"""Counting noise of whole frames: mean and variance of Poisson at a few nanoseconds per pixel."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray
from scipy.special import ndtri, pdtr

from .array import ByteArray, ImageArray

Entry = TypeVar("Entry", bound=np.generic)

LOW = 4.0
"""Expected counts below which a pixel draws from the Poisson distribution itself."""
STEPS_PER_COUNT = 64
PLANES = 8
"""Of low counts: LOW * STEPS_PER_COUNT is 2 ** PLANES."""
TABLE = 1 << 20
PLANE_TABLE = 1 << 17
CHUNK = 1 << 16
"""Pixels done at once: what they need stays in the processor's cache."""
ROUNDING_VARIANCE = 1.0 / 12.0
SKEWNESS_VARIANCE = 1.0 / 18.0
FEW = 0.25
"""Share of a chunk below which pixels are drawn one by one and put in their places."""
HIGHEST = 2**31 - 128
"""Largest count that a frame is drawn with, whatever its type."""


class FrameNoise:
    """Tables of chance, made once, from which every frame draws with offsets of its own.

    Above `LOW` expected counts a pixel gets ``mean + s z + (z^2 - 1) / 6`` rounded, z a normal number: the
    first terms of the expansion of Cornish and Fisher 1937, s such that the variance is the mean. Below, the
    sum of Poisson numbers of means 2, 1, 1/2 ... 1/64, as the binary digits of the mean say, for sums of
    Poisson numbers are Poisson numbers; plus one with the probability of what is left.

    A table has a million entries: what a million pixels or more count together varies less than it should.

    Parameters
    ----------
    rng
        Source of chance.
    """

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self._scratch = np.empty(CHUNK, dtype=np.float32)
        normals = ndtri(_shuffled_quantiles(rng))
        normals /= normals.std()
        self._normals = _wrapped(normals.astype(np.float32))
        self._chances = _wrapped((_shuffled_quantiles(rng) * 65536.0).astype(np.uint16))
        self._planes: list[ByteArray] = []
        for plane in range(PLANES):
            counts = _poisson_quantiles(2.0**plane / STEPS_PER_COUNT)
            rng.shuffle(counts)
            self._planes.append(_wrapped(counts))

    def draw(self, expectation: "Expectation", out: NDArray[np.generic]) -> None:
        """Fill a frame.

        Parameters
        ----------
        expectation
            What to expect.
        out
            Unsigned integers, contiguous, of the same size; what is above its type's largest number but one
            stays there.
        """
        flat = out.reshape(-1)
        most = min(largest_count(flat.dtype), HIGHEST)
        # Processors turn floating numbers into signed integers faster than into unsigned ones.
        target = flat.view(np.int32) if flat.dtype == np.uint32 else flat.astype(np.int32)
        starts = self._rng.integers(0, TABLE, (len(expectation.chunks), PLANES + 2))
        starts[:, :PLANES] %= PLANE_TABLE
        for chunk, offsets in zip(expectation.chunks, starts.tolist(), strict=True):
            self._draw_chunk(chunk, offsets, most, target[chunk.where])
        if flat.dtype != np.uint32:
            flat[...] = target

    def _draw_chunk(self, chunk: "_Chunk", offsets: list[int], most: int, out: NDArray[np.int32]) -> None:
        low = None if chunk.low is None else self._draw_low(chunk.low, offsets)
        if chunk.high is not None and chunk.high_at is None:
            self._draw_high(chunk.high, offsets[-1], most, out)
            if low is not None and chunk.low_at is not None:
                out[chunk.low_at] = low
            elif low is not None:
                out += low
        elif low is not None:
            out[...] = low
            if chunk.high is not None:
                bright = np.empty(len(chunk.high.deviation), dtype=np.int32)
                self._draw_high(chunk.high, offsets[-1], most, bright)
                out[chunk.high_at] = bright

    def _draw_high(self, part: "_High", start: int, most: int, out: NDArray[np.int32]) -> None:
        size = len(part.deviation)
        normal, value = self._normals[start : start + size], self._scratch[:size]
        np.multiply(normal, np.float32(1.0 / 6.0), out=value)
        value += part.deviation
        value *= normal
        value += part.mean_half
        if part.may_pass(most):
            np.minimum(value, np.float32(most), out=value)
        out[...] = value
        np.maximum(out, 0, out=out)

    def _draw_low(self, part: "_Low", offsets: list[int]) -> ByteArray:
        size, start = len(part.chance), offsets[PLANES]
        counts = np.less(self._chances[start : start + size], part.chance).view(np.uint8)
        scratch = np.empty_like(counts)
        for start, plane, mask in zip(offsets[:PLANES], self._planes, part.masks, strict=True):
            if mask is not None:
                np.bitwise_and(plane[start : start + size], mask, out=scratch)
                counts += scratch
        return counts


class Expectation:
    """Expected counts of a frame, with what the noise of all its frames has in common.

    Parameters
    ----------
    expected
        Counts, of any shape.
    """

    def __init__(self, expected: ImageArray) -> None:
        flat = np.ascontiguousarray(expected, dtype=np.float32).reshape(-1)
        bounds = [slice(start, min(start + CHUNK, flat.size)) for start in range(0, flat.size, CHUNK)]
        self.chunks = [_Chunk(where, flat[where]) for where in bounds]


class _Chunk:
    """Some pixels of an expectation: those of many counts and those of few.

    A part that is a few pixels of the chunk only (`FEW`) says by `at` which; else it has all pixels, those of
    the other part such that they count 0.
    """

    def __init__(self, where: slice, expected: ImageArray) -> None:
        self.where = where
        few = expected < LOW
        low, high = np.flatnonzero(few), np.flatnonzero(~few)
        self.high_at = high if high.size < FEW * expected.size else None
        self.low_at = low if low.size < FEW * expected.size else None
        self.high = self.low = None
        if high.size:
            bright = np.where(few, np.float32(np.nan), expected) if self.high_at is None else expected[high]
            self.high = _High(bright)
        if low.size:
            self.low = _Low(np.where(few, expected, 0.0) if self.low_at is None else expected[low])


class _High:
    """Pixels that draw from the expansion; NaN where nothing is to be drawn."""

    def __init__(self, expected: ImageArray) -> None:
        absent = np.isnan(expected)
        variance = expected - np.float32(ROUNDING_VARIANCE + SKEWNESS_VARIANCE)
        self.deviation = np.sqrt(np.where(absent, np.float32(0.0), variance))
        # Turned into an integer by cutting off: half a count more is rounding. What is absent stays below 0.
        self.mean_half = np.where(absent, np.float32(-100.0), expected + np.float32(0.5 - 1.0 / 6.0))
        self._highest = float(np.nanmax(expected))

    def may_pass(self, most: int) -> bool:
        """Whether a count may pass the largest: ten standard deviations above the mean."""
        return self._highest + 10.0 * self._highest**0.5 > most


class _Low:
    """Pixels that draw from the Poisson distribution, by the binary digits of their means."""

    def __init__(self, expected: NDArray[np.floating]) -> None:
        steps = expected * STEPS_PER_COUNT
        whole = steps.astype(np.uint8)
        rest = (steps - whole) / STEPS_PER_COUNT
        self.chance = np.minimum(np.round(rest * 65536.0), 65535.0).astype(np.uint16)
        bits = np.unpackbits(whole[None, :], axis=0, bitorder="little")
        self.masks = [row * np.uint8(255) if row.any() else None for row in bits]


def largest_count(dtype: DTypeLike) -> int:
    """Largest count that a pixel shows; the number above marks pixels that are none.

    Examples
    --------
    >>> largest_count("uint16")
    65534
    """
    return int(np.iinfo(dtype).max) - 1


def _poisson_quantiles(mean: float) -> ByteArray:
    """Return counts (PLANE_TABLE,) of equal probability, in rising order."""
    upto = np.round(pdtr(np.arange(64), mean) * PLANE_TABLE).astype(np.intp)
    return np.repeat(np.arange(64, dtype=np.uint8), np.diff(upto, prepend=0))


def _shuffled_quantiles(rng: Generator) -> NDArray[np.float64]:
    """Return every quantile of 0..1 once, (TABLE,), in random order."""
    values = (np.arange(TABLE) + 0.5) / TABLE
    rng.shuffle(values)
    return values


def _wrapped(table: NDArray[Entry]) -> NDArray[Entry]:
    """Repeat the first entries of a table at its end, for a chunk that begins anywhere."""
    return np.concatenate([table, table[:CHUNK]])
