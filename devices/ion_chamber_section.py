"""Settings of the ion chambers at a beamline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .ion_chamber import IonChambers, IonChambersWithDiode
from .section import Section


class IonChambersSection(Section):
    """`[devices.ion_chambers]`.

    Attributes
    ----------
    fluorescence_diode
        Whether the electrometer's fourth channel, and the fourth counter of a trigger box, has a diode that
        sees the sample's fluorescence.

    The others are those of `IonChambers`.
    """

    class_: Literal["ion_chambers"] = Field(alias="class")
    prefix: str
    overhead_limit_s: float = Field(default=10.0, gt=0.0)
    i0_gas: str = ""
    i0_length_cm: float = Field(default=15.0, gt=0.0)
    i0_pressure_mbar: float = Field(default=1013.25, gt=0.0)
    fluorescence_diode: bool = False

    @property
    def currents(self) -> tuple[str, ...]:
        """What the electrometer reads."""
        return self._kind.currents

    def device(self) -> IonChambers:
        """Build them; nothing is waited for."""
        return self._kind(name="ion_chambers", **self.model_dump(exclude={"class_", "fluorescence_diode"}))

    @property
    def _kind(self) -> type[IonChambers]:
        return IonChambersWithDiode if self.fluorescence_diode else IonChambers
