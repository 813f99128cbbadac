"""Projections to a volume by one function, and the recipe that says how."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .angle import FloatArray
from .flat_field import line_integral, normalise
from .phase import Paganin, phase_retrieved
from .ramp import FloatImage, Window
from .ring import Rings, rings_removed
from .rotation_centre import RotationCentre, rotation_centre
from .slab import BackEnd, reconstruct_slab
from .tilt import untilted

SLAB_ROWS = 32
MOST_TILT_DEG = 45.0
MOST_TRANSMISSION = 3.0
"""Of a frame's median: a bright fringe of phase contrast is above 1, counts are far above."""


@dataclass(frozen=True)
class Recipe:
    """How line integrals become a volume.

    Parameters
    ----------
    pixel_um
        Edge of a pixel at the sample, um.
    window
        Damping of high frequencies.
    rings
        Correction of rings.
    tilt_deg
        Of the rotation axis from the detector's columns, as `axis_tilt` gives it, degrees.
    paganin
        Phase retrieval; none by default.
    back_end
        ``kernel`` (ours) or ``algotom``; or ``tomopy``, ``svmbir``, ``astra``, once installed, with an
        algorithm as in ``tomopy:gridrec``.
    """

    pixel_um: float = 1.0
    window: Window | str = Window.RAMP
    rings: Rings | str = Rings.NONE
    tilt_deg: float = 0.0
    paganin: Paganin | None = None
    back_end: BackEnd | str = BackEnd.KERNEL

    def __post_init__(self) -> None:
        if not 0.0 < self.pixel_um < math.inf:
            raise ValueError(f"reconstruct: pixel_um = {self.pixel_um:g}; give the edge of a pixel, um")
        if not abs(self.tilt_deg) < MOST_TILT_DEG:
            raise ValueError(
                f"reconstruct: tilt_deg = {self.tilt_deg:g}; give less than {MOST_TILT_DEG:g} degrees, or 0 "
                "where `axis_tilt` finds no projections half a turn apart and gives nan"
            )


@dataclass(frozen=True)
class Reconstruction:
    """A volume and what it was made with.

    Attributes
    ----------
    attenuation_per_um
        Shape (z, y, x), single precision, 1/um; 0 outside the circle that the field of view sees throughout.
    centre_px
        Column of the rotation axis at the middle row, pixels.
    centre
        How it was found; none where it was given.
    dead
        Pixels without beam, shape (rows, columns).
    recipe
        How.
    """

    attenuation_per_um: FloatImage
    centre_px: float
    centre: RotationCentre | None
    dead: NDArray[np.bool_]
    recipe: Recipe


def prepared(
    transmission: ArrayLike, centre_px: float, recipe: Recipe, *, middle_row: float | None = None
) -> FloatImage:
    """Phase, logarithm, tilt and rings: all that comes before the filter.

    Parameters
    ----------
    transmission
        Shape (angles, rows, columns).
    centre_px
        Column of the axis at the middle row, pixels.
    recipe
        How.
    middle_row
        As for `untilted`.

    Returns
    -------
    ndarray
        Line integrals, same shape.
    """
    values = np.asarray(transmission, dtype=np.float32)
    if recipe.paganin is not None:
        values = phase_retrieved(values, recipe.paganin)
    integrals = line_integral(values)
    straight = untilted(integrals, recipe.tilt_deg, centre_px, middle_row=middle_row)
    return rings_removed(straight, method=recipe.rings)


def reconstruct_integrals(
    line_integrals: FloatImage, angle_deg: ArrayLike, centre_px: float, recipe: Recipe, *, threads: int = 1
) -> FloatImage:
    """Reconstruct line integrals that need no more correction, slabs of rows side by side.

    Parameters
    ----------
    line_integrals
        Shape (angles, rows, columns).
    angle_deg
        Degrees, shape (angles,).
    centre_px
        Column of the axis, pixels.
    recipe
        Window, back end and pixel.
    threads
        Slabs at a time.

    Returns
    -------
    ndarray
        Attenuation, 1/um, shape (rows, columns, columns).

    Raises
    ------
    ValueError
        If there are to be no threads.
    """
    if threads < 1:
        raise ValueError(f"reconstruct: threads = {threads}; give 1 or more")
    rows, columns = line_integrals.shape[1:]
    volume = np.empty((rows, columns, columns), np.float32)
    height = min(SLAB_ROWS, max(-(-rows // threads), 1))

    def one(first: int) -> None:
        part = line_integrals[:, first : first + height]
        slab = reconstruct_slab(part, angle_deg, centre_px, window=recipe.window, back_end=recipe.back_end)
        np.divide(slab, np.float32(recipe.pixel_um), out=volume[first : first + height])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(0, rows, height)))
    return volume


def require_geometry(angles: FloatArray, columns: int, centre: float | None) -> None:
    """Refuse numbers with which a volume would be empty.

    Parameters
    ----------
    angles
        Degrees, shape (angles,).
    columns
        Of a projection.
    centre
        Column of the rotation axis, pixels; none where it is to be found.

    Raises
    ------
    ValueError
        If an angle is not finite, or the centre lies outside of the columns.
    """
    lost = np.count_nonzero(~np.isfinite(angles))
    if lost:
        raise ValueError(f"reconstruct: {lost} of {angles.size} angles are not finite; leave those out")
    if centre is not None and not 0 <= centre <= columns - 1:
        raise ValueError(
            f"reconstruct: centre = {centre} pixels is outside of the {columns} columns; give one of "
            f"0 to {columns - 1}"
        )


def _require_transmission(values: NDArray[np.generic]) -> None:
    """Refuse counts where transmission is expected, whose line integrals would be below zero."""
    typical = float(np.median(values[len(values) // 2])) if values.size else 0.0
    if typical > MOST_TRANSMISSION:
        raise ValueError(
            f"reconstruct: projections with a median of {typical:.4g} are counts, transmission is about 1 at "
            "most; give flats, or divide by the beam before"
        )


def reconstruct(
    projections: ArrayLike,
    angle_deg: ArrayLike,
    *,
    centre: float | None = None,
    flats: ArrayLike | None = None,
    darks: ArrayLike | None = None,
    flats_after: ArrayLike | None = None,
    recipe: Recipe | None = None,
    threads: int = 1,
    **changes: Any,  # noqa: ANN401
) -> Reconstruction:
    """Make a volume of projections: beam, dead pixels, phase, tilt, rings, centre, filtered back-projection.

    Parameters
    ----------
    projections
        Counts if `flats` are given, else transmission, shape (angles, rows, columns).
    angle_deg
        In any order, over a half or full turn, degrees, shape (angles,); the sample turns from x to y.
    centre
        Column of the rotation axis at the middle row, pixels from the first column's centre; found if absent.
    flats, darks, flats_after
        As for `normalise`.
    recipe
        How; a plain one by default.
    threads
        Slabs of detector rows at a time.
    **changes
        Fields of the recipe, such as ``rings="sorting"``.

    Returns
    -------
    Reconstruction
        The volume, the centre and the dead pixels.

    Raises
    ------
    ValueError
        If angles and projections differ in number, an angle is not finite, the centre lies outside of the
        projections, the pixel has no size, counts come without flats, or no centre is found in what is there.

    Examples
    --------
    >>> found = reconstruct(np.ones((8, 1, 4)), np.arange(8) * 22.5, centre=1.5)
    >>> found.attenuation_per_um.shape
    (1, 4, 4)
    """
    how = replace(recipe or Recipe(), **changes)
    values = np.asarray(projections)
    angles = np.asarray(angle_deg, dtype=np.float64)
    if values.ndim != 3 or angles.shape != values.shape[:1]:
        raise ValueError(
            f"reconstruct: projections of shape {values.shape} and {angles.shape} angles; give "
            "(angles, rows, columns) and one angle each"
        )
    require_geometry(angles, values.shape[-1], centre)
    dead = np.zeros(values.shape[1:], dtype=np.bool_)
    if flats is None:
        _require_transmission(values)
    else:
        passed = normalise(values, flats, darks, flats_after=flats_after)
        values, dead = passed.values, passed.dead
    found: RotationCentre | None = None
    if centre is None:
        found = rotation_centre(line_integral(values), angles)
        if found.verdict == "not found":
            raise ValueError(f"reconstruct: no rotation centre: {found.reason}; give it as `centre`")
    column = found.column_px if found else float(centre or 0.0)
    volume = reconstruct_integrals(prepared(values, column, how), angles, column, how, threads=threads)
    return Reconstruction(volume, column, found, dead, how)
