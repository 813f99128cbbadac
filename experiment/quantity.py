"""Quantities as people write them: durations, C-rates, voltages; and the refusals of wrong units."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from ..devices.cut_off import until_from_text
from ..devices.protocol import LONGEST_ID

SECONDS_PER = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds in each unit of time that an experiment file may use."""

VOLTAGE_RANGE_V = (-5.0, 10.0)
"""No single cell is cycled outside: a number beyond it was written in another unit."""

_DURATION = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(s|min|h|d)\s*$")
_RATE = re.compile(r"^\s*(?:([0-9]*\.?[0-9]+)\s*)?C\s*(?:/\s*([0-9]*\.?[0-9]+))?\s*$")


def seconds(value: object) -> float:
    """Read a duration.

    Parameters
    ----------
    value
        Seconds as a number, or text with a unit: ``"90 s"``, ``"30 min"``, ``"2h"``, ``"1 d"``.

    Returns
    -------
    float
        Duration in s, positive.

    Raises
    ------
    ValueError
        When the text has no known unit or the duration is not positive.

    Examples
    --------
    >>> seconds("2h")
    7200.0
    """
    if isinstance(value, str):
        match = _DURATION.match(value)
        if match is None:
            raise ValueError(
                f'{value!r} is not a duration; write seconds (7200) or text such as "30 min" or "2h"'
            )
        number = float(match[1]) * SECONDS_PER[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        raise ValueError(
            f'{value!r} is not a duration; write seconds (7200) or text such as "30 min" or "2h"'
        )
    if not number > 0:
        raise ValueError(f"{value!r} is not a duration above 0 s")
    return number


def c_rate(value: object) -> float:
    """Read a C-rate: the inverse of the hours in which the declared capacity flows.

    Parameters
    ----------
    value
        Text such as ``"C/2"``, ``"1C"``, ``"2C"`` or ``"C"``.

    Returns
    -------
    float
        Rate in 1/h, positive.

    Raises
    ------
    ValueError
        When the text is not a C-rate between C/1000 and 100C.

    Examples
    --------
    >>> c_rate("C/2")
    0.5
    """
    match = _RATE.match(value) if isinstance(value, str) else None
    if match is None or (match[2] is not None and float(match[2]) == 0):
        raise ValueError(f'{value!r} is not a C-rate; write text such as "C/2", "C/10" or "2C"')
    rate = float(match[1] or 1.0) / float(match[2] or 1.0)
    if not 1e-3 <= rate <= 100:
        raise ValueError(f"{value!r} is {rate:g} C; rates from C/1000 to 100C are accepted")
    return rate


def voltage(value: float) -> float:
    """Refuse a voltage that no cell has, with the unit in which it was probably written.

    Raises
    ------
    ValueError
        Outside `VOLTAGE_RANGE_V`.
    """
    low, high = VOLTAGE_RANGE_V
    if low <= value <= high:
        return value
    guess = f"; if it is in mV, write {value / 1000:g}" if low <= value / 1000 <= high else ""
    raise ValueError(f"{value:g} V is outside {low:g} to {high:g} V{guess}")


def step_id(value: str) -> str:
    """Refuse the identity of a step that the potentiostat would not take.

    Raises
    ------
    ValueError
        With more than 39 characters, or with a space or a comma.

    Examples
    --------
    >>> step_id("slow-charge")
    'slow-charge'
    """
    if re.fullmatch(rf"[^\s,]{{1,{LONGEST_ID}}}", value) is None:
        raise ValueError(
            f"{value!r} is no id of a step; use at most {LONGEST_ID} characters, no space or comma"
        )
    return value


def until_text(value: str) -> str:
    """Refuse the end of a step that is not understood; its grammar is in `operando.devices.cut_off`.

    Raises
    ------
    ValueError
        Naming the word.

    Examples
    --------
    >>> until_text("voltage above 4.3 or lithium_content below 0.3")
    'voltage above 4.3 or lithium_content below 0.3'
    """
    until_from_text(value)
    return value


Seconds = Annotated[float, BeforeValidator(seconds)]
"""A duration in s, written as a number or as text with a unit."""

CRate = Annotated[float, BeforeValidator(c_rate)]
"""A C-rate in 1/h, written as text."""

Volts = Annotated[float, AfterValidator(voltage)]
"""A voltage in V within what a cell can have."""

StepId = Annotated[str, AfterValidator(step_id)]
"""Identity of a step: at most 39 characters, no space or comma."""

UntilText = Annotated[str, AfterValidator(until_text)]
"""One more end of a step: levels joined by and/or."""
