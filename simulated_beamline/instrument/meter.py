"""What a meter makes of the truth: noise, quantisation and ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RANGE_DECADES = 6
NARROW_SHARE = 0.9
"""Of a narrower range, which a current must be below to be shown in it."""
TRANSIENT_LENGTHS = 5
"""After so many times its 1/e time a transient is over."""


@dataclass
class Meter:
    """Voltmeter and ammeter of a cycler.

    Attributes
    ----------
    voltage_noise_v, current_noise_a : float
        rms.
    voltage_step_v, current_step_a : float
        Quantisation; that of the current in the widest range, finer by tens in the narrower ones.
    voltage_range_v : tuple of float
        Lowest and highest voltage that can be shown.
    current_range_a : float
        Widest of the ranges, which go down by tens.
    random : numpy.random.Generator
        Source of the noise.
    noise_factor : float
        Multiplies the noise.
    range_transient_v, range_transient_share : float
        What is shown too much right after the range of the current was switched: voltage (V), and current as
        a share of the wider of the two ranges; away from zero.
    range_transient_s : float
        Time in which that falls to 1/e, s.
    """

    voltage_noise_v: float
    current_noise_a: float
    voltage_step_v: float
    current_step_a: float
    voltage_range_v: tuple[float, float]
    current_range_a: float
    random: np.random.Generator
    noise_factor: float = 1.0
    range_transient_v: float = 0.0
    range_transient_share: float = 0.0
    range_transient_s: float = 1e-3
    current_overflow: bool = False
    voltage_overflow: bool = False
    range_a: float | None = None
    _wider_a: float = 0.0
    _switched_s: float = -math.inf

    def choose_range(self, true_a: float, time_s: float) -> None:
        """Switch to the narrowest range that holds a current (A), at a time (s); to none at open circuit.

        A narrower range is chosen only once the current is well inside it.
        """
        before_a, self.range_a = self.range_a, self._range_for(true_a)
        if self.range_a is not None and self.range_a != before_a:
            self._switched_s, self._wider_a = time_s, max(self.range_a, before_a or 0.0)

    def next_look_s(self, time_s: float) -> float:
        """Time (s) after which a transient must be looked at again; infinite when there is none."""
        has_transient = self.range_transient_v or self.range_transient_share
        settled = time_s - self._switched_s >= TRANSIENT_LENGTHS * self.range_transient_s
        return math.inf if settled or not has_transient else self.range_transient_s

    def voltage(self, true_v: float, time_s: float) -> float:
        """Voltage shown (V) at a time (s)."""
        low, high = self.voltage_range_v
        seen_v = true_v + self.range_transient_v * self._transient(time_s)
        noisy = seen_v + self.noise_factor * self.voltage_noise_v * self.random.standard_normal()
        self.voltage_overflow = not low <= noisy <= high
        return _quantised(min(max(noisy, low), high), self.voltage_step_v)

    def current(self, true_a: float, time_s: float) -> float:
        """Return the current shown (A) at a time (s); none where no range is connected."""
        if self.range_a is None:
            self.current_overflow = False
            return 0.0
        share = self.range_a / self.current_range_a
        excess_a = self.range_transient_share * self._wider_a * self._transient(time_s)
        noisy = (
            true_a
            + math.copysign(excess_a, true_a)
            + share * self.noise_factor * self.current_noise_a * self.random.standard_normal()
        )
        self.current_overflow = abs(noisy) > self.current_range_a
        shown = min(max(noisy, -self.current_range_a), self.current_range_a)
        return _quantised(shown, share * self.current_step_a)

    def voltage_phasor(self, true_v: complex, samples: int) -> complex:
        """Complex amplitude (V) of a sinus that so many samples show, as their Fourier component has it."""
        return true_v + self.noise_factor * self.voltage_noise_v * self._phasor_noise(samples)

    def current_phasor(self, true_a: complex, direct_a: float, samples: int) -> complex:
        """Complex amplitude (A) of a sinus about a direct current (A); the range holds its peak."""
        peak_a = direct_a + abs(true_a)
        share = (self._range_for(peak_a) or self.current_range_a) / self.current_range_a
        self.current_overflow = peak_a > self.current_range_a
        if self.current_overflow:
            true_a *= self.current_range_a / peak_a
        return true_a + share * self.noise_factor * self.current_noise_a * self._phasor_noise(samples)

    def _phasor_noise(self, samples: int) -> complex:
        # Of n samples of unit noise, real and imaginary part of the amplitude have sqrt(2 / n).
        return complex(*self.random.standard_normal(2)) * (2.0 / samples) ** 0.5

    def _range_for(self, true_a: float) -> float | None:
        if true_a == 0.0:
            return None
        ranges = [self.current_range_a * 10.0**-decade for decade in range(RANGE_DECADES)]
        needed_a = min((limit for limit in ranges if abs(true_a) <= limit), default=self.current_range_a)
        held_a = self.range_a
        if held_a is not None and needed_a < held_a and abs(true_a) > NARROW_SHARE * 0.1 * held_a:
            return held_a
        return needed_a

    def _transient(self, time_s: float) -> float:
        passed_s = time_s - self._switched_s
        return math.exp(-passed_s / self.range_transient_s)


def _quantised(value: float, step: float) -> float:
    return round(value / step) * step if step > 0 else value
