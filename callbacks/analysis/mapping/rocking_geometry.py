"""Where a flat detector looks in reciprocal space, and how the sample turns before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..photon import wavelength_angstrom

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RockingGeometry:
    """Wave vectors of the pixels, of the beam, and the axis of the rocking scan.

    The laboratory has z along the beam and y upwards. Everything is exact: no small angles.

    Attributes
    ----------
    k_out
        Wave vector towards each pixel, 1/A, shape (rows, columns, 3); nan where a pixel is masked.
    k_in
        Wave vector of the beam, 1/A, shape (3,).
    axis
        Unit vector about which the sample turns, shape (3,).
    """

    k_out: FloatArray
    k_in: FloatArray
    axis: FloatArray

    @property
    def centre(self) -> FloatArray:
        """Mean wave vector of the pixels that count, 1/A, shape (3,)."""
        return np.nanmean(self.k_out.reshape(-1, 3), axis=0)

    def masked(self, mask: NDArray[np.bool_]) -> RockingGeometry:
        """Return the same without the pixels where a mask (rows, columns) is true."""
        return RockingGeometry(np.where(mask[..., None], np.nan, self.k_out), self.k_in, self.axis)

    def rotation(self, angle_deg: float) -> FloatArray:
        """Matrix (3, 3) from the sample to the laboratory at an angle (Rodrigues)."""
        angle = np.deg2rad(angle_deg)
        x, y, z = self.axis
        cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def flat_detector(
    shape: tuple[int, int],
    *,
    energy_ev: float,
    two_theta_deg: float,
    distance_mm: float,
    pixel_um: float,
    centre_px: tuple[float, float] | None = None,
    axis: tuple[float, float, float] = (1.0, 0.0, 0.0),
) -> RockingGeometry:
    """Geometry of a flat detector on an arm that turns upwards.

    Rows count away from the beam (with rising two theta), columns along x.

    Parameters
    ----------
    shape
        Rows and columns of a frame.
    energy_ev
        Photon energy, eV.
    two_theta_deg
        Angle of the arm, degree.
    distance_mm
        From the sample to the detector along the arm, mm.
    pixel_um
        Edge of a square pixel, um.
    centre_px
        Row and column that the arm points at; the middle by default.
    axis
        About which the sample turns, by default the horizontal across the beam.

    Returns
    -------
    RockingGeometry
        For `RockingMoments`.

    Raises
    ------
    ValueError
        If a length, an energy or the axis is not positive.

    Examples
    --------
    >>> geometry = flat_detector(
    ...     (3, 3), energy_ev=10000.0, two_theta_deg=30.0, distance_mm=1000.0, pixel_um=55.0
    ... )
    >>> q = geometry.k_out[1, 1] - geometry.k_in
    >>> round(float(np.linalg.norm(q)), 4)
    2.6233
    """
    _check(energy_ev=energy_ev, distance_mm=distance_mm, pixel_um=pixel_um)
    row, column = centre_px if centre_px is not None else ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
    angle = np.deg2rad(two_theta_deg)
    along = np.array([0.0, np.sin(angle), np.cos(angle)])
    rising = np.array([0.0, np.cos(angle), -np.sin(angle)])
    rows = (np.arange(shape[0]) - row) * pixel_um * 1e-3
    columns = (np.arange(shape[1]) - column) * pixel_um * 1e-3
    place = (
        distance_mm * along
        + rows[:, None, None] * rising
        + columns[None, :, None] * np.array([1.0, 0.0, 0.0])
    )
    return _looking_at(place, energy_ev, axis)


def standing_detector(
    shape: tuple[int, int],
    *,
    energy_ev: float,
    distance_mm: float,
    poni1_mm: float,
    poni2_mm: float,
    pixel_mm: tuple[float, float],
    rot1_deg: float = 0.0,
    rot2_deg: float = 0.0,
    rot3_deg: float = 0.0,
    axis: tuple[float, float, float] = (1.0, 0.0, 0.0),
) -> RockingGeometry:
    """Geometry of a detector that stands as pyFAI describes it, such as documents say.

    x is pyFAI's axis 2 (along the columns), y its axis 1 (along the rows), z the beam; a positive angle about
    x turns y towards z. Where the columns count the other way in the hall, tilts across change their sign.

    Parameters
    ----------
    shape
        Rows and columns of a frame.
    energy_ev
        Photon energy, eV.
    distance_mm, poni1_mm, poni2_mm, rot1_deg, rot2_deg, rot3_deg
        As pyFAI has them (Kieffer 2020, J. Synchrotron Rad. 27, 558), without flips.
    pixel_mm
        Size of a pixel along rows and columns, mm.
    axis
        About which the sample turns.

    Returns
    -------
    RockingGeometry
        For `RockingMoments`.

    Raises
    ------
    ValueError
        If a length, an energy or the axis is not positive.

    Examples
    --------
    >>> geometry = standing_detector(
    ...     (3, 3), energy_ev=10000.0, distance_mm=1e3, poni1_mm=0.15, poni2_mm=0.15, pixel_mm=(0.1, 0.1)
    ... )
    >>> [round(float(value), 4) for value in geometry.k_out[1, 1] - geometry.k_in]
    [0.0, 0.0, 0.0]
    """
    _check(energy_ev=energy_ev, distance_mm=distance_mm, pixel_mm=min(pixel_mm))
    rows = (np.arange(shape[0]) + 0.5) * pixel_mm[0] - poni1_mm
    columns = (np.arange(shape[1]) + 0.5) * pixel_mm[1] - poni2_mm
    flat = np.stack(np.broadcast_arrays(rows[:, None], columns[None, :], distance_mm), axis=-1)
    one, two, three = _turns(np.deg2rad(rot1_deg), np.deg2rad(rot2_deg), np.deg2rad(rot3_deg))
    place = (flat @ (three @ two @ one).T)[..., [1, 0, 2]]
    return _looking_at(place, energy_ev, axis)


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ValueError(f"detector: {name} is {value}; it must be positive")


def _looking_at(place_mm: FloatArray, energy_ev: float, axis: tuple[float, float, float]) -> RockingGeometry:
    """Geometry of pixels (rows, columns, 3) as they lie about the sample."""
    length = float(np.linalg.norm(axis))
    if not length > 0:
        raise ValueError(f"detector: axis is {axis}; it must have a direction")
    k = 2 * np.pi / wavelength_angstrom(energy_ev)
    k_out = k * place_mm / np.linalg.norm(place_mm, axis=2, keepdims=True)
    return RockingGeometry(k_out, np.array([0.0, 0.0, k]), np.array(axis, dtype=float) / length)


def _turns(rot1: float, rot2: float, rot3: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rotations about axes 1 and 2 (left-handed) and 3 (right-handed), radian, as pyFAI has them."""
    (c1, c2, c3), (s1, s2, s3) = np.cos([rot1, rot2, rot3]), np.sin([rot1, rot2, rot3])
    return (
        np.array([[1.0, 0.0, 0.0], [0.0, c1, s1], [0.0, -s1, c1]]),
        np.array([[c2, 0.0, -s2], [0.0, 1.0, 0.0], [s2, 0.0, c2]]),
        np.array([[c3, -s3, 0.0], [s3, c3, 0.0], [0.0, 0.0, 1.0]]),
    )
