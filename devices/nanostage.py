"""The stages of a nanoprobe: specimen in x, y, z (um, by interferometers) and its rotation."""

from __future__ import annotations

from typing import Any

from ophyd import Component as Cpt

from .motor import Motor
from .nano_axis import NanoAxis
from .reach import ReachedDevice


class Nanostage(ReachedDevice):
    """Axes of the specimen against the optic.

    Parameters
    ----------
    tolerance_um, margin_um, coarse_moves
        As of `NanoAxis`, for all axes.
    rotation_tolerance_deg
        How far from the target counts as there.
    move_limit_s
        Wall time allowed on top of the nominal duration of a move.
    """

    x = Cpt(NanoAxis, "", axis="X")
    y = Cpt(NanoAxis, "", axis="Y")
    z = Cpt(NanoAxis, "", axis="Z", kind="config")
    rotation = Cpt(Motor, "RX", kind="config")
    zone_plate = Cpt(Motor, "ZP", kind="config")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        tolerance_um: float = 0.005,
        margin_um: float = 1.0,
        coarse_moves: bool = True,
        rotation_tolerance_deg: float = 1e-3,
        move_limit_s: float = 60.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        for axis in (self.x, self.y, self.z):
            axis.tolerance_um, axis.margin_um = tolerance_um, margin_um
            axis.fine.tolerance = tolerance_um
            axis.coarse_moves = coarse_moves
            axis.coarse.move_limit_s = axis.fine.move_limit_s = move_limit_s
        self.rotation.tolerance, self.rotation.move_limit_s = rotation_tolerance_deg, move_limit_s
        self.zone_plate.move_limit_s = move_limit_s
