"""What a burst of radiographs is: frames around a trigger, what triggers, and what provokes it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from .beam_guard import BeamLostError
from .waiting import PassedError

ATTRIBUTES = {
    "voltage": ("CellVoltage", "V"),
    "temperature": ("CellTemperature", "degC"),
    "heater": ("HeaterTemperature", "degC"),
    "dT/dt": ("HeaterRate", "K/s"),
}
"""What may trigger: attribute of a frame, as the camera's server calls it, and its unit.

Voltage and temperature of the cell are the cycler's, `heater` and `dT/dt` those of the heater around it,
whose server takes the rate over its own samples.
"""
TEXT = re.compile(r"\s*(\S+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)\s*(\S*)\s*")


class BurstLostError(BeamLostError, PassedError):
    """A burst has lost its beam; who provokes the cell again heats what has given way."""


class BurstShortError(PassedError):
    """A burst of a cell that was heated is not as it should be; who provokes it again heats what gave way."""


@dataclass(frozen=True, kw_only=True)
class BurstTrigger:
    """A quantity that every frame carries, and the limit at which the frames around it are kept.

    Parameters
    ----------
    quantity : str
        Of `ATTRIBUTES`.
    sign : str
        ">", "<", ">=" or "<=".
    limit : float
        In the unit of the quantity.
    latency_s : float
        By how much the frame that fulfils the condition may come after what it means, s: a server tells a
        temperature every 20 ms, and a rate over 0.1 s. The frames before the trigger have to last longer.

    Raises
    ------
    ValueError
        If one is out of range.
    """

    quantity: str
    sign: str
    limit: float
    latency_s: float = 0.1

    def __post_init__(self) -> None:
        if self.quantity not in ATTRIBUTES:
            raise ValueError(f"burst: no frame carries {self.quantity!r}; use {', '.join(ATTRIBUTES)}")
        if self.sign not in (">", "<", ">=", "<=") or not math.isfinite(self.limit):
            raise ValueError(
                f"burst: {self.quantity} {self.sign} {self.limit} is no condition; give > or < and a number"
            )
        if not 0.0 <= self.latency_s < 60.0:
            raise ValueError(f"burst: latency_s is {self.latency_s}; give 0 to 60 s")

    @property
    def attribute(self) -> str:
        """What the camera's server calls the quantity."""
        return ATTRIBUTES[self.quantity][0]

    @property
    def condition(self) -> str:
        """Condition of the ring."""
        return f"A{self.sign}{self.limit:g}"

    def __str__(self) -> str:
        return f"{self.quantity} {self.sign} {self.limit:g} {ATTRIBUTES[self.quantity][1]}"


def burst_trigger(text: str) -> BurstTrigger:
    """Understand a trigger as people write it.

    Parameters
    ----------
    text
        Quantity, sign, number and unit, such as "voltage < 2.5 V"; the unit may be left out.

    Raises
    ------
    ValueError
        If it is none, or has another unit.

    Examples
    --------
    >>> trigger = burst_trigger("dT/dt > 5 K/s")
    >>> trigger.attribute, trigger.condition, str(trigger)
    ('HeaterRate', 'A>5', 'dT/dt > 5 K/s')
    """
    found = TEXT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"burst: {text!r} is no trigger; write e.g. 'voltage < 2.5 V', 'temperature > 60 degC', "
            "'heater > 160 degC', 'dT/dt > 5 K/s'"
        )
    quantity, sign, number, unit = found.groups()
    try:
        trigger = BurstTrigger(quantity=quantity, sign=sign, limit=float(number))
    except ValueError as error:
        raise ValueError(f"burst: {text!r}: {error}") from error
    known = ATTRIBUTES[quantity][1]
    if unit not in ("", known):
        raise ValueError(f"burst: {text!r}: {quantity} is in {known}, not in {unit}")
    return trigger


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Frames of a burst, and how long its trigger is waited for.

    Parameters
    ----------
    exposure_s, period_s : float
        Of each frame, and from the start of one to that of the next, s.
    frames_before, frames_after : int
        Frames that are kept of those before the trigger, and taken from it on.
    binning : int
        Pixels that are added up to one along both sides.
    wait_limit_s : float
        How long the trigger is waited for on the cell's clock, s.
    on_miss : str
        What happens if it has not come: "fail", or "fire" for the frames around that instant.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    exposure_s: float = 7e-4
    period_s: float = 8e-4
    frames_before: int = 1250
    frames_after: int = 6250
    binning: int = 4
    wait_limit_s: float = 600.0
    on_miss: Literal["fail", "fire"] = "fail"

    def __post_init__(self) -> None:
        if not 0.0 < self.exposure_s <= self.period_s < 60.0:
            raise ValueError(
                f"burst: exposure_s {self.exposure_s}, period_s {self.period_s}; give an exposure above 0 "
                "and a period not below it, up to 60 s"
            )
        if self.frames_before < 0 or self.frames_after < 1 or self.binning < 1:
            raise ValueError(
                f"burst: frames_before {self.frames_before}, frames_after {self.frames_after}, binning "
                f"{self.binning}; give counts of at least 0, 1 and 1"
            )
        if not 0.0 < self.wait_limit_s < math.inf or self.on_miss not in ("fail", "fire"):
            raise ValueError(
                f"burst: wait_limit_s {self.wait_limit_s} s, on_miss {self.on_miss!r}; give a positive "
                "number of s, and fail or fire"
            )

    @property
    def frames(self) -> int:
        """All frames."""
        return self.frames_before + self.frames_after

    @property
    def before_s(self) -> float:
        """Time that the frames before the trigger last, s."""
        return self.frames_before * self.period_s


@dataclass(frozen=True, kw_only=True)
class Heating:
    """What provokes a cell: a ramp of the heater to a temperature, which is held until the burst is over.

    Parameters
    ----------
    to_degc : float
        Where the ramp ends, within the heater's own limit.
    ramp_k_min : float
        Its slope.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    to_degc: float
    ramp_k_min: float = 10.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.to_degc) and 0.0 < self.ramp_k_min < math.inf):
            raise ValueError(
                f"burst: heating to {self.to_degc} degC at {self.ramp_k_min} K/min; give finite numbers, the "
                "ramp above 0"
            )
