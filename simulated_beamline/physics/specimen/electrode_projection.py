"""Projections of a packed electrode at any angle: exact chords of spheres, less their cracks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..array import FloatArray, ImageArray
from .body_kernel import add_leaning_body, add_upright_body, body_profile
from .electrode_optics import Contrast, phase_rad
from .electrode_state import SERIES_ORDER, ElectrodeState
from .packed_electrode import PackedElectrode
from .sphere_kernel import add_cracks, add_spheres
from .voxel_kernel import add_turned, splat

PROFILE_STEPS = 4
"""Chords of the body per pixel, between which they are interpolated."""
STEEPEST = 1e-4
"""Sine of the least angle between a crack's planes and the beam."""


@dataclass(frozen=True)
class ProjectionCamera:
    """Where the specimen appears on a detector in parallel light.

    Attributes
    ----------
    rows, columns : int
        Of the image.
    pixel_um : float
        Pixel size at the specimen.
    axis_column, centre_row : float
        Where the axis of rotation, and the middle of the specimen, appear; the first pixel is 0.
    roll_deg : float
        Angle between axis and columns in the image; positive where high rows lean to high columns.
    pitch_deg : float
        Angle by which the axis leans along the beam.
    """

    rows: int
    columns: int
    pixel_um: float
    axis_column: float
    centre_row: float
    roll_deg: float = 0.0
    pitch_deg: float = 0.0

    def directions(self, angle_deg: float) -> FloatArray:
        """Directions of rows, columns and beam in the specimen, each (z, y, x), shape (3, 3).

        The place (z, y, x) of the specimen appears, without roll and pitch, in row ``z`` and in column
        ``x cos(angle) - y sin(angle)``, um from the middle.
        """
        angle, roll, pitch = (np.radians(value) for value in (angle_deg, self.roll_deg, self.pitch_deg))
        up = np.array([1.0, 0.0, 0.0])
        across = np.array([0.0, -np.sin(angle), np.cos(angle)])
        beam = np.array([0.0, np.cos(angle), np.sin(angle)])
        up, beam = np.cos(pitch) * up - np.sin(pitch) * beam, np.sin(pitch) * up + np.cos(pitch) * beam
        row = np.cos(roll) * up - np.sin(roll) * across
        column = np.cos(roll) * across + np.sin(roll) * up
        return np.stack([row, column, beam])


@dataclass(frozen=True)
class Projection:
    """What a beam has gone through.

    Attributes
    ----------
    optical_depth : ndarray, shape (rows, columns)
        Line integral of the attenuation, -ln(transmission).
    oxide_um, binder_um, chord_um : ndarray, shape (rows, columns)
        Length of the way in oxide, in binder, and in the whole body of the specimen, um.
    contrast : Contrast
        Attenuation and phase per length.
    """

    optical_depth: ImageArray
    oxide_um: ImageArray
    binder_um: ImageArray
    chord_um: ImageArray
    contrast: Contrast

    @property
    def decrement_um(self) -> ImageArray:
        """Line integral of the refractive decrement, um, shape (rows, columns)."""
        pore = self.contrast.pore_decrement
        oxide, binder = self.contrast.oxide_decrement - pore, self.contrast.binder_decrement - pore
        total = np.float32(pore) * self.chord_um + np.float32(oxide) * self.oxide_um
        return _single(total + np.float32(binder) * self.binder_um)

    @property
    def phase_rad(self) -> FloatArray:
        """Phase shift of the wave, rad, shape (rows, columns)."""
        return phase_rad(self.decrement_um.astype(np.float64), self.contrast.energy_ev)


def project(state: ElectrodeState, angle_deg: float, camera: ProjectionCamera) -> Projection:
    """Projection of an electrode.

    Parameters
    ----------
    state
        Electrode, damage, lithium and energy.
    angle_deg
        Rotation about z; see `ProjectionCamera.directions`.
    camera
        Image size, scale, and where the axis is.

    Returns
    -------
    Projection
        Rays are taken at pixel centres.
    """
    shape = camera.rows, camera.columns
    depth, half_px, chord_um = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    directions = camera.directions(angle_deg)
    place_px = _places(state.electrode, directions, camera)
    _add_particles(state, place_px, camera.pixel_um, depth, half_px)
    _take_cracks(state, directions, place_px, camera, depth, half_px)
    contrast = state.contrast
    _add_body(state, directions, camera, depth, chord_um)
    binder_um = _binder_um(state, directions, camera)
    depth += np.float32(contrast.binder_per_um - contrast.pore_per_um) * binder_um
    half_px *= np.float32(2.0 * camera.pixel_um)
    return Projection(depth, half_px, binder_um, chord_um, contrast)


def _places(electrode: PackedElectrode, directions: FloatArray, camera: ProjectionCamera) -> FloatArray:
    """(row, column) of the particles' centres, pixels, shape (n, 2)."""
    middle = np.array([camera.centre_row, camera.axis_column])
    return electrode.centre_um @ directions[:2].T / camera.pixel_um + middle


def _add_particles(
    state: ElectrodeState, place_px: FloatArray, pixel_um: float, depth: ImageArray, half_px: ImageArray
) -> None:
    """Add the spheres, and take their hollow cores away, each with the mean content of what is not there."""
    electrode = state.electrode
    add_spheres(
        place_px, electrode.radius_um / pixel_um, _single(state.series_per_um * pixel_um), depth, half_px, 1.0
    )
    hollow = electrode.void_um > 0.0
    core = np.zeros((np.count_nonzero(hollow), SERIES_ORDER + 1))
    core[:, 0] = 2.0 * pixel_um * state.core_per_um[hollow]
    add_spheres(place_px[hollow], electrode.void_um[hollow] / pixel_um, _single(-core), depth, half_px, -1.0)


def _single(values: FloatArray | ImageArray) -> ImageArray:
    return np.ascontiguousarray(values, dtype=np.float32)


def _take_cracks(
    state: ElectrodeState,
    directions: FloatArray,
    place_px: FloatArray,
    camera: ProjectionCamera,
    depth: ImageArray,
    half_px: ImageArray,
) -> None:
    electrode, plates = state.electrode, state.plates
    planes = plates.planes @ directions.T
    grazing = np.abs(planes[:, :, 2]) < STEEPEST
    planes[:, :, 2] = np.where(grazing, np.copysign(STEEPEST, planes[:, :, 2]), planes[:, :, 2])
    corners_px = plates.corners_um @ directions[:2].T / camera.pixel_um + place_px[plates.owner, None, :]
    add_cracks(
        plates.owner,
        planes,
        plates.limits,
        _boxes(corners_px, camera),
        plates.tip_um,
        place_px,
        electrode.radius_um,
        state.shells_per_um,
        camera.pixel_um,
        depth,
        half_px,
    )


def _boxes(corners_px: FloatArray, camera: ProjectionCamera) -> NDArray[np.int64]:
    """First and last row, first and last column, inside the image, shape (m, 4)."""
    last = np.array([camera.rows - 1, camera.columns - 1])
    first = np.maximum(np.floor(corners_px.min(axis=1)), 0.0)
    final = np.minimum(np.ceil(corners_px.max(axis=1)), last)
    return np.stack([first[:, 0], final[:, 0], first[:, 1], final[:, 1]], axis=1).astype(np.int64)


def _binder_um(state: ElectrodeState, directions: FloatArray, camera: ProjectionCamera) -> ImageArray:
    """Length of the way in binder, um: smooth, for it is computed in pixels as large as its points."""
    binder = state.binder
    extent_um = float(np.linalg.norm(state.electrode.recipe.outline.size_um))
    middle = np.ceil(0.5 * extent_um / binder.cube_um) + 2.0
    coarse = np.zeros((int(2 * middle) + 1,) * 2, dtype=np.float32)
    splat(binder.place_um @ directions[:2].T / binder.cube_um + middle, binder.volume_um3, coarse)
    image = np.zeros((camera.rows, camera.columns), dtype=np.float32)
    scale = camera.pixel_um / binder.cube_um
    axis = camera.centre_row, camera.axis_column
    per_area = np.float32(binder.cube_um**-2)
    add_turned(per_area * coarse, (scale, scale), (1.0, 0.0), axis, (middle, middle), image)
    return image


def _add_body(
    state: ElectrodeState,
    directions: FloatArray,
    camera: ProjectionCamera,
    depth: ImageArray,
    chord_um: ImageArray,
) -> None:
    axis_px = np.array([camera.centre_row, camera.axis_column])
    size, per_um = _half_extents(state.electrode), state.contrast.pore_per_um
    frame, way = np.ascontiguousarray(directions[:2]), directions[2]
    if camera.pitch_deg:
        add_leaning_body(size, way, frame, axis_px, camera.pixel_um, per_um, depth, chord_um)
        return
    roll = np.radians(camera.roll_deg)
    turn = np.array([np.cos(roll), np.sin(roll)])
    upright = turn[0] * frame[1] - turn[1] * frame[0], turn[0] * frame[0] + turn[1] * frame[1]
    level = np.stack([upright[1], upright[0]])
    reach_px = int(np.hypot(size[1], size[2]) / camera.pixel_um) + 2
    steps_um = (
        np.arange(-PROFILE_STEPS * reach_px, PROFILE_STEPS * reach_px + 1) * camera.pixel_um / PROFILE_STEPS
    )
    profile = np.empty(steps_um.size, dtype=np.float32)
    body_profile(steps_um, size, way, level, profile)
    half_rows = size[0] / camera.pixel_um
    add_upright_body(
        profile, float(PROFILE_STEPS), half_rows, turn, axis_px, np.float32(per_um), depth, chord_um
    )


def _half_extents(electrode: PackedElectrode) -> FloatArray:
    outline = electrode.recipe.outline
    return np.array([*(0.5 * np.array(outline.size_um)), float(outline.is_pillar)])
