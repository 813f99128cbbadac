"""A cell in a heater: its temperature follows a ramp with a lag, and past a threshold it heats itself."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Heater:
    """What the cell and its heater are like.

    Attributes
    ----------
    ambient_degc : float
        Where the cell stands without heating.
    time_constant_s : float
        With which the cell follows the heater.
    runaway_degc : float
        Temperature of the cell at which thermal runaway begins.
    runaway_rise_degc, runaway_rise_s : float
        By how much it then heats itself, and the time constant of that.
    """

    ambient_degc: float = 25.0
    time_constant_s: float = 20.0
    runaway_degc: float = 180.0
    runaway_rise_degc: float = 600.0
    runaway_rise_s: float = 0.5


@dataclass(frozen=True)
class HeaterState:
    """How it stands at an instant.

    Attributes
    ----------
    time_s : float
        Simulated UNIX time.
    target_degc : float
        Of the controller, on its ramp.
    cell_degc : float
        Of the cell, without the heat of a runaway.
    runaway_began_s : float
        Simulated UNIX time at which it began; NaN if it has not.
    """

    time_s: float
    target_degc: float
    cell_degc: float
    runaway_began_s: float = math.nan


def heated(
    heater: Heater, state: HeaterState, time_s: float, *, setpoint_degc: float, ramp_k_s: float
) -> HeaterState:
    """Follow the ramp up to a time.

    Parameters
    ----------
    heater
        What it is like.
    state
        From where.
    time_s
        Simulated UNIX time, not before that of the state.
    setpoint_degc
        Where the ramp ends.
    ramp_k_s
        Slope of the ramp, K/s.

    Returns
    -------
    HeaterState
        Exact for steps of any length: the cell is a lag of first order behind the ramp. The begin of a
        runaway is where the straight line between the two temperatures passes the threshold.
    """
    if not time_s > state.time_s:
        return state
    distance = setpoint_degc - state.target_degc
    ramp_s = min(abs(distance) / ramp_k_s, time_s - state.time_s)
    slope = math.copysign(ramp_k_s, distance) if distance else 0.0
    on_ramp = _follow(heater.time_constant_s, state.cell_degc, state.target_degc, slope, ramp_s)
    target_degc = state.target_degc + slope * ramp_s
    rest_s = time_s - state.time_s - ramp_s
    if rest_s > 0.0:
        target_degc = setpoint_degc
    cell_degc = _follow(heater.time_constant_s, on_ramp, target_degc, 0.0, rest_s)
    began_s = state.runaway_began_s
    if math.isnan(began_s) and cell_degc >= heater.runaway_degc:
        rise = max(cell_degc - state.cell_degc, 1e-9)
        share = min(max((heater.runaway_degc - state.cell_degc) / rise, 0.0), 1.0)
        began_s = state.time_s + share * (time_s - state.time_s)
    return HeaterState(time_s, target_degc, cell_degc, began_s)


def own_heat_degc(heater: Heater, runaway_began_s: float, time_s: float) -> float:
    """Temperature (K) that a runaway has added by a simulated UNIX time (s); 0 before."""
    if not time_s > runaway_began_s:
        return 0.0
    return heater.runaway_rise_degc * -math.expm1(-(time_s - runaway_began_s) / heater.runaway_rise_s)


def _follow(constant_s: float, value: float, target: float, slope: float, passed_s: float) -> float:
    """Value that lags behind ``target + slope t``, after `passed_s`."""
    behind = value - target + slope * constant_s
    return target + slope * (passed_s - constant_s) + behind * math.exp(-passed_s / constant_s)
