"""Camera in the beamline settings: its process variables, its folder, and where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator

from .area_detector import AreaDetector
from .section import Section


class GeometrySection(Section):
    """`[devices.camera.geometry]`: where the camera stands, in the convention of pyFAI.

    Attributes
    ----------
    distance_mm
        From the sample to the point of normal incidence.
    poni1_mm, poni2_mm
        That point along rows and columns, from the outer corner of the first pixel.
    rot1_deg, rot2_deg, rot3_deg
        Rotations of the camera about the vertical, the horizontal and the beam.
    shape
        Rows and columns of a frame.
    pixel_mm
        Size of a pixel along rows and columns.
    detector
        Name that pyFAI knows, which brings the gaps between modules; empty for a plain grid of pixels.
    """

    distance_mm: float = Field(gt=0.0, lt=1e5)
    poni1_mm: float
    poni2_mm: float
    rot1_deg: float = Field(default=0.0, gt=-90.0, lt=90.0)
    rot2_deg: float = Field(default=0.0, gt=-90.0, lt=90.0)
    rot3_deg: float = Field(default=0.0, ge=-180.0, le=180.0)
    shape: tuple[PositiveInt, PositiveInt]
    pixel_mm: tuple[PositiveFloat, PositiveFloat]
    detector: str = ""


class CameraSection(Section):
    """`[devices.camera]`, an area detector; a beamline may have none.

    Attributes
    ----------
    file_path, read_path
        Folder of its files as its server and as we see it; the same where one is given, the data root's
        `frames` where none is.
    dataset
        Where the frames are in a file.
    overhead_limit_s
        Wall time that a series may take on top of its frames, s.
    readout_s
        Time after an exposure in which a trigger would be lost, s: gates of a fly scan keep it free.
    exposure_limits_s
        Shortest and longest exposure, s, so that a file can be checked without the camera.
    frame_mb
        What one frame takes in a file, for estimates, MB.
    geometry
        Where it stands, for who integrates its frames.
    flat, dark
        Files with the relative response of its pixels and with the counts to subtract, as we see them: below
        `read_path` or the data root; an image, a numpy array, or a file of the camera itself, whose frames
        are averaged. Empty: no such correction.
    dark_exposure_s
        Of each frame of `dark`, s: live patterns scale it to the exposure of theirs. None: not known.
    full_scale_counts
        Largest count of a pixel, where it is below what the type of its pixels holds: 4095 for 12 bits in 16.
    """

    class_: Literal["area_detector"] = Field(alias="class")
    prefix: str
    file_path: str = ""
    read_path: str = ""
    dataset: str = "/entry/data/data"
    overhead_limit_s: float = Field(default=30.0, gt=0.0)
    readout_s: float = Field(default=0.001, ge=0.0, lt=10.0)
    exposure_limits_s: tuple[PositiveFloat, PositiveFloat] | None = None
    frame_mb: float = Field(default=4.0, gt=0.0, le=1000.0)
    geometry: GeometrySection | None = None
    flat: str = ""
    dark: str = ""
    dark_exposure_s: float | None = Field(default=None, gt=0.0)
    full_scale_counts: float | None = Field(default=None, gt=0.0)

    @field_validator("flat", "dark")
    @classmethod
    def _is_absolute(cls, path: str, info: ValidationInfo) -> str:
        if path and not Path(path).is_absolute():
            raise ValueError(
                f"[devices.camera] {info.field_name} = {path!r}: give the whole path, beginning with /"
            )
        return path

    def device(self) -> AreaDetector:
        """Build the camera; nothing is waited for."""
        options = self.model_dump(exclude={"class_", "frame_mb"})
        return AreaDetector(name="camera", **options)
