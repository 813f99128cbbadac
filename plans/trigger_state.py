"""Conditions beside values crossed: states that hold or do not, the external line, and latches by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..devices.protocol import Limits, Protocol
from .trigger_range import (
    UNITS,
    Quantity,
    check_choice,
    check_not_negative,
    check_quantity,
    check_window,
    longest_s,
    missing_step,
    options,
    reach,
)

Direction = Literal["rising", "falling", "both"]
Side = Literal["above", "below"]
Level = Literal["high", "low"]


class _Unforeseen:
    """A condition that no protocol can rule out: an order, the line or a hand makes it true."""

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Give None, whatever the protocol."""
        del protocol, limits, capacity_mah


@dataclass(frozen=True)
class While:
    """A quantity is at or above (below) a level, until it is back by the hysteresis; for `for_s` at least.

    Alone it latches when it begins to hold. `over_s` is the window of `voltage_rate`.

    Examples
    --------
    >>> While("voltage_rate", "below", 1e-6, for_s=60.0).rule_text
    'voltage_rate below 1e-06 for 60.0'
    """

    quantity: Quantity
    side: Side
    level: float
    hysteresis: float = 0.0
    for_s: float = 0.0
    over_s: float | None = None

    def __post_init__(self) -> None:
        check_quantity("trigger while", self.quantity)
        owner = f"trigger while {self.quantity}"
        check_choice(owner, "side", self.side, get_args(Side))
        if not math.isfinite(self.level):
            raise ValueError(f"{owner}: level {self.level!r} {UNITS[self.quantity]} must be a finite number")
        check_not_negative(owner, hysteresis=self.hysteresis, for_s=self.for_s)
        check_window(owner, self.quantity, self.over_s)

    @property
    def rule_text(self) -> str:
        """The state as the cycler reads it."""
        given = options(hysteresis=self.hysteresis, for_=self.for_s, over=self.over_s)
        return f"{self.quantity} {self.side} {self.level!r}{given}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say that the level is out of reach, or the time too long; None when it can hold."""
        del capacity_mah
        low, high = reach(self.quantity, protocol, limits)
        if self.level > high if self.side == "above" else self.level < low:
            unit = UNITS[self.quantity]
            return (
                f"{self.rule_text!r} never holds: {self.quantity} stays within {low:.6g} to {high:.6g} "
                f"{unit}; move the level"
            )
        return _too_long(self.rule_text, self.for_s, protocol)


@dataclass(frozen=True)
class InStep:
    """A step is carried out, by its id; for `for_s` at least.

    Examples
    --------
    >>> InStep("charge").rule_text
    'in_step charge'
    """

    step_id: str
    for_s: float = 0.0

    def __post_init__(self) -> None:
        check_not_negative("trigger in a step", for_s=self.for_s)

    @property
    def rule_text(self) -> str:
        """The state as the cycler reads it."""
        return f"in_step {self.step_id}{options(for_=self.for_s)}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say that there is no such step; None when there is."""
        del limits, capacity_mah
        return missing_step(self.rule_text, self.step_id, protocol)


@dataclass(frozen=True)
class AtRest(_Unforeseen):
    """The cell was ordered to rest, or its protocol has ended; for `for_s` at least.

    The rests of a protocol are steps (`InStep`).

    Examples
    --------
    >>> AtRest(300.0).rule_text
    'at_rest for 300.0'
    """

    for_s: float = 0.0

    def __post_init__(self) -> None:
        check_not_negative("trigger at rest", for_s=self.for_s)

    @property
    def rule_text(self) -> str:
        """The state as the cycler reads it."""
        return f"at_rest{options(for_=self.for_s)}"


@dataclass(frozen=True)
class InCycle:
    """The cell is in this cycle or half cycle, counted from 0; alone it latches when that begins.

    The one at arming has begun already: alone, number 0 never latches.

    Examples
    --------
    >>> InCycle(3).rule_text, InCycle(5, half=True).rule_text
    ('cycle 3', 'half_cycle 5')
    """

    number: int
    half: bool = False

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"trigger in a cycle: number {self.number} must be 0 or more")

    @property
    def rule_text(self) -> str:
        """The state as the cycler reads it."""
        return f"{self._quantity} {self.number}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say that the protocol has fewer cycles; None when it has enough."""
        del capacity_mah
        _, last = reach(self._quantity, protocol, limits)
        if self.number <= last:
            return None
        return f"{self.rule_text!r} never fires: the last {self._quantity} of this protocol is {last:.0f}"

    @property
    def _quantity(self) -> str:
        return "half_cycle" if self.half else "cycle"


@dataclass(frozen=True)
class Line:
    """The external line is high or low; for `for_s` at least.

    Examples
    --------
    >>> Line("high").rule_text
    'ttl high'
    """

    level: Level
    for_s: float = 0.0

    def __post_init__(self) -> None:
        check_choice("trigger on the line", "level", self.level, get_args(Level))
        check_not_negative("trigger on the line", for_s=self.for_s)

    @property
    def rule_text(self) -> str:
        """The state as the cycler reads it."""
        return f"ttl {self.level}{options(for_=self.for_s)}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say that the time is too long; the line itself is out of the protocol's hands."""
        del limits, capacity_mah
        return _too_long(self.rule_text, self.for_s, protocol)


@dataclass(frozen=True)
class LineChange(_Unforeseen):
    """Whenever the external line goes up, down, or either.

    Examples
    --------
    >>> LineChange("rising").rule_text
    'ttl rising'
    """

    direction: Direction = "rising"

    def __post_init__(self) -> None:
        check_choice("trigger on the line", "direction", self.direction, get_args(Direction))

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        return f"ttl {self.direction}"


@dataclass(frozen=True)
class Manual(_Unforeseen):
    """By hand alone.

    Examples
    --------
    >>> Manual().rule_text
    'manual'
    """

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        return "manual"


def _too_long(rule_text: str, for_s: float, protocol: Protocol) -> str | None:
    longest = longest_s(protocol)
    if for_s <= longest:
        return None
    return f"{rule_text!r} never holds: the protocol ends after {longest:.6g} s; choose a shorter time"
