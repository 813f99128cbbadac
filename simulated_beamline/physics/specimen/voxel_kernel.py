"""Loops over the voxels of an electrode: which particle, which shell, crack or not, how near."""

from math import ceil, floor, sqrt

import numpy as np

from .sphere_kernel import Array, compiled


@compiled
def fill_spheres(
    centre_um: Array,
    radius_um: Array,
    voxel_um: float,
    first_um: Array,
    shells: int,
    label: Array,
    shell: Array,
) -> None:
    """Mark the voxels of spheres that do not overlap.

    Parameters
    ----------
    centre_um, radius_um
        (z, y, x) and radii, shapes (n, 3) and (n,).
    voxel_um, first_um
        Size of a voxel, and middle of the first, (z, y, x).
    shells
        Number of equally thick shells.
    label, shell
        Volumes that get the particle's number from 1 on, and its shell from the core outwards.
    """
    for one in range(radius_um.size):
        low, high = _box(centre_um[one], radius_um[one], voxel_um, first_um, label.shape)
        square = radius_um[one] * radius_um[one]
        for k in range(low[0], high[0]):
            dz = first_um[0] + k * voxel_um - centre_um[one, 0]
            for j in range(low[1], high[1]):
                dy = first_um[1] + j * voxel_um - centre_um[one, 1]
                for i in range(low[2], high[2]):
                    dx = first_um[2] + i * voxel_um - centre_um[one, 2]
                    away = dz * dz + dy * dy + dx * dx
                    if away < square:
                        label[k, j, i] = one + 1
                        shell[k, j, i] = min(int(sqrt(away) / radius_um[one] * shells), shells - 1)


@compiled
def fill_cracks(
    centre_um: Array,
    reach_um: Array,
    planes: Array,
    limits: Array,
    voxel_um: float,
    first_um: Array,
    cracked: Array,
) -> None:
    """Mark the voxels of convex cracks.

    Parameters
    ----------
    centre_um, reach_um
        Of the particles that they are in, (z, y, x), and distance of the tips, shapes (m, 3) and (m,).
    planes, limits
        Half spaces ``a.p <= limit`` of a crack, shapes (m, k, 3) and (m, k), um.
    voxel_um, first_um
        Size of a voxel, and middle of the first, (z, y, x).
    cracked
        Volume that gets 1 where there is a crack.
    """
    for one in range(reach_um.size):
        low, high = _box(centre_um[one], reach_um[one], voxel_um, first_um, cracked.shape)
        square = reach_um[one] * reach_um[one]
        for k in range(low[0], high[0]):
            dz = first_um[0] + k * voxel_um - centre_um[one, 0]
            for j in range(low[1], high[1]):
                dy = first_um[1] + j * voxel_um - centre_um[one, 1]
                for i in range(low[2], high[2]):
                    dx = first_um[2] + i * voxel_um - centre_um[one, 2]
                    if dz * dz + dy * dy + dx * dx >= square:
                        continue
                    inside = True
                    for p in range(limits.shape[1]):
                        along = planes[one, p, 0] * dz + planes[one, p, 1] * dy + planes[one, p, 2] * dx
                        if along > limits[one, p]:
                            inside = False
                            break
                    if inside:
                        cracked[k, j, i] = 1


@compiled
def near_surfaces(
    centre_um: Array,
    radius_um: Array,
    reach_um: float,
    voxel_um: float,
    first_um: Array,
    near: Array,
    next_near: Array,
) -> None:
    """Distances to the two nearest surfaces of spheres.

    Parameters
    ----------
    centre_um, radius_um
        (z, y, x) and radii, shapes (n, 3) and (n,).
    reach_um
        Surfaces further away do not count.
    voxel_um, first_um
        Size of a voxel, and middle of the first, (z, y, x).
    near, next_near
        Volumes, filled with more than `reach_um`, that get the distances, um; below 0 in a sphere.
    """
    for one in range(radius_um.size):
        low, high = _box(centre_um[one], radius_um[one] + reach_um, voxel_um, first_um, near.shape)
        square = (radius_um[one] + reach_um) ** 2
        for k in range(low[0], high[0]):
            dz = first_um[0] + k * voxel_um - centre_um[one, 0]
            for j in range(low[1], high[1]):
                dy = first_um[1] + j * voxel_um - centre_um[one, 1]
                for i in range(low[2], high[2]):
                    dx = first_um[2] + i * voxel_um - centre_um[one, 2]
                    away = dz * dz + dy * dy + dx * dx
                    if away > square:
                        continue
                    gap = sqrt(away) - radius_um[one]
                    if gap < near[k, j, i]:
                        next_near[k, j, i] = near[k, j, i]
                        near[k, j, i] = gap
                    elif gap < next_near[k, j, i]:
                        next_near[k, j, i] = gap


@compiled
def splat(place_px: Array, weight: Array, image: Array) -> None:
    """Add points to an image, each shared by the four pixels around it.

    Parameters
    ----------
    place_px
        (row, column), shape (m, 2).
    weight
        Shape (m,).
    image
        Shape (rows, columns); what falls outside is lost.
    """
    for one in range(weight.size):
        row, column = floor(place_px[one, 0]), floor(place_px[one, 1])
        if row < 0 or column < 0 or row >= image.shape[0] - 1 or column >= image.shape[1] - 1:
            continue
        down, right = place_px[one, 0] - row, place_px[one, 1] - column
        image[row, column] += (1.0 - down) * (1.0 - right) * weight[one]
        image[row, column + 1] += (1.0 - down) * right * weight[one]
        image[row + 1, column] += down * (1.0 - right) * weight[one]
        image[row + 1, column + 1] += down * right * weight[one]


@compiled
def splat_slices(slices: Array, cosine: float, sine: float, image: Array) -> None:
    """Add up slices along the beam, each voxel shared by two columns.

    Parameters
    ----------
    slices
        Shape (rows, y, x).
    cosine, sine
        Of the angle: the place (y, x) from the middle appears in the column ``x cosine - y sine``.
    image
        Shape (rows, columns) with the axis in the middle, to which the sums are added.
    """
    middle_y, middle_x = 0.5 * (slices.shape[1] - 1), 0.5 * (slices.shape[2] - 1)
    middle = 0.5 * (image.shape[1] - 1)
    for k in range(slices.shape[0]):
        for j in range(slices.shape[1]):
            start = middle - (j - middle_y) * sine - middle_x * cosine
            for i in range(slices.shape[2]):
                value = slices[k, j, i]
                if value == 0.0:
                    continue
                place = start + i * cosine
                left = int(place)
                image[k, left] += (left + 1.0 - place) * value
                image[k, left + 1] += (place - left) * value


@compiled
def add_turned(
    coarse: Array,
    scale: tuple[float, float],
    turn: tuple[float, float],
    axis: tuple[float, float],
    middle: tuple[float, float],
    image: Array,
) -> None:
    """Add an enlarged image that leans, linear between the pixels of the coarse one and 0 outside.

    Parameters
    ----------
    coarse
        Shape (h, w).
    scale
        Rows and columns of the coarse image per pixel.
    turn
        Cosine and sine of the lean, towards lower columns with rising rows.
    axis, middle
        (row, column) of the same point in image and coarse image.
    image
        Shape (rows, columns).
    """
    row_step, column_step = np.float32(-scale[0] * turn[1]), np.float32(scale[1] * turn[0])
    last_row, last_column = np.float32(coarse.shape[0] - 1), np.float32(coarse.shape[1] - 1)
    none, one = np.float32(0.0), np.uint32(1)
    for i in range(image.shape[0]):
        line = image[i]
        first_row = np.float32(middle[0] + scale[0] * (turn[0] * (i - axis[0]) + turn[1] * axis[1]))
        first_column = np.float32(middle[1] + scale[1] * (turn[1] * (i - axis[0]) - turn[0] * axis[1]))
        for j in range(line.size):
            row, column = first_row + np.float32(j) * row_step, first_column + np.float32(j) * column_step
            if row < none or column < none or row >= last_row or column >= last_column:
                continue
            up, left = np.uint32(row), np.uint32(column)
            down, right = row - np.float32(up), column - np.float32(left)
            above, below = coarse[up, left], coarse[up + one, left]
            above += right * (coarse[up, left + one] - above)
            below += right * (coarse[up + one, left + one] - below)
            line[j] += above + down * (below - above)


@compiled
def _box(
    centre: Array, reach: float, voxel: float, first: Array, shape: tuple[int, int, int]
) -> tuple[Array, Array]:
    """First voxels, and those after the last, within reach of a place, along z, y, x."""
    z0, z1 = _range(centre[0], reach, voxel, first[0], shape[0])
    y0, y1 = _range(centre[1], reach, voxel, first[1], shape[1])
    x0, x1 = _range(centre[2], reach, voxel, first[2], shape[2])
    return (z0, y0, x0), (z1, y1, x1)


@compiled
def _range(centre: float, reach: float, voxel: float, first: float, count: int) -> tuple[int, int]:
    low, high = ceil((centre - reach - first) / voxel), floor((centre + reach - first) / voxel)
    return max(low, 0), min(high, count - 1) + 1
