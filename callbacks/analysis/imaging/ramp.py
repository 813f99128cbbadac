"""The ramp filter of filtered back-projection."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .choice import Choice

FloatImage: TypeAlias = NDArray[np.float32]


class Window(Choice):
    """What damps high frequencies, from sharp and noisy to smooth."""

    RAMP = "ramp"
    SHEPP_LOGAN = "shepp-logan"
    COSINE = "cosine"
    HANN = "hann"


def padded_width(columns: int) -> int:
    """Columns with room for a linear convolution, fast to transform."""
    fft: Any = import_module("scipy.fft")
    return int(fft.next_fast_len(columns + columns // 2, real=True))


@lru_cache(maxsize=8)
def ramp(width: int, window: Window) -> FloatImage:
    """Transfer function for real transforms of a width.

    The band-limited ramp is made in real space, which keeps the mean right: 1/4 at 0, -1 / (pi n)^2 at odd n
    (Kak and Slaney 1988, Principles of Computerized Tomographic Imaging, eq. 61 of chapter 3).

    Parameters
    ----------
    width
        Padded columns, pixels.
    window
        Damping.

    Returns
    -------
    ndarray
        Per pixel, shape (width // 2 + 1,), single precision.
    """
    place = np.fft.fftfreq(width, 1.0 / width)
    odd = np.abs(place) % 2 == 1
    kernel = np.zeros(width)
    kernel[0] = 0.25
    kernel[odd] = -1.0 / (np.pi * place[odd]) ** 2
    transfer = np.fft.rfft(kernel).real
    frequency = np.fft.rfftfreq(width)
    damping = {
        Window.RAMP: np.ones_like(frequency),
        Window.SHEPP_LOGAN: np.sinc(frequency),
        Window.COSINE: np.cos(np.pi * frequency),
        Window.HANN: 0.5 + 0.5 * np.cos(2.0 * np.pi * frequency),
    }[window]
    return (transfer * damping).astype(np.float32)


def ramp_filtered(line_integrals: NDArray[np.generic], window: Window | str = Window.RAMP) -> FloatImage:
    """Filter along the last axis, at whose ends the last values go on: samples may be wider than the field.

    Parameters
    ----------
    line_integrals
        Shape (..., columns).
    window
        Damping of high frequencies.

    Returns
    -------
    ndarray
        Same shape, single precision.
    """
    fft: Any = import_module("scipy.fft")
    columns = line_integrals.shape[-1]
    width = padded_width(columns)
    before = (width - columns) // 2
    room = [(0, 0)] * (line_integrals.ndim - 1) + [(before, width - columns - before)]
    padded = np.pad(line_integrals.astype(np.float32, copy=False), room, mode="edge")
    spectrum = fft.rfft(padded, axis=-1, overwrite_x=True)
    spectrum *= ramp(width, Window(window))
    return fft.irfft(spectrum, n=width, axis=-1, overwrite_x=True)[..., before : before + columns]
