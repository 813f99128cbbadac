"""``[[measurements]]`` with a coherent beam: ``"ptychography"`` of a specimen, ``"bcdi"`` of a crystal."""

import math
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from ..plans.bcdi_rocking import bcdi_rocking, checked_angles
from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.ptycho_scan import LEAST_OVERLAP
from .demand import Demand, Exposure, ends
from .quantity import Seconds
from .raster_file import RasterFile
from .technique import Planned, Reckoning, TechniqueSection, bytes_of_frames

ANGLE_S = 0.5
"""From one angle of a rocking scan to the next at rest, s."""


class PtychographyFile(RasterFile):
    """``[[measurements]]`` of technique ``"ptychography"``: frames over places whose beams overlap.

    Attributes
    ----------
    beam_um
        Diameter of the beam on the specimen, um; neighbours share half of it or more.
    """

    spoken = "ptychographic scan"

    technique: Literal["ptychography"]
    beam_um: float = Field(gt=0, lt=1000)
    detectors: list[Literal["fluorescence_detector", "camera"]] = Field(
        default=["camera"], min_length=1, max_length=1
    )

    @model_validator(mode="after")
    def _beams_overlap(self) -> Self:
        if self.detectors != ["camera"]:
            raise ValueError('detectors are ["camera"], whose frames tell the phase; remove the key')
        if self.elements:
            raise ValueError("elements belong to a map, no fluorescence is counted here; remove them")
        if self.overlap < LEAST_OVERLAP:
            raise ValueError(
                f"step_um = {self.step_um:g} um leaves an overlap of {self.overlap:.0%} of beam_um = "
                f"{self.beam_um:g} um; give {(1 - LEAST_OVERLAP) * self.beam_um:g} um or less"
            )
        return self

    @property
    def overlap(self) -> float:
        """Part of the beam's diameter that neighbours share."""
        return 1.0 - self.step_um / self.beam_um


class BcdiFile(TechniqueSection):
    """``[[measurements]]`` of technique ``"bcdi"``: frames of one crystal that rocks through a reflection.

    Attributes
    ----------
    angles_deg
        First and last angle of the rotation, degree.
    angle_step_deg
        Between them, degree.
    exposure_s
        Of each frame.
    frames
        At each angle; an export adds them up.
    energy_ev
        Photon energy, eV; as the monochromator stands unless given.
    """

    one_specimen = "a nanoprobe holds one particle, of one cell"

    technique: Literal["bcdi"]
    angles_deg: tuple[float, float]
    angle_step_deg: float = Field(gt=0, le=10)
    exposure_s: Seconds
    frames: int = Field(default=1, ge=1, le=10000)
    energy_ev: float | None = Field(default=None, ge=2000, le=80000)

    def devices(self) -> tuple[str, ...]:
        """Name the nanoprobe's stage and the camera."""
        return ("nanostage", "camera")

    def angles(self) -> tuple[float, ...]:
        """Angles of the rotation, degree."""
        first, last = self.angles_deg
        steps = round(abs(last - first) / self.angle_step_deg)
        step_deg = math.copysign(self.angle_step_deg, last - first)
        return tuple(round(first + number * step_deg, 9) for number in range(steps + 1))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the angles."""
        try:
            checked_angles(self.angles(), self.frames, self.exposure_s)
        except ValueError as error:
            yield "angles_deg", str(error)

    def demands(self) -> Iterator[Demand]:
        """Yield energy, angles and exposure."""
        yield from super().demands()
        yield from ends("angles_deg", "nanostage.rotation", self.angles())
        yield Demand(("exposure_s",), "camera", Exposure(self.exposure_s))

    def reckoning(self, timing: Timing, picture_mb: float) -> Reckoning:
        """Reckon a rocking scan; its crystal is lit and the cell smeared over all angles."""
        count = len(self.angles())
        exposed_s = count * self.frames * self.exposure_s
        rocking_s = exposed_s + count * ANGLE_S
        return Reckoning(
            points=count,
            duration_s=timing.start_s + rocking_s,
            blur_s=rocking_s,
            lit_s=rocking_s,
            energy_ev=self.energy_ev or 0.0,
            frames_bytes=bytes_of_frames(count * self.frames, picture_mb, 1),
            words=("rocking scan", "rocking scan"),
            dead_time=(
                f"{count} angles in {rocking_s:.0f} s, exposed for {exposed_s / rocking_s:.0%} of it; "
                "the beam is on the crystal all the time"
            ),
        )

    def planned(
        self,
        station: object,
        timing: Timing,
        guard: BeamGuard | None,
    ) -> Planned:
        """Rock the crystal that stands in the beam."""
        del timing
        options = {"exposure_s": self.exposure_s, "frames": self.frames, "energy_ev": self.energy_ev}
        return lambda *, md: bcdi_rocking(station, angles_deg=self.angles(), **options, guard=guard, md=md)
