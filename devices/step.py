"""The steps of a cycling protocol, and the current of a C-rate."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass


def refuse(owner: str, name: str, value: object, remedy: str) -> ValueError:
    """Make the error that names who, which field, its value and the remedy."""
    return ValueError(f"{owner}: {name} is {value!r}; {remedy}")


def check_positive(owner: str, name: str, value: float | None, unit: str) -> None:
    """Refuse a number that is given and not positive and finite."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise refuse(owner, name, value, f"give a positive number of {unit}")


def check_finite(owner: str, name: str, value: float | None, unit: str) -> None:
    """Refuse a number that is given and not finite."""
    if value is not None and not math.isfinite(value):
        raise refuse(owner, name, value, f"give a finite number of {unit}")


@dataclass(frozen=True)
class Rest:
    """Open circuit for a time (s)."""

    duration_s: float
    id: str = ""

    def __post_init__(self) -> None:
        check_positive(f"step {self.id or 'rest'!r}", "duration_s", self.duration_s, "s")


@dataclass(frozen=True)
class ConstantCurrent:
    """A constant current (A, positive charges) until the first of its ends is reached.

    `until_voltage_v` is an upper end for a charge and a lower one for a discharge; `until_capacity_mah`
    counts the charge passed in this step, without sign.
    """

    current_a: float
    until_voltage_v: float | None = None
    until_time_s: float | None = None
    until_capacity_mah: float | None = None
    id: str = ""

    def __post_init__(self) -> None:
        owner = f"step {self.id or 'constant current'!r}"
        if not math.isfinite(self.current_a) or self.current_a == 0:
            raise refuse(owner, "current_a", self.current_a, "give A, positive to charge; for none use Rest")
        check_finite(owner, "until_voltage_v", self.until_voltage_v, "V")
        check_positive(owner, "until_time_s", self.until_time_s, "s")
        check_positive(owner, "until_capacity_mah", self.until_capacity_mah, "mA h")
        if self.until_voltage_v is None and self.until_time_s is None and self.until_capacity_mah is None:
            raise ValueError(
                f"{owner} never ends: give until_voltage_v (V), until_time_s (s) or until_capacity_mah (mA h)"
            )


@dataclass(frozen=True)
class ConstantVoltage:
    """A constant voltage (V) for a time (s), or until the current falls to `until_current_a` (A, no sign)."""

    voltage_v: float
    until_current_a: float | None = None
    until_time_s: float | None = None
    id: str = ""

    def __post_init__(self) -> None:
        owner = f"step {self.id or 'constant voltage'!r}"
        check_finite(owner, "voltage_v", self.voltage_v, "V")
        check_positive(owner, "until_current_a", self.until_current_a, "A")
        check_positive(owner, "until_time_s", self.until_time_s, "s")
        if self.until_current_a is None and self.until_time_s is None:
            raise ValueError(f"{owner} never ends: give until_current_a (A) or until_time_s (s)")


@dataclass(frozen=True)
class Loop:
    """Go back to an earlier step (its id, or its index from 0) `repeat` times.

    What lies between runs repeat + 1 times.
    """

    to_step: str | int
    repeat: int
    id: str = ""

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise refuse(f"step {self.id or 'loop'!r}", "repeat", self.repeat, "give a count of at least 1")


def current_from_c_rate(rate: str | float, capacity_mah: float) -> float:
    """Return the current (A, positive charges) of a C-rate: 1C passes the capacity in one hour.

    Parameters
    ----------
    rate
        `"C/10"`, `"-C/2"`, `"2C"`, or a number in 1/h.
    capacity_mah
        Capacity of the cell, mA h.

    Raises
    ------
    ValueError
        If the rate is not understood, or the capacity not positive.

    Examples
    --------
    >>> current_from_c_rate("-C/10", 2.0)
    -0.0002
    """
    check_positive("C-rate", "capacity_mah", capacity_mah, "mA h")
    return _rate_per_hour(rate) * capacity_mah / 1000.0


def _rate_per_hour(rate: str | float) -> float:
    if not isinstance(rate, str):
        check_finite("C-rate", "rate", rate, "1/h")
        return float(rate)
    number = r"(\d+(?:\.\d*)?|\.\d+)"
    match = re.fullmatch(rf"([+-]?){number}?\s*C(?:\s*/\s*{number})?", rate.strip())
    if match is None or (match[3] is not None and float(match[3]) == 0):
        raise refuse("C-rate", "rate", rate, "write it as C/10, -C/2 or 2C")
    sign = -1.0 if match[1] == "-" else 1.0
    return sign * float(match[2] or 1.0) / float(match[3] or 1.0)
