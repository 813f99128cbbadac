"""What a cycler looks at before it lets a program begin, and in its first instants."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .sample import Sample
from .technique import EngineStep

IMPLAUSIBLE_V = 0.05
"""What a meter shows of nothing, V."""
POLARITY_AFTER_S = 0.02
"""When the first current has flown so long the voltage is looked at, s: transients of the meter are over."""
LEAST_JUMP_V = 1e-3
"""A smaller step of the voltage the wrong way may be noise, V."""
SHORTEST_LOOK_S = 1e-3


def voltage_refusal(voltage_v: float, lowest_v: float, highest_v: float) -> str:
    """Why a cell of this open-circuit voltage is not cycled; empty when it may be.

    Parameters
    ----------
    voltage_v
        Measured at open circuit, V.
    lowest_v, highest_v
        The window in which it must be, V.
    """
    if lowest_v <= voltage_v <= highest_v:
        return ""
    window = f"the open-circuit voltage is {voltage_v:.4g} V, it must be {lowest_v:.6g} to {highest_v:.6g} V"
    if voltage_v < -IMPLAUSIBLE_V:
        return f"{window}: it is negative, the leads are reversed; connect + to the cathode"
    if abs(voltage_v) <= IMPLAUSIBLE_V:
        return f"{window}: no cell is connected, or it is shorted; check the leads"
    return f"{window}: check that this is the cell, or move SAFETY:VMIN, VMAX, OCVMIN, OCVMAX"


def rate_refusal(step_id: str, current_a: float, *, capacity_mah: float, rate_max_per_h: float) -> str:
    """Why the largest current of a program is not plausible for this cell; empty when it is.

    Parameters
    ----------
    step_id, current_a
        The step that asks for it, and the current without sign, A.
    capacity_mah
        Of the cell, mA h.
    rate_max_per_h
        Largest C-rate, 1/h.
    """
    rate_per_h = current_a * 1e3 / capacity_mah
    if rate_per_h <= rate_max_per_h:
        return ""
    return (
        f"step {step_id} asks for {current_a * 1e3:.4g} mA, {rate_per_h:.4g} C of CELL:CAPACITY "
        f"{capacity_mah:.4g} mA h, and SAFETY:CRATEMAX is {rate_max_per_h:.4g}: "
        "correct the current or the capacity, or raise CRATEMAX"
    )


def range_refusal(step_id: str, current_a: float, range_a: float) -> str:
    """Why the largest current of a program cannot be driven; empty when it can.

    Parameters
    ----------
    step_id, current_a
        The step that asks for it, and the current without sign, A.
    range_a
        Widest range of the instrument, A.
    """
    if current_a <= range_a:
        return ""
    return (
        f"step {step_id} asks for {current_a * 1e3:.4g} mA, and the widest range of this channel is "
        f"{range_a * 1e3:.4g} mA: lower the rate, take a smaller electrode, or a channel with a wider range"
    )


def largest_current(program: Sequence[EngineStep], lowest_v: float) -> tuple[str, float]:
    """Step that asks for the largest current, and that current (A) without sign.

    A power is judged at the lowest voltage (V); steps of voltage have no current of their own.
    """
    asked = [(_current_a(step, lowest_v), step.step_id) for step in program]
    current_a, step_id = max(asked, default=(0.0, ""))
    return step_id, current_a


def _current_a(step: EngineStep, lowest_v: float) -> float:
    if step.power_w is None:
        return abs(step.current_a or 0.0)
    return abs(step.power_w) / max(lowest_v, IMPLAUSIBLE_V) if math.isfinite(lowest_v) else 0.0


class Polarity:
    """Looks whether the voltage goes the way of the first current: it must, at once, whatever the cell."""

    def __init__(self) -> None:
        self._open_v = 0.0
        self._sign = 0
        self._since_s = 0.0
        self._is_due = False

    def begin(self) -> None:
        """Look at the first current from now on."""
        self._sign, self._is_due = 0, True

    def applied(self, before: Sample, sign: int, time_s: float, *, from_rest: bool = True) -> None:
        """Take note of a control that begins (s), the sample before it, and the sign of its current.

        After a larger current of the same sign, as of a hold, the voltage may go either way: only what begins
        from rest is judged.
        """
        if self._is_due and self._sign and sign != self._sign:
            self._is_due = False
        elif self._is_due and sign and not self._sign and from_rest:
            self._open_v, self._sign, self._since_s = before.voltage, sign, time_s

    def next_look_s(self, time_s: float) -> float:
        """Time (s) until the look; infinite when none is due."""
        if not (self._is_due and self._sign):
            return math.inf
        return max(self._since_s + POLARITY_AFTER_S - time_s, SHORTEST_LOOK_S)

    def fault(self, sample: Sample, time_s: float) -> str:
        """Tell once what is wrong, in words; empty otherwise."""
        if self.next_look_s(time_s) > SHORTEST_LOOK_S:
            return ""
        self._is_due = False
        rise_v = sample.voltage - self._open_v
        if self._sign * rise_v >= -LEAST_JUMP_V:
            return ""
        way, went = ("charge", "fell") if self._sign > 0 else ("discharge", "rose")
        return (
            f"the voltage {went} by {abs(rise_v) * 1e3:.3g} mV when the first {way} began: "
            "the current leads are reversed; connect them and load again"
        )
