"""Common coordinates of everything that was measured on one sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

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
    roll_deg
        By how much all of that is turned about y from z towards x, as a map on another instrument may be,
        degree.
    """

    origin_um: tuple[float, float, float]
    pixel_um: tuple[float, float, float]
    rotation_deg: float = 0.0
    roll_deg: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be inverted."""
        numbers = (*self.origin_um, *self.pixel_um, self.rotation_deg, self.roll_deg)
        if len(numbers) != 8 or not np.isfinite(numbers).all() or 0.0 in self.pixel_um:
            raise ValueError(
                f"sample frame: origin_um {self.origin_um}, pixel_um {self.pixel_um}, rotation_deg "
                f"{self.rotation_deg}, roll_deg {self.roll_deg}; give three finite lengths (z, y, x) each, "
                "voxel edges other than zero"
            )

    @property
    def _turn(self) -> FloatArray:
        turn, roll = np.deg2rad([self.rotation_deg, self.roll_deg])
        c, s = float(np.cos(turn)), float(np.sin(turn))
        about_z = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
        c, s = float(np.cos(roll)), float(np.sin(roll))
        return np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]]) @ about_z

    @property
    def smallest_um(self) -> float:
        """Smaller edge of a pixel of a map, um."""
        return min(abs(self.pixel_um[0]), abs(self.pixel_um[2]))

    @property
    def affine(self) -> FloatArray:
        """Transformation (4, 4) of voxels (z, y, x, 1) to positions in the sample, um."""
        whole = np.eye(4)
        whole[:3, :3] = self._turn * np.array(self.pixel_um)
        whole[:3, 3] = self.origin_um
        return whole

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

    def mirrored(self, axis: str, shape: tuple[int, int]) -> SampleFrame:
        """Frame of a map whose pixels run the other way over the same field.

        Parameters
        ----------
        axis
            ``"z"``, along which rows run, or ``"x"``, along which columns run.
        shape
            Rows and columns.

        Raises
        ------
        ValueError
            If there is no such axis.
        """
        if axis not in ("z", "x"):
            raise ValueError(f"mirrored: axis {axis!r}; give 'z' (rows) or 'x' (columns)")
        rows, columns = shape
        z, y, x = self.pixel_um
        last = [rows - 1.0, 0.0, 0.0] if axis == "z" else [0.0, 0.0, columns - 1.0]
        origin = self.position_um(last)
        return replace(
            self,
            origin_um=(float(origin[0]), float(origin[1]), float(origin[2])),
            pixel_um=(-z, y, x) if axis == "z" else (z, y, -x),
        )

    def placed(
        self, along_um: tuple[float, float], roll_deg: float, scale: float, about_um: ArrayLike
    ) -> SampleFrame:
        """Frame of a map that lies otherwise than believed.

        Parameters
        ----------
        along_um
            By how much the point about which it turns is moved, um (z, x).
        roll_deg
            By how much it is turned about y, from z towards x, degree.
        scale
            By how much its pixels are larger.
        about_um
            Point about which it is turned and stretched, um (z, x).
        """
        turn = SampleFrame((0.0, 0.0, 0.0), (scale, scale, scale), roll_deg=roll_deg)
        z, x = (float(v) for v in np.asarray(about_um))
        about = np.array([z, 0.0, x])
        origin = turn.position_um(np.array(self.origin_um) - about) + about + [along_um[0], 0.0, along_um[1]]
        height, depth, width = self.pixel_um
        return replace(
            self,
            origin_um=(float(origin[0]), float(origin[1]), float(origin[2])),
            pixel_um=(scale * height, scale * depth, scale * width),
            roll_deg=self.roll_deg + roll_deg,
        )

    def to_metadata(self) -> dict[str, Any]:
        """Plain numbers for a document or a file."""
        return {
            "origin_um": list(self.origin_um),
            "pixel_um": list(self.pixel_um),
            "rotation_deg": self.rotation_deg,
            "roll_deg": self.roll_deg,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> SampleFrame:
        """Read back what `to_metadata` wrote."""
        (a, b, c), (d, e, f) = ([float(v) for v in metadata[name]] for name in ("origin_um", "pixel_um"))
        turns = float(metadata["rotation_deg"]), float(metadata.get("roll_deg", 0.0))
        return cls((a, b, c), (d, e, f), *turns)


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
