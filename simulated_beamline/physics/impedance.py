"""Small-signal impedance of the half cell: a Randles circuit with spherical diffusion for each zone."""

from dataclasses import dataclass

import numpy as np

from .array import ComplexArray, FloatArray

_SMALL = 1e-2


def sphere_fall_s(frequency_hz: FloatArray, tau_s: float) -> ComplexArray:
    """Fall of the lithium content at the surface of a sphere per rate of delithiation, against frequency.

    ``tau/3 tanh(psi) / (psi - tanh(psi))`` with ``psi = sqrt(i omega tau)``: a Warburg element at high
    frequency, ``1 / (i omega) + tau / 15`` at low, a capacity in series with a resistance. Source:
    T. Jacobsen and K. West, Electrochim. Acta 40 (1995) 255, doi 10.1016/0013-4686(94)E0192-3.

    Parameters
    ----------
    frequency_hz
        Frequencies (n,), above 0.
    tau_s
        Radius squared over diffusivity, s.

    Returns
    -------
    numpy.ndarray
        Complex fall (n,), s.

    Examples
    --------
    >>> slow = sphere_fall_s(np.array([1e-6]), 15.0)[0]
    >>> round(float(slow.real), 3), round(float(slow.imag * 2e-6 * np.pi), 3)
    (1.0, -1.0)
    """
    squared = 2j * np.pi * np.asarray(frequency_hz, dtype=np.float64) * tau_s
    psi = np.sqrt(squared)
    is_small = np.abs(psi) < _SMALL
    safe = np.where(is_small, 1.0, psi)
    tangent = np.tanh(safe)
    # Below, the difference of two nearly equal numbers would be left.
    series = 3.0 / np.where(is_small, squared, 1.0) + 0.2
    relative = np.where(is_small, series, tangent / (safe - tangent))
    return np.asarray(tau_s / 3.0 * relative, dtype=np.complex128)


@dataclass(frozen=True, slots=True)
class SmallSignal:
    """The half cell linearised at one state: zones of area A in parallel, each a circuit in series.

    Ohmic resistance, then the cathode: its double layer beside charge transfer and diffusion, then lithium:
    its double layer beside its charge transfer. Per zone (zones,), for the zone's own area.

    Parameters
    ----------
    area_cm2
        Of the zones.
    ohmic_ohm_cm2, cathode_ohm_cm2, lithium_ohm_cm2
        Ohmic resistance, and resistances of charge transfer: slopes of Butler-Volmer at the zone's current.
    surface_slope_v
        Rise of the voltage with the lithium content at the surface, V; negative: that of open circuit, and
        of the overpotential, whose exchange current depends on the content.
    hysteresis_slope_v
        Rise of the voltage of hysteresis with lithium that leaves, V, and
    hysteresis_rate_hz
        rate (1/s) at which the current that flows turns the hysteresis by itself.
    charge_c_cm2
        Charge of one lithium per formula unit.
    tau_s
        Radius squared over diffusivity of the particles, s.
    cathode_f_cm2, lithium_f_cm2
        Capacities of the double layers.
    """

    area_cm2: FloatArray
    ohmic_ohm_cm2: FloatArray
    cathode_ohm_cm2: FloatArray
    lithium_ohm_cm2: FloatArray
    surface_slope_v: FloatArray
    hysteresis_slope_v: FloatArray
    hysteresis_rate_hz: FloatArray
    charge_c_cm2: float
    tau_s: float
    cathode_f_cm2: float
    lithium_f_cm2: float

    def impedance(self, frequency_hz: FloatArray) -> ComplexArray:
        """Impedance of the whole cell.

        Parameters
        ----------
        frequency_hz
            Frequencies (n,), above 0.

        Returns
        -------
        numpy.ndarray
            Complex impedance (n,), ohm.
        """
        frequency = np.asarray(frequency_hz, dtype=np.float64)[:, None]
        i_omega = 2j * np.pi * frequency
        fall = sphere_fall_s(frequency, self.tau_s) / self.charge_c_cm2
        turn = self.hysteresis_slope_v / (self.charge_c_cm2 * (i_omega + self.hysteresis_rate_hz))
        faradaic = self.cathode_ohm_cm2 - self.surface_slope_v * fall + turn
        cathode = faradaic / (1.0 + i_omega * self.cathode_f_cm2 * faradaic)
        lithium = self.lithium_ohm_cm2 / (1.0 + i_omega * self.lithium_f_cm2 * self.lithium_ohm_cm2)
        zones = self.ohmic_ohm_cm2 + cathode + lithium
        return np.asarray(1.0 / np.sum(self.area_cm2 / zones, axis=1))
