"""What a microscope asks of a specimen: what it does to the beam as the camera sees it from one side."""

from dataclasses import dataclass
from typing import Protocol

from .array import ImageArray


@dataclass(frozen=True)
class View:
    """Grid of the camera, in the plane of the specimen.

    Attributes
    ----------
    shape : tuple of int
        Rows (along the axis of rotation) and columns.
    pixel_um : float
        Size of a pixel at the specimen.
    axis_column, origin_row : float
        Where the axis of rotation is at the height of the specimen's origin, in pixels from the first
        pixel's centre.
    tilt_deg : float
        Of the axis in the picture: positive where its high rows lean to high columns.
    """

    shape: tuple[int, int]
    pixel_um: float
    axis_column: float
    origin_row: float
    tilt_deg: float = 0.0


@dataclass(frozen=True)
class SpecimenState:
    """In what state the specimen is.

    Attributes
    ----------
    lithium_content : float
        Of the cell, 0..1 per formula unit.
    charging : float
        How far the way in which lithium is spread is that of a charge, 0..1.
    cycles, c_rate : float
        Full cycles that the cell has done, and their mean rate, 1/h; see `cycling_history`.
    runaway_s : float
        Since thermal runaway began, s; negative before, and where there is none.
    """

    lithium_content: float = 1.0
    charging: float = 1.0
    cycles: float = 0.0
    c_rate: float = 0.0
    runaway_s: float = -1.0


@dataclass(frozen=True)
class Passed:
    """What a beam has gone through.

    Attributes
    ----------
    attenuation : numpy.ndarray
        Line integrals (rows, columns); the transmission is exp(-it).
    phase_rad : numpy.ndarray
        Phase shift of the wave (rows, columns), rad: matter advances it, which is below 0.
    """

    attenuation: ImageArray
    phase_rad: ImageArray


class ImagedSpecimen(Protocol):
    """Anything that can be turned and looked through."""

    def attenuation(
        self, view: View, *, angle_deg: float, energy_ev: float, state: SpecimenState
    ) -> ImageArray:
        """Line integrals of the attenuation (rows, columns), dimensionless; the transmission is exp(-it)."""
        ...

    def passed(self, view: View, *, angle_deg: float, energy_ev: float, state: SpecimenState) -> Passed:
        """Attenuation and phase, for who sees both."""
        ...
