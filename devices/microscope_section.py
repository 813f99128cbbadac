"""Microscope, its camera and the heater in the beamline settings."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from .burst_camera import BurstCamera
from .camera_section import CameraSection
from .heater import Heater
from .microscope import Microscope
from .microscope_camera import MicroscopeCamera
from .section import Section


class MicroscopeSection(Section):
    """`[devices.microscope]`; meaning in `Microscope`, a beamline may have none."""

    class_: Literal["microscope"] = Field(alias="class")
    prefix: str
    zone_plate_um: float = Field(default=244.0, gt=0.0, le=10000.0)
    outer_zone_nm: float = Field(default=30.0, gt=0.0, le=1000.0)
    energy_limits_ev: tuple[float, float] = (0.0, math.inf)
    camera_pixel_um: float = Field(default=0.65, gt=0.0, le=1000.0)
    magnification: float = Field(default=32.5, gt=1.0, le=1000.0)
    rotation_tolerance_deg: float = Field(default=1e-3, gt=0.0)
    stage_tolerance_um: float = Field(default=0.01, gt=0.0)
    optic_tolerance_mm: float = Field(default=1e-3, gt=0.0)
    move_limit_s: float = Field(default=60.0, gt=0.0)

    def device(self) -> Microscope:
        """Build the microscope; nothing is waited for."""
        return Microscope(name="microscope", **self.model_dump(exclude={"class_"}))


class MicroscopeCameraSection(CameraSection):
    """`[devices.microscope_camera]`: an area detector that takes pictures; keys as of `[devices.camera]`.

    Attributes
    ----------
    ring
        Whether its server has a ring of frames, `CB1:` (NDPluginCircularBuff), for bursts around a trigger.
    """

    ring: bool = False

    def device(self) -> MicroscopeCamera:
        """Build the camera; nothing is waited for."""
        options = self.model_dump(exclude={"class_", "frame_mb", "ring"})
        kind = BurstCamera if self.ring else MicroscopeCamera
        return kind(name="microscope_camera", **options)


class HeaterSection(Section):
    """`[devices.heater]`; meaning in `Heater`, a beamline may have none."""

    class_: Literal["heater"] = Field(alias="class")
    prefix: str
    tolerance_k: float = Field(default=0.5, gt=0.0)
    settle_limit_s: float = Field(default=600.0, gt=0.0)

    def device(self) -> Heater:
        """Build the heater; nothing is waited for."""
        return Heater(name="heater", **self.model_dump(exclude={"class_"}))
