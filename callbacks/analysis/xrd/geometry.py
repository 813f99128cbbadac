"""Where the detector stands: plain numbers for documents, to and from pyFAI."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .pyfai import PyfaiGeometry, load_poni, pyfai_module

UNFLIPPED = 3
ROWS_FLIPPED = (1, 2)
COLUMNS_FLIPPED = (1, 4)


@dataclass(frozen=True)
class Geometry:
    """Detector and beam in the convention of pyFAI (Kieffer 2020, J. Synchrotron Rad. 27, 558).

    Attributes
    ----------
    distance_mm
        From the sample to the point of normal incidence (poni), along the detector's normal.
    poni1_mm, poni2_mm
        Point of normal incidence along rows and columns, from the outer corner of the first pixel; of the
        last one where the frame is flipped.
    rot1_deg, rot2_deg, rot3_deg
        Rotations of the detector about the vertical, the horizontal and the beam.
    wavelength_angstrom
        Of the beam.
    shape
        Rows and columns of a frame.
    pixel_mm
        Size of a pixel along rows and columns.
    detector
        Name that pyFAI knows, such as ``"Eiger2 CdTe 1M"``: brings the mask of its gaps. Empty for a plain
        grid of pixels.
    orientation
        Corner in which pyFAI takes the first pixel of a frame to be, 1 to 4; 3 unless it is stored flipped.
    """

    distance_mm: float
    poni1_mm: float
    poni2_mm: float
    wavelength_angstrom: float
    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    rot1_deg: float = 0.0
    rot2_deg: float = 0.0
    rot3_deg: float = 0.0
    detector: str = ""
    orientation: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises
        ------
        ValueError
            If a distance, a wavelength, a pixel or a side of the frame is not above 0, or there is no such
            orientation.
        """
        if self.orientation not in range(1, 5):
            raise ValueError(f"geometry: orientation is {self.orientation}, must be 1 to 4 as pyFAI counts")
        lengths = {
            "distance_mm": self.distance_mm,
            "wavelength_angstrom": self.wavelength_angstrom,
            "pixel_mm": min(self.pixel_mm),
            "shape (pixels)": min(self.shape),
        }
        for name, value in lengths.items():
            if not value > 0:
                raise ValueError(f"geometry: {name} is {value:g}, must be above 0; see the PONI file")

    @classmethod
    def read(cls, path: str | Path) -> Geometry:
        """Read a PONI file.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it holds no wavelength or no detector with a shape.
        """
        return cls.of(load_poni(path))

    @classmethod
    def of(cls, pyfai: PyfaiGeometry) -> Geometry:
        """Take over pyFAI's geometry.

        Raises
        ------
        ValueError
            If it has no wavelength or its detector no shape.
        """
        shape = pyfai.detector.shape
        if not pyfai.wavelength or not shape:
            missing = "wavelength" if shape else "shape of the detector"
            raise ValueError(f"geometry: pyFAI's has no {missing}; write it into the PONI file")
        name = str(pyfai.detector.name)
        return cls(
            distance_mm=float(pyfai.dist) * 1e3,
            poni1_mm=float(pyfai.poni1) * 1e3,
            poni2_mm=float(pyfai.poni2) * 1e3,
            wavelength_angstrom=float(pyfai.wavelength) * 1e10,
            shape=(int(shape[0]), int(shape[1])),
            pixel_mm=(float(pyfai.detector.pixel1) * 1e3, float(pyfai.detector.pixel2) * 1e3),
            rot1_deg=float(np.degrees(pyfai.rot1)),
            rot2_deg=float(np.degrees(pyfai.rot2)),
            rot3_deg=float(np.degrees(pyfai.rot3)),
            detector="" if name == "Detector" else name,
            orientation=int(pyfai.detector.orientation) or UNFLIPPED,
        )

    def pyfai(self) -> PyfaiGeometry:
        """Give the same as pyFAI's object."""
        detectors, azimuthal = pyfai_module("detectors"), pyfai_module("integrator.azimuthal")
        rows_m, columns_m = (side * 1e-3 for side in self.pixel_mm)
        if self.detector:
            known = detectors.detector_factory(self.detector, {"orientation": self.orientation})
        else:
            known = detectors.Detector(rows_m, columns_m, max_shape=self.shape, orientation=self.orientation)
        return azimuthal.AzimuthalIntegrator(
            dist=self.distance_mm * 1e-3,
            poni1=self.poni1_mm * 1e-3,
            poni2=self.poni2_mm * 1e-3,
            rot1=float(np.radians(self.rot1_deg)),
            rot2=float(np.radians(self.rot2_deg)),
            rot3=float(np.radians(self.rot3_deg)),
            detector=known,
            wavelength=self.wavelength_angstrom * 1e-10,
        )

    @property
    def beam_centre_px(self) -> tuple[float, float]:
        """Row and column of the frame, from the corner of its first pixel, at which the beam arrives."""
        rot1, rot2 = np.radians(self.rot1_deg), np.radians(self.rot2_deg)
        row_mm = self.poni1_mm + self.distance_mm * np.tan(rot2) / np.cos(rot1)
        column_mm = self.poni2_mm - self.distance_mm * np.tan(rot1)
        row, column = row_mm / self.pixel_mm[0], column_mm / self.pixel_mm[1]
        if self.orientation in ROWS_FLIPPED:
            row = self.shape[0] - row
        if self.orientation in COLUMNS_FLIPPED:
            column = self.shape[1] - column
        return float(row), float(column)

    def metadata(self) -> dict[str, Any]:
        """Give numbers and text only, as a document holds them."""
        return asdict(self)
