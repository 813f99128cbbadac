"""Measurements in an experiment file: what is measured, on which grid, and what sets it off."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from ..plans.latches import OnMiss
from .quantity import Seconds, Volts

Direction = Literal["rising", "falling", "both"]
"""Sense in which a level has to be crossed."""

Per = Literal["arming", "cycle", "half_cycle"]
"""In each of which a rule latches once."""

OPTIONS = ("direction", "hysteresis", "for_s", "dead_band", "once_per", "min_interval_s")
"""Keys of a trigger that are no rule."""


class Section(BaseModel):
    """Part of an experiment file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GridFile(Section):
    """Energies of a spectrum, as regions or as bounds, steps and times; relative to the edge.

    Attributes
    ----------
    regions
        Rows ``[start, stop, step, dwell_s]``; eV from the edge and s, or text such as ``"12k"``.
    bounds, steps, times
        n + 1 bounds (eV from the edge or k), n steps and n dwell times (s).
    """

    regions: list[tuple[float | str, float | str, float | str, float | str]] | None = Field(
        default=None, min_length=1
    )
    bounds: list[float | str] | None = Field(default=None, min_length=2)
    steps: list[float | str] | None = Field(default=None, min_length=1)
    times: list[float | str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_notation(self) -> Self:
        lists = (self.bounds, self.steps, self.times)
        if self.regions is not None and any(part is not None for part in lists):
            raise ValueError("has both notations; keep regions, or bounds with steps and times")
        if self.regions is None and any(part is None for part in lists):
            raise ValueError(
                "needs regions = [[start, stop, step, dwell_s], ...], or bounds, steps and times together"
            )
        return self


class TriggerFile(Section):
    """What sets a measurement off: exactly one rule over the state of the cell.

    Attributes
    ----------
    every_time_s, every_lithium_content, every_state_of_charge, every_voltage_v, every_capacity_mah
        Interval of the quantity.
    at_voltage_v, at_lithium_content, at_state_of_charge, at_capacity_mah
        Levels of the quantity, crossed in `direction`, told apart by `hysteresis` in the quantity's own unit.
    step_start, step_end
        Identity of a protocol step, or ``true`` for every step.
    for_s
        How long a level must stay crossed until it counts.
    dead_band
        How far the quantity must have moved since the last time before the rule is met again.
    once_per
        Latch only once since arming, or once in each cycle or half cycle.
    min_interval_s
        What comes sooner after the last time is left out.
    """

    every_time_s: Seconds | None = None
    every_lithium_content: float | None = Field(default=None, gt=0, lt=1)
    every_state_of_charge: float | None = Field(default=None, gt=0, lt=1)
    every_voltage_v: float | None = Field(default=None, gt=0, lt=5)
    every_capacity_mah: PositiveFloat | None = None
    at_voltage_v: list[Volts] | None = Field(default=None, min_length=1)
    at_lithium_content: list[float] | None = Field(default=None, min_length=1)
    at_state_of_charge: list[float] | None = Field(default=None, min_length=1)
    at_capacity_mah: list[float] | None = Field(default=None, min_length=1)
    step_start: str | Literal[True] | None = None
    step_end: str | Literal[True] | None = None
    direction: Direction = "both"
    hysteresis: float = Field(default=0.0, ge=0)
    for_s: Seconds | None = None
    dead_band: PositiveFloat | None = None
    once_per: Per | None = None
    min_interval_s: Seconds | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = self.rule_keys()
        if len(given) != 1:
            known = ", ".join(key for key in type(self).model_fields if key not in OPTIONS)
            named = " and ".join(given) or "none"
            raise ValueError(f"needs exactly one rule, has {named}; choose one of {known}")
        if not given[0].startswith("at_") and {"direction", "hysteresis", "for_s"} & self.model_fields_set:
            raise ValueError(f"direction, hysteresis and for_s belong to the at_... rules, not to {given[0]}")
        if given[0].startswith("step_") and self.dead_band is not None:
            raise ValueError(f"dead_band belongs to the at_... and every_... rules, not to {given[0]}")
        return self

    def rule_keys(self) -> list[str]:
        """Keys of the rules that are given (one, once validated)."""
        keys = [key for key in type(self).model_fields if key not in OPTIONS]
        return [key for key in keys if getattr(self, key) is not None]

    @property
    def rule_key(self) -> str:
        """Key of the rule, e.g. ``every_lithium_content``."""
        return self.rule_keys()[0]

    @property
    def quantity(self) -> str:
        """Quantity that the rule watches: ``voltage``, ``lithium_content``, ... or ``step``."""
        kind, _, quantity = self.rule_key.partition("_")
        return kind if kind == "step" else quantity.removesuffix("_v").removesuffix("_s").removesuffix("_mah")

    def rule(self) -> str:
        """Write the rule as one line of text for the potentiostat (see the contracts between the rooms)."""
        per = {None: "", "arming": " once"}.get(self.once_per, f" each {self.once_per}")
        return self._condition() + per + _option("min_interval", self.min_interval_s)

    def _condition(self) -> str:
        key = self.rule_key
        value = getattr(self, key)
        if key.startswith("step_"):
            return f"step {key.removeprefix('step_')}" + ("" if value is True else f" {value}")
        band = _option("dead_band", self.dead_band)
        if key.startswith("every_"):
            return f"every {self.quantity} {value:.12g}{band}"
        levels = ",".join(f"{level:.12g}" for level in value)
        lasting = _option("hysteresis", self.hysteresis) + band + _option("for", self.for_s)
        return f"at {self.quantity} {levels} {self.direction}{lasting}"


def _option(name: str, value: float | None) -> str:
    return f" {name} {value:.12g}" if value else ""


class MeasurementFile(Section):
    """``[[measurements]]``: a technique, its grid and its trigger.

    Attributes
    ----------
    trigger
        What sets it off; none in step and hold, where every state does.
    max_blur
        Change of lithium content during one scan that is accepted without a warning.
    max_lateness_s
        Deadline: latest start after the trigger, on the cell's clock.
    on_miss
        What becomes of a request that misses it: measured and entered as late, or skipped; ``"queue"``
        measures every request, oldest first, where else the newest supersedes the older ones.
    priority
        Of several requests the highest is measured first.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
    technique: Literal["xanes"]
    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    grid: GridFile
    trigger: TriggerFile | None = None
    max_blur: float = Field(default=0.02, gt=0, le=1)
    max_lateness_s: Seconds | None = None
    on_miss: OnMiss = "late"
    priority: int = 0

    @model_validator(mode="after")
    def _deadline(self) -> Self:
        if self.on_miss == "skip" and self.max_lateness_s is None:
            raise ValueError('on_miss = "skip" needs a deadline; give max_lateness_s')
        return self


class ReferenceFile(Section):
    """``[[references]]``: a compound of known valence on the sample stage, measured before the cell starts.

    Attributes
    ----------
    valence
        Mean oxidation state of the element in the compound.
    stage_x_mm, stage_y_mm
        Where on the stage it is mounted, mm.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    valence: float = Field(ge=0, le=8)
    stage_x_mm: float
    stage_y_mm: float = 0.0
    grid: GridFile


class CalibrationFile(Section):
    """``[calibration]``: a foil of known edge tells the energy scale before anything else is measured.

    Attributes
    ----------
    tolerance_ev
        How far the edge of the foil may still be from its tabulated energy after the correction, eV.
    stage_x_mm, stage_y_mm
        Where the stage stands meanwhile, mm: beside the cell, which then gets no dose. The place of the cell
        unless given.
    """

    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    tolerance_ev: float = Field(default=0.2, gt=0, le=10)
    stage_x_mm: float | None = None
    stage_y_mm: float | None = None
    grid: GridFile
