"""Loops over the rays of a projection: chords of the block or pillar that holds everything."""

from math import sqrt

import numpy as np

from .sphere_kernel import Array, compiled


@compiled
def body_chord(row_um: float, column_um: float, size: Array, way: Array, frame: Array) -> float:
    """Length (um) of a ray in a block or pillar.

    Parameters
    ----------
    row_um, column_um
        Where the ray meets the plane through the middle of the specimen, along the image.
    size
        Half extents along z, y, x, um; a pillar has a fourth number, 1.
    way
        Direction of the beam in the specimen, (z, y, x).
    frame
        Directions of rows and columns in the specimen, shape (2, 3).
    """
    first, last = -1e9, 1e9
    for axis in range(1 if size[3] > 0.5 else 3):
        start = row_um * frame[0, axis] + column_um * frame[1, axis]
        if abs(way[axis]) < 1e-9:
            if abs(start) > size[axis]:
                return 0.0
            continue
        one, two = (-size[axis] - start) / way[axis], (size[axis] - start) / way[axis]
        first, last = max(first, min(one, two)), min(last, max(one, two))
    if size[3] > 0.5:
        y = row_um * frame[0, 1] + column_um * frame[1, 1]
        x = row_um * frame[0, 2] + column_um * frame[1, 2]
        square = way[1] * way[1] + way[2] * way[2]
        half = y * way[1] + x * way[2]
        root = half * half - square * (y * y + x * x - size[2] * size[2])
        if root <= 0.0:
            return 0.0
        root = sqrt(root)
        first, last = max(first, (-half - root) / square), min(last, (-half + root) / square)
    return max(last - first, 0.0)


@compiled
def body_profile(across_um: Array, size: Array, way: Array, frame: Array, chord_um: Array) -> None:
    """Fill in the lengths (um) of rays at these distances across the axis; see `body_chord`."""
    for one in range(across_um.size):
        chord_um[one] = body_chord(0.0, across_um[one], size, way, frame)


@compiled
def add_upright_body(
    profile: Array,
    per_px: float,
    half_rows: float,
    turn: Array,
    axis_px: Array,
    per_um: float,
    depth: Array,
    chord: Array,
) -> None:
    """Add what the body would attenuate if it were all pore, of an axis across the beam.

    Parameters
    ----------
    profile, per_px
        Chord (um) at equal steps across the axis, the axis in the middle, shape (m,); and steps per pixel.
    half_rows
        Half the height of the body, pixels.
    turn
        Cosine and sine of the roll.
    axis_px
        (row, column) of the middle of the specimen.
    per_um
        Attenuation of the pores, 1/um.
    depth, chord
        Images to which the line integral and the chord (um) are added.
    """
    middle, last = 0.5 * (profile.size - 1), np.float32(profile.size - 1)
    step, up_step = np.float32(per_px * turn[0]), np.float32(turn[1])
    most, none = np.float32(half_rows), np.float32(0.0)
    for i in range(depth.shape[0]):
        row = i - axis_px[0]
        first = np.float32(middle - per_px * (turn[0] * axis_px[1] + turn[1] * row))
        first_up = np.float32(turn[0] * row - turn[1] * axis_px[1])
        deep, long = depth[i], chord[i]
        for j in range(deep.size):
            at, up = first + np.float32(j) * step, first_up + np.float32(j) * up_step
            if abs(up) > most or at <= none or at >= last:
                continue
            low = np.uint32(at)
            um = profile[low] + (at - np.float32(low)) * (profile[low + np.uint32(1)] - profile[low])
            long[j] += um
            deep[j] += per_um * um


@compiled
def add_leaning_body(
    size: Array,
    way: Array,
    frame: Array,
    axis_px: Array,
    pixel_um: float,
    per_um: float,
    depth: Array,
    chord: Array,
) -> None:
    """Add what the body would attenuate if it were all pore, of an axis in any direction.

    Parameters
    ----------
    size, way, frame
        See `body_chord`.
    axis_px
        (row, column) of the middle of the specimen.
    pixel_um, per_um
        Pixel size, and attenuation of the pores, 1/um.
    depth, chord
        Images to which the line integral and the chord (um) are added.
    """
    for i in range(depth.shape[0]):
        for j in range(depth.shape[1]):
            um = body_chord((i - axis_px[0]) * pixel_um, (j - axis_px[1]) * pixel_um, size, way, frame)
            chord[i, j] += um
            depth[i, j] += per_um * um
