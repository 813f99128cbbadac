"""A half cell of layered oxide against lithium: parallel zones of spherical particles under one voltage."""

from dataclasses import dataclass

import numpy as np

from .array import FloatArray
from .diffusion import SphereModes
from .dose import DamageLaw, DoseLedger
from .impedance import SmallSignal
from .parameters import CellParameters
from .zone import COMPLIANCE_V, MARGIN, ParallelZones, Surface

LONGEST_STEP_S = 10.0
SHORTEST_STEP_S = 1e-3
LARGEST_CHANGE_V = 0.005
LARGEST_OPEN_CIRCUIT_CHANGE_V = 0.020
LARGEST_NUDGE_V = 0.002
STANDING_HZ = 1e-3 / 3600.0
"""Rate of delithiation, C/1000, below which a sinus turns the hysteresis either way."""


@dataclass(frozen=True, slots=True)
class CellState:
    """The cell at one instant.

    Parameters
    ----------
    time_s
        Time since the cell was made.
    voltage_v, current_a
        Terminal voltage, and the current that really flows; positive charges.
    charge_c
        Net charge since the cell was made; positive on charge.
    lithium_content, spot_lithium_content
        Mean of the electrode, and of the illuminated zone; 0..1 per formula unit.
    zone_lithium_content, zone_current_a
        Per zone.
    """

    time_s: float
    voltage_v: float
    current_a: float
    charge_c: float
    lithium_content: float
    spot_lithium_content: float
    zone_lithium_content: tuple[float, ...]
    zone_current_a: tuple[float, ...]


class HalfCell:
    """A cathode against lithium that is charged, discharged and left at rest.

    Each zone carries one representative particle (single-particle model: Chaturvedi et al., IEEE Control
    Syst. 30 (2010) 49, doi 10.1109/MCS.2010.936293). Whatever is asked of it, every lithium content stays
    within 0..1 and the voltage within the compliance of a cycler.

    Parameters
    ----------
    parameters
        What the cell is made of.
    lithium_content
        Uniform content to begin with, 0.001..0.999.
    damage
        How dose slows the illuminated zone; that of `DamageLaw` by default.

    Raises
    ------
    ValueError
        When `lithium_content` is outside that range.
    """

    def __init__(
        self, parameters: CellParameters, *, lithium_content: float, damage: DamageLaw | None = None
    ) -> None:
        if not 0.001 <= lithium_content <= 0.999:
            raise ValueError(f"cell: lithium_content {lithium_content} to begin with must be 0.001..0.999")
        self.parameters = parameters
        self._zones = ParallelZones(parameters)
        self._diffusion = SphereModes(parameters.diffusivity_m2_s, parameters.radius_m)
        self._weights = np.array([zone.area_fraction for zone in parameters.zones])
        count = len(parameters.zones)
        self._mean = np.full(count, lithium_content)
        self._modes = np.zeros((count, self._diffusion.count))
        self._hysteresis = np.zeros(count)
        self._zone_current_a_cm2 = np.zeros(count)
        self._time_s = 0.0
        self._charge_c = 0.0
        self._step_s = 1.0
        self._control: tuple[float | None, float | None] = (0.0, None)
        self._dose = DoseLedger(law=damage or DamageLaw())
        self._voltage_v = self._solve(0.0, 0.0, None)[1]

    @property
    def state(self) -> CellState:
        """The cell now."""
        zone_current = self._zone_current_a_cm2 * self._zones.area_cm2
        return CellState(
            time_s=self._time_s,
            voltage_v=self._voltage_v,
            current_a=float(zone_current.sum()),
            charge_c=self._charge_c,
            lithium_content=float(self._weights @ self._mean),
            spot_lithium_content=float(self._mean[self.parameters.spot_zone]),
            zone_lithium_content=tuple(self._mean.tolist()),
            zone_current_a=tuple(zone_current.tolist()),
        )

    @property
    def counter_electrode_v(self) -> float:
        """Potential of the lithium electrode against lithium at rest, V; negative while it is plated."""
        return -float(self._weights @ self._zones.lithium_overpotential_v(self._zone_current_a_cm2))

    def suggested_step_s(self) -> float:
        """Step (s) that is expected to keep the voltage within 5 mV, at most 10 s."""
        return self._step_s

    def step(
        self, duration_s: float, *, current_a: float | None = None, voltage_v: float | None = None
    ) -> CellState:
        """Let time pass under a current or a voltage, in as many steps as accuracy needs.

        Parameters
        ----------
        duration_s
            Time to pass; 0 only applies the control.
        current_a
            Current, positive on charge; 0 is open circuit. What the cell cannot take is not delivered.
        voltage_v
            Terminal voltage; beyond the compliance of 0..5.5 V the compliance is applied.

        Returns
        -------
        CellState
            The cell at the end.

        Raises
        ------
        ValueError
            When not exactly one of current and voltage is given, a number is not finite, or the duration is
            negative.
        """
        if (current_a is None) == (voltage_v is None):
            raise ValueError("cell: give exactly one of current_a (A) and voltage_v (V)")
        if not (np.isfinite(duration_s) and duration_s >= 0):
            raise ValueError(f"cell: duration_s {duration_s} must be finite and not negative")
        if not all(np.isfinite(value) for value in (current_a, voltage_v) if value is not None):
            raise ValueError(f"cell: current_a {current_a} A or voltage_v {voltage_v} V must be finite")
        if (current_a, voltage_v) != self._control:
            before_v, is_same_kind = self._voltage_v, (current_a is None) == (self._control[0] is None)
            self._control = (current_a, voltage_v)
            self._zone_current_a_cm2, self._voltage_v = self._solve(0.0, current_a, voltage_v)
            # A control that is regulated finely (a power, a sweep) does not disturb the course of the cell.
            if not is_same_kind or abs(self._voltage_v - before_v) > LARGEST_NUDGE_V:
                self._step_s = min(self._step_s, 1.0)
        left_s = duration_s
        while left_s > 0:
            step_s = left_s if left_s <= self._step_s else min(self._step_s, 0.5 * left_s)
            left_s -= self._advance(step_s, current_a, voltage_v)
        return self.state

    def irradiate(
        self, dose_rate_gy_s: float, duration_s: float, *, position_mm: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Give dose to the illuminated zone, which slows its reaction.

        Parameters
        ----------
        dose_rate_gy_s
            Absorbed dose per time (Gy/s).
        duration_s
            Time of exposure.
        position_mm
            Where the beam is on the electrode: each spot has its own history.
        """
        self._dose.add(position_mm, dose_rate_gy_s, duration_s)
        self.illuminate(position_mm)

    def illuminate(self, position_mm: tuple[float, float]) -> None:
        """Make the illuminated zone as fast or slow as the dose at a position has left it.

        Its lithium content stays: one zone stands for wherever the beam is.

        Parameters
        ----------
        position_mm
            Where the beam is on the electrode.
        """
        factors = np.array([zone.rate_factor for zone in self.parameters.zones])
        factors[self.parameters.spot_zone] *= self._dose.rate_factor(position_mm)
        self._zones.set_rate_factors(factors)

    def dose_gy(self, position_mm: tuple[float, float]) -> float:
        """Dose (Gy) that a position on the electrode has received."""
        return self._dose.dose_gy(position_mm)

    def small_signal(self) -> SmallSignal:
        """Linearise the cell as it is now, for its impedance.

        Amplitudes have no place in it: it answers a sinus that is small against 25 mV, and whose current does
        not change its sign unless none flows.
        """
        parameters, rate = self.parameters, self._zone_current_a_cm2 / self._zones.charge_c_cm2
        surface = self._surface(0.0)
        content = surface.free - surface.fall_cm2_a * self._zone_current_a_cm2
        rate = np.where(np.abs(rate) < STANDING_HZ, 0.0, rate)
        cathode, lithium, slope_v = self._zones.slopes(self._zone_current_a_cm2, content)
        per_lithium_v = parameters.half_hysteresis_v / parameters.hysteresis_lithium_content
        return SmallSignal(
            area_cm2=self._zones.area_cm2,
            ohmic_ohm_cm2=self._zones.resistance_ohm_cm2,
            cathode_ohm_cm2=cathode,
            lithium_ohm_cm2=lithium,
            surface_slope_v=slope_v,
            hysteresis_slope_v=per_lithium_v * (1.0 - self._hysteresis * np.sign(rate)),
            hysteresis_rate_hz=np.abs(rate) / parameters.hysteresis_lithium_content,
            charge_c_cm2=self._zones.charge_c_cm2,
            tau_s=parameters.radius_m**2 / parameters.diffusivity_m2_s,
            cathode_f_cm2=parameters.cathode_double_layer_f_cm2,
            lithium_f_cm2=parameters.lithium_double_layer_f_cm2,
        )

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Complex impedance (ohm) of the cell as it is now, at a frequency (Hz)."""
        return complex(self.small_signal().impedance(np.array([frequency_hz]))[0])

    def _surface(self, duration_s: float) -> Surface:
        decay, _, fall_s = self._diffusion.propagator(duration_s)
        charge = self._zones.charge_c_cm2
        free = self._mean - self._modes @ decay
        fall = np.full_like(free, fall_s / charge)
        lowest = (free - 1.0 + MARGIN) / fall
        highest = (free - MARGIN) / fall
        if duration_s > 0:
            per_step = charge / duration_s
            lowest = np.maximum(lowest, (self._mean - 1.0 + MARGIN) * per_step)
            highest = np.minimum(highest, (self._mean - MARGIN) * per_step)
        highest = np.maximum(highest, lowest)
        offset_v = self.parameters.half_hysteresis_v * self._hysteresis
        return Surface(free, fall, offset_v, lowest, highest)

    def _solve(
        self, duration_s: float, current_a: float | None, voltage_v: float | None
    ) -> tuple[FloatArray, float]:
        surface = self._surface(duration_s)
        if current_a is not None:
            return self._zones.at_current(current_a, surface, self._zone_current_a_cm2)
        assert voltage_v is not None
        applied_v = min(max(voltage_v, COMPLIANCE_V[0]), COMPLIANCE_V[1])
        return self._zones.at_voltage(applied_v, surface, self._zone_current_a_cm2), applied_v

    def _advance(self, step_s: float, current_a: float | None, voltage_v: float | None) -> float:
        zone_current, terminal_v = self._solve(step_s, current_a, voltage_v)
        decay, drive_s, _ = self._diffusion.propagator(step_s)
        rate = zone_current / self._zones.charge_c_cm2
        mean = self._mean - rate * step_s
        modes = self._modes * decay + np.outer(rate, drive_s)
        change_v = abs(terminal_v - self._voltage_v)
        if voltage_v is not None or terminal_v in COMPLIANCE_V:
            change_v = self._open_circuit_change_v(mean, modes) * (
                LARGEST_CHANGE_V / LARGEST_OPEN_CIRCUIT_CHANGE_V
            )
        if change_v > LARGEST_CHANGE_V and step_s > SHORTEST_STEP_S:
            self._step_s = max(0.5 * step_s, SHORTEST_STEP_S)
            return 0.0
        growth = min(2.0, 0.8 * LARGEST_CHANGE_V / (change_v + 1e-9))
        proposed_s = max(self._step_s, step_s * growth) if growth > 1 else step_s * growth
        self._step_s = min(max(proposed_s, SHORTEST_STEP_S), LONGEST_STEP_S)
        self._mean, self._modes = mean, modes
        self._zone_current_a_cm2, self._voltage_v = zone_current, terminal_v
        self._turn_hysteresis(rate, step_s)
        self._charge_c += float(self._zones.area_cm2 @ zone_current) * step_s
        self._time_s += step_s
        return step_s

    def _open_circuit_change_v(self, mean: FloatArray, modes: FloatArray) -> float:
        before = np.clip(self._mean - self._modes.sum(axis=1), 0.0, 1.0)
        after = np.clip(mean - modes.sum(axis=1), 0.0, 1.0)
        curve = self.parameters.curve
        return float(np.max(np.abs(curve.evaluate(after)[0] - curve.evaluate(before)[0])))

    def _turn_hysteresis(self, rate: FloatArray, step_s: float) -> None:
        target = np.sign(rate)
        passed = np.abs(rate) * (step_s / self.parameters.hysteresis_lithium_content)
        self._hysteresis = target + (self._hysteresis - target) * np.exp(-passed)
