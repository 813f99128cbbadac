"""Counting noise of whole frames: mean and variance of Poisson at a few nanoseconds per pixel."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray
from scipy.special import ndtri, pdtr

PixelArray = NDArray[np.float32]

LOW = 4.0
"""Expected counts below which a pixel draws from the Poisson distribution itself."""
LEVELS_PER_COUNT = 32
DRAWS = 4096
NORMALS = 1 << 20
CHUNK = 1 << 15
"""Pixels done at once: what they need stays in the processor's cache."""
ROUNDING_VARIANCE = 1.0 / 12.0
SKEWNESS_VARIANCE = 1.0 / 18.0


class FrameNoise:
    """Tables of chance, made once, from which every frame draws with offsets of its own.

    Above `LOW` expected counts a pixel gets ``mean + s z + (z^2 - 1) / 6`` rounded, z a normal number: the
    first terms of the expansion of Cornish and Fisher 1937, s such that the variance is the mean. Below, it
    draws from the Poisson distribution of the next lower tabulated mean, plus one with the probability of
    what is left.

    Parameters
    ----------
    rng
        Source of chance.
    """

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self._uniforms = _shuffled_uniforms(rng)
        normals = ndtri(_shuffled_uniforms(rng).astype(np.float64))
        normals /= normals.std()
        self._normals = normals.astype(np.float32)
        self._skews = ((normals**2 - 1.0) / 6.0).astype(np.float32)
        self._draws = rng.integers(0, DRAWS, NORMALS + CHUNK, dtype=np.intp)
        means = np.arange(int(LOW * LEVELS_PER_COUNT) + 1) / LEVELS_PER_COUNT
        table = np.stack([_quantiles(mean) for mean in means])
        self._table_means = table.mean(axis=1)
        self._flat_table = table.reshape(-1)

    def prepare(self, expected: PixelArray) -> "Expectation":
        """Work out once what all frames of the same expected counts (any shape) share."""
        return Expectation(expected, self._table_means)

    def draw(self, expectation: "Expectation", out: NDArray[np.generic]) -> None:
        """Fill a frame.

        Parameters
        ----------
        expectation
            Of `prepare`.
        out
            Unsigned integers, contiguous, of the same size; what is above its type's largest number but one
            stays there.
        """
        flat = out.reshape(-1)
        most = np.float32(largest_count(flat.dtype))
        starts = self._rng.integers(0, NORMALS, (len(expectation.chunks), 2))
        for chunk, (first, second) in zip(expectation.chunks, starts, strict=True):
            piece = flat[chunk.where]
            if chunk.low is None:
                self._draw_high(chunk, int(first), most, piece)
            elif chunk.all_low:
                piece[...] = self._draw_low(chunk, int(first), int(second))
            else:
                self._draw_high(chunk, int(first), most, piece)
                piece[chunk.low] = self._draw_low(chunk, int(first), int(second))

    def _draw_high(self, chunk: "_Chunk", first: int, most: np.float32, out: NDArray[np.generic]) -> None:
        here = slice(first, first + len(out))
        value = chunk.deviation * self._normals[here]
        value += self._skews[here]
        value += chunk.mean_half
        np.clip(value, 0.0, most, out=value)
        out[...] = value

    def _draw_low(self, chunk: "_Chunk", first: int, second: int) -> NDArray[np.uint8]:
        size = len(chunk.row)
        index = chunk.row + self._draws[first : first + size]
        counts = self._flat_table.take(index, mode="wrap")
        counts += self._uniforms[second : second + size] < chunk.rest
        return counts


class _Chunk:
    """Some pixels of an expectation."""

    def __init__(self, where: slice, expected: PixelArray, table_means: NDArray[np.float64]) -> None:
        self.where = where
        low = np.flatnonzero(expected < LOW)
        self.low = low if low.size else None
        self.all_low = low.size == expected.size
        if not self.all_low:
            variance = np.maximum(expected - np.float32(ROUNDING_VARIANCE + SKEWNESS_VARIANCE), 0.0)
            self.deviation = np.sqrt(variance)
            # Turned into an integer by cutting off: half a count more is rounding.
            self.mean_half = expected + np.float32(0.5)
        if low.size:
            few = expected[low]
            row = (few * LEVELS_PER_COUNT).astype(np.intp)
            row -= table_means[row] > few
            self.rest = (few - table_means[row]).astype(np.float32)
            self.row = row * DRAWS


class Expectation:
    """Expected counts of a frame, chunk by chunk, with what their noise needs."""

    def __init__(self, expected: PixelArray, table_means: NDArray[np.float64]) -> None:
        flat = np.ascontiguousarray(expected, dtype=np.float32).reshape(-1)
        bounds = [slice(start, min(start + CHUNK, flat.size)) for start in range(0, flat.size, CHUNK)]
        self.chunks = [_Chunk(where, flat[where], table_means) for where in bounds]


def largest_count(dtype: DTypeLike) -> int:
    """Largest count that a pixel shows; the number above marks pixels that are none.

    Examples
    --------
    >>> largest_count("uint16")
    65534
    """
    return int(np.iinfo(dtype).max) - 1


def _quantiles(mean: float) -> NDArray[np.uint8]:
    """Return counts (DRAWS,) of equal probability, in rising order."""
    counts = np.arange(64)
    return np.searchsorted(pdtr(counts, mean), (np.arange(DRAWS) + 0.5) / DRAWS).astype(np.uint8)


def _shuffled_uniforms(rng: Generator) -> PixelArray:
    """Every quantile of 0..1 once, in random order; the first are repeated at the end for any offset."""
    values = (np.arange(NORMALS) + 0.5) / NORMALS
    rng.shuffle(values)
    return np.concatenate([values, values[:CHUNK]]).astype(np.float32)
