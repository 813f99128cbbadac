"""The trigger of a measurement in an experiment file: a rule over the state of the cell."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PrivateAttr, model_validator

from ..plans.trigger_text import trigger_from_text
from ..plans.trigger_union import AllOf, State
from ..plans.triggers import Trigger
from .onset_file import GATES, OnsetFile, check_gates
from .quantity import Seconds, Volts
from .section import Section

Direction = Literal["rising", "falling", "both"]
"""Sense in which a level has to be crossed."""

Per = Literal["arming", "cycle", "half_cycle"]
"""In each of which a rule latches once."""

OPTIONS = (
    "direction",
    "hysteresis",
    "for_s",
    "dead_band",
    "margin_v",
    "only_while",
    "once_per",
    "min_interval_s",
    *GATES,
)
"""Keys of a trigger that are no rule."""

QUANTITIES: dict[str, tuple[str, float]] = {
    "time_s": ("time", 1.0),
    "protocol_time_s": ("protocol_time", 1.0),
    "step_time_s": ("step_time", 1.0),
    "lithium_content": ("lithium_content", 1.0),
    "state_of_charge": ("state_of_charge", 1.0),
    "voltage_v": ("voltage", 1.0),
    "current_ma": ("current", 1e-3),
    "capacity_mah": ("capacity", 1.0),
    "voltage_rate_mv_h": ("voltage_rate", 1e-3 / 3600.0),
}
"""Quantity of a key after its first word, and what its unit is in that of the cycler."""

WAYS = {"rising": " charging", "falling": " discharging", "both": ""}


class ReferenceCurve(Section):
    """Where maxima of |dQ/dV| are expected: those of a half cycle that a cycler recorded before.

    Attributes
    ----------
    file
        Of any cycler that is read, relative to the experiment file.
    half_cycle
        Which one, 1 the first; the last of the trigger's direction unless given.
    """

    file: str
    half_cycle: int | None = Field(default=None, ge=1)
    _voltages_v: tuple[float, ...] = PrivateAttr(default=())

    @property
    def voltages_v(self) -> tuple[float, ...]:
        """Where the maxima are, V; none before `found_at`."""
        return self._voltages_v

    def found_at(self, voltages_v: Sequence[float]) -> Self:
        """Copy that knows where the maxima are, V."""
        found = self.model_copy()
        found._voltages_v = tuple(voltages_v)  # noqa: SLF001  its own
        return found


def rule_text(value: str) -> str:
    """Refuse a rule that is not understood; the grammar is that of the cycler.

    Raises
    ------
    ValueError
        Naming the word.

    Examples
    --------
    >>> rule_text("at voltage 3.7 rising  and in_step charge for 60")
    'at voltage 3.7 rising and in_step charge for 60'
    """
    trigger_from_text(value)
    return " ".join(value.split())


def state_text(value: str) -> str:
    """Refuse what is no state, or several joined by or.

    Raises
    ------
    ValueError
        Saying what would be one.

    Examples
    --------
    >>> state_text("in_step charge")
    'in_step charge'
    """
    condition = trigger_from_text(value)
    parts = condition.conditions if isinstance(condition, AllOf) else (condition,)
    if not all(isinstance(part, State) for part in parts):
        raise ValueError(
            f'{value!r} is no state that holds or does not; write one such as "in_step charge", '
            '"voltage above 3.7", "cycle 2" or "ttl high", and what happens at an instant as the rule'
        )
    return " ".join(value.split())


RuleText = Annotated[str, AfterValidator(rule_text)]
"""A whole rule, as the cycler reads it."""

StateText = Annotated[str, AfterValidator(state_text)]
"""A state of the cell, as the cycler reads it."""


class TriggerFile(Section):
    """What sets a measurement off: exactly one rule over the state of the cell.

    Attributes
    ----------
    every_...
        Interval of the quantity.
    at_...
        Levels of the quantity, crossed in `direction`, told apart by `hysteresis` in the key's own unit.
    step_start, step_end
        Identity of a protocol step, or ``true`` for every step.
    dqdv_confirmed, dqdv_approach_v
        A feature of |dQ/dV|: once it has been passed, or `margin_v` before it is expected.
    ttl, manual
        External line, and by hand alone (``operando trigger``).
    onset_confirmed
        Onset of a phase that live diffraction finds, once; its name, or a table with what confirms it.
    when
        Any rule, in the words of the cycler.
    only_while
        States that must hold when the rule is met.
    for_s
        How long a level must stay crossed until it counts.
    dead_band
        How far the quantity must have moved since the last time before the rule is met again.
    once_per
        Latch only once since arming, or once in each cycle or half cycle.
    min_interval_s
        What comes sooner after the last time is left out.
    after_onset, until_onset
        The rule is watched from the onset of a phase on, or until then.
    """

    every_time_s: Seconds | None = None
    every_protocol_time_s: Seconds | None = None
    every_step_time_s: Seconds | None = None
    every_lithium_content: float | None = Field(default=None, gt=0, lt=1)
    every_state_of_charge: float | None = Field(default=None, gt=0, lt=1)
    every_voltage_v: float | None = Field(default=None, gt=0, lt=5)
    every_capacity_mah: PositiveFloat | None = None
    at_protocol_time_s: list[Seconds] | None = Field(default=None, min_length=1)
    at_step_time_s: list[Seconds] | None = Field(default=None, min_length=1)
    at_voltage_v: list[Volts] | None = Field(default=None, min_length=1)
    at_lithium_content: list[float] | None = Field(default=None, min_length=1)
    at_state_of_charge: list[float] | None = Field(default=None, min_length=1)
    at_current_ma: list[float] | None = Field(default=None, min_length=1)
    at_capacity_mah: list[float] | None = Field(default=None, min_length=1)
    at_voltage_rate_mv_h: list[PositiveFloat] | None = Field(default=None, min_length=1)
    step_start: str | Literal[True] | None = None
    step_end: str | Literal[True] | None = None
    dqdv_confirmed: Literal[True] | None = None
    dqdv_approach_v: list[Volts] | Literal["last"] | ReferenceCurve | None = None
    ttl: Direction | None = None
    manual: Literal[True] | None = None
    onset_confirmed: OnsetFile | None = None
    when: RuleText | None = None
    direction: Direction = "both"
    hysteresis: float = Field(default=0.0, ge=0)
    for_s: Seconds | None = None
    dead_band: PositiveFloat | None = None
    margin_v: float = Field(default=0.02, gt=0, lt=1)
    only_while: list[StateText] = Field(default=[])
    once_per: Per | None = None
    min_interval_s: Seconds | None = None
    after_onset: OnsetFile | None = None
    until_onset: OnsetFile | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = self.rule_keys()
        if len(given) != 1:
            known = ", ".join(key for key in type(self).model_fields if key not in OPTIONS)
            named = " and ".join(given) or "none"
            raise ValueError(f"needs exactly one rule, has {named}; choose one of {known}")
        self._check_options(given[0])
        if self.reference_curve is None:
            trigger_from_text(self.rule())
        elif self.direction == "both":
            raise ValueError(
                "dqdv_approach_v of a file needs its direction: charge and discharge have their maxima at "
                "different voltages; write direction rising or falling"
            )
        return self

    @property
    def reference_curve(self) -> ReferenceCurve | None:
        """The record in which features are looked for, if it is one."""
        return self.dqdv_approach_v if isinstance(self.dqdv_approach_v, ReferenceCurve) else None

    def _check_options(self, key: str) -> None:
        check_gates(self)
        kind, options = key.partition("_")[0], self.model_fields_set & (set(OPTIONS) - set(GATES))
        if key == "when" and options:
            raise ValueError(f"{', '.join(sorted(options))} beside when: write all of it into when")
        lasting = {"hysteresis", "for_s"} & options and kind != "at"
        if lasting or ("direction" in options and kind not in ("at", "dqdv")):
            raise ValueError(f"direction, hysteresis and for_s belong to the at_... rules, not to {key}")
        if kind not in ("at", "every") and "dead_band" in options:
            raise ValueError(f"dead_band belongs to the at_... and every_... rules, not to {key}")
        if key != "dqdv_approach_v" and "margin_v" in options:
            raise ValueError(f"margin_v belongs to dqdv_approach_v, not to {key}")

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
        """Quantity that an `every_` or `at_` rule watches, ``voltage``; of others their kind, ``step``."""
        kind, _, named = self.rule_key.partition("_")
        return QUANTITIES[named][0] if kind in ("every", "at") else kind

    @property
    def trigger(self) -> Trigger:
        """The rule as the plans know it."""
        return trigger_from_text(self.rule())

    def rule(self) -> str:
        """Write the rule as one line of text for the potentiostat (see the contracts between the rooms)."""
        per = {None: "", "arming": " once"}.get(self.once_per, f" each {self.once_per}")
        conditions = " and ".join([self._condition(), *self.only_while])
        return conditions + per + _option("min_interval", self.min_interval_s)

    def _condition(self) -> str:
        kind, _, named = self.rule_key.partition("_")
        value = getattr(self, self.rule_key)
        if kind in ("every", "at"):
            return self._on_quantity(kind, *QUANTITIES[named])
        match kind:
            case "step":
                return f"step {named}" + ("" if value is True else f" {value}")
            case "dqdv":
                return self._feature()
            case "ttl":
                return f"ttl {value}"
            case "manual" | "onset":
                return "manual"
            case _:
                return str(value)

    def _on_quantity(self, kind: str, quantity: str, unit: float) -> str:
        value = getattr(self, self.rule_key)
        band = _option("dead_band", self.dead_band, unit)
        if kind == "every":
            return f"every {quantity} {value:.12g}{band}"
        levels = ",".join(f"{level * unit:.12g}" for level in value)
        lasting = _option("hysteresis", self.hysteresis, unit) + band + _option("for", self.for_s)
        return f"at {quantity} {levels} {self.direction}{lasting}"

    def _feature(self) -> str:
        if self.dqdv_approach_v is None:
            return f"dqdv confirmed{WAYS[self.direction]}"
        curve = self.reference_curve
        expected = self.dqdv_approach_v if curve is None else curve.voltages_v
        voltages = expected if isinstance(expected, str) else ",".join(f"{one:.12g}" for one in expected)
        return f"dqdv approach {voltages}{WAYS[self.direction]} margin {self.margin_v:.12g}"


def _option(name: str, value: float | None, unit: float = 1.0) -> str:
    return f" {name} {value * unit:.12g}" if value else ""
