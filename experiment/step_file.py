"""The steps of a cycling protocol as a scientist writes them."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from .impedance_file import GalvanostaticImpedanceStep, PotentiostaticImpedanceStep
from .quantity import CRate, Seconds, StepId, UntilText, Volts
from .section import Section


class RestStep(Section):
    """No current for a time."""

    technique: Literal["rest"]
    id: StepId | None = None
    until_time_s: Seconds
    until: UntilText | None = None
    tags: list[str] = Field(default=[])


class FlowStep(Section):
    """What a constant current and a constant power have in common: direction and ends."""

    direction: Literal["charge", "discharge"]
    id: StepId | None = None
    until_voltage_v: Volts | None = None
    until_time_s: Seconds | None = None
    until_capacity_mah: float | None = Field(default=None, gt=0)
    until: UntilText | None = None
    tags: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _ends(self) -> Self:
        ends = (self.until_voltage_v, self.until_time_s, self.until_capacity_mah, self.until)
        if all(end is None for end in ends):
            raise ValueError("never ends: give until_voltage_v, until_time_s, until_capacity_mah or until")
        return self

    @property
    def sign(self) -> int:
        """1 on charge, -1 on discharge."""
        return 1 if self.direction == "charge" else -1


class ConstantCurrentStep(FlowStep):
    """Charge or discharge at a constant current until a voltage, time or capacity."""

    technique: Literal["constant_current"]
    current_ma: float | None = Field(default=None, gt=0)
    rate: CRate | None = None

    @model_validator(mode="after")
    def _one_current(self) -> Self:
        if (self.current_ma is None) == (self.rate is None):
            raise ValueError('needs exactly one of current_ma (mA, positive) and rate ("C/2")')
        return self

    def current_a(self, declared_capacity_mah: float | None) -> float:
        """Give the current in A, positive on charge; a rate needs the declared capacity (mA h)."""
        current_ma = self.current_ma
        if self.rate is not None:
            if declared_capacity_mah is None:
                raise ValueError("a C-rate needs cell.declared_capacity_mah")
            current_ma = self.rate * declared_capacity_mah
        assert current_ma is not None
        return self.sign * current_ma * 1e-3


class ConstantVoltageStep(Section):
    """Hold a voltage until the current has decayed or a time has passed."""

    technique: Literal["constant_voltage"]
    voltage_v: Volts
    id: StepId | None = None
    until_current_ma: float | None = Field(default=None, gt=0)
    until_rate: CRate | None = None
    until_time_s: Seconds | None = None
    until: UntilText | None = None
    tags: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.until_current_ma is not None and self.until_rate is not None:
            raise ValueError('needs at most one of until_current_ma (mA) and until_rate ("C/50")')
        ends = (self.until_current_ma, self.until_rate, self.until_time_s, self.until)
        if all(end is None for end in ends):
            raise ValueError("never ends: give until_current_ma, until_rate, until_time_s or until")
        return self

    def until_current_a(self, declared_capacity_mah: float | None) -> float | None:
        """Magnitude of the current that ends the step, A."""
        if self.until_rate is None:
            return None if self.until_current_ma is None else self.until_current_ma * 1e-3
        if declared_capacity_mah is None:
            raise ValueError("a C-rate needs cell.declared_capacity_mah")
        return self.until_rate * declared_capacity_mah * 1e-3


class ConstantPowerStep(FlowStep):
    """Charge or discharge at a constant power until a voltage, time or capacity."""

    technique: Literal["constant_power"]
    power_mw: float = Field(gt=0)

    @property
    def power_w(self) -> float:
        """Power in W, positive on charge."""
        return self.sign * self.power_mw * 1e-3


class VoltageRampStep(Section):
    """Move the voltage at a rate: linear sweep, and with a loop cyclic voltammetry."""

    technique: Literal["voltage_ramp"]
    to_voltage_v: Volts
    scan_rate_mv_s: float = Field(gt=0, le=1e5)
    from_voltage_v: Volts | None = None
    id: StepId | None = None
    until: UntilText | None = None
    tags: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.from_voltage_v == self.to_voltage_v:
            raise ValueError("from_voltage_v and to_voltage_v are the same; use constant_voltage")
        return self


class WaitForTriggerStep(Section):
    """Wait for a trigger of the beamline, at most for a time."""

    technique: Literal["wait_for_trigger"]
    timeout_s: Seconds
    waiting: Literal["rest", "hold_voltage", "hold_current"] = "rest"
    on_timeout: Literal["continue", "stop"] = "continue"
    id: StepId | None = None
    tags: list[str] = Field(default=[])


class TriggerOutStep(Section):
    """Give a trigger to the beamline."""

    technique: Literal["trigger_out"]
    id: StepId | None = None
    tags: list[str] = Field(default=[])


class LoopStep(Section):
    """Go back to an earlier step a number of times."""

    technique: Literal["loop"]
    to_step: str
    repeat: PositiveInt
    id: StepId | None = None
    tags: list[str] = Field(default=[])


Step = Annotated[
    RestStep
    | ConstantCurrentStep
    | ConstantVoltageStep
    | ConstantPowerStep
    | VoltageRampStep
    | PotentiostaticImpedanceStep
    | GalvanostaticImpedanceStep
    | WaitForTriggerStep
    | TriggerOutStep
    | LoopStep,
    Field(discriminator="technique"),
]
