"""Charge counted from polled currents, and the lithium content that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .instrument import Sample

COULOMB_PER_MAH = 3.6


@dataclass
class ChargeCounter:
    """Coulometry on samples, by the trapezoidal rule.

    Attributes
    ----------
    capacity_mah, x0 : float
        Of the whole range of lithium content, and the content at `x0_mah`.
    total_mah : float
        Counted since the bridge began.
    protocol_mah : float
        Where the protocol began.
    """

    capacity_mah: float = 1.0
    x0: float = 1.0
    x0_mah: float = 0.0
    total_mah: float = 0.0
    protocol_mah: float = 0.0

    def count(self, current_a: float, later_a: float, duration_s: float) -> None:
        """Add what flowed between two samples (A, s)."""
        self.total_mah += 0.5 * (current_a + later_a) * duration_s / COULOMB_PER_MAH

    def measured(self, last: Sample, time_s: float, voltage_v: float, current_a: float) -> Sample:
        """Give the sample after `last` with the charge that has passed meanwhile; s, V, A."""
        if not math.isnan(last.voltage):
            self.count(last.current, current_a, time_s - last.time)
        content = self.lithium_content
        return replace(
            last,
            time=time_s,
            voltage=voltage_v,
            current=current_a,
            capacity=self.capacity,
            lithium_content=content,
            state_of_charge=1.0 - content,
        )

    def begin_protocol(self) -> None:
        """Let the capacity be counted from here."""
        self.protocol_mah = self.total_mah

    def set_content(self, x0: float) -> None:
        """Let the lithium content be this now."""
        self.x0, self.x0_mah = x0, self.total_mah

    @property
    def capacity(self) -> float:
        """Net charge since the protocol began, mA h."""
        return self.total_mah - self.protocol_mah

    @property
    def lithium_content(self) -> float:
        """Lithium content now."""
        return self.x0 - (self.total_mah - self.x0_mah) / self.capacity_mah
