"""Steps that measure the impedance of the cell: a sinus about a voltage or a current."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from .refusal import check_finite, check_positive, refuse

SHORTEST_POINT_S: Final = 0.1
"""Time that a cycler takes for a frequency however high it is, s."""


@dataclass(frozen=True, kw_only=True)
class FrequencySweep:
    """Frequencies from one to another (Hz), both included, even by their logarithm; how each is measured.

    Parameters
    ----------
    start_frequency_hz, end_frequency_hz
        Usually from high to low.
    points_per_decade
        Number of frequencies in a factor of ten.
    measures_per_point
        Periods that are averaged.
    drift_correction
        Whether each is measured twice, to correct the drift of the cell.
    settling_periods
        Periods to wait before each frequency.
    hold_s
        Time for which the cell is held before the first, s.
    id
        Of the step.
    tags
        Of the step.
    """

    start_frequency_hz: float
    end_frequency_hz: float
    points_per_decade: int = 10
    measures_per_point: int = 1
    drift_correction: bool = False
    settling_periods: float = 0.1
    hold_s: float = 0.0
    id: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = self._owner
        check_positive(owner, "start_frequency_hz", self.start_frequency_hz, "Hz")
        check_positive(owner, "end_frequency_hz", self.end_frequency_hz, "Hz")
        for name in ("points_per_decade", "measures_per_point"):
            if getattr(self, name) < 1:
                raise refuse(owner, name, getattr(self, name), "give a count of at least 1")
        for name in ("settling_periods", "hold_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise refuse(owner, name, value, "give 0 or more")

    @property
    def frequency_count(self) -> int:
        """Number of frequencies; both ends are among them, however near they are."""
        if self.start_frequency_hz == self.end_frequency_hz:
            return 1
        decades = abs(math.log10(self.start_frequency_hz / self.end_frequency_hz))
        return max(round(decades * self.points_per_decade), 1) + 1

    @property
    def longest_s(self) -> float:
        """Time of the step, s."""
        periods = self.settling_periods + self.measures_per_point * (2 if self.drift_correction else 1)
        ratio = self.end_frequency_hz / self.start_frequency_hz
        last = max(self.frequency_count - 1, 1)
        frequencies = (self.start_frequency_hz * ratio ** (n / last) for n in range(self.frequency_count))
        return self.hold_s + sum(max(periods / frequency, SHORTEST_POINT_S) for frequency in frequencies)

    @property
    def _owner(self) -> str:
        return f"step {self.id or 'impedance'!r}"


@dataclass(frozen=True, kw_only=True)
class PotentiostaticImpedance(FrequencySweep):
    """A sinus of `amplitude_v` (V, peak) about `voltage_v` (V), or about the voltage where it begins.

    The other parameters are those of `FrequencySweep`.
    """

    amplitude_v: float
    voltage_v: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self._owner, "amplitude_v", self.amplitude_v, "V")
        check_finite(self._owner, "voltage_v", self.voltage_v, "V")

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step holds, V, its sinus left out: where the cell is, it does not drive it."""
        del limit_v
        return -math.inf if self.voltage_v is None else self.voltage_v


@dataclass(frozen=True, kw_only=True)
class GalvanostaticImpedance(FrequencySweep):
    """A sinus of `amplitude_a` (A, peak) about `current_a` (A, positive charges), or the present current.

    The other parameters are those of `FrequencySweep`.
    """

    amplitude_a: float
    current_a: float | None = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self._owner, "amplitude_a", self.amplitude_a, "A")
        check_finite(self._owner, "current_a", self.current_a, "A")

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V: a current that charges, up to the limit (V)."""
        return limit_v if self.current_a is None or self.current_a > 0 else -math.inf
