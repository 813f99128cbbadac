"""Loops over the rays of a projection: chords of spheres and of cracks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import ceil, floor, sqrt
from typing import Any, TypeAlias

import numpy as np

try:
    import numba
except ImportError as error:
    raise ImportError(
        "specimens of a microscope are projected by numba, which is not installed: "
        "pip install 'operando[diffraction]'"
    ) from error

_LOG = logging.getLogger(__name__)

Array: TypeAlias = Any
"""An array of any real type, as the compiler sees it."""
FARTHEST = 1e9
"""Beyond every specimen, um."""
PART_SHELLS = 3.0
"""Shells that are as long as a part of a way through a crack, which is taken to be even."""


def compiled(function: Callable[..., Any]) -> Any:  # noqa: ANN401
    """Compile without the interpreter's lock, and keep the machine code for later processes if possible."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError as error:  # numba's word for "no folder can be written"
        _LOG.warning("machine code is not kept, set NUMBA_CACHE_DIR to a folder of yours: %s", error)
        return numba.njit(**options)(function)


@compiled
def add_spheres(
    place_px: Array, radius_px: Array, series: Array, depth: Array, length: Array, sign: float
) -> None:
    """Add the line integrals through spheres whose content depends on the distance from their centre.

    Parameters
    ----------
    place_px
        (row, column) of the centres, shape (n, 2).
    radius_px
        Shape (n,).
    series
        Line integral over half the chord, per pixel, as polynomial of q = 2 (b / R)^2 - 1, where b is the
        impact parameter; coefficients rising, shape (n, 7), single precision.
    depth, length
        Images, shape (rows, columns), to which the line integral, and half the chord in pixels, are added.
    sign
        1, or -1 where half the chord is taken away.
    """
    rows, columns = depth.shape
    none, whole, toward = np.float32(0.0), np.float32(1.0), np.float32(sign)
    for one in range(radius_px.size):
        radius, row, column = radius_px[one], place_px[one, 0], place_px[one, 1]
        square = np.float32(radius * radius)
        per_square = np.float32(2.0) / square
        c0, c1, c2, c3 = series[one, 0], series[one, 1], series[one, 2], series[one, 3]
        c4, c5, c6 = series[one, 4], series[one, 5], series[one, 6]
        for i in range(max(0, ceil(row - radius)), min(rows - 1, floor(row + radius)) + 1):
            above = np.float32((i - row) * (i - row))
            reach = sqrt(max(square - above, none))
            first = max(0, ceil(column - reach))
            count = min(columns - 1, floor(column + reach)) + 1 - first
            start = np.float32(first - column)
            deep, long = depth[i, first : first + count], length[i, first : first + count]
            for j in range(count):
                aside = start + np.float32(j)
                away = above + aside * aside
                half = sqrt(max(square - away, none))
                q = away * per_square - whole
                low = c0 + q * (c1 + q * (c2 + q * c3))
                deep[j] += half * (low + q * q * q * q * (c4 + q * (c5 + q * c6)))
                long[j] += toward * half


@compiled
def _span(at: Array, step: Array, slope: Array, most: int) -> tuple[int, int]:
    """First and last column in which every near bound lies before every far bound: a plate is convex."""
    low, high = 0.0, float(most)
    for far in range(slope.size):
        for near in range(slope.size):
            if slope[far] < 0.0 or slope[near] > 0.0:
                continue
            room, gain = at[far] - at[near], step[far] - step[near]
            if gain > 0.0:
                low = max(low, -room / gain)
            elif gain < 0.0:
                high = min(high, -room / gain)
            elif room <= 0.0:
                return 0, -1
    return (ceil(low), floor(high)) if low <= high else (0, -1)


@compiled
def add_cracks(
    owner: Array,
    planes: Array,
    limits: Array,
    boxes: Array,
    tips_um: Array,
    place_px: Array,
    radius_um: Array,
    shells: Array,
    pixel_um: float,
    depth: Array,
    length: Array,
) -> None:
    """Take the line integrals through cracks away from those through their particles.

    Parameters
    ----------
    owner
        Particle of each crack, shape (m,).
    planes, limits
        Half spaces ``a.p <= limit`` of a crack, a as (row, column, beam), none exactly along the beam: shapes
        (m, 5, 3) and (m, 5), um.
    boxes
        First and last row, first and last column that a crack may touch, shape (m, 4).
    tips_um
        Distance of the tip from the centre, shape (m,).
    place_px, radius_um
        (row, column) of the centres and radii of the particles, shapes (n, 2) and (n,).
    shells
        Attenuation of the shells of a particle above that of a pore, 1/um, shape (n, k).
    pixel_um
        Of the image.
    depth, length
        Images from which the line integral, and half the length of the way in pixels, are taken.
    """
    count, half_per_um = shells.shape[1], 0.5 / pixel_um
    final = np.uint32(count - 1)
    at, step = np.empty(5), np.empty(5)
    for one in range(owner.size):
        body, left = owner[one], boxes[one, 2]
        tip2 = tips_um[one] * tips_um[one]
        per_um = count / radius_um[body]
        per_part = per_um / PART_SHELLS
        line = shells[body]
        far2, far3, far4 = planes[one, 2, 2] > 0.0, planes[one, 3, 2] > 0.0, planes[one, 4, 2] > 0.0
        for i in range(boxes[one, 0], boxes[one, 1] + 1):
            row = (i - place_px[body, 0]) * pixel_um
            start = (left - place_px[body, 1]) * pixel_um
            deep, long = depth[i, left:], length[i, left:]
            for k in range(5):
                slope = planes[one, k, 2]
                at[k] = (limits[one, k] - planes[one, k, 0] * row - planes[one, k, 1] * start) / slope
                step[k] = -planes[one, k, 1] * pixel_um / slope
            low, high = _span(at, step, planes[one, :, 2], boxes[one, 3] - left)
            a0, a1, a2, a3, a4 = at[0], at[1], at[2], at[3], at[4]
            s0, s1, s2, s3, s4 = step[0], step[1], step[2], step[3], step[4]
            for j in range(low, high + 1):
                column = start + j * pixel_um
                b2 = row * row + column * column
                last = sqrt(max(tip2 - b2, 0.0))
                first = -last
                one_face, other_face = a0 + j * s0, a1 + j * s1
                root, one_side, other_side = a2 + j * s2, a3 + j * s3, a4 + j * s4
                last = min(min(last, max(one_face, other_face)), root if far2 else FARTHEST)
                last = min(last, min(one_side if far3 else FARTHEST, other_side if far4 else FARTHEST))
                first = max(max(first, min(one_face, other_face)), -FARTHEST if far2 else root)
                first = max(first, max(-FARTHEST if far3 else one_side, -FARTHEST if far4 else other_side))
                way = last - first
                if way <= 0.0:
                    continue
                parts, lost = int(way * per_part), 0.0
                if parts == 0:
                    along = 0.5 * (first + last)
                    lost = way * line[min(np.uint32(sqrt(b2 + along * along) * per_um), final)]
                else:
                    part_um = way / (parts + 1)
                    for part in range(parts + 1):
                        along = first + (part + 0.5) * part_um
                        lost += part_um * line[min(np.uint32(sqrt(b2 + along * along) * per_um), final)]
                deep[j] -= lost
                long[j] -= half_per_um * way
