"""How alike two pictures are at every whole shift, where both are known."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray


class MaskedCorrelation:
    """Normalised correlation of pictures with one that stays, over what both show.

    Parameters
    ----------
    fixed, known
        The picture that stays, shape (rows, columns), zero where it is not known.
    other
        Shape of those that will be compared with it.

    Notes
    -----
    Padfield (2012), IEEE Trans. Image Process. 21, 2706: six transforms, with no edge where a picture ends.
    """

    def __init__(self, fixed: FloatArray, known: NDArray[np.bool_], other: tuple[int, int]) -> None:
        fft: Any = import_module("scipy.fft")
        self._full = tuple(a + b - 1 for a, b in zip(fixed.shape, other, strict=True))
        self._padded = tuple(fft.next_fast_len(n, real=True) for n in self._full)
        self._origin = np.array(other) - 1
        self._fixed, self._squared, self._known = (
            fft.rfft2(each, self._padded) for each in (fixed, fixed**2, known.astype(np.float64))
        )

    def __call__(
        self, moving: FloatArray, known: NDArray[np.bool_], least: float
    ) -> tuple[FloatArray, FloatArray]:
        """Correlate with another picture.

        Parameters
        ----------
        moving, known
            It, shape `other`, zero where it is not known.
        least
            Pixels that both must show.

        Returns
        -------
        tuple of ndarray
            Correlation, -1 to 1 by shift (see `shift`), zero where too little is shown by both; and how many
            pixels are.
        """
        fft: Any = import_module("scipy.fft")
        turned = [each[::-1, ::-1] for each in (moving, moving**2, known.astype(np.float64))]
        second, square, mask = (fft.rfft2(each, self._padded) for each in turned)
        pairs = (
            (self._known, mask),
            (self._fixed, mask),
            (self._known, second),
            (self._squared, mask),
            (self._known, square),
            (self._fixed, second),
        )
        rows, columns = self._full
        sums: list[FloatArray] = [fft.irfft2(a * b, self._padded)[:rows, :columns] for a, b in pairs]
        count, one, two, one_squared, two_squared, both = sums
        count = np.maximum(np.round(count), 1.0)
        spread = np.maximum(one_squared - one**2 / count, 0.0)
        spread *= np.maximum(two_squared - two**2 / count, 0.0)
        floor = 1e-9 * float(one_squared.max()) * float(two_squared.max())
        alike = (both - one * two / count) / np.sqrt(np.maximum(spread, max(floor, 1e-300)))
        return np.where(count >= least, alike, 0.0), count

    def shift(self, place: NDArray[np.intp]) -> NDArray[np.intp]:
        """Rows and columns that bring the other onto the fixed one, at places (..., 2) of the result."""
        return place - self._origin
