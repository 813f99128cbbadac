"""What the C-rates of a record truly were: half cycle by half cycle, from the charge that passed."""
# pyright: standard

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .c_rate import CONTRADICTION, TrueCRate, true_c_rate
from .record import FloatArray

AT_END_V = 0.02
"""A half cycle came to the end of its step if its voltage did, within this, V."""


@dataclass(frozen=True)
class DeliveredRate:
    """Charge and rate of one half cycle.

    Attributes
    ----------
    half_cycle
        Number, from 0.
    charge_mah
        Charge that passed, positive on charge, mA h.
    current_a
        Current at which half of the charge had passed at most, without sign, A: that of the constant current.
    rate
        What it was called and what it was, by the declared capacity.
    is_whole
        Whether it went from one end of the voltage to the other, so that less than declared is a
        contradiction too.
    """

    half_cycle: int
    charge_mah: float
    current_a: float
    rate: TrueCRate
    is_whole: bool

    @property
    def contradicts(self) -> bool:
        """Whether the delivered capacity contradicts the declared one."""
        ratio = self.rate.declared_per_hour / self.rate.true_per_hour
        return ratio > CONTRADICTION or (self.is_whole and self.rate.contradicts)

    @property
    def text(self) -> str:
        """The half cycle and both rates in words."""
        way = "charge" if self.charge_mah > 0 else "discharge"
        return f"{way} {self.half_cycle // 2 + 1}: {self.rate.text}"


@dataclass(frozen=True)
class CyclingRecord:
    """Samples of a cycler, arrays of shape (n,) in order of time.

    Attributes
    ----------
    voltage_v, current_a, capacity_mah
        V; A; net charge, mA h, positive on charge.
    step, half_cycle
        Counts from 0.
    """

    voltage_v: FloatArray
    current_a: FloatArray
    capacity_mah: FloatArray
    step: FloatArray
    half_cycle: FloatArray


def delivered_rates(
    record: CyclingRecord, declared_capacity_mah: float, ends_v: Mapping[int, float]
) -> list[DeliveredRate]:
    """Return the true rate of each half cycle in which charge has passed.

    Parameters
    ----------
    record
        Samples; the last half cycle may still go on.
    declared_capacity_mah
        What C-rates were made from, mA h.
    ends_v
        Voltage at which a step ends, V, by its number; a step without one is not in it.

    Returns
    -------
    list of DeliveredRate
        In order.

    Raises
    ------
    ValueError
        When the declared capacity is not positive.
    """
    return list(_rates(record, declared_capacity_mah, ends_v))


def _rates(
    record: CyclingRecord, declared_mah: float, ends_v: Mapping[int, float]
) -> Iterator[DeliveredRate]:
    began_at_end = False
    for number in np.unique(record.half_cycle):
        rows = np.flatnonzero(record.half_cycle == number)
        charge_mah = float(record.capacity_mah[rows[-1]] - record.capacity_mah[rows[0]])
        current_a = _current_a(record.capacity_mah[rows], record.current_a[rows])
        came_to_end = _came_to_end(record, rows, ends_v)
        if current_a > 0 and charge_mah != 0:
            rate = true_c_rate(current_a, declared_mah, abs(charge_mah))
            is_whole = began_at_end and came_to_end
            yield DeliveredRate(int(number), charge_mah, current_a, rate, is_whole)
        began_at_end = came_to_end


def _current_a(capacity_mah: FloatArray, current_a: FloatArray) -> float:
    """Median of the current without sign, each weighted by the charge that passed at it."""
    passed = np.abs(np.diff(capacity_mah))
    if not passed.size or passed.sum() <= 0:
        return math.nan
    currents = np.abs(current_a[1:])
    order = np.argsort(currents, kind="stable")
    reached = np.cumsum(passed[order])
    return float(currents[order][np.searchsorted(reached, 0.5 * reached[-1])])


def _came_to_end(record: CyclingRecord, rows: np.ndarray, ends_v: Mapping[int, float]) -> bool:
    ends = np.array([ends_v.get(int(step), math.nan) for step in record.step[rows]])
    with np.errstate(invalid="ignore"):
        return bool((np.abs(record.voltage_v[rows] - ends) <= AT_END_V).any())
