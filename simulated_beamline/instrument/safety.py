"""Limits that the instrument keeps by itself, and the watchdog over its client."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from .sample import Sample

CONFIRM_WITHIN_S = 30.0
ACTIONS = ("continue", "rest", "hold_voltage", "hold_current", "stop")
SETTINGS = ("VMAX", "VMIN", "IMAX", "QMAX", "TMAX", "TIMEMAX", "DELAY", "OCVMIN", "OCVMAX", "CRATEMAX")
"""What a client may write of the limits."""
PLAUSIBLE_RATE_PER_H = 30.0
"""C-rate beyond which a unit or a capacity is mistaken, 1/h."""


@dataclass
class SafetyLimits:
    """Limits with persistence; NaN is a limit that nobody has set.

    Attributes
    ----------
    vmax, vmin, imax, qmax, tmax, timemax : float
        V, V, A, mA h, degC, s since the protocol was started (optional: infinite).
    delay : float
        How long a breach must last, s.
    ocvmin, ocvmax : float
        Window of the open-circuit voltage at the start, V, within that of the limits (optional: infinite).
    cratemax : float
        Largest C-rate that a program may ask for, 1/h.
    tripped : bool
        Latched until the two-step reset.
    cause : str
        Of the trip.
    """

    vmax: float = math.nan
    vmin: float = math.nan
    imax: float = math.nan
    qmax: float = math.nan
    tmax: float = math.nan
    timemax: float = math.inf
    delay: float = 0.1
    ocvmin: float = -math.inf
    ocvmax: float = math.inf
    cratemax: float = PLAUSIBLE_RATE_PER_H
    tripped: bool = False
    cause: str = ""
    _breach_since: float | None = None
    _requested_at: float = field(default=-math.inf)

    def missing(self) -> list[str]:
        """Names of the limits that nobody has set."""
        names = ("vmax", "vmin", "imax", "qmax", "tmax")
        return [name.upper() for name in names if math.isnan(getattr(self, name))]

    def refusal(self) -> str:
        """Why no current may be applied now; empty when it may."""
        if self.tripped:
            return f"tripped: {self.cause}; remove the cause and write RESET request, then confirm"
        if self.missing():
            return f"limits not set: {', '.join(self.missing())}; write them under SAFETY: first"
        return ""

    def breach(self, sample: Sample, elapsed_s: float) -> str:
        """Limit that the sample passes, in words; empty when none."""
        # What counts of a sinus is its peak.
        peak = "peak " if sample.swing_v or sample.swing_a else ""
        checks = (
            (f"{peak}voltage", sample.voltage + sample.swing_v, "VMAX", self.vmax, "V", 1),
            (f"{peak}voltage", sample.voltage - sample.swing_v, "VMIN", self.vmin, "V", -1),
            (f"{peak}current", abs(sample.current) + sample.swing_a, "IMAX", self.imax, "A", 1),
            ("capacity", abs(sample.capacity), "QMAX", self.qmax, "mA h", 1),
            ("temperature", sample.temperature, "TMAX", self.tmax, "degC", 1),
            ("time", elapsed_s, "TIMEMAX", self.timemax, "s", 1),
        )
        for name, value, limit_name, limit, unit, sign in checks:
            if sign * (value - limit) > 0:
                side = "above" if sign > 0 else "below"
                return f"{name} {value:.6g} {unit} {side} {limit_name} {limit:.6g} {unit}"
        return ""

    def check(self, sample: Sample, elapsed_s: float) -> bool:
        """Look at a sample; True when this trips the instrument."""
        cause = self.breach(sample, elapsed_s)
        if not cause:
            self._breach_since = None
            return False
        # A clock that was set back must not put the trip off.
        if self._breach_since is None or sample.time < self._breach_since:
            self._breach_since = sample.time
        if self.tripped or sample.time - self._breach_since < self.delay * (1 - 1e-6):
            return False
        self.trip(cause)
        return True

    def trip(self, cause: str) -> None:
        """Latch a trip with its cause; of several the first is kept."""
        if not self.tripped:
            self.tripped, self.cause = True, cause
        self._requested_at = -math.inf

    @property
    def is_pending(self) -> bool:
        """Whether a limit is passed and has not been for long enough to trip."""
        return self._breach_since is not None and not self.tripped

    def forget(self) -> None:
        """Forget a breach that is pending: the program has ended."""
        self._breach_since = None

    def start_window_v(self) -> tuple[float, float]:
        """Window in which the open-circuit voltage must be for a start, V."""
        return max(self.vmin, self.ocvmin), min(self.vmax, self.ocvmax)

    def beyond(self, voltage_v: float, current_a: float, capacity_mah: float) -> float:
        """How far the nearest limit is passed (V, A, mA h), in tolerances; from 0 on it is for certain.

        The tolerances, 0.2 mV, 0.1 % of the current and 10 nA h, are what the instrument resolves.
        """
        passed = (
            (voltage_v - self.vmax, 2e-4),
            (self.vmin - voltage_v, 2e-4),
            (abs(current_a) - self.imax, 1e-3 * self.imax),
            (abs(capacity_mah) - self.qmax, 1e-5),
        )
        return max(_in_tolerances(excess, tolerance) - 1.0 for excess, tolerance in passed)

    def within(self, voltage_v: float) -> float:
        """Voltage (V) nearest to this one that the limits allow."""
        return min(max(voltage_v, self.vmin), self.vmax)

    def next_look_s(self, time_s: float) -> float:
        """Time (s) until a pending breach must be looked at again; infinite when there is none."""
        if not self.is_pending or self._breach_since is None:
            return math.inf
        return max(self._breach_since + self.delay - time_s, 1e-3)

    def request_reset(self, wall_s: float) -> None:
        """First step of a reset; wall time in s."""
        self._requested_at = wall_s

    def confirm_reset(self, wall_s: float, sample: Sample) -> str:
        """Second step of a reset: why it is refused; empty when the trip is cleared."""
        if wall_s - self._requested_at > CONFIRM_WITHIN_S:
            return f"write RESET request first, then confirm within {CONFIRM_WITHIN_S:g} s"
        self._requested_at = -math.inf
        # Charge and time are those of the protocol that has ended: they start anew with the next.
        standing = self.breach(_without_charge(sample), 0.0)
        if standing:
            return f"the breach is still there: {standing}"
        self.tripped, self.cause, self._breach_since = False, "", None
        return ""


def _in_tolerances(excess: float, tolerance: float) -> float:
    # A limit that nobody has set is NaN, one that is switched off infinite.
    return excess / tolerance if math.isfinite(excess) else -math.inf


def _without_charge(sample: Sample) -> Sample:
    return replace(sample, capacity=0.0)


@dataclass
class ClientWatchdog:
    """Says once that the heartbeat is missing for longer than the time-out (wall s; 0: never)."""

    timeout_s: float = 0.0
    action: str = "continue"
    fired: bool = False
    _last_beat_s: float = 0.0

    def beat(self, wall_s: float) -> None:
        """Take note of a sign of life."""
        self._last_beat_s, self.fired = wall_s, False

    def expired(self, wall_s: float) -> bool:
        """Whether the time-out has just passed; True once per silence."""
        if self.fired or self.timeout_s <= 0 or wall_s - self._last_beat_s <= self.timeout_s:
            return False
        self.fired = True
        return True
