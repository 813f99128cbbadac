"""What a cycler has on its leads: a cell that is driven, and how charge becomes lithium content."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .technique import EngineStep, StepTest

COULOMB_PER_MAH = 3.6
BISECTIONS = 40
END_TOLERANCE = {"voltage": 2e-4, "current": 1e-7, "charge": 1e-5}


class Truth(Protocol):
    """The cell at one instant, as it really is."""

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


class Cell(Protocol):
    """A cell that is stepped; a shallow copy is a snapshot to go back to."""

    @property
    def state(self) -> Truth: ...  # noqa: D102
    def suggested_step_s(self) -> float: ...  # noqa: D102
    def step(  # noqa: D102
        self, duration_s: float, *, current_a: float | None = None, voltage_v: float | None = None
    ) -> Truth: ...
    def irradiate(  # noqa: D102
        self, dose_rate_gy_s: float, duration_s: float, *, position_mm: tuple[float, float]
    ) -> None: ...
    def dose_gy(self, position_mm: tuple[float, float]) -> float: ...  # noqa: D102


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
    """What is applied: a current (A; 0 is open circuit) or a voltage (V)."""

    current_a: float | None = 0.0
    voltage_v: float | None = None


OPEN_CIRCUIT = Control()


def control_of(step: EngineStep) -> Control:
    """Control that a step asks for."""
    if step.voltage_v is not None:
        return Control(current_a=None, voltage_v=step.voltage_v)
    return Control(current_a=step.current_a or 0.0)


def drive(cell: Cell, control: Control, duration_s: float) -> None:
    """Let time (s) pass under a control."""
    if control.voltage_v is not None:
        cell.step(duration_s, voltage_v=control.voltage_v)
    else:
        cell.step(duration_s, current_a=control.current_a)


def excess(tests: tuple[StepTest, ...], truth: Truth, entered_charge_mah: float) -> float:
    """How many tolerances the cell is beyond the nearest of the ends of its step; reached at 0 and above."""
    charge_mah = truth.charge_c / COULOMB_PER_MAH - entered_charge_mah
    return max(
        test.excess(truth.voltage_v, truth.current_a, charge_mah) / END_TOLERANCE[test.variable]
        for test in tests
    )


def drive_until(
    cell: Cell, control: Control, duration_s: float, beyond: Callable[[Truth], float]
) -> tuple[Cell, float, bool]:
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
