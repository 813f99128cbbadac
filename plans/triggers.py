"""When to measure: rules over the state of the cell, in the cycler's words, checked before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..devices.protocol import Limits, Protocol
from .trigger_feature import FeatureApproach, FeatureConfirmed, Way
from .trigger_range import (
    CONTENTS,
    UNITS,
    Condition,
    Quantity,
    check_choice,
    check_not_negative,
    check_quantity,
    check_window,
    missing_step,
    options,
    reach,
    ways,
    widest,
)
from .trigger_state import AtRest, Direction, InCycle, InStep, Level, Line, LineChange, Manual, Side, While
from .trigger_union import AllOf, AnyOf, Thinned

__all__ = [
    "UNITS",
    "AllOf",
    "AnyOf",
    "AtLevel",
    "AtRest",
    "Condition",
    "Direction",
    "Edge",
    "EveryInterval",
    "FeatureApproach",
    "FeatureConfirmed",
    "InCycle",
    "InStep",
    "Level",
    "Line",
    "LineChange",
    "Manual",
    "Quantity",
    "Side",
    "StepBoundary",
    "Thinned",
    "Trigger",
    "Way",
    "While",
    "blur",
    "expected_interval_s",
]

Edge = Literal["start", "end"]
#: Whether charge lets a quantity rise (1) or fall.
CONTENT_WAYS = {"lithium_content": -1, "state_of_charge": 1, "capacity": 1}


@dataclass(frozen=True)
class EveryInterval:
    """Whenever a quantity has moved on by an interval (in its unit, see `UNITS`) since the rule was armed.

    `protocol_time` and `step_time` are counted from the start of protocol and step. After a latch the rule
    sleeps until the quantity has moved by `dead_band`; `over_s` is the window of `voltage_rate`.

    Examples
    --------
    >>> EveryInterval("lithium_content", 0.02).rule_text
    'every lithium_content 0.02'
    """

    quantity: Quantity
    interval: float
    dead_band: float = 0.0
    over_s: float | None = None

    def __post_init__(self) -> None:
        check_quantity("trigger every", self.quantity)
        owner = f"trigger every {self.quantity}"
        if not (math.isfinite(self.interval) and self.interval > 0):
            raise ValueError(f"{owner}: interval {self.interval!r} {UNITS[self.quantity]} must be positive")
        check_not_negative(owner, dead_band=self.dead_band)
        check_window(owner, self.quantity, self.over_s)

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        given = options(dead_band=self.dead_band, over=self.over_s)
        return f"every {self.quantity} {self.interval!r}{given}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say why the rule can never be met; None when it can.

        Parameters
        ----------
        protocol, limits
            What the cell will go through.
        capacity_mah
            Theoretical capacity of the cell, mA h; without it content is judged by its range of 0..1 alone.
        """
        most = widest(self.quantity, protocol, limits, capacity_mah)
        if self.interval <= most:
            return None
        unit = UNITS[self.quantity]
        return (
            f"{self.rule_text!r} never fires: {self.quantity} moves by at most {most:.6g} {unit} in this "
            "protocol; choose a smaller interval"
        )


@dataclass(frozen=True)
class AtLevel:
    """Whenever a quantity crosses one of the levels; with hysteresis a level is ready again once left by it.

    With `for_s` a crossing latches once it has lasted for so long; after a latch the rule sleeps until the
    quantity has moved by `dead_band`; `over_s` is the window of `voltage_rate`.

    Examples
    --------
    >>> AtLevel("voltage", (3.7, 4.0), "rising", 0.01).rule_text
    'at voltage 3.7,4.0 rising hysteresis 0.01'
    """

    quantity: Quantity
    levels: tuple[float, ...]
    direction: Direction = "both"
    hysteresis: float = 0.0
    dead_band: float = 0.0
    for_s: float = 0.0
    over_s: float | None = None

    def __post_init__(self) -> None:
        check_quantity("trigger at", self.quantity)
        owner = f"trigger at {self.quantity}"
        if not self.levels or not all(math.isfinite(level) for level in self.levels):
            raise ValueError(f"{owner}: levels {self.levels!r} must be one or more finite numbers")
        check_choice(owner, "direction", self.direction, get_args(Direction))
        check_not_negative(owner, hysteresis=self.hysteresis, dead_band=self.dead_band, for_s=self.for_s)
        check_window(owner, self.quantity, self.over_s)

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        levels = ",".join(repr(float(level)) for level in self.levels)
        given = options(
            hysteresis=self.hysteresis, dead_band=self.dead_band, for_=self.for_s, over=self.over_s
        )
        return f"at {self.quantity} {levels} {self.direction}{given}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say which level can never be crossed; None when each can."""
        del capacity_mah
        way = CONTENT_WAYS.get(self.quantity, 0) * {"rising": 1, "falling": -1, "both": 0}[self.direction]
        if way and way not in ways(protocol):
            step = "charges" if way > 0 else "discharges"
            return f"{self.rule_text!r} never fires: no step of the protocol {step} the cell"
        low, high = reach(self.quantity, protocol, limits)
        lost = [level for level in self.levels if not low <= level <= high]
        if not lost:
            return None
        unit = UNITS[self.quantity]
        return (
            f"{self.rule_text!r}: level {lost[0]:.6g} {unit} is never crossed, {self.quantity} stays within "
            f"{low:.6g} to {high:.6g} {unit}; move the level or the ends of the steps"
        )


@dataclass(frozen=True)
class StepBoundary:
    """At the start or the end of steps: of all of them, or of one by its id.

    Examples
    --------
    >>> StepBoundary("end", "charge").rule_text
    'step end charge'
    """

    edge: Edge
    step_id: str | None = None

    def __post_init__(self) -> None:
        check_choice("trigger at a step", "edge", self.edge, get_args(Edge))

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        return f"step {self.edge} {self.step_id}" if self.step_id else f"step {self.edge}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say that there is no such step; None when there is."""
        del limits, capacity_mah
        return missing_step(self.rule_text, self.step_id, protocol) if self.step_id else None


Trigger = (
    EveryInterval
    | AtLevel
    | StepBoundary
    | FeatureConfirmed
    | FeatureApproach
    | LineChange
    | Manual
    | AllOf
    | AnyOf
    | Thinned
)


def expected_interval_s(trigger: Condition, current_a: float, capacity_mah: float) -> float | None:
    """Time between two firings at a constant current, s.

    Parameters
    ----------
    trigger
        The rule.
    current_a
        Current of the step, A; its sign does not matter.
    capacity_mah
        Theoretical capacity of the cell, mA h.

    Returns
    -------
    float or None
        None where the current alone does not tell: levels, step boundaries, intervals of voltage, no current.

    Examples
    --------
    >>> round(expected_interval_s(EveryInterval("lithium_content", 0.02), 1e-3, 2.0))
    144
    """
    if not isinstance(trigger, EveryInterval):
        return None
    if trigger.quantity == "time":
        return trigger.interval
    if trigger.quantity not in (*CONTENTS, "capacity") or current_a == 0:
        return None
    charge_mah = trigger.interval * (capacity_mah if trigger.quantity in CONTENTS else 1.0)
    return charge_mah * 3.6 / abs(current_a)


def blur(scan_s: float, current_a: float, capacity_mah: float) -> float:
    """Lithium content that passes during a scan at a constant current, 0..1 per formula unit.

    Examples
    --------
    >>> round(blur(900.0, 0.2e-3, 2.0), 3)
    0.025
    """
    return abs(current_a) * scan_s / 3.6 / capacity_mah
