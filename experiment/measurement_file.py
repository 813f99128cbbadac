"""Measurements in an experiment file: what is measured, on which grid, and what sets it off."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from ..plans.edge_signal import EdgeSignal
from .asked_file import AskedSection
from .burst_file import RadiographyFile
from .coherent_file import BcdiFile, PtychographyFile
from .energy_image_file import SpectroTomographyFile, XanesImagingFile
from .grid_file import GridFile
from .quantity import Seconds
from .raster_file import MapFile, RockingFile
from .section import Section
from .tomogram_file import TomographyFile


class EdgeFile(AskedSection):
    """An absorption edge, however it is scanned.

    Attributes
    ----------
    signal
        ``"transmission"`` or ``"fluorescence"``: what the edge is fitted in; all currents are stored.
    """

    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    signal: EdgeSignal = "transmission"
    grid: GridFile


class XanesFile(EdgeFile):
    """``[[measurements]]`` of technique ``"xanes"``: a scan of an absorption edge."""

    technique: Literal["xanes"]


class FlyXanesFile(EdgeFile):
    """``[[measurements]]`` of technique ``"fly_xanes"``: the same on the fly, with a trigger box.

    Attributes
    ----------
    duration_s
        Of one sweep over the grid, s; the dwell times of the grid are of no effect.
    direction
        ``"up"`` or ``"down"`` in energy, or ``"both"``: up and down in turn, in two sweeps or more.
    sweeps
        How many make the spectrum.
    widest_ev
        Width of the bins around the energies at the edge at most, eV.
    """

    technique: Literal["fly_xanes"]
    duration_s: Seconds = Field(ge=0.1, le=60)
    direction: Literal["up", "down", "both"] = "up"
    sweeps: int = Field(default=1, ge=1, le=1000)
    widest_ev: float = Field(default=0.4, gt=0, le=1000)

    @model_validator(mode="after")
    def _goes_both_ways(self) -> Self:
        if self.direction == "both" and self.sweeps < 2:
            raise ValueError('direction = "both" needs sweeps = 2 or more; one sweep goes up only')
        return self


class XrdFile(AskedSection):
    """``[[measurements]]`` of technique ``"xrd"``: a series of diffraction frames.

    Attributes
    ----------
    exposure_s
        Of each frame.
    frames
        How many, in one run.
    period_s
        From the start of one frame to that of the next; the exposure unless given.
    energy_ev
        Photon energy, eV; as the monochromator stands unless given.
    gated
        Whether the shutter is closed between frames; unless given, where it pays.
    """

    technique: Literal["xrd"]
    exposure_s: Seconds
    frames: int = Field(default=1, ge=1, le=1_000_000)
    period_s: Seconds | None = None
    energy_ev: float | None = Field(default=None, ge=2000, le=80000)
    gated: bool | None = None

    @model_validator(mode="after")
    def _exposures_fit(self) -> Self:
        if self.period_s is not None and self.period_s < self.exposure_s:
            raise ValueError(
                f"period_s = {self.period_s:g} s is shorter than exposure_s = {self.exposure_s:g} s; "
                "lengthen it or shorten the exposure"
            )
        return self


class PlaceFile(Section):
    """A place of the sample stage, mm."""

    x_mm: float
    y_mm: float = 0.0


class PdfFile(AskedSection):
    """``[[measurements]]`` of technique ``"pdf"``: total scattering for a pair distribution.

    Attributes
    ----------
    exposure_s, frames
        Of the sample, and of the empty container again.
    energy_ev
        Photon energy, eV: the higher, the higher q.
    distance_mm
        Where the camera's arm goes meanwhile; as it stands unless given.
    composition
        Formula of the sample; that of the chemistry unless given.
    empty
        Where the empty container is: measured once, with the first scan.
    sample
        Where the sample is; the cell unless given.
    """

    technique: Literal["pdf"]
    exposure_s: Seconds
    frames: int = Field(default=1, ge=1, le=10_000)
    energy_ev: float = Field(ge=2000, le=80000)
    distance_mm: float | None = Field(default=None, gt=0, le=1e5)
    composition: str | None = None
    empty: PlaceFile | None = None
    sample: PlaceFile | None = None


CameraFile = XrdFile | PdfFile
"""What takes frames of the camera."""

MeasurementFile = Annotated[
    XanesFile
    | FlyXanesFile
    | XrdFile
    | PdfFile
    | MapFile
    | RockingFile
    | PtychographyFile
    | BcdiFile
    | TomographyFile
    | RadiographyFile
    | XanesImagingFile
    | SpectroTomographyFile,
    Field(discriminator="technique"),
]
"""A table of ``[[measurements]]``; its ``technique`` says which keys it has."""


def measured_tables() -> dict[str, type[AskedSection]]:
    """Every kind of measurement, by its technique."""
    kinds: tuple[type[AskedSection], ...] = get_args(get_args(MeasurementFile)[0])
    return {get_args(kind.model_fields["technique"].annotation)[0]: kind for kind in kinds}


class ReferenceFile(Section):
    """``[[references]]``: a compound of known valence on the sample stage, measured before the cell starts.

    Attributes
    ----------
    valence
        Mean oxidation state of the element in the compound.
    stage_x_mm, stage_y_mm
        Where on the stage it is mounted, mm.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    valence: float = Field(ge=0, le=8)
    stage_x_mm: float
    stage_y_mm: float = 0.0
    grid: GridFile


class CalibrationFile(Section):
    """``[calibration]``: a foil of known edge tells the energy scale before anything else is measured.

    Attributes
    ----------
    tolerance_ev
        How far the edge of the foil may still be from its tabulated energy after the correction, eV.
    stage_x_mm, stage_y_mm
        Where the stage stands meanwhile, mm: beside the cell, which then gets no dose. The place of the cell
        unless given.
    """

    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    tolerance_ev: float = Field(default=0.2, gt=0, le=10)
    stage_x_mm: float | None = None
    stage_y_mm: float | None = None
    grid: GridFile
