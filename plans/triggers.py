"""When to measure: rules over the state of the cell, in the cycler's words, checked before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..devices.protocol import ConstantCurrent, ConstantVoltage, Limits, Loop, Protocol, Rest

Quantity = Literal["time", "lithium_content", "state_of_charge", "voltage", "capacity"]
Direction = Literal["rising", "falling", "both"]
Edge = Literal["start", "end"]
UNITS = {"time": "s", "lithium_content": "x", "state_of_charge": "1", "voltage": "V", "capacity": "mA h"}
_CONTENTS = ("lithium_content", "state_of_charge")


@dataclass(frozen=True)
class EveryInterval:
    """Whenever a quantity has moved on by an interval (s, x, 1, V or mA h) since the rule was armed.

    Examples
    --------
    >>> EveryInterval("lithium_content", 0.02).rule_text
    'every lithium_content 0.02'
    """

    quantity: Quantity
    interval: float

    def __post_init__(self) -> None:
        _check_quantity("every", self.quantity)
        if not (math.isfinite(self.interval) and self.interval > 0):
            unit = UNITS[self.quantity]
            raise ValueError(
                f"trigger every {self.quantity}: interval {self.interval!r} {unit} must be positive"
            )

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        return f"every {self.quantity} {self.interval!r}"

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
        widest = _widest(self.quantity, protocol, limits, capacity_mah)
        if self.interval <= widest:
            return None
        unit = UNITS[self.quantity]
        return (
            f"{self.rule_text!r} never fires: {self.quantity} moves by at most {widest:.6g} {unit} in this "
            "protocol; choose a smaller interval"
        )


@dataclass(frozen=True)
class AtLevel:
    """Whenever a quantity crosses one of the levels; with hysteresis a level is ready again once left by it.

    Examples
    --------
    >>> AtLevel("voltage", (3.7, 4.0), "rising", 0.01).rule_text
    'at voltage 3.7,4.0 rising hysteresis 0.01'
    """

    quantity: Quantity
    levels: tuple[float, ...]
    direction: Direction = "both"
    hysteresis: float = 0.0

    def __post_init__(self) -> None:
        _check_quantity("at", self.quantity)
        owner = f"trigger at {self.quantity}"
        if not self.levels or not all(math.isfinite(level) for level in self.levels):
            raise ValueError(f"{owner}: levels {self.levels!r} must be one or more finite numbers")
        if self.direction not in get_args(Direction):
            choices = ", ".join(get_args(Direction))
            raise ValueError(f"{owner}: direction {self.direction!r} is unknown; use one of {choices}")
        if not (math.isfinite(self.hysteresis) and self.hysteresis >= 0):
            raise ValueError(f"{owner}: hysteresis {self.hysteresis!r} must be 0 or positive")

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        levels = ",".join(repr(float(level)) for level in self.levels)
        text = f"at {self.quantity} {levels} {self.direction}"
        return f"{text} hysteresis {float(self.hysteresis)!r}" if self.hysteresis else text

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say which level can never be crossed; None when each can."""
        del capacity_mah
        low, high = _range(self.quantity, protocol, limits)
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
        if self.edge not in get_args(Edge):
            raise ValueError(f"trigger at a step: edge {self.edge!r} is unknown; use start or end")

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        return f"step {self.edge} {self.step_id}" if self.step_id else f"step {self.edge}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say that there is no such step; None when there is."""
        del limits, capacity_mah
        ids = [step.id for step in protocol.steps if not isinstance(step, Loop)]
        if self.step_id is None or self.step_id in ids:
            return None
        known = ", ".join(ids)
        return f"{self.rule_text!r} never fires: there is no step {self.step_id!r}, the steps are {known}"


Trigger = EveryInterval | AtLevel | StepBoundary


def expected_interval_s(trigger: Trigger, current_a: float, capacity_mah: float) -> float | None:
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
    if trigger.quantity == "voltage" or current_a == 0:
        return None
    charge_mah = trigger.interval * (capacity_mah if trigger.quantity in _CONTENTS else 1.0)
    return charge_mah * 3.6 / abs(current_a)


def blur(scan_s: float, current_a: float, capacity_mah: float) -> float:
    """Lithium content that passes during a scan at a constant current, 0..1 per formula unit.

    Examples
    --------
    >>> round(blur(900.0, 0.2e-3, 2.0), 3)
    0.025
    """
    return abs(current_a) * scan_s / 3.6 / capacity_mah


def _check_quantity(kind: str, quantity: str) -> None:
    if quantity not in UNITS:
        raise ValueError(f"trigger {kind}: quantity {quantity!r} is unknown; use one of {', '.join(UNITS)}")


def _widest(quantity: str, protocol: Protocol, limits: Limits, capacity_mah: float | None) -> float:
    if quantity == "time":
        return _longest_s(protocol)
    if quantity == "capacity":
        return 2.0 * limits.capacity_max_mah
    if quantity in _CONTENTS and capacity_mah is not None:
        return min(1.0, 2.0 * limits.capacity_max_mah / capacity_mah)
    low, high = _range(quantity, protocol, limits)
    return high - low


def _range(quantity: str, protocol: Protocol, limits: Limits) -> tuple[float, float]:
    if quantity == "voltage":
        return limits.voltage_min_v, _highest_v(protocol, limits)
    if quantity == "capacity":
        return -limits.capacity_max_mah, limits.capacity_max_mah
    if quantity == "time":
        return 0.0, math.inf
    return 0.0, 1.0


def _highest_v(protocol: Protocol, limits: Limits) -> float:
    # Nothing drives the cell above the ends of its charges and its holds, where each charge has one.
    ends = [step.voltage_v for step in protocol.steps if isinstance(step, ConstantVoltage)]
    for step in protocol.steps:
        if isinstance(step, ConstantCurrent) and step.current_a > 0:
            ends.append(limits.voltage_max_v if step.until_voltage_v is None else step.until_voltage_v)
    return max(ends, default=limits.voltage_max_v)


def _longest_s(protocol: Protocol) -> float:
    # Loops only repeat: with one, or with an end that is no time, the protocol may last as long as it likes.
    total_s = 0.0
    for step in protocol.steps:
        if isinstance(step, Rest):
            total_s += step.duration_s
        elif isinstance(step, ConstantCurrent | ConstantVoltage) and step.until_time_s is not None:
            total_s += step.until_time_s
        else:
            return math.inf
    return total_s
