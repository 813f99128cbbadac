"""Settings of the ion chambers at a beamline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Section


class IonChambersSection(Section):
    """`[devices.ion_chambers]`."""

    class_: Literal["ion_chambers"] = Field(alias="class")
    prefix: str
    overhead_limit_s: float = Field(default=10.0, gt=0.0)
    i0_gas: str = ""
    i0_length_cm: float = Field(default=15.0, gt=0.0)
    i0_pressure_mbar: float = Field(default=1013.25, gt=0.0)
