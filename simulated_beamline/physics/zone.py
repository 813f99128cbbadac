"""Currents of parallel zones under one terminal voltage."""

from dataclasses import dataclass

import numpy as np

from .array import FloatArray
from .parameters import FARADAY_C_MOL, GAS_J_MOL_K, CellParameters

COMPLIANCE_V = (0.0, 5.5)
"""Lowest and highest terminal voltage (V) that a cycler can force on the cell."""

MARGIN = 1e-6
"""Closest approach of any lithium content to 0 and 1."""

_TOLERANCE_V = 1e-9


@dataclass(frozen=True, slots=True)
class Surface:
    """Surface of each zone's particle at the end of a step, linear in the zone's current density.

    Parameters
    ----------
    free
        Lithium content (zones,) at the surface without current.
    fall_cm2_a
        Fall of the surface's lithium content per current density (zones,; cm2/A).
    offset_v
        Voltage of hysteresis (zones,).
    lowest_a_cm2, highest_a_cm2
        Current densities (zones,) that keep every lithium content inside 0..1.
    """

    free: FloatArray
    fall_cm2_a: FloatArray
    offset_v: FloatArray
    lowest_a_cm2: FloatArray
    highest_a_cm2: FloatArray


class ParallelZones:
    """Voltage against current density of every zone, and its inverse.

    Both electrodes obey Butler-Volmer with symmetric transfer: overpotential ``2 RT/F asinh(i / 2 i0)``.

    Parameters
    ----------
    parameters
        The cell.
    """

    def __init__(self, parameters: CellParameters) -> None:
        self._curve = parameters.curve
        self.area_cm2 = parameters.area_cm2 * np.array([z.area_fraction for z in parameters.zones])
        self.resistance_ohm_cm2 = np.array([z.resistance_ohm_cm2 for z in parameters.zones])
        self.charge_c_cm2 = 3.6 * parameters.theoretical_capacity_mah / parameters.area_cm2
        self._rate_a_cm2 = 3.0 * self.charge_c_cm2 * parameters.rate_constant_m_s / parameters.radius_m
        self._half_exchange_per_a = np.empty(len(parameters.zones))
        self.set_rate_factors(np.array([z.rate_factor for z in parameters.zones]))
        self._half_lithium_per_a = 0.5 / parameters.lithium_exchange_a_cm2
        self._thermal_v = 2.0 * GAS_J_MOL_K * parameters.temperature_k / FARADAY_C_MOL

    def set_rate_factors(self, rate_factor: FloatArray) -> None:
        """Set what multiplies the rate constant of each zone.

        Parameters
        ----------
        rate_factor
            Positive factors (zones,).
        """
        self._half_exchange_per_a = 0.5 / (self._rate_a_cm2 * rate_factor)

    def voltage(self, current_a_cm2: FloatArray, surface: Surface) -> tuple[FloatArray, FloatArray]:
        """Terminal voltage that each zone would need for its current density.

        Parameters
        ----------
        current_a_cm2
            Current density (zones,), positive on charge, within the bounds of `surface`.
        surface
            State of the particles' surfaces.

        Returns
        -------
        tuple
            Voltage (zones,; V), rising with current, and its derivative (ohm cm2).
        """
        fall = surface.fall_cm2_a
        x = np.minimum(np.maximum(surface.free - fall * current_a_cm2, MARGIN), 1.0 - MARGIN)
        open_circuit_v, slope_v = self._curve.evaluate(x)
        product = x * (1.0 - x)
        half_per_a = self._half_exchange_per_a / np.sqrt(product)
        cathode = current_a_cm2 * half_per_a
        lithium = current_a_cm2 * self._half_lithium_per_a
        kinetic_v = self._thermal_v * (np.arcsinh(cathode) + np.arcsinh(lithium))
        voltage_v = open_circuit_v + surface.offset_v + kinetic_v + self.resistance_ohm_cm2 * current_a_cm2
        cathode_slope = half_per_a + cathode * fall * (0.5 - x) / product
        kinetic_ohm = self._thermal_v * (
            cathode_slope / np.sqrt(1.0 + cathode * cathode)
            + self._half_lithium_per_a / np.sqrt(1.0 + lithium * lithium)
        )
        return voltage_v, kinetic_ohm - fall * slope_v + self.resistance_ohm_cm2

    def lithium_overpotential_v(self, current_a_cm2: FloatArray) -> FloatArray:
        """Overpotential of the lithium electrode in front of each zone, its share of the terminal voltage.

        Parameters
        ----------
        current_a_cm2
            Current density (zones,), positive on charge.

        Returns
        -------
        numpy.ndarray
            V (zones,), positive on charge.
        """
        return self._thermal_v * np.arcsinh(current_a_cm2 * self._half_lithium_per_a)

    def slopes(
        self, current_a_cm2: FloatArray, lithium_content: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Linearise the zones without their diffusion and ohmic resistance.

        Parameters
        ----------
        current_a_cm2
            Current density (zones,), positive on charge.
        lithium_content
            At the surface of the particles (zones,).

        Returns
        -------
        tuple
            Resistances of charge transfer of cathode and lithium (zones,; ohm cm2), and rise of the voltage
            with the lithium content at the surface (zones,; V).
        """
        x = np.minimum(np.maximum(lithium_content, MARGIN), 1.0 - MARGIN)
        product = x * (1.0 - x)
        half_per_a = self._half_exchange_per_a / np.sqrt(product)
        cathode, lithium = current_a_cm2 * half_per_a, current_a_cm2 * self._half_lithium_per_a
        per_cathode_v = self._thermal_v / np.sqrt(1.0 + cathode * cathode)
        per_lithium_v = self._thermal_v / np.sqrt(1.0 + lithium * lithium)
        kinetic_slope_v = -per_cathode_v * cathode * (0.5 - x) / product
        return (
            per_cathode_v * half_per_a,
            per_lithium_v * self._half_lithium_per_a,
            self._curve.evaluate(x)[1] + kinetic_slope_v,
        )

    def at_voltage(self, voltage_v: float, surface: Surface, guess_a_cm2: FloatArray) -> FloatArray:
        """Find the current densities at a terminal voltage, as far as the zones can deliver them.

        Newton's method kept in a bracket that shrinks each iteration; voltage rises with current.

        Parameters
        ----------
        voltage_v
            Terminal voltage.
        surface
            State of the particles' surfaces.
        guess_a_cm2
            Where to begin (zones,).

        Returns
        -------
        numpy.ndarray
            Current density (zones,; A/cm2).
        """
        low, high = surface.lowest_a_cm2.copy(), surface.highest_a_cm2.copy()
        current = np.minimum(np.maximum(guess_a_cm2, low), high)
        for iteration in range(80):
            value_v, slope_ohm = self.voltage(current, surface)
            error_v = voltage_v - value_v
            low = np.where(error_v >= 0, current, low)
            high = np.where(error_v <= 0, current, high)
            if np.all((np.abs(error_v) < _TOLERANCE_V) | (high - low <= 1e-15)):
                break
            newton = current + error_v / slope_ohm
            if iteration == 0:
                current = np.minimum(np.maximum(newton, low), high)
            else:
                inside = (newton >= low) & (newton <= high) & (newton != current)
                current = np.where(inside, newton, 0.5 * (low + high))
        return current

    def at_current(
        self, current_a: float, surface: Surface, guess_a_cm2: FloatArray
    ) -> tuple[FloatArray, float]:
        """Find the current densities that sum to a current, and the voltage they share.

        Parameters
        ----------
        current_a
            Sum over all zones, positive on charge.
        surface
            State of the particles' surfaces.
        guess_a_cm2
            Where to begin (zones,).

        Returns
        -------
        tuple
            Current density (zones,; A/cm2) and terminal voltage (V). Where the current is more than the cell
            can take within the compliance, the voltage is the compliance and the current what flows there.
        """
        current = guess_a_cm2
        for _ in range(6):
            value_v, slope_ohm = self.voltage(current, surface)
            admittance = self.area_cm2 / slope_ohm
            deficit_a = current_a - self.area_cm2 @ current
            voltage_v = float((deficit_a + admittance @ value_v) / admittance.sum())
            current = current + (voltage_v - value_v) / slope_ohm
            if not self._is_inside(current, surface, voltage_v):
                break
            if np.max(np.abs(value_v - voltage_v)) < 1e-6:
                return current, voltage_v
        return self._at_current_bracketed(current_a, surface, guess_a_cm2)

    @staticmethod
    def _is_inside(current: FloatArray, surface: Surface, voltage_v: float) -> bool:
        if not COMPLIANCE_V[0] <= voltage_v <= COMPLIANCE_V[1]:
            return False
        return bool(np.all((current >= surface.lowest_a_cm2) & (current <= surface.highest_a_cm2)))

    def _at_current_bracketed(
        self, current_a: float, surface: Surface, guess_a_cm2: FloatArray
    ) -> tuple[FloatArray, float]:
        low_v, high_v = COMPLIANCE_V
        current, voltage_v = guess_a_cm2, high_v if current_a > 0 else low_v
        for iteration in range(200):
            current = self.at_voltage(voltage_v, surface, current)
            deficit_a = current_a - float(self.area_cm2 @ current)
            low_v, high_v = (voltage_v, high_v) if deficit_a > 0 else (low_v, voltage_v)
            if abs(deficit_a) <= 1e-10 * abs(current_a) or high_v - low_v <= 1e-10:
                break
            newton_v = voltage_v + deficit_a / float(
                (self.area_cm2 / self.voltage(current, surface)[1]).sum()
            )
            # A zone at its bound does not follow its slope: halve the bracket now and then.
            is_trusted = iteration % 3 < 2 and low_v < newton_v < high_v
            voltage_v = newton_v if is_trusted else 0.5 * (low_v + high_v)
        return current, voltage_v
