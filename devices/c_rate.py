"""The current of a C-rate."""

from __future__ import annotations

import re

from .refusal import check_finite, check_positive, refuse


def current_from_c_rate(rate: str | float, capacity_mah: float) -> float:
    """Return the current (A, positive charges) of a C-rate: 1C passes the capacity in one hour.

    Parameters
    ----------
    rate
        `"C/10"`, `"-C/2"`, `"2C"`, or a number in 1/h.
    capacity_mah
        Capacity of the cell, mA h.

    Raises
    ------
    ValueError
        If the rate is not understood, or the capacity not positive.

    Examples
    --------
    >>> current_from_c_rate("-C/10", 2.0)
    -0.0002
    """
    check_positive("C-rate", "capacity_mah", capacity_mah, "mA h")
    return _rate_per_hour(rate) * capacity_mah / 1000.0


def _rate_per_hour(rate: str | float) -> float:
    if not isinstance(rate, str):
        check_finite("C-rate", "rate", rate, "1/h")
        return float(rate)
    number = r"(\d+(?:\.\d*)?|\.\d+)"
    match = re.fullmatch(rf"([+-]?){number}?\s*C(?:\s*/\s*{number})?", rate.strip())
    if match is None or (match[3] is not None and float(match[3]) == 0):
        raise refuse("C-rate", "rate", rate, "write it as C/10, -C/2 or 2C")
    sign = -1.0 if match[1] == "-" else 1.0
    return sign * float(match[2] or 1.0) / float(match[3] or 1.0)
