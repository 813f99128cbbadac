"""Projections of one state at all angles, kept for frames that come faster than they can be computed."""

import numpy as np
from numpy.typing import NDArray

from .electrode_projection import ProjectionCamera, project
from .electrode_state import ElectrodeState

ImageArray = NDArray[np.float32]


class ProjectionStack:
    """Optical depths over a full turn; between two angles they are mixed.

    Half a turn is computed, the other half mirrored where the camera allows it; see `is_mirrored`.

    Parameters
    ----------
    state
        Electrode at one moment and energy.
    camera
        Of all projections.
    angles
        In a full turn; for a mixture to be sharp, about pi times the columns. An even number.

    Raises
    ------
    ValueError
        If the number of angles is odd or below 4.
    """

    def __init__(self, state: ElectrodeState, camera: ProjectionCamera, angles: int) -> None:
        if angles < 4 or angles % 2:
            raise ValueError(
                f"projection stack: {angles} angles in a full turn: give an even number from 4 on"
            )
        self.camera = camera
        self._step_deg = 360.0 / angles
        centred = camera.axis_column == 0.5 * (camera.columns - 1)
        self.is_mirrored = centred and not camera.roll_deg and not camera.pitch_deg
        count = angles // 2 if self.is_mirrored else angles
        self._images = np.empty((count, camera.rows, camera.columns), dtype=np.float32)
        for index in range(count):
            self._images[index] = project(state, index * self._step_deg, camera).optical_depth

    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""
        return self._images.nbytes

    def at(self, angle_deg: float, out: ImageArray | None = None) -> ImageArray:
        """Optical depth at any angle.

        Parameters
        ----------
        angle_deg
            Rotation about z.
        out
            Where to write it, shape (rows, columns); a new array without it.

        Returns
        -------
        ndarray
            Shape (rows, columns).
        """
        place = angle_deg / self._step_deg
        index = int(np.floor(place))
        share = np.float32(place - index)
        first, second = self._kept(index), self._kept(index + 1)
        image = np.subtract(second, first, out=out)
        image *= share
        image += first
        return image

    def _kept(self, index: int) -> ImageArray:
        count = len(self._images)
        if not self.is_mirrored:
            return self._images[index % count]
        turns, rest = divmod(index, count)
        return self._images[rest][:, ::-1] if turns % 2 else self._images[rest]
