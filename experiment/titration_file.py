"""Titrations and voltammograms as a scientist writes them: one step of the file, several of the cycler."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from ..devices.titration import pitt
from .quantity import CRate, Seconds, StepId, UntilText, Volts
from .section import Section
from .step_file import ConstantCurrentStep, ConstantVoltageStep, LoopStep, RestStep, Step, VoltageRampStep

V_S_PER_MV_H = 1e-3 / 3600.0
V_PER_MV = 1e-3

LONGEST_PREFIX = 32
"""Characters of an id to which the names of its steps are added."""


def prefix_id(value: str) -> str:
    """Refuse an id that is too long with the names of the steps after it.

    Raises
    ------
    ValueError
        With more than `LONGEST_PREFIX` characters.
    """
    if len(value) > LONGEST_PREFIX:
        raise ValueError(f"{value!r} is no id of several steps; use at most {LONGEST_PREFIX} characters")
    return value


PrefixId = Annotated[StepId, AfterValidator(prefix_id)]
"""With which the ids of several steps begin."""


class GittStep(Section):
    """Galvanostatic intermittent titration: a pulse of current and a rest, again and again.

    Attributes
    ----------
    pulse_s, rest_s
        Times of pulse and rest; the longest one for the rest if `relaxed_mv_h` is given.
    relaxed_mv_h
        A rest also ends once the voltage moves more slowly than this.
    until_voltage_v, until
        Further ends of each pulse.
    """

    technique: Literal["gitt"]
    direction: Literal["charge", "discharge"]
    pulse_s: Seconds
    rest_s: Seconds
    pulses: PositiveInt
    id: PrefixId | None = None
    current_ma: float | None = Field(default=None, gt=0)
    rate: CRate | None = None
    until_voltage_v: Volts | None = None
    relaxed_mv_h: PositiveFloat | None = None
    until: UntilText | None = None
    tags: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _one_current(self) -> Self:
        if (self.current_ma is None) == (self.rate is None):
            raise ValueError('needs exactly one of current_ma (mA, positive) and rate ("C/20")')
        return self

    def written_out(self, prefix: str) -> list[Step]:
        """Pulse, rest and loop, as `operando.devices.titration.gitt` has them."""
        relaxed = self.relaxed_mv_h
        slow = None if relaxed is None else f"voltage_rate below {relaxed * V_S_PER_MV_H!r}"
        pulse = ConstantCurrentStep.model_validate(
            {
                "technique": "constant_current",
                "id": f"{prefix}-pulse",
                "direction": self.direction,
                "current_ma": self.current_ma,
                "rate": _spelled(self.rate),
                "until_voltage_v": self.until_voltage_v,
                "until_time_s": self.pulse_s,
                "until": self.until,
                "tags": self.tags,
            }
        )
        rest = RestStep(
            technique="rest", id=f"{prefix}-rest", until_time_s=self.rest_s, until=slow, tags=self.tags
        )
        return [pulse, rest, *_again(prefix, f"{prefix}-pulse", self.pulses, self.tags)]


class PittStep(Section):
    """Potentiostatic intermittent titration: a stair of voltages, each held until the current has decayed.

    Attributes
    ----------
    from_voltage_v, to_voltage_v
        First and last voltage.
    stair_mv
        Height of a stair, without sign; the last may be lower.
    """

    technique: Literal["pitt"]
    from_voltage_v: Volts
    to_voltage_v: Volts
    stair_mv: float = Field(gt=0, le=1000)
    id: PrefixId | None = None
    until_current_ma: float | None = Field(default=None, gt=0)
    until_rate: CRate | None = None
    until_time_s: Seconds | None = None
    tags: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _ends_and_stairs(self) -> Self:
        if self.until_current_ma is not None and self.until_rate is not None:
            raise ValueError('needs at most one of until_current_ma (mA) and until_rate ("C/50")')
        if self.until_current_ma is None and self.until_rate is None and self.until_time_s is None:
            raise ValueError("never ends: give until_current_ma, until_rate or until_time_s")
        self.written_out("pitt")
        return self

    def written_out(self, prefix: str) -> list[Step]:
        """One hold for each stair, as `operando.devices.titration.pitt` has them."""
        stairs = pitt(
            self.from_voltage_v,
            self.to_voltage_v,
            self.stair_mv * V_PER_MV,
            until_time_s=self.until_time_s or 1.0,
            id_prefix=prefix,
        )
        ends = {
            "until_current_ma": self.until_current_ma,
            "until_rate": _spelled(self.until_rate),
            "until_time_s": self.until_time_s,
        }
        held = {"technique": "constant_voltage", "tags": self.tags, **ends}
        return [
            ConstantVoltageStep.model_validate({"id": stair.id, "voltage_v": stair.voltage_v, **held})
            for stair in stairs
        ]


class CyclicVoltammetryStep(Section):
    """Cyclic voltammetry: sweeps to the first vertex, to the second, and again."""

    technique: Literal["cyclic_voltammetry"]
    first_voltage_v: Volts
    second_voltage_v: Volts
    scan_rate_mv_s: float = Field(gt=0, le=1e5)
    cycles: PositiveInt = 1
    id: PrefixId | None = None
    tags: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.first_voltage_v == self.second_voltage_v:
            raise ValueError("first_voltage_v and second_voltage_v are the same; use constant_voltage")
        return self

    def written_out(self, prefix: str) -> list[Step]:
        """Sweeps and loop, as `operando.devices.sweep.cyclic_voltammetry` has them."""
        ramps: list[Step] = [
            VoltageRampStep(
                technique="voltage_ramp",
                id=f"{prefix}-{name}",
                to_voltage_v=vertex_v,
                scan_rate_mv_s=self.scan_rate_mv_s,
                tags=self.tags,
            )
            for name, vertex_v in (("first", self.first_voltage_v), ("second", self.second_voltage_v))
        ]
        return [*ramps, *_again(prefix, f"{prefix}-first", self.cycles, self.tags)]


Several = GittStep | PittStep | CyclicVoltammetryStep
"""What is several steps of the cycler."""

WrittenStep = Annotated[Step | Several, Field(discriminator="technique")]
"""What may stand in ``[[protocol.steps]]``."""


def written_out(steps: Iterable[Step | Several]) -> list[tuple[int, Step]]:
    """List the steps of the cycler, each with the position of the step in the file that it comes from.

    A loop that goes back to a titration by its id goes back to the first of its steps.
    """
    flat: list[tuple[int, Step]] = []
    firsts: dict[str, str] = {}
    for position, step in enumerate(steps):
        if isinstance(step, Several):
            prefix = step.id or f"{position}_{step.technique}"
            parts = step.written_out(prefix)
            firsts[prefix] = parts[0].id or ""
            flat += [(position, part) for part in parts]
        elif isinstance(step, LoopStep):
            target = firsts.get(step.to_step, step.to_step)
            flat.append((position, step.model_copy(update={"to_step": target})))
        else:
            flat.append((position, step))
    return flat


def _again(prefix: str, to_step: str, times: int, tags: Sequence[str]) -> list[Step]:
    if times == 1:
        return []
    again = LoopStep(
        technique="loop", id=f"{prefix}-again", to_step=to_step, repeat=times - 1, tags=list(tags)
    )
    return [again]


def _spelled(rate: float | None) -> str | None:
    # A C-rate is validated from text alone.
    return None if rate is None else f"{rate!r}C"
