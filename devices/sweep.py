"""Steps that sweep the voltage: linear and cyclic voltammetry."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .cut_off import Until
from .refusal import check_finite, check_positive, refuse
from .step import Loop, longest_s


@dataclass(frozen=True)
class VoltageRamp:
    """A voltage that moves to `to_voltage_v` (V) at a rate (V/s, without sign): linear sweep voltammetry.

    It begins at `from_voltage_v`, or where the cell is, and ends at its target or by `until`.
    """

    to_voltage_v: float
    scan_rate_v_s: float
    from_voltage_v: float | None = None
    id: str = ""
    until: Until | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = f"step {self.id or 'voltage ramp'!r}"
        check_finite(owner, "to_voltage_v", self.to_voltage_v, "V")
        check_finite(owner, "from_voltage_v", self.from_voltage_v, "V")
        check_positive(owner, "scan_rate_v_s", self.scan_rate_v_s, "V/s")
        if self.from_voltage_v == self.to_voltage_v:
            raise refuse(owner, "to_voltage_v", self.to_voltage_v, "it begins there; use ConstantVoltage")

    @property
    def longest_s(self) -> float:
        """Longest time the step can take, s; infinite where it begins wherever the cell is."""
        if self.from_voltage_v is None:
            return longest_s(None, self.until)
        span_s = abs(self.to_voltage_v - self.from_voltage_v) / self.scan_rate_v_s
        return longest_s(span_s, self.until)

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V, under a limit (V)."""
        del limit_v
        return max(self.to_voltage_v, -math.inf if self.from_voltage_v is None else self.from_voltage_v)


def cyclic_voltammetry(
    first_voltage_v: float,
    second_voltage_v: float,
    scan_rate_v_s: float,
    *,
    cycles: int = 1,
    id_prefix: str = "cv",
    tags: tuple[str, ...] = (),
) -> tuple[VoltageRamp | Loop, ...]:
    """Return the steps of a cyclic voltammogram: to the first vertex, to the second, and again.

    Parameters
    ----------
    first_voltage_v, second_voltage_v
        Vertices, V.
    scan_rate_v_s
        V/s, without sign.
    cycles
        How often both vertices are reached, at least 1.
    id_prefix
        Begin of the ids of the steps.
    tags
        Of every step.

    Raises
    ------
    ValueError
        If there is no cycle, or a number is out of range.

    Examples
    --------
    >>> [step.id for step in cyclic_voltammetry(4.3, 3.0, 1e-3, cycles=3)]
    ['cv-first', 'cv-second', 'cv-again']
    """
    if cycles < 1:
        raise refuse("cyclic voltammetry", "cycles", cycles, "give a count of at least 1")
    if first_voltage_v == second_voltage_v:
        raise refuse("cyclic voltammetry", "second_voltage_v", second_voltage_v, "the vertices are the same")
    first, second = f"{id_prefix}-first", f"{id_prefix}-second"
    ramps = (
        VoltageRamp(first_voltage_v, scan_rate_v_s, id=first, tags=tags),
        VoltageRamp(second_voltage_v, scan_rate_v_s, id=second, tags=tags),
    )
    if cycles == 1:
        return ramps
    return (*ramps, Loop(first, cycles - 1, id=f"{id_prefix}-again", tags=tags))
