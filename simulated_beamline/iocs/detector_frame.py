"""Frames of the area detector, whatever is drawn into them: their size, their type and what is masked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..diffraction_scenario import build_area_detector, diffraction_of, pixel_type
from ..physics.counting import largest_count
from ..scenario import Scenario


class DetectorFrames:
    """A source of frames of the scenario's area detector; a subclass draws them.

    Parameters
    ----------
    scenario
        The truth about the detector.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.detector = build_area_detector(scenario)
        self.dtype = pixel_type(diffraction_of(scenario).detector)
        self._gap = np.flatnonzero(self.detector.gap)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.detector.geometry.shape

    def pixel_mask(self) -> NDArray[np.uint32]:
        """Bits of NXdetector: 1 for a gap, 2 for a dead pixel; hot ones are for the user to find."""
        return self.detector.gap.astype(np.uint32) + 2 * self.detector.dead.astype(np.uint32)

    def _mark_gaps(self, out: NDArray[np.generic]) -> None:
        """Let gaps of a frame (rows, columns) hold the largest number of its type."""
        out.reshape(-1)[self._gap] = largest_count(out.dtype) + 1
