"""C-rates: the capacity they refer to, and what a rate truly was."""
# pyright: standard

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import xraydb

FARADAY_C_MOL: Final = 96485.33212
CONTRADICTION: Final = 1.15
"""Ratio of delivered to declared capacity from which on, either way, the one contradicts the other."""


def theoretical_capacity_mah_g(formula: str) -> float:
    """Return the charge of one lithium per formula unit.

    Parameters
    ----------
    formula
        Composition at full lithiation.

    Returns
    -------
    float
        mA h/g.

    Raises
    ------
    ValueError
        When the formula is not understood.

    Notes
    -----
    ``F / (3.6 M)`` with molar masses of xraydb.

    Examples
    --------
    >>> round(theoretical_capacity_mah_g("LiNiO2"), 1)
    274.5
    """
    molar_mass_g = sum(
        count * xraydb.atomic_mass(element) for element, count in xraydb.chemparse(formula).items()
    )
    return FARADAY_C_MOL / (3.6 * molar_mass_g)


@dataclass(frozen=True)
class TrueCRate:
    """What a C-rate was called, and what it was.

    Attributes
    ----------
    declared_per_hour, true_per_hour
        Current over declared and over delivered capacity, 1/h, without sign.
    """

    declared_per_hour: float
    true_per_hour: float

    @property
    def contradicts(self) -> bool:
        """Whether the delivered capacity contradicts the declared one."""
        ratio = self.declared_per_hour / self.true_per_hour
        return not 1 / CONTRADICTION <= ratio <= CONTRADICTION

    @property
    def text(self) -> str:
        """Both rates in words."""
        declared, true = spell_c_rate(self.declared_per_hour), spell_c_rate(self.true_per_hour)
        if not self.contradicts:
            return f"{declared} (truly {true})"
        ratio = self.declared_per_hour / self.true_per_hour
        return f"{declared} was truly {true}: {ratio:.3g} times the declared capacity was delivered"


def true_c_rate(current_a: float, declared_capacity_mah: float, delivered_capacity_mah: float) -> TrueCRate:
    """Return the rate that a constant current truly was.

    Parameters
    ----------
    current_a
        Of the half cycle, A, either sign.
    declared_capacity_mah
        What its C-rate was made from, mA h.
    delivered_capacity_mah
        Charge that passed in the whole half cycle, mA h, without sign.

    Raises
    ------
    ValueError
        When a capacity or the current's magnitude is not positive.

    Examples
    --------
    >>> true_c_rate(1e-4, declared_capacity_mah=2.0, delivered_capacity_mah=3.4).text
    'C/20 was truly C/34: 1.7 times the declared capacity was delivered'
    """
    for name, value, unit in (
        ("current_a", abs(current_a), "A"),
        ("declared_capacity_mah", declared_capacity_mah, "mA h"),
        ("delivered_capacity_mah", delivered_capacity_mah, "mA h"),
    ):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"C-rate: {name} is {value!r} {unit}, it must be positive")
    current_ma = abs(current_a) * 1e3
    return TrueCRate(current_ma / declared_capacity_mah, current_ma / delivered_capacity_mah)


def spell_c_rate(per_hour: float) -> str:
    """Write a rate (1/h) as people do.

    Examples
    --------
    >>> spell_c_rate(0.05), spell_c_rate(2.0)
    ('C/20', '2C')
    """
    return f"{per_hour:.3g}C" if per_hour > 1 else f"C/{1 / per_hour:.3g}"
