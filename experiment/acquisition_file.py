"""How an experiment file says in which mode the cell is measured: while it cycles, or held at states."""

from typing import Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from .quantity import Seconds, Volts
from .section import Section

Mode = Literal["while_cycling", "step_and_hold"]
"""Whether the cell goes on during a measurement, or stands and has relaxed."""


Quantity = Literal["voltage", "lithium_content", "state_of_charge", "capacity"]
"""What a state is a value of."""

_QUANTITIES: dict[str, Quantity] = {
    "lithium_content": "lithium_content",
    "state_of_charge": "state_of_charge",
    "voltage_v": "voltage",
    "capacity_mah": "capacity",
}


class StateFile(Section):
    """``{ lithium_content = 0.9 }``: where the cell is stopped; exactly one of the keys.

    Attributes
    ----------
    lithium_content, state_of_charge
        From 0 to 1.
    voltage_v
        Under current.
    capacity_mah
        Net charge since the start.
    """

    lithium_content: float | None = Field(default=None, ge=0, le=1)
    state_of_charge: float | None = Field(default=None, ge=0, le=1)
    voltage_v: Volts | None = None
    capacity_mah: float | None = None

    @model_validator(mode="after")
    def _one_quantity(self) -> Self:
        given = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(given) != 1:
            known = ", ".join(type(self).model_fields)
            raise ValueError(f"a state is one of {known}, not {' and '.join(given) or 'none of them'}")
        return self

    @property
    def key(self) -> str:
        """The key that is given."""
        return next(key for key in type(self).model_fields if getattr(self, key) is not None)

    @property
    def quantity(self) -> Quantity:
        """What the potentiostat watches."""
        return _QUANTITIES[self.key]

    @property
    def value(self) -> float:
        """In the unit of the quantity."""
        return float(getattr(self, self.key))


class RelaxationFile(Section):
    """``[acquisition.relaxation]``: when a cell at rest counts as relaxed; times are the cell's.

    Attributes
    ----------
    slope_max_mv_h
        Largest |dV/dt|.
    window_s
        Over which the mean slope is taken.
    for_s
        For which the slope must have been small; with the window the shortest rest.
    longest_s
        The cell is measured after this time as it is; the document of the measurement says so.
    """

    slope_max_mv_h: PositiveFloat = 5.0
    window_s: Seconds = 300.0
    for_s: Seconds = 60.0
    longest_s: Seconds = 4 * 3600.0

    @model_validator(mode="after")
    def _slope_is_known_in_time(self) -> Self:
        if self.longest_s < self.shortest_s:
            raise ValueError(
                f"longest_s = {self.longest_s:g} s is below window_s + for_s = {self.shortest_s:g} s, so "
                "that no slope would ever be known; wait longer or judge a shorter window"
            )
        return self

    @property
    def shortest_s(self) -> float:
        """Shortest rest."""
        return self.window_s + self.for_s


class AcquisitionSection(Section):
    """``[acquisition]``: the mode, and of step and hold the states.

    Attributes
    ----------
    states
        In the order in which the protocol passes them.
    """

    mode: Mode = "while_cycling"
    states: list[StateFile] = Field(default=[], max_length=1000)
    relaxation: RelaxationFile = RelaxationFile()

    @model_validator(mode="after")
    def _states_belong_to_holds(self) -> Self:
        if self.mode == "step_and_hold" and not self.states:
            raise ValueError('mode = "step_and_hold" needs states = [{ lithium_content = 0.9 }, ...]')
        if self.mode == "while_cycling" and self.model_fields_set & {"states", "relaxation"}:
            raise ValueError('states and relaxation belong to mode = "step_and_hold"; add it, or remove them')
        return self

    @property
    def holds(self) -> bool:
        """Whether the cell is held while it is measured."""
        return self.mode == "step_and_hold"
