"""The ramp filter for images that come one after the other."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ramp import FloatImage, Window, padded_width, ramp
from .slab import imaging_module


class ImageFilter:
    """Filter images of one shape, one after the other, in memory that is used again.

    Two rows are transformed at once as one of complex numbers: the filter is real.

    Parameters
    ----------
    shape
        Rows and columns.
    window
        Damping of high frequencies.
    """

    def __init__(self, shape: tuple[int, int], window: Window | str) -> None:
        rows, columns = shape
        width = padded_width(columns)
        upper = ramp(width, Window(window))
        self._transfer = np.concatenate([upper, upper[1 : width - upper.size + 1][::-1]])
        self._before = (width - columns) // 2
        self._pairs = np.empty((-(-rows // 2), width), np.complex64)
        self._deep = np.empty((columns, rows), np.float32)
        self._kernel: Any = imaging_module(".kernel")

    def __call__(self, image: FloatImage, weight: float) -> FloatImage:
        """Filter and weigh an image.

        Parameters
        ----------
        image
            Line integrals, shape (rows, columns).
        weight
            Of all.

        Returns
        -------
        ndarray
            Shape (columns, rows); good until the next call.
        """
        fft: Any = import_module("scipy.fft")
        pairs = self._pairs.view(np.float32).reshape(*self._pairs.shape, 2)
        self._kernel.fold(image, self._before, pairs)
        spectrum = fft.fft(self._pairs, axis=-1, overwrite_x=True)
        spectrum *= self._transfer
        found: NDArray[np.complex64] = fft.ifft(spectrum, axis=-1, overwrite_x=True)
        whole = found.view(np.float32).reshape(*found.shape, 2)
        self._kernel.unfold(whole, self._before, np.float32(weight), self._deep)
        return self._deep
