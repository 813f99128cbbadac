"""A full-field X-ray microscope: rotation and stages of the specimen, and an optic that stays in focus."""

from __future__ import annotations

import math
from typing import Any

from ophyd import Component as Cpt
from ophyd import Signal
from ophyd.areadetector.base import EpicsSignalWithRBV

from .focus import Focus, Magnification, PixelSize
from .motor import Motor
from .reach import ReachedDevice


class Microscope(ReachedDevice):
    """Rotation (degree), stages below it (um), optic (mm), and the focus over zone plate and detector (eV).

    Parameters
    ----------
    zone_plate_um, outer_zone_nm
        Diameter and outermost zone of the objective.
    energy_limits_ev
        Lowest and highest energy for which the optic is made.
    camera_pixel_um
        Side of a camera's pixel at the scintillator.
    magnification
        That is kept when the energy changes; set `wanted_magnification` for another.
    rotation_tolerance_deg, stage_tolerance_um, optic_tolerance_mm
        How far from the target counts as there.
    move_limit_s
        Wall time allowed on top of the nominal duration of a move.
    """

    rotation = Cpt(Motor, "ROTATION")
    sample_x = Cpt(Motor, "SAMPLE_X", kind="config")
    sample_y = Cpt(Motor, "SAMPLE_Y", kind="config")
    sample_z = Cpt(Motor, "SAMPLE_Z", kind="config")
    condenser_z = Cpt(Motor, "CONDENSER_Z", kind="config")
    zone_plate_z = Cpt(Motor, "ZONE_PLATE_Z", kind="config")
    detector_z = Cpt(Motor, "DETECTOR_Z", kind="config")
    phase_ring = Cpt(
        EpicsSignalWithRBV, "PHASE_RING", string=True, put_complete=True, write_timeout=10.0, kind="config"
    )
    wanted_magnification = Cpt(Signal, value=32.5, kind="config")
    focus_offset_mm = Cpt(Signal, value=0.0, kind="config")
    magnification = Cpt(Magnification, kind="config")
    pixel_um = Cpt(PixelSize, kind="normal")
    focus = Cpt(Focus, "", kind="config")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        zone_plate_um: float = 244.0,
        outer_zone_nm: float = 30.0,
        energy_limits_ev: tuple[float, float] = (0.0, math.inf),
        camera_pixel_um: float = 0.65,
        magnification: float = 32.5,
        rotation_tolerance_deg: float = 1e-3,
        stage_tolerance_um: float = 0.01,
        optic_tolerance_mm: float = 1e-3,
        move_limit_s: float = 60.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.zone_plate_um, self.outer_zone_nm = zone_plate_um, outer_zone_nm
        self.energy_limits_ev = energy_limits_ev
        self.camera_pixel_um = camera_pixel_um
        self.move_limit_s = move_limit_s
        self.wanted_magnification.put(magnification)
        self.rotation.tolerance = rotation_tolerance_deg
        for motor in (self.sample_x, self.sample_y, self.sample_z):
            motor.tolerance = stage_tolerance_um
        for motor in (self.condenser_z, self.zone_plate_z, self.detector_z):
            motor.tolerance = optic_tolerance_mm
        for motor in self._motors:
            motor.move_limit_s = move_limit_s

    def stop(self, *, success: bool = False) -> None:
        """Stop all motors where they are."""
        for motor in self._motors:
            motor.stop(success=success)

    @property
    def _motors(self) -> tuple[Motor, ...]:
        stages = self.rotation, self.sample_x, self.sample_y, self.sample_z
        return (*stages, self.condenser_z, self.zone_plate_z, self.detector_z)
