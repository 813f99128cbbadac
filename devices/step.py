"""The steps of a cycling protocol that hold current, voltage or power, or none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .c_rate import current_from_c_rate
from .cut_off import AnyOf, CutOff, Until
from .refusal import check_finite, check_positive, refuse

__all__ = [
    "ConstantCurrent",
    "ConstantPower",
    "ConstantVoltage",
    "Loop",
    "Rest",
    "check_finite",
    "check_positive",
    "current_from_c_rate",
    "refuse",
]


@dataclass(frozen=True)
class Rest:
    """Open circuit for a time (s), or until an end is reached before."""

    duration_s: float
    id: str = ""
    until: Until | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_positive(f"step {self.id or 'rest'!r}", "duration_s", self.duration_s, "s")

    @property
    def longest_s(self) -> float:
        """Longest time the step can take, s."""
        return self.duration_s

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V; nowhere at open circuit."""
        del limit_v
        return -math.inf


class _Driven:
    """What steps at constant current and at constant power share: a sign, and the ends of a drive."""

    until_voltage_v: float | None
    until_time_s: float | None
    until_capacity_mah: float | None
    id: str
    until: Until | None
    _drive: ClassVar[tuple[str, str, str]]
    """What is held: field, unit, and in words."""

    def __post_init__(self) -> None:
        field, unit, what = self._drive
        owner, level = f"step {self.id or what!r}", getattr(self, field)
        if not math.isfinite(level) or level == 0:
            raise refuse(owner, field, level, f"give {unit}, positive to charge; for none use Rest")
        check_finite(owner, "until_voltage_v", self.until_voltage_v, "V")
        check_positive(owner, "until_time_s", self.until_time_s, "s")
        check_positive(owner, "until_capacity_mah", self.until_capacity_mah, "mA h")
        ends = (self.until_voltage_v, self.until_time_s, self.until_capacity_mah, self.until)
        if all(end is None for end in ends):
            raise ValueError(
                f"{owner} never ends: give until_voltage_v (V), until_time_s (s), until_capacity_mah (mA h) "
                "or until"
            )

    @property
    def longest_s(self) -> float:
        """Longest time the step can take, s; infinite where no time ends it."""
        return longest_s(self.until_time_s, self.until)

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V, under a limit (V)."""
        if getattr(self, self._drive[0]) < 0:
            return -math.inf
        leaves = sufficient(self.until)
        ends = [leaf.level for leaf in leaves if (leaf.quantity, leaf.side) == ("voltage", "above")]
        return min([*ends, limit_v if self.until_voltage_v is None else self.until_voltage_v])


@dataclass(frozen=True)
class ConstantCurrent(_Driven):
    """A constant current (A, positive charges) until the first of its ends is reached.

    `until_voltage_v` is an upper end for a charge and a lower one for a discharge; `until_capacity_mah`
    counts the charge passed in this step, without sign.
    """

    current_a: float
    until_voltage_v: float | None = None
    until_time_s: float | None = None
    until_capacity_mah: float | None = None
    id: str = ""
    until: Until | None = None
    tags: tuple[str, ...] = ()
    _drive = "current_a", "A", "constant current"


@dataclass(frozen=True)
class ConstantPower(_Driven):
    """A constant power (W, positive charges) until the first of its ends is reached.

    The ends are those of `ConstantCurrent`.
    """

    power_w: float
    until_voltage_v: float | None = None
    until_time_s: float | None = None
    until_capacity_mah: float | None = None
    id: str = ""
    until: Until | None = None
    tags: tuple[str, ...] = ()
    _drive = "power_w", "W", "constant power"


@dataclass(frozen=True)
class ConstantVoltage:
    """A constant voltage (V) for a time (s), or until the current falls to `until_current_a` (A, no sign)."""

    voltage_v: float
    until_current_a: float | None = None
    until_time_s: float | None = None
    id: str = ""
    until: Until | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = f"step {self.id or 'constant voltage'!r}"
        check_finite(owner, "voltage_v", self.voltage_v, "V")
        check_positive(owner, "until_current_a", self.until_current_a, "A")
        check_positive(owner, "until_time_s", self.until_time_s, "s")
        if self.until_current_a is None and self.until_time_s is None and self.until is None:
            raise ValueError(f"{owner} never ends: give until_current_a (A), until_time_s (s) or until")

    @property
    def longest_s(self) -> float:
        """Longest time the step can take, s; infinite where no time ends it."""
        return longest_s(self.until_time_s, self.until)

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V."""
        del limit_v
        return self.voltage_v


@dataclass(frozen=True)
class Loop:
    """Go back to an earlier step (its id, or its index from 0) `repeat` times.

    What lies between runs repeat + 1 times.
    """

    to_step: str | int
    repeat: int
    id: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise refuse(f"step {self.id or 'loop'!r}", "repeat", self.repeat, "give a count of at least 1")

    @property
    def longest_s(self) -> float:
        """Longest time: what lies between is repeated as long as it takes."""
        return math.inf

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V: none of its own."""
        del limit_v
        return -math.inf


def longest_s(until_time_s: float | None, until: Until | None) -> float:
    """Return the longest time (s) that the ends of a step allow; infinite where none is a time."""
    ends = [leaf.level for leaf in sufficient(until) if (leaf.quantity, leaf.side) == ("time", "above")]
    return min([*ends, math.inf if until_time_s is None else until_time_s])


def sufficient(until: Until | None) -> list[CutOff]:
    """List the levels that end a step each by itself."""
    if until is None:
        return []
    if isinstance(until, CutOff):
        return [until]
    if isinstance(until, AnyOf):
        return [leaf for part in until.parts for leaf in sufficient(part)]
    return []
