"""The stage that brings cell, references or nothing into the beam."""

from __future__ import annotations

from typing import Any

from ophyd import Component as Cpt

from .motor import Motor
from .reach import ReachedDevice


class SampleStage(ReachedDevice):
    """Two motors across the beam, mm.

    Parameters
    ----------
    tolerance_mm
        How far from the target counts as there.
    move_limit_s
        Wall time allowed on top of the nominal duration of a move.
    """

    x = Cpt(Motor, "X")
    y = Cpt(Motor, "Y")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        tolerance_mm: float = 1e-3,
        move_limit_s: float = 120.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        for motor in (self.x, self.y):
            motor.tolerance, motor.move_limit_s = tolerance_mm, move_limit_s
