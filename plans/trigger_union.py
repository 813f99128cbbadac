"""Triggers of several conditions: all of them, any of them, and how often they may latch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..devices.protocol import Limits, Protocol
from .trigger_range import Condition
from .trigger_state import AtRest, InCycle, InStep, Line, While

State = While | InStep | AtRest | InCycle | Line


@dataclass(frozen=True)
class _Conditions:
    conditions: tuple[Condition, ...]

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say which condition can never be met, the others notwithstanding; None when each can."""
        reasons = (one.can_fire(protocol, limits, capacity_mah=capacity_mah) for one in self.conditions)
        return next((reason for reason in reasons if reason), None)


@dataclass(frozen=True)
class AllOf(_Conditions):
    """An event while states hold, or the instant at which several states begin to hold together.

    Examples
    --------
    >>> AllOf((While("voltage", "above", 4.0), While("current", "above", 0.0))).rule_text
    'voltage above 4.0 and current above 0.0'
    """

    def __post_init__(self) -> None:
        nested = [one for one in self.conditions if isinstance(one, AnyOf | Thinned)]
        events = [one for one in self.conditions if not isinstance(one, State)]
        if nested:
            raise ValueError(f"trigger all of: {nested[0].rule_text!r} cannot be a part; join those by AnyOf")
        if len(self.conditions) < 2 or len(events) > 1:
            texts = ", ".join(repr(one.rule_text) for one in self.conditions)
            raise ValueError(
                f"trigger all of: {texts} must be two or more conditions, all but one of them states"
                " (While, InStep, AtRest, InCycle, Line), since two events do not meet at one instant"
            )

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        return " and ".join(one.rule_text for one in self.conditions)


@dataclass(frozen=True)
class AnyOf(_Conditions):
    """Each of several conditions latches by itself; those of one instant are one latch.

    Examples
    --------
    >>> AnyOf((InCycle(3), Line("high"))).rule_text
    'cycle 3 or ttl high'
    """

    def __post_init__(self) -> None:
        if len(self.conditions) < 2 or any(isinstance(one, AnyOf | Thinned) for one in self.conditions):
            texts = ", ".join(repr(one.rule_text) for one in self.conditions)
            raise ValueError(f"trigger any of: {texts} must be two or more, none of them AnyOf or Thinned")

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        return " or ".join(one.rule_text for one in self.conditions)


@dataclass(frozen=True)
class Thinned:
    """A trigger that latches only once since arming, once in each cycle, or not sooner than a time.

    Examples
    --------
    >>> Thinned(While("voltage", "above", 4.0), per="cycle", min_interval_s=60.0).rule_text
    'voltage above 4.0 each cycle min_interval 60.0'
    """

    trigger: Condition
    per: Literal["arming", "cycle", "half_cycle"] | None = None
    min_interval_s: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.trigger, Thinned):
            raise ValueError(
                f"trigger {self.trigger.rule_text!r} is thinned already; give both bounds at once"
            )
        if self.per not in (None, "arming", "cycle", "half_cycle"):
            raise ValueError(f"trigger per {self.per!r} is unknown; use arming, cycle or half_cycle")
        if not (math.isfinite(self.min_interval_s) and self.min_interval_s >= 0):
            raise ValueError(f"trigger: min_interval_s {self.min_interval_s!r} s must be 0 or positive")

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        per = {None: "", "arming": " once"}.get(self.per, f" each {self.per}")
        least = f" min_interval {float(self.min_interval_s)!r}" if self.min_interval_s else ""
        return f"{self.trigger.rule_text}{per}{least}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say why the trigger can never be met; None when it can."""
        return self.trigger.can_fire(protocol, limits, capacity_mah=capacity_mah)
