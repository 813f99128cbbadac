"""Terminals of a cycler: what it sees of the cell behind its leads, and what it can drive through them."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lead import Cell

FLOATING_V = 0.0
"""Voltage that a meter shows of leads that nothing is connected to."""
SMALLEST_CURRENT_A = 1e-9
"""What is missing of a current by less than this is delivered, A."""


class Wiring(StrEnum):
    """How the leads are on the cell."""

    RIGHT = "right"
    REVERSED = "reversed"
    CURRENT_REVERSED = "current reversed"


@dataclass(frozen=True, slots=True)
class Compliance:
    """Most that the instrument can drive: voltage at its terminals (V), current of either sign (A)."""

    lowest_v: float = -5.5
    highest_v: float = 5.5
    largest_a: float = math.inf


@dataclass(frozen=True, slots=True)
class Seen:
    """The cell at one instant as the instrument sees it; lithium contents are those of the cell itself."""

    time_s: float
    voltage_v: float
    current_a: float
    charge_c: float
    lithium_content: float
    spot_lithium_content: float


class Terminal:
    """A cell behind leads that may be reversed or off, driven by a source of limited voltage and current.

    It is stepped like the cell itself; a shallow copy is a snapshot of both.

    Parameters
    ----------
    cell
        At the other end of the leads.
    compliance
        What the source can drive.

    Attributes
    ----------
    contact : bool
        Whether the leads are on.
    voltage_limited, current_limited : bool
        Whether the last step was held back by the compliance.
    shortfall : str
        What was asked for and not delivered, in words; empty when all was.
    """

    def __init__(self, cell: Cell, compliance: Compliance | None = None) -> None:
        self.cell = cell
        self.compliance = compliance or Compliance()
        self.contact = True
        self.voltage_limited = self.current_limited = False
        self.shortfall = ""
        self._wiring = Wiring.RIGHT
        self._charge_offset_c = 0.0
        self._open_v = FLOATING_V

    def __copy__(self) -> Terminal:
        other = object.__new__(Terminal)
        other.__dict__.update(self.__dict__)
        other.cell = copy.copy(self.cell)
        return other

    @property
    def wiring(self) -> Wiring:
        """How the leads are on the cell."""
        return self._wiring

    @wiring.setter
    def wiring(self, wiring: Wiring) -> None:
        counted_c = self.state.charge_c
        self._wiring = wiring
        # The instrument's own counter does not jump when somebody plugs the leads.
        self._charge_offset_c = counted_c - self._current_sign * self.cell.state.charge_c

    @property
    def state(self) -> Seen:
        """What the instrument sees now."""
        truth = self.cell.state
        seen = Seen(
            time_s=truth.time_s,
            voltage_v=self._voltage_sign * truth.voltage_v,
            current_a=self._current_sign * truth.current_a,
            charge_c=self._charge_offset_c + self._current_sign * truth.charge_c,
            lithium_content=truth.lithium_content,
            spot_lithium_content=truth.spot_lithium_content,
        )
        return seen if self.contact else replace(seen, voltage_v=self._open_v, current_a=0.0)

    def suggested_step_s(self) -> float:
        """Step (s) that the cell's accuracy needs."""
        return self.cell.suggested_step_s()

    def step(
        self, duration_s: float, *, current_a: float | None = None, voltage_v: float | None = None
    ) -> Seen:
        """Let time (s) pass while a current (A) or a voltage (V) is asked for; what can be is delivered."""
        self.voltage_limited = self.current_limited = False
        self.shortfall = ""
        if not self.contact:
            self._step_open(duration_s, current_a, voltage_v)
        elif current_a is not None:
            self._step_current(duration_s, current_a)
        elif voltage_v is not None:
            self._step_voltage(duration_s, voltage_v)
        return self.state

    @property
    def _voltage_sign(self) -> int:
        return -1 if self._wiring is Wiring.REVERSED else 1

    @property
    def _current_sign(self) -> int:
        return 1 if self._wiring is Wiring.RIGHT else -1

    def _step_open(self, duration_s: float, current_a: float | None, voltage_v: float | None) -> None:
        self.cell.step(duration_s, current_a=0.0)
        bounds = self.compliance
        if voltage_v is not None:
            self._open_v = min(max(voltage_v, bounds.lowest_v), bounds.highest_v)
        elif current_a:
            # Nothing takes the current: the source goes as far as it can.
            self._open_v = bounds.highest_v if current_a > 0 else bounds.lowest_v
            self._short_of_voltage(current_a)
        else:
            self._open_v = FLOATING_V

    def _step_current(self, duration_s: float, asked_a: float) -> None:
        current_a = min(max(asked_a, -self.compliance.largest_a), self.compliance.largest_a)
        self._drive(0.0, current_a)
        if not self._is_beyond():
            self._drive(duration_s, current_a)
        else:
            self._hold_at_compliance(duration_s)
        if self._is_beyond():
            self._hold_at_compliance(0.0)
        flows_a = self.state.current_a
        if abs(flows_a - current_a) > SMALLEST_CURRENT_A + 1e-6 * abs(current_a):
            self._short_of_voltage(asked_a)
        elif current_a != asked_a:
            self._short_of_current(f"{asked_a:.6g} A")

    def _step_voltage(self, duration_s: float, asked_v: float) -> None:
        bounds = self.compliance
        voltage_v = min(max(asked_v, bounds.lowest_v), bounds.highest_v)
        if self._wiring is Wiring.CURRENT_REVERSED:
            self._run_away(duration_s, voltage_v)
            return
        self.cell.step(0.0, voltage_v=self._voltage_sign * voltage_v)
        wanted_a = self.state.current_a
        if abs(wanted_a) > bounds.largest_a:
            self._drive(duration_s, math.copysign(bounds.largest_a, wanted_a))
            self._short_of_current(f"{voltage_v:.6g} V")
            return
        self.cell.step(duration_s, voltage_v=self._voltage_sign * voltage_v)
        if abs(self.state.voltage_v - asked_v) > 1e-6:
            self.voltage_limited = True
            self.shortfall = f"{asked_v:.6g} V is asked for, {self.state.voltage_v:.6g} V is all there is"

    def _run_away(self, duration_s: float, voltage_v: float) -> None:
        # The loop drives the cell the wrong way, sees it go further off, and drives harder.
        missing_v = voltage_v - self.state.voltage_v
        self._drive(duration_s, math.copysign(self.compliance.largest_a, missing_v))
        self._short_of_current(f"{voltage_v:.6g} V")

    def _drive(self, duration_s: float, current_a: float) -> None:
        self.cell.step(duration_s, current_a=self._current_sign * current_a)

    def _is_beyond(self) -> bool:
        seen_v = self._voltage_sign * self.cell.state.voltage_v
        return not self.compliance.lowest_v <= seen_v <= self.compliance.highest_v

    def _hold_at_compliance(self, duration_s: float) -> None:
        seen_v = self._voltage_sign * self.cell.state.voltage_v
        held_v = min(max(seen_v, self.compliance.lowest_v), self.compliance.highest_v)
        self.cell.step(duration_s, voltage_v=self._voltage_sign * held_v)

    def _short_of_voltage(self, asked_a: float) -> None:
        self.voltage_limited = True
        reached_v = self.state.voltage_v
        self.shortfall = f"{asked_a:.6g} A cannot be driven, the compliance is reached at {reached_v:.6g} V"

    def _short_of_current(self, asked: str) -> None:
        self.current_limited = True
        self.shortfall = (
            f"{asked} needs more than the {self.compliance.largest_a:.6g} A that the instrument can drive"
        )
