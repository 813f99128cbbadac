"""What a cycler has on its leads: a cell that is driven, and how charge becomes lithium content."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from .technique import EngineStep

COULOMB_PER_MAH = 3.6
BISECTIONS = 40
LEAST_VOLTAGE_V = 0.05
STAIR_V = 1e-3
SHORTEST_STAIR_S = 1e-3
POWER_ROUNDS = 3


class Truth(Protocol):
    """The cell at one instant, as it really is."""

    @property
    def time_s(self) -> float: ...  # noqa: D102
    @property
    def voltage_v(self) -> float: ...  # noqa: D102
    @property
    def current_a(self) -> float: ...  # noqa: D102
    @property
    def charge_c(self) -> float: ...  # noqa: D102
    @property
    def lithium_content(self) -> float: ...  # noqa: D102
    @property
    def spot_lithium_content(self) -> float: ...  # noqa: D102


class Driven(Protocol):
    """What is stepped under a control; a shallow copy is a snapshot to go back to."""

    @property
    def state(self) -> Truth: ...  # noqa: D102
    def suggested_step_s(self) -> float: ...  # noqa: D102
    def step(  # noqa: D102
        self, duration_s: float, *, current_a: float | None = None, voltage_v: float | None = None
    ) -> Truth: ...


class Cell(Driven, Protocol):
    """A cell in the beam."""

    @property
    def counter_electrode_v(self) -> float: ...  # noqa: D102
    def irradiate(  # noqa: D102
        self, dose_rate_gy_s: float, duration_s: float, *, position_mm: tuple[float, float]
    ) -> None: ...
    def dose_gy(self, position_mm: tuple[float, float]) -> float: ...  # noqa: D102
    def impedance_ohm(self, frequency_hz: float) -> complex: ...  # noqa: D102


AnyDriven = TypeVar("AnyDriven", bound=Driven)


@dataclass
class Coulometry:
    """How charge becomes lithium content: x0 at a charge, theoretical capacity (mA h)."""

    capacity_mah: float
    x0: float
    at_charge_mah: float = 0.0

    def lithium_content(self, charge_mah: float) -> float:
        """Lithium content x at a total charge (mA h)."""
        return self.x0 - (charge_mah - self.at_charge_mah) / self.capacity_mah


@dataclass(frozen=True)
class Control:
    """What is applied: a current (A; 0 is open circuit), a voltage (V), a power (W), or a voltage that moves.

    A sweep goes from `voltage_v` to `to_voltage_v` at `rate_v_s` (V/s, without sign), in stairs of 1 mV.
    """

    current_a: float | None = 0.0
    voltage_v: float | None = None
    power_w: float | None = None
    to_voltage_v: float = 0.0
    rate_v_s: float = 0.0

    @property
    def sweep_s(self) -> float:
        """Time that the sweep takes, s; infinite without one."""
        if not self.rate_v_s:
            return math.inf
        return abs(self.to_voltage_v - (self.voltage_v or 0.0)) / self.rate_v_s

    @property
    def stair_s(self) -> float:
        """Time of one stair of the sweep, s; infinite without one."""
        return max(STAIR_V / self.rate_v_s, SHORTEST_STAIR_S) if self.rate_v_s else math.inf

    @property
    def sign(self) -> int:
        """1 where it charges by design, -1 where it discharges, else 0."""
        if self.rate_v_s:
            way = self.to_voltage_v - (self.voltage_v or 0.0)
        else:
            way = self.power_w or self.current_a or 0.0
        return (way > 0) - (way < 0)

    def after(self, in_step_s: float) -> Control:
        """Return the control that stands so long (s) after the begin of its step: a sweep has gone on."""
        if not self.rate_v_s:
            return self
        way_v = self.sign * self.rate_v_s * min(in_step_s, self.sweep_s)
        return Control(current_a=None, voltage_v=(self.voltage_v or 0.0) + way_v)


OPEN_CIRCUIT = Control()


def control_of(step: EngineStep, truth: Truth) -> Control:
    """Return the control that a step asks for, given the cell when it begins."""
    if step.is_relative and step.voltage_v is not None:
        return Control(current_a=None, voltage_v=truth.voltage_v + step.voltage_v)
    if step.is_relative:
        return Control(current_a=truth.current_a + (step.current_a or 0.0))
    if step.sweep_to_v is not None:
        start_v = truth.voltage_v if step.voltage_v is None else step.voltage_v
        return Control(None, start_v, to_voltage_v=step.sweep_to_v, rate_v_s=step.sweep_rate_v_s)
    if step.power_w is not None:
        return Control(current_a=None, power_w=step.power_w)
    if step.waiting:
        return held(step.waiting, truth)
    if step.voltage_v is not None:
        return Control(current_a=None, voltage_v=step.voltage_v)
    return Control(current_a=step.current_a or 0.0)


def held(word: str, truth: Truth) -> Control:
    """Return the control that holds the cell as it is: rest, hold_voltage or hold_current."""
    controls = {
        "rest": OPEN_CIRCUIT,
        "hold_voltage": Control(current_a=None, voltage_v=truth.voltage_v),
        "hold_current": Control(current_a=truth.current_a),
    }
    return controls[word]


def drive(cell: Driven, control: Control, duration_s: float) -> None:
    """Let time (s) pass under a control; a power is regulated again at the end."""
    if control.power_w is not None:
        cell.step(duration_s, current_a=_current_of(cell, control.power_w))
        for _ in range(POWER_ROUNDS):
            cell.step(0.0, current_a=_current_of(cell, control.power_w))
    elif control.voltage_v is not None:
        cell.step(duration_s, voltage_v=control.voltage_v)
    else:
        cell.step(duration_s, current_a=control.current_a)


def _current_of(cell: Driven, power_w: float) -> float:
    return power_w / max(cell.state.voltage_v, LEAST_VOLTAGE_V)


def drive_until(
    cell: AnyDriven, control: Control, duration_s: float, beyond: Callable[[Truth], float]
) -> tuple[AnyDriven, float, bool]:
    """Let time pass until an end is reached, and not more than one tolerance further.

    Parameters
    ----------
    cell
        To drive; a copy takes its place where its last step went too far.
    control
        What is applied.
    duration_s
        Longest time, s.
    beyond
        Tolerances beyond the end; reached at 0 and above.

    Returns
    -------
    tuple
        The cell then, the time that has passed (s), and whether the end was reached.
    """
    if beyond(cell.state) >= 0:
        return cell, 0.0, True
    before = copy.copy(cell)
    drive(cell, control, duration_s)
    if beyond(cell.state) < 0:
        return cell, duration_s, False
    low_s, high_s = 0.0, duration_s
    for _ in range(BISECTIONS):
        if beyond(cell.state) <= 1.0:
            break
        trial, middle_s = copy.copy(before), 0.5 * (low_s + high_s)
        drive(trial, control, middle_s)
        if beyond(trial.state) < 0:
            low_s = middle_s
        else:
            high_s, cell = middle_s, trial
    return cell, high_s, True
