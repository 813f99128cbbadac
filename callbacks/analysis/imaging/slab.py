"""Filtered back-projection of line integrals on one core, by kernels of ours or by algotom."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .angle import FloatArray, angular_weights
from .other_back_end import reconstructed_by
from .ramp import FloatImage, Window, ramp_filtered

EXTRA = "reconstruction needs numba and algotom: pip install 'operando[imaging]'"
FEW_ROWS = 3
"""Up to here rows are back-projected one by one, which is faster than all of them together."""


class BackEnd(StrEnum):
    """Who projects back."""

    KERNEL = "kernel"
    ALGOTOM = "algotom"


def imaging_module(name: str) -> Any:  # noqa: ANN401
    """Import a module of the extra, such as ``"algotom.prep.removal"`` or the kernels of ours.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``imaging``.
    """
    try:
        return import_module(name, __package__)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(EXTRA, name=error.name) from error


def turn_of(angle_deg: ArrayLike) -> FloatArray:
    """Return cosine and sine of angles, shape (angles, 2)."""
    angle_rad = np.radians(np.asarray(angle_deg, dtype=np.float64))
    return np.stack([np.cos(angle_rad), np.sin(angle_rad)], axis=-1)


def places(width: int) -> FloatArray:
    """Return places of pixels from the rotation axis, which lies in the middle, pixels, shape (width,)."""
    pixel: FloatArray = np.arange(width, dtype=np.float64)
    return pixel - 0.5 * (width - 1)


def back_projected(
    filtered: FloatImage, angle_deg: ArrayLike, centre: float, y_px: FloatArray, x_px: FloatArray
) -> FloatImage:
    """Project filtered and weighted line integrals back onto any lines of a slab.

    The column of a point is ``centre + x cos(angle) - y sin(angle)``: the sample has turned by the angle from
    x to y, as in algotom.

    Parameters
    ----------
    filtered
        Shape (angles, rows, columns).
    angle_deg
        Degrees, shape (angles,).
    centre
        Column of the rotation axis, pixels.
    y_px, x_px
        Places from the axis, pixels; `x_px` evenly spaced by 1.

    Returns
    -------
    ndarray
        Shape (rows, y, x).
    """
    kernel = imaging_module(".kernel")
    turn = turn_of(angle_deg)
    rows = filtered.shape[1]
    if rows <= FEW_ROWS:
        out = np.zeros((rows, y_px.size, x_px.size), np.float32)
        for row in range(rows):
            sinogram = np.ascontiguousarray(filtered[:, row])
            kernel.back_project_row(sinogram, turn, float(centre), y_px, x_px, out[row])
        return out
    deep = np.ascontiguousarray(filtered.transpose(0, 2, 1))
    slab = np.zeros((y_px.size, x_px.size, rows), np.float32)
    kernel.back_project(deep, turn, float(centre), y_px, x_px, slab)
    return np.ascontiguousarray(slab.transpose(2, 0, 1))


def outside_circle(width: int) -> NDArray[np.bool_]:
    """Tell which pixels of a slice leave the field as the sample turns, shape (width, width)."""
    place = places(width)
    return place[:, None] ** 2 + place**2 > (0.5 * width) ** 2


def reconstruct_slab(
    line_integrals: FloatImage,
    angle_deg: ArrayLike,
    centre: float,
    *,
    window: Window | str = Window.RAMP,
    back_end: BackEnd | str = BackEnd.KERNEL,
) -> FloatImage:
    """Reconstruct detector rows by filtered back-projection, on one core.

    Parameters
    ----------
    line_integrals
        Shape (angles, rows, columns).
    angle_deg
        In any order, degrees, shape (angles,); weights by their gaps.
    centre
        Column of the rotation axis, pixels.
    window
        Damping of high frequencies.
    back_end
        ``algotom`` supposes even angles over a half turn. ``tomopy:gridrec``, ``svmbir`` and
        ``astra:FBP`` are libraries to be installed by who wants them, with windows of their own.

    Returns
    -------
    ndarray
        Attenuation per pixel, shape (rows, columns, columns); 0 outside the inscribed circle.

    Raises
    ------
    ValueError
        If the back end is not known, or has no such window.
    ModuleNotFoundError
        If its library is not installed.
    """
    width = line_integrals.shape[-1]
    if back_end == BackEnd.ALGOTOM:
        return _by_algotom(line_integrals, angle_deg, centre, Window(window))
    if back_end != BackEnd.KERNEL:
        angle_rad = np.radians(np.asarray(angle_deg, dtype=np.float64))
        volume = reconstructed_by(back_end, line_integrals, angle_rad, centre)
        volume[:, outside_circle(width)] = 0.0
        return volume
    filtered = ramp_filtered(line_integrals, window)
    filtered *= angular_weights(angle_deg).astype(np.float32)[:, None, None]
    place = places(width)
    volume = back_projected(filtered, angle_deg, centre, place, place)
    volume[:, outside_circle(width)] = 0.0
    return volume


def _by_algotom(
    line_integrals: FloatImage, angle_deg: ArrayLike, centre: float, window: Window
) -> FloatImage:
    """Algotom's own filtered back-projection, whose only window that we share is Hann's."""
    library = imaging_module("algotom.rec.reconstruction")
    if window not in (Window.RAMP, Window.HANN):
        raise ValueError(f"reconstruct: window {window.value!r} is not algotom's; take 'ramp' or 'hann'")
    volume = library.fbp_reconstruction(
        line_integrals,
        centre,
        angles=np.radians(np.asarray(angle_deg, dtype=np.float64)),
        filter_name="hann" if window is Window.HANN else None,
        apply_log=False,
        gpu=False,
        ncore=1,
    )
    return np.ascontiguousarray(np.moveaxis(volume, 1, 0), dtype=np.float32)
