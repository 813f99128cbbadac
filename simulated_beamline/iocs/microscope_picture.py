"""The picture of a specimen behind the optic, used again while nothing but a shake moves it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from ..physics.array import ImageArray
from ..physics.imaged_specimen import ImagedSpecimen, SpecimenState, View
from ..physics.phase_ring import PhaseRing

SHAKE_PIXELS = 0.25
"""Shift up to which a picture is moved by its slope instead of drawn anew."""
SAME_LITHIUM_CONTENT = 2e-4
RESOLVED_UM = 0.03
"""Pixels larger than this show no blur of a sharp optic (zones of 30 nm)."""


@dataclass
class DrawnPicture:
    """A picture that was drawn, with its slopes once somebody asks for them.

    Attributes
    ----------
    view : View
        For which it was drawn.
    transmission : numpy.ndarray
        Shape (rows, columns), 0 to about 1; more where a phase ring brightens.
    """

    view: View
    about: tuple[float | bool, ...]
    lithium_content: float
    transmission: ImageArray
    _slopes: tuple[ImageArray, ImageArray] | None = field(default=None)

    def slopes(self) -> tuple[ImageArray, ImageArray]:
        """Change of the transmission from row to row and from column to column, (rows, columns) each."""
        if self._slopes is None:
            down, across = (np.gradient(self.transmission, axis=axis) for axis in (0, 1))
            self._slopes = np.asarray(down), np.asarray(across)
        return self._slopes

    def shift(self, view: View) -> tuple[float, float]:
        """Rows and columns by which the specimen is further in another view."""
        return view.origin_row - self.view.origin_row, view.axis_column - self.view.axis_column


class Picture:
    """Transmission of one specimen behind the optic.

    Parameters
    ----------
    specimen
        What stands there.
    ring
        The phase ring, which may be in the beam.
    """

    def __init__(self, specimen: ImagedSpecimen, ring: PhaseRing) -> None:
        self._specimen = specimen
        self._ring = ring
        self._drawn: DrawnPicture | None = None

    def seen(
        self,
        view: View,
        *,
        angle_deg: float,
        energy_ev: float,
        state: SpecimenState,
        blur_um: float,
        phase_ring: bool,
    ) -> DrawnPicture:
        """Transmission of the specimen, drawn for this view or for one a fraction of a pixel away.

        Parameters
        ----------
        view
            The camera's grid.
        angle_deg, energy_ev, state
            Of specimen and beam.
        blur_um
            Diameter of the disc into which defocus smears a point, um at the specimen.
        phase_ring
            Whether it is in the beam.
        """
        about = (angle_deg, energy_ev, max(state.runaway_s, -1.0), blur_um, phase_ring)
        about += (round(state.charging, 2), round(state.cycles, 2), round(state.c_rate, 1))
        known = self._drawn
        if known is not None and known.about == about and _near(known, view, state):
            return known
        seen = {"angle_deg": angle_deg, "energy_ev": energy_ev, "state": state}
        if phase_ring:
            picture = self._ring.picture(self._specimen.passed(view, **seen), view.pixel_um, energy_ev)
        else:
            picture = np.exp(-self._specimen.attenuation(view, **seen))
        picture = _blurred(picture, view.pixel_um, blur_um)
        self._drawn = DrawnPicture(view, about, state.lithium_content, picture)
        return self._drawn


def _near(known: DrawnPicture, view: View, state: SpecimenState) -> bool:
    before = known.view
    return (
        (view.shape, view.pixel_um, view.tilt_deg) == (before.shape, before.pixel_um, before.tilt_deg)
        and abs(view.axis_column - before.axis_column) < SHAKE_PIXELS
        and abs(view.origin_row - before.origin_row) < SHAKE_PIXELS
        and abs(state.lithium_content - known.lithium_content) <= SAME_LITHIUM_CONTENT
    )


def _blurred(picture: ImageArray, pixel_um: float, blur_um: float) -> ImageArray:
    """Smear by the finest zones, and by a disc: its variance is that of a Gaussian of a quarter of it."""
    sigma = 0.25 * blur_um / pixel_um
    if pixel_um < RESOLVED_UM:
        picture = _softened(_softened(picture).T).T
    if sigma > 0.3:
        picture = np.asarray(gaussian_filter(picture, sigma), dtype=np.float32)
    return np.ascontiguousarray(picture)


def _softened(picture: ImageArray) -> ImageArray:
    """Add a quarter of both neighbours to a half of each row."""
    soft = 0.5 * picture
    soft[1:-1] += 0.25 * (picture[:-2] + picture[2:])
    soft[0] += 0.25 * (picture[0] + picture[1])
    soft[-1] += 0.25 * (picture[-1] + picture[-2])
    return soft
