"""Cracks of a particle: plates that grow outwards from its core, in directions that never meet."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..array import FloatArray

SLOTS = 12
"""Cracks that a particle can have, one for each corner of an icosahedron."""
HALF_ANGLE_RAD = np.radians(24.0)
"""Of a plate, as seen from the core. With `WIDEST` it keeps neighbours, 63.4 degrees apart, from meeting."""
WIDEST = 0.10
"""Width of an open crack in radii of the particle."""
FIRST_LENGTH = 1.15
"""Length at which a crack appears, in distances of its root from the core."""


@dataclass(frozen=True)
class Cracks:
    """What may crack, of n particles; nothing in it changes with cycling.

    Each crack is the plate ``|n.p| < width / 2``, ``d.p > root``, ``|t.p| < tan(half angle) d.p``,
    ``|p| < length`` of the places p relative to the particle's centre, where t = n x d.

    Attributes
    ----------
    direction, normal : ndarray, shape (n, 12, 3)
        d, which the crack grows along, and n, across the plate; unit vectors (z, y, x).
    root : ndarray, shape (n, 12)
        Distance from the core at which it begins, in radii.
    threshold : ndarray, shape (n, 12)
        Severity at which it opens; above 1 it never does.
    """

    direction: FloatArray
    normal: FloatArray
    root: FloatArray
    threshold: FloatArray


@dataclass(frozen=True)
class OpenCracks:
    """How far the cracks of n particles are open.

    Attributes
    ----------
    length_um, width_um : ndarray, shape (n, 12)
        Distance of the tip from the core, and width; 0 where a crack is closed.
    """

    length_um: FloatArray
    width_um: FloatArray


def draw_cracks(radial: NDArray[np.bool_], susceptibility: FloatArray, rng: Generator) -> Cracks:
    """Draw the cracks of n particles.

    Parameters
    ----------
    radial
        Whether the grains are radial: cracks then begin at the core, else anywhere up to half way out.
    susceptibility
        How readily each particle cracks; 1 is usual.
    rng
        Chance.
    """
    count = radial.size
    turns = _random_rotations(count, rng)
    direction = np.einsum("nij,kj->nki", turns, _icosahedron())
    across = rng.normal(size=(count, SLOTS, 3))
    across -= np.sum(across * direction, axis=2, keepdims=True) * direction
    normal = across / np.linalg.norm(across, axis=2, keepdims=True)
    scattered = rng.uniform(0.15, 0.45, (count, SLOTS))
    order = np.argsort(rng.random((count, SLOTS)), axis=1)
    rank = np.argsort(order, axis=1)
    threshold = (rank + rng.uniform(0.0, 1.0, (count, SLOTS))) / SLOTS / susceptibility[:, None]
    return Cracks(direction, normal, np.where(radial[:, None], 0.15, scattered), threshold)


def open_cracks(cracks: Cracks, radius_um: FloatArray, severity: float) -> OpenCracks:
    """Open the cracks as far as cycling has got.

    Parameters
    ----------
    cracks
        Of n particles.
    radius_um
        Of the particles, shape (n,).
    severity
        0 (pristine) to 1; length and width of each crack rise with it.
    """
    above = np.clip(severity - cracks.threshold, 0.0, None)
    share = np.clip(above / np.maximum(1.0 - cracks.threshold, 0.2), 0.0, 1.0)
    start = FIRST_LENGTH * cracks.root
    length = np.where(share > 0.0, start + (1.0 - start) * np.sqrt(share), 0.0)
    widest_um = WIDEST * radius_um[:, None]
    return OpenCracks(length * radius_um[:, None], widest_um * np.sqrt(share))


@dataclass(frozen=True)
class CrackPlates:
    """The m open cracks of all particles, in the directions (z, y, x) of the specimen.

    Attributes
    ----------
    owner : ndarray of int, shape (m,)
        Particle of each.
    planes, limits : ndarray, shape (m, 5, 3) and (m, 5)
        A crack is where ``a.p <= limit`` for its five planes, p from the particle's centre, um, ...
    tip_um : ndarray, shape (m,)
        ... and within this distance from the centre.
    corners_um : ndarray, shape (m, 12, 3)
        Of a body around the crack, from the particle's centre.
    """

    owner: NDArray[np.intp]
    planes: FloatArray
    limits: FloatArray
    tip_um: FloatArray
    corners_um: FloatArray


def crack_plates(cracks: Cracks, radius_um: FloatArray, state: OpenCracks) -> CrackPlates:
    """Planes and corners of all open cracks.

    Parameters
    ----------
    cracks
        Of n particles.
    radius_um
        Of the particles, shape (n,).
    state
        How far they are open.
    """
    owner, slot = np.nonzero(state.width_um > 0.0)
    along, normal = cracks.direction[owner, slot], cracks.normal[owner, slot]
    aside = np.cross(normal, along)
    root, tip = cracks.root[owner, slot] * radius_um[owner], state.length_um[owner, slot]
    half, none = 0.5 * state.width_um[owner, slot], np.zeros(owner.size)
    wedge = np.tan(HALF_ANGLE_RAD) * along
    planes = np.stack([normal, -normal, -along, aside - wedge, -aside - wedge], axis=1)
    limits = np.stack([half, half, -root, none, none], axis=1)
    return CrackPlates(owner, planes, limits, tip, _corners_um(along, aside, normal, root, tip, half))


def _corners_um(
    along: FloatArray,
    aside: FloatArray,
    normal: FloatArray,
    root: FloatArray,
    tip: FloatArray,
    half: FloatArray,
) -> FloatArray:
    """Corners of a hexagonal plate that a sector of a plate is in, shape (m, 12, 3)."""
    forward = [root, tip, tip * np.cos(HALF_ANGLE_RAD)]
    sideward = [
        root * np.tan(HALF_ANGLE_RAD),
        tip * np.tan(0.5 * HALF_ANGLE_RAD),
        tip * np.sin(HALF_ANGLE_RAD),
    ]
    corners = [
        far[:, None] * along + sign * wide[:, None] * aside + face * half[:, None] * normal
        for far, wide in zip(forward, sideward, strict=True)
        for sign in (-1.0, 1.0)
        for face in (-1.0, 1.0)
    ]
    return np.stack(corners, axis=1)


def crack_volume_um3(cracks: Cracks, radius_um: FloatArray, state: OpenCracks) -> FloatArray:
    """Volume of each crack, um3, shape (n, 12).

    Notes
    -----
    Exact: at a distance h from the middle of the plate the sector has the area
    ``a (length^2 - h^2) - root^2 tan(a)``, with a the half angle; cracks of a particle do not meet.
    """
    root_um = cracks.root * radius_um[:, None]
    area = HALF_ANGLE_RAD * (state.length_um**2 - state.width_um**2 / 12.0)
    area -= root_um**2 * np.tan(HALF_ANGLE_RAD)
    return np.where(state.width_um > 0.0, state.width_um * area, 0.0)


def _icosahedron() -> FloatArray:
    golden = 0.5 * (1.0 + np.sqrt(5.0))
    corners = [
        np.roll([0.0, first, second * golden], turn)
        for turn in range(3)
        for first in (-1.0, 1.0)
        for second in (-1.0, 1.0)
    ]
    return np.array(corners) / np.hypot(1.0, golden)


def _random_rotations(count: int, rng: Generator) -> FloatArray:
    """Rotation matrices, uniform over all orientations (from random unit quaternions), shape (n, 3, 3)."""
    quaternion = rng.normal(size=(count, 4))
    w, x, y, z = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)
