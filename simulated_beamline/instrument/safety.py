"""Limits that the instrument keeps by itself, and the watchdog over its client."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from .sample import Sample

CONFIRM_WITHIN_S = 30.0
ACTIONS = ("continue", "rest", "hold_voltage", "hold_current", "stop")


@dataclass
class SafetyLimits:
    """Limits with persistence; NaN is a limit that nobody has set.

    Attributes
    ----------
    vmax, vmin, imax, qmax, tmax, timemax : float
        V, V, A, mA h, degC, s since the protocol was started (optional: infinite).
    delay : float
        How long a breach must last, s.
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
        if self._breach_since is None:
            self._breach_since = sample.time
        if self.tripped or sample.time - self._breach_since < self.delay * (1 - 1e-6):
            return False
        self.tripped, self.cause = True, cause
        self._requested_at = -math.inf
        return True

    def next_look_s(self, time_s: float) -> float:
        """Time (s) until a pending breach must be looked at again; infinite when there is none."""
        if self._breach_since is None or self.tripped:
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
