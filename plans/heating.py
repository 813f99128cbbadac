"""A heater around a cell, and the ramp that provokes it."""

from __future__ import annotations

import math
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from .burst import Heating
from .waiting import set_all


def begin_ramp(heater: Any, heating: Heating) -> MsgGenerator[None]:  # noqa: ANN401 - a `Heater`
    """Begin a ramp; nothing waits for its end, which a runaway does not let it reach.

    Raises
    ------
    ValueError
        If the heater has tripped, or does not go as far.
    """
    high_degc = yield from bps.rd(heater.safety.high, default_value=math.inf)
    tripped = yield from bps.rd(heater.safety.trip, default_value=0)
    if heating.to_degc > high_degc or tripped:
        reason = "it has tripped" if tripped else f"its limit is {high_degc:g} degC"
        raise ValueError(
            f"{heater.name}: {heating.to_degc:g} degC is not possible, {reason}; see "
            f"{heater.prefix}SAFETY:CAUSE and SAFETY:TMAX"
        )
    yield from set_all({heater.ramp: heating.ramp_k_min})
    yield from set_all({heater.setpoint: heating.to_degc})
    yield from set_all({heater.enable: "Enable"})
