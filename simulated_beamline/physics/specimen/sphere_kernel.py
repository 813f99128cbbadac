"""Loops over the rays of a projection: chords of spheres and of cracks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil, floor, sqrt
from typing import Any, TypeAlias

import numpy as np

try:
    import numba

    from .... import machine_code
except ImportError as error:
    raise ImportError(
        "specimens of a microscope are projected by numba, which is not installed: "
        "pip install 'operando[diffraction]'"
    ) from error

Array: TypeAlias = Any
"""An array of any real type, as the compiler sees it."""
PART_SHELLS = 3.0
"""Shells that are as long as a part of a way through a crack, which is taken to be even."""


compiled = partial(machine_code.compiled, fastmath={"contract", "reassoc"})
"""Compiles a loop of this kind."""


def inlined(function: Callable[..., Any]) -> Any:  # noqa: ANN401
    """Mark a part of a loop that is compiled into it: a call at each pixel would cost too much."""
    return numba.njit(inline="always", nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})(
        function
    )


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
    half_per_um = 0.5 / pixel_um
    at, step = np.empty(5), np.empty(5)
    for one in range(owner.size):
        body, left, plate = owner[one], boxes[one, 2], planes[one]
        tip2, per_um = tips_um[one] * tips_um[one], shells.shape[1] / radius_um[body]
        per_part, line = per_um / PART_SHELLS, shells[body]
        for i in range(boxes[one, 0], boxes[one, 1] + 1):
            row = (i - place_px[body, 0]) * pixel_um
            start = (left - place_px[body, 1]) * pixel_um
            _cross_planes(plate, limits[one], row, start, pixel_um, at, step)
            low, high = _span(at, step, plate[:, 2], boxes[one, 3] - left)
            deep, long = depth[i, left:], length[i, left:]
            for j in range(low, high + 1):
                b2 = row * row + (start + j * pixel_um) * (start + j * pixel_um)
                first, last = _way(at, step, plate, float(j), sqrt(max(tip2 - b2, 0.0)))
                if last - first <= 0.0:
                    continue
                deep[j] -= _lost(first, last, b2, per_um, per_part, line)
                long[j] -= half_per_um * (last - first)


@inlined
def _cross_planes(
    plate: Array, limit: Array, row: float, start: float, pixel_um: float, at: Array, step: Array
) -> None:
    """Find where the planes of a crack cross the ray of a row's first column, and the step per column."""
    for k in range(5):
        slope = plate[k, 2]
        at[k] = (limit[k] - plate[k, 0] * row - plate[k, 1] * start) / slope
        step[k] = -plate[k, 1] * pixel_um / slope


@inlined
def _way(at: Array, step: Array, plate: Array, j: float, half: float) -> tuple[float, float]:
    """First and last place of a ray in a crack, um along the beam: between faces, root, sides and tip."""
    one_face, other_face = at[0] + j * step[0], at[1] + j * step[1]
    first, last = max(-half, min(one_face, other_face)), min(half, max(one_face, other_face))
    for k in range(2, 5):
        bound = at[k] + j * step[k]
        if plate[k, 2] > 0.0:
            last = min(last, bound)
        else:
            first = max(first, bound)
    return first, last


@inlined
def _lost(first: float, last: float, b2: float, per_um: float, per_part: float, line: Array) -> float:
    """Line integral of a particle's shells from one place to another, in parts that are taken to be even."""
    parts = int((last - first) * per_part) + 1
    part_um, total = (last - first) / parts, 0.0
    final = np.uint32(line.size - 1)
    for part in range(parts):
        along = first + (part + 0.5) * part_um
        total += part_um * line[min(np.uint32(sqrt(b2 + along * along) * per_um), final)]
    return total
