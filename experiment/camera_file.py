"""Calibration of the camera in an experiment file: which calibrant, where it is, and what is accepted."""

from pydantic import Field

from ..plans.calibrate_camera import CalibrantPlace, CameraLimits
from .quantity import Seconds
from .section import Section


class CameraCalibrationFile(Section):
    """``[camera_calibration]``: rings of a calibrant tell where the camera stands, before the cell starts.

    Attributes
    ----------
    calibrant
        As pyFAI calls it.
    stage_x_mm, stage_y_mm
        Where on the stage it is mounted, mm.
    energy_ev
        Photon energy, eV: best that of the frames, for then an error of the monochromator cancels.
    exposure_s, frames
        Of the series of the calibrant.
    residual_px
        How far the rings may be from the best geometry, pixels rms.
    """

    calibrant: str = "LaB6"
    stage_x_mm: float
    stage_y_mm: float = 0.0
    energy_ev: float = Field(ge=2000, le=80000)
    exposure_s: Seconds = 2.0
    frames: int = Field(default=5, ge=1, le=100)
    residual_px: float = Field(default=0.5, gt=0, le=5)

    @property
    def place(self) -> CalibrantPlace:
        """Calibrant and its place."""
        return CalibrantPlace(self.calibrant, self.stage_x_mm, self.stage_y_mm)

    @property
    def limits(self) -> CameraLimits:
        """What is accepted."""
        return CameraLimits(residual_px=self.residual_px)
