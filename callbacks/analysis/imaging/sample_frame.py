"""Common coordinates of everything that was measured on one sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..mapping import registration
from ..mapping.registration import Registration
from ..xas.grid import FloatArray


@dataclass(frozen=True)
class SampleFrame:
    """Where the pixels of a map or the voxels of a volume lie in the sample.

    Axes are those of volumes, (z, y, x): z along the rotation axis, y along the beam at rotation zero. The
    pixel (row, column) of a map is the voxel (row, 0, column).

    Attributes
    ----------
    origin_um
        Position in the sample of the centre of voxel (0, 0, 0), um (z, y, x).
    pixel_um
        Edges of a voxel, um (z, y, x); negative where an index falls along the axis.
    rotation_deg
        By how much the axes y and x of the voxels are turned about z against those of the sample, degree.
    """

    origin_um: tuple[float, float, float]
    pixel_um: tuple[float, float, float]
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be inverted."""
        numbers = (*self.origin_um, *self.pixel_um, self.rotation_deg)
        if len(numbers) != 7 or not np.isfinite(numbers).all() or 0.0 in self.pixel_um:
            raise ValueError(
                f"sample frame: origin_um {self.origin_um}, pixel_um {self.pixel_um}, rotation_deg "
                f"{self.rotation_deg}; give three finite lengths (z, y, x) each, voxel edges other than zero"
            )

    @property
    def _turn(self) -> FloatArray:
        angle = np.deg2rad(self.rotation_deg)
        c, s = float(np.cos(angle)), float(np.sin(angle))
        return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])

    def position_um(self, index: ArrayLike) -> FloatArray:
        """Position in the sample of voxels (fractions allowed).

        Parameters
        ----------
        index
            Shape (..., 3), order (z, y, x).

        Returns
        -------
        ndarray
            um, shape (..., 3).

        Examples
        --------
        >>> SampleFrame((10.0, 0.0, -5.0), (0.5, 0.5, 0.5)).position_um([2, 0, 10]).tolist()
        [11.0, 0.0, 0.0]
        """
        steps = np.asarray(index, dtype=np.float64) * np.array(self.pixel_um)
        return steps @ self._turn.T + np.array(self.origin_um)

    def index(self, position_um: ArrayLike) -> FloatArray:
        """Voxels (with fractions) at positions in the sample; the inverse of `position_um`.

        Parameters
        ----------
        position_um
            Shape (..., 3), order (z, y, x).

        Returns
        -------
        ndarray
            Shape (..., 3).
        """
        offset = np.asarray(position_um, dtype=np.float64) - np.array(self.origin_um)
        return (offset @ self._turn) / np.array(self.pixel_um)

    def moved(self, rows_px: float, columns_px: float) -> SampleFrame:
        """Frame of a map that shows at (i + rows, j + columns) what it was believed to show at (i, j)."""
        origin = self.position_um([-rows_px, 0.0, -columns_px])
        return replace(self, origin_um=(float(origin[0]), float(origin[1]), float(origin[2])))

    def to_metadata(self) -> dict[str, Any]:
        """Plain numbers for a document or a file."""
        return {
            "origin_um": list(self.origin_um),
            "pixel_um": list(self.pixel_um),
            "rotation_deg": self.rotation_deg,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> SampleFrame:
        """Read back what `to_metadata` wrote."""
        origin, pixel = (tuple(float(v) for v in metadata[name]) for name in ("origin_um", "pixel_um"))
        return cls(
            (origin[0], origin[1], origin[2]), (pixel[0], pixel[1], pixel[2]), metadata["rotation_deg"]
        )


def resample_map(
    image: ArrayLike, frame: SampleFrame, onto: SampleFrame, shape: tuple[int, int]
) -> FloatArray:
    """Show a map on the pixels of another, by linear interpolation.

    Parameters
    ----------
    image
        Map, shape (rows, columns).
    frame
        Where its pixels lie.
    onto
        Where the pixels of the other lie.
    shape
        Rows and columns of the other.

    Returns
    -------
    ndarray
        Shape `shape`; nan where the map shows nothing.
    """
    ndimage: Any = import_module("scipy.ndimage")
    rows, columns = np.indices(shape, dtype=np.float64)
    index = frame.index(onto.position_um(np.stack([rows, np.zeros(shape), columns], axis=-1)))
    values = np.asarray(image, dtype=np.float64)
    shown = ndimage.map_coordinates(
        values, [index[..., 0], index[..., 2]], order=1, mode="constant", cval=np.nan
    )
    return np.asarray(shown, dtype=np.float64)


def register(
    first: ArrayLike,
    first_frame: SampleFrame,
    second: ArrayLike,
    second_frame: SampleFrame,
    *,
    smooth_px: float = 2.0,
) -> tuple[SampleFrame, Registration]:
    """Correct where a map of another kind lies in the sample, such as fluorescence on a slice of a tomogram.

    Parameters
    ----------
    first, first_frame
        The map that is right, shape (rows, columns), and its frame.
    second, second_frame
        The other, of any shape, and the frame that it is believed to have: pixel size and rotation are kept.
    smooth_px
        Standard deviation of the Gaussian in the gradient, pixels of the first.

    Returns
    -------
    tuple of SampleFrame and Registration
        The corrected frame of the second, unchanged where its shift may not be used; and the shift in pixels
        of the first, with its verdict.
    """
    base = np.asarray(first, dtype=np.float64)
    seen = resample_map(second, second_frame, first_frame, (base.shape[0], base.shape[1]))
    found = registration.register(base, seen, smooth_px=smooth_px)
    if found.verdict != "good":
        return second_frame, found
    step = first_frame.position_um([found.rows, 0.0, found.columns]) - np.array(first_frame.origin_um)
    origin = np.array(second_frame.origin_um) - step
    return replace(second_frame, origin_um=(float(origin[0]), float(origin[1]), float(origin[2]))), found
