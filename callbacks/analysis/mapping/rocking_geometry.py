"""Where a flat detector looks in reciprocal space, and how the sample turns before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
HC_EV_A = 12398.419843320026
"""Planck's constant times the speed of light, eV A (CODATA 2018)."""


@dataclass(frozen=True)
class RockingGeometry:
    """Wave vectors of the pixels, of the beam, and the axis of the rocking scan.

    The laboratory has z along the beam and y upwards. Everything is exact: no small angles.

    Attributes
    ----------
    k_out
        Wave vector towards each pixel, 1/A, shape (rows, columns, 3).
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
        """Mean wave vector of the pixels, 1/A, shape (3,)."""
        return self.k_out.reshape(-1, 3).mean(axis=0)

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
    for name, value in {"energy_ev": energy_ev, "distance_mm": distance_mm, "pixel_um": pixel_um}.items():
        if not value > 0:
            raise ValueError(f"flat_detector: {name} is {value}; it must be positive")
    length = float(np.linalg.norm(axis))
    if not length > 0:
        raise ValueError(f"flat_detector: axis is {axis}; it must have a direction")
    k = 2 * np.pi * energy_ev / HC_EV_A
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
    k_out = k * place / np.linalg.norm(place, axis=2, keepdims=True)
    return RockingGeometry(k_out, np.array([0.0, 0.0, k]), np.array(axis, dtype=float) / length)
