"""What a meter makes of the truth: noise, quantisation and ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RANGE_DECADES = 5


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
    """

    voltage_noise_v: float
    current_noise_a: float
    voltage_step_v: float
    current_step_a: float
    voltage_range_v: tuple[float, float]
    current_range_a: float
    random: np.random.Generator
    noise_factor: float = 1.0
    current_overflow: bool = False
    voltage_overflow: bool = False

    def voltage(self, true_v: float) -> float:
        """Voltage shown (V)."""
        low, high = self.voltage_range_v
        noisy = true_v + self.noise_factor * self.voltage_noise_v * self.random.standard_normal()
        self.voltage_overflow = not low <= noisy <= high
        return _quantised(min(max(noisy, low), high), self.voltage_step_v)

    def current(self, true_a: float) -> float:
        """Return the current shown (A); none at open circuit, where no range is connected."""
        if true_a == 0.0:
            self.current_overflow = False
            return 0.0
        share = self._range_a(true_a) / self.current_range_a
        noisy = true_a + share * self.noise_factor * self.current_noise_a * self.random.standard_normal()
        self.current_overflow = abs(noisy) > self.current_range_a
        shown = min(max(noisy, -self.current_range_a), self.current_range_a)
        return _quantised(shown, share * self.current_step_a)

    def voltage_phasor(self, true_v: complex, samples: int) -> complex:
        """Complex amplitude (V) of a sinus that so many samples show, as their Fourier component has it."""
        return true_v + self.noise_factor * self.voltage_noise_v * self._phasor_noise(samples)

    def current_phasor(self, true_a: complex, direct_a: float, samples: int) -> complex:
        """Complex amplitude (A) of a sinus about a direct current (A); the range holds its peak."""
        peak_a = direct_a + abs(true_a)
        share = self._range_a(peak_a) / self.current_range_a
        self.current_overflow = peak_a > self.current_range_a
        if self.current_overflow:
            true_a *= self.current_range_a / peak_a
        return true_a + share * self.noise_factor * self.current_noise_a * self._phasor_noise(samples)

    def _phasor_noise(self, samples: int) -> complex:
        # Of n samples of unit noise, real and imaginary part of the amplitude have sqrt(2 / n).
        return complex(*self.random.standard_normal(2)) * (2.0 / samples) ** 0.5

    def _range_a(self, true_a: float) -> float:
        ranges = [self.current_range_a * 10.0**-decade for decade in range(RANGE_DECADES)]
        fitting = [limit for limit in ranges if abs(true_a) <= limit]
        return min(fitting, default=self.current_range_a)


def _quantised(value: float, step: float) -> float:
    return round(value / step) * step if step > 0 else value
