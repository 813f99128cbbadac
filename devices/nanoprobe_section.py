"""Nanostage and fluorescence detector in the beamline settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

from .fluorescence_detector import FluorescenceDetector, detector_class
from .nanostage import Nanostage
from .section import Section


class NanostageSection(Section):
    """`[devices.nanostage]`; meaning in `NanoAxis`, a beamline may have none."""

    class_: Literal["nanostage"] = Field(alias="class")
    prefix: str
    tolerance_um: float = Field(default=0.005, gt=0.0, le=10.0)
    margin_um: float = Field(default=1.0, ge=0.0, le=1000.0)
    coarse_moves: bool = True
    rotation_tolerance_deg: float = Field(default=1e-3, gt=0.0)
    move_limit_s: float = Field(default=60.0, gt=0.0)

    def device(self) -> Nanostage:
        """Build the stages; nothing is waited for."""
        return Nanostage(name="nanostage", **self.model_dump(exclude={"class_"}))


class ResponseSection(Section):
    """`[devices.fluorescence_detector.response]`: what the channels mean, where the live fits begin.

    Attributes
    ----------
    offset_ev, gain_ev
        Energy of the middle of channel 0, and eV per channel.
    noise_ev
        Electronic full width at half maximum, eV.
    """

    offset_ev: float = Field(default=0.0, ge=-1000.0, le=1000.0)
    gain_ev: float = Field(default=10.0, gt=0.0, le=100.0)
    noise_ev: float = Field(default=80.0, gt=0.0, le=1000.0)


class FluorescenceDetectorSection(Section):
    """`[devices.fluorescence_detector]`, one in the manner of Xspress3; a beamline may have none.

    Attributes
    ----------
    elements
        Number of detector elements.
    file_path, read_path
        Folder of its files as its server and as we see it; the same where one is given, the data root's
        `frames` where none is.
    overhead_limit_s
        Wall time that a series may take on top of its spectra, s.
    exposure_limits_s
        Shortest and longest time of a pixel, s, so that a file can be checked without the detector.
    spectrum_mb
        What the spectra of one pixel take in a file, for estimates, MB.
    response
        What its channels mean.
    """

    class_: Literal["fluorescence_detector"] = Field(alias="class")
    prefix: str
    elements: int = Field(default=4, ge=1, le=64)
    file_path: str = ""
    read_path: str = ""
    overhead_limit_s: float = Field(default=30.0, gt=0.0)
    exposure_limits_s: tuple[PositiveFloat, PositiveFloat] | None = None
    spectrum_mb: float = Field(default=0.066, gt=0.0, le=100.0)
    response: ResponseSection = ResponseSection()

    def device(self) -> FluorescenceDetector:
        """Build the detector; nothing is waited for."""
        options = self.model_dump(exclude={"class_", "elements", "spectrum_mb"})
        return detector_class(self.elements)(name="fluorescence", **options)
