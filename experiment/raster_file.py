"""Maps and rocking maps in an experiment file."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from .asked_file import AskedSection
from .quantity import Seconds


class RasterFile(AskedSection):
    """A raster of one particle in a nanoprobe, however often it is made.

    Attributes
    ----------
    x_um, y_um
        Lowest and highest centre of pixels, by the interferometers, um.
    step_um
        From pixel to pixel along both axes, um.
    dwell_s
        Of each pixel.
    mode
        ``"step"`` stops at each pixel, ``"fly"`` moves on along x while the detectors count.
    snake
        Whether every other row runs backwards.
    elements
        Whose lines are fitted live; the metals of the chemistry unless given.
    energy_ev
        Photon energy, eV; as the monochromator stands unless given.
    detectors
        What counts at each pixel.
    """

    spoken: ClassVar[str] = "map"
    """What one trigger asks for."""

    technique: Any
    x_um: tuple[float, float]
    y_um: tuple[float, float]
    step_um: float = Field(gt=0, le=1000)
    dwell_s: Seconds
    mode: Literal["step", "fly"] = "step"
    snake: bool = True
    elements: list[str] = Field(default=[], max_length=16)
    energy_ev: float | None = Field(default=None, ge=2000, le=80000)
    detectors: list[Literal["fluorescence_detector", "camera"]] = Field(
        default=["fluorescence_detector"], min_length=1
    )

    @model_validator(mode="after")
    def _region_in_order(self) -> Self:
        for name, (low, high) in (("x_um", self.x_um), ("y_um", self.y_um)):
            if low > high:
                raise ValueError(f"{name} = [{low:g}, {high:g}] um: give the lower end first")
        return self

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name, given in (("elements", self.elements), ("detectors", self.detectors)):
            if len(set(given)) < len(given):
                raise ValueError(f"{name} = {given}: name each once")
        return self


class MapFile(RasterFile):
    """``[[measurements]]`` of technique ``"map"``: a raster of one particle in a nanoprobe."""

    technique: Literal["map"]


class RockingFile(RasterFile):
    """``[[measurements]]`` of technique ``"rocking"``: a raster for each angle, for strain and tilts.

    Attributes
    ----------
    angles_deg
        First and last angle of the rotation, degree.
    angle_step_deg
        Between them, degree; a fifth of the rocking width or less.
    follow_drift
        Whether the region follows the specimen by its fluorescence, which a step scan reads at each pixel.
    """

    spoken = "rocking map"

    technique: Literal["rocking"]
    angles_deg: tuple[float, float]
    angle_step_deg: float = Field(gt=0, le=10)
    follow_drift: bool = True
    detectors: list[Literal["fluorescence_detector", "camera"]] = Field(
        default=["fluorescence_detector", "camera"], min_length=1
    )

    @model_validator(mode="after")
    def _can_rock(self) -> Self:
        if "camera" not in self.detectors:
            raise ValueError('detectors lacks "camera", whose frames tell strain and tilts; add it')
        if self.follow_drift and (self.mode == "fly" or "fluorescence_detector" not in self.detectors):
            raise ValueError(
                'drift is followed on counts that are read at each pixel; take mode = "step" with the '
                '"fluorescence_detector", or set follow_drift = false'
            )
        return self
