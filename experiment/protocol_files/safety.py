"""Limits as a protocol file asks for them: some of them, or all."""

from __future__ import annotations

from dataclasses import dataclass

from ...devices.protocol import Limits


@dataclass(frozen=True)
class Safety:
    """Limits that a protocol file asks for, named as in `Limits`; None where it asks for none.

    Voltages in V, current in A and capacity in mA h without sign, temperature in degC, times in s.
    """

    voltage_max_v: float | None = None
    voltage_min_v: float | None = None
    current_max_a: float | None = None
    capacity_max_mah: float | None = None
    temperature_max_degc: float | None = None
    delay_s: float | None = None
    time_max_s: float | None = None

    def wider(self, limits: Limits) -> tuple[str, ...]:
        """Say which of some limits allow more than this does.

        Examples
        --------
        >>> Safety(voltage_max_v=4.2).wider(Limits(4.3, 2.5, 0.01, 3.0))
        ('voltage_max_v = 4.3 V is above 4.2 V',)
        """
        told: list[str] = []
        for name, unit in _UPPER.items():
            mine, theirs = getattr(self, name), getattr(limits, name)
            if mine is not None and (theirs is None or theirs > mine * (1 + 1e-9)):
                told.append(f"{name} = {theirs:g} {unit} is above {mine:g} {unit}")
        if self.voltage_min_v is not None and limits.voltage_min_v < self.voltage_min_v:
            told.append(f"voltage_min_v = {limits.voltage_min_v:g} V is below {self.voltage_min_v:g} V")
        return tuple(told)


_UPPER = {"voltage_max_v": "V", "current_max_a": "A", "capacity_max_mah": "mA h", "delay_s": "s"}
