"""Titrations as plain steps: galvanostatic (GITT) and potentiostatic (PITT)."""

from __future__ import annotations

import math

from .cut_off import CutOff, Until
from .refusal import check_positive, refuse
from .step import ConstantCurrent, ConstantVoltage, Loop, Rest

LARGEST_STAIR = 100


def gitt(
    current_a: float,
    *,
    pulse_s: float,
    rest_s: float,
    pulses: int,
    until_voltage_v: float | None = None,
    relaxed_v_s: float | None = None,
    until: Until | None = None,
    id_prefix: str = "gitt",
    tags: tuple[str, ...] = (),
) -> tuple[ConstantCurrent | Rest | Loop, ...]:
    """Return the steps of a galvanostatic intermittent titration: pulse, rest, again.

    Source: W. Weppner, R. A. Huggins, J. Electrochem. Soc. 124 (1977) 1569, doi 10.1149/1.2133112.

    Parameters
    ----------
    current_a
        Of a pulse, A, positive charges.
    pulse_s, rest_s
        Times of pulse and rest, s; the longest one for the rest if `relaxed_v_s` is given.
    pulses
        How many, at least 1.
    until_voltage_v, until
        Further ends of each pulse (V; expression).
    relaxed_v_s
        A rest also ends once the voltage moves more slowly than this (V/s).
    id_prefix
        Begin of the ids of the steps.
    tags
        Of every step.

    Raises
    ------
    ValueError
        If there is no pulse, or a number is out of range.

    Examples
    --------
    >>> [step.id for step in gitt(1e-4, pulse_s=600, rest_s=3600, pulses=20)]
    ['gitt-pulse', 'gitt-rest', 'gitt-again']
    """
    if pulses < 1:
        raise refuse("GITT", "pulses", pulses, "give a count of at least 1")
    check_positive("GITT", "relaxed_v_s", relaxed_v_s, "V/s")
    relaxed = None if relaxed_v_s is None else CutOff("voltage_rate", "below", relaxed_v_s)
    pulse = ConstantCurrent(
        current_a, until_voltage_v, pulse_s, id=f"{id_prefix}-pulse", until=until, tags=tags
    )
    rest = Rest(rest_s, id=f"{id_prefix}-rest", until=relaxed, tags=tags)
    if pulses == 1:
        return pulse, rest
    return pulse, rest, Loop(pulse.id, pulses - 1, id=f"{id_prefix}-again", tags=tags)


def pitt(
    from_voltage_v: float,
    to_voltage_v: float,
    step_v: float,
    *,
    until_current_a: float | None = None,
    until_time_s: float | None = None,
    id_prefix: str = "pitt",
    tags: tuple[str, ...] = (),
) -> tuple[ConstantVoltage, ...]:
    """Return the steps of a potentiostatic intermittent titration: a stair of voltages, both ends included.

    Source: C. J. Wen, B. A. Boukamp, R. A. Huggins, W. Weppner, J. Electrochem. Soc. 126 (1979) 2258, doi
    10.1149/1.2128939.

    Parameters
    ----------
    from_voltage_v, to_voltage_v
        First and last voltage, V.
    step_v
        Height of a stair, V, without sign; the last may be lower.
    until_current_a, until_time_s
        Each stair ends when the current has fallen so far (A, no sign), or after a time (s).
    id_prefix
        Begin of the ids of the steps.
    tags
        Of every step.

    Raises
    ------
    ValueError
        If a number is out of range, or there are more than 100 stairs.

    Examples
    --------
    >>> [step.voltage_v for step in pitt(3.7, 3.75, 0.02, until_time_s=600)]
    [3.7, 3.72, 3.74, 3.75]
    """
    check_positive("PITT", "step_v", step_v, "V")
    span_v = to_voltage_v - from_voltage_v
    stairs = math.ceil(abs(span_v) / step_v - 1e-9)
    if stairs + 1 > LARGEST_STAIR:
        raise refuse(
            "PITT", "step_v", step_v, f"{stairs + 1} stairs are more than {LARGEST_STAIR}: make it larger"
        )
    signed_v = math.copysign(step_v, span_v)
    voltages = [*(round(from_voltage_v + n * signed_v, 9) for n in range(stairs)), to_voltage_v]
    return tuple(
        ConstantVoltage(voltage_v, until_current_a, until_time_s, id=f"{id_prefix}-{number}", tags=tags)
        for number, voltage_v in enumerate(voltages, start=1)
    )
