"""Triggers on features of the cell: maxima of |dQ/dV|, ahead of where they are expected, or once passed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..devices.protocol import Limits, Protocol
from .trigger_range import check_choice, options, reach, turns, ways

Way = Literal["charging", "discharging", "both"]
_SIGNS: dict[str, frozenset[int]] = {
    "charging": frozenset({1}),
    "discharging": frozenset({-1}),
    "both": frozenset({1, -1}),
}
LEARNING_HALF_CYCLES = 2
"""Half cycles that pass before one comes whose direction the cell has had before."""


@dataclass(frozen=True)
class FeatureConfirmed:
    """A maximum of |dQ/dV| has been passed: known once the curve has fallen behind it, so it comes late.

    Each feature latches once in a half cycle, with how long ago it was passed. `window_v` is the width of the
    smoothing, `prominence` the least rise and fall about a feature as a part of its height; the cycler's own
    (0.03 V, 0.05) unless given.

    Examples
    --------
    >>> FeatureConfirmed("charging", window_v=0.02).rule_text
    'dqdv confirmed charging window 0.02'
    """

    way: Way = "both"
    window_v: float | None = None
    prominence: float | None = None

    def __post_init__(self) -> None:
        check_choice("trigger dqdv confirmed", "way", self.way, get_args(Way))
        _check_smoothing("trigger dqdv confirmed", self.window_v, self.prominence)

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        smoothing = options(window=self.window_v, prominence=self.prominence)
        return f"dqdv confirmed{_spelled(self.way)}{smoothing}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say that no step goes that way, or that the window is too wide; None when it can fire."""
        del capacity_mah
        low, high = reach("voltage", protocol, limits)
        if self.window_v is not None and self.window_v >= high - low:
            return (
                f"{self.rule_text!r} never fires: the window is not below the range of {low:.6g} to "
                f"{high:.6g} V; make it smaller"
            )
        return _no_way(self.rule_text, self.way, protocol)


@dataclass(frozen=True)
class FeatureApproach:
    """The voltage has come within a margin before a maximum of |dQ/dV| that is expected.

    Where it is expected is given (V, from a reference curve), or it is where the last half cycle of the same
    direction has had its own. `window_v` and `prominence` are those of `FeatureConfirmed`, for the latter.

    Examples
    --------
    >>> FeatureApproach(0.02, (3.73, 4.0), "charging").rule_text
    'dqdv approach 3.73,4.0 charging margin 0.02'
    >>> FeatureApproach(0.02).rule_text
    'dqdv approach last margin 0.02'
    """

    margin_v: float
    voltages_v: tuple[float, ...] = ()
    way: Way = "both"
    window_v: float | None = None
    prominence: float | None = None

    def __post_init__(self) -> None:
        owner = "trigger dqdv approach"
        check_choice(owner, "way", self.way, get_args(Way))
        if not (math.isfinite(self.margin_v) and self.margin_v > 0):
            raise ValueError(f"{owner}: margin_v {self.margin_v!r} V must be positive")
        if not all(math.isfinite(voltage) for voltage in self.voltages_v):
            raise ValueError(f"{owner}: voltages_v {self.voltages_v!r} V must be finite numbers")
        if self.voltages_v and (self.window_v, self.prominence) != (None, None):
            raise ValueError(f"{owner}: window_v and prominence belong to features of the last half cycle")
        _check_smoothing(owner, self.window_v, self.prominence)

    @property
    def rule_text(self) -> str:
        """The rule as the cycler reads it."""
        voltages = ",".join(repr(float(voltage)) for voltage in self.voltages_v) or "last"
        given = options(margin=self.margin_v, window=self.window_v, prominence=self.prominence)
        return f"dqdv approach {voltages}{_spelled(self.way)}{given}"

    def can_fire(
        self, protocol: Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say which voltage is out of reach, or that no half cycle is a second one; None when it can fire."""
        del capacity_mah
        low, high = reach("voltage", protocol, limits)
        lost = [voltage for voltage in self.voltages_v if not low <= voltage <= high]
        if lost:
            return (
                f"{self.rule_text!r}: {lost[0]:.6g} V is never approached, voltage stays within {low:.6g} to "
                f"{high:.6g} V; move it or the ends of the steps"
            )
        if not self.voltages_v and turns(protocol) < LEARNING_HALF_CYCLES:
            return (
                f"{self.rule_text!r} never fires: the protocol has no second charge or discharge to which "
                "the first could tell what to expect; give voltages"
            )
        return _no_way(self.rule_text, self.way, protocol)


def _spelled(way: Way) -> str:
    return "" if way == "both" else f" {way}"


def _check_smoothing(owner: str, window_v: float | None, prominence: float | None) -> None:
    if window_v is not None and not (math.isfinite(window_v) and window_v > 0):
        raise ValueError(f"{owner}: window_v {window_v!r} V must be positive")
    if prominence is not None and not 0 < prominence < 1:
        raise ValueError(f"{owner}: prominence {prominence!r} must be above 0 and below 1")


def _no_way(rule_text: str, way: Way, protocol: Protocol) -> str | None:
    if ways(protocol) & _SIGNS[way]:
        return None
    wanted = "charges or discharges" if way == "both" else way.replace("ing", "es")
    return f"{rule_text!r} never fires: no step of the protocol {wanted} the cell"
