"""Charge neutrality of layered oxides: lithium content to oxidation states."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FIXED_VALENCES: Mapping[str, float] = MappingProxyType(
    {"Mn": 4.0, "Al": 3.0, "Ti": 4.0, "Mg": 2.0, "Zr": 4.0}
)
COBALT_START = 3.0
HIGHEST = 4.0
OVERLAP_ONSET = 0.5
FARADAY_MAH_MOL = 96485.33212 / 3.6
MOLAR_MASS_G_MOL: Mapping[str, float] = MappingProxyType(
    {"Li": 6.94, "O": 15.999, "Ni": 58.693, "Co": 58.933, "Mn": 54.938}
    | {"Al": 26.982, "Ti": 47.867, "Mg": 24.305, "Zr": 91.224}
)
"""Standard atomic weights (IUPAC 2021, abridged)."""

COMPOSITIONS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "LNO": {"Ni": 1.0},
        "LCO": {"Co": 1.0},
        "NMC111": {"Ni": 1 / 3, "Mn": 1 / 3, "Co": 1 / 3},
        "NMC532": {"Ni": 0.5, "Mn": 0.3, "Co": 0.2},
        "NMC622": {"Ni": 0.6, "Mn": 0.2, "Co": 0.2},
        "NMC811": {"Ni": 0.8, "Mn": 0.1, "Co": 0.1},
        "NCA": {"Ni": 0.8, "Co": 0.15, "Al": 0.05},
        "Li-rich": {"Ni": 2 / 15, "Co": 2 / 15, "Mn": 8 / 15},
    }
)
"""Metals per formula unit Li_x M O2 of the common chemistries (Li-rich is Li1.2 M0.8 O2)."""


@dataclass(frozen=True)
class Valences:
    """Mean oxidation state of each element at one lithium content.

    Attributes
    ----------
    metals : Mapping[str, float]
        Element symbol to mean oxidation state.
    oxygen : float
        Mean oxidation state of oxygen, -2 until the metals are exhausted.
    """

    metals: Mapping[str, float]
    oxygen: float


def valences(
    composition: Mapping[str, float],
    lithium_content: float,
    *,
    lithium_full: float = 1.0,
    oxygen_overlap: float = 0.0,
) -> Valences:
    """Oxidation states that keep Li_x M O2 neutral.

    Nickel is oxidised to 4+ first, then cobalt, then oxygen; Mn, Al and other fixed ions keep theirs.

    Parameters
    ----------
    composition
        Metals per formula unit, symbol to amount.
    lithium_content
        x, lithium per formula unit, 0 to `lithium_full`.
    lithium_full
        x of the pristine oxide, at which cobalt is 3+.
    oxygen_overlap
        Share (0..1) of cobalt's charge that oxygen gives instead, for lithium removed beyond 0.5.

    Returns
    -------
    Valences
        Of every metal and of oxygen.

    Raises
    ------
    ValueError
        If x lies outside its range or a metal has no rule.

    Notes
    -----
    Sum rule: sum(c_i n_i) = 4 - x while oxygen is 2-. See Jousseaume 2024, 10.1039/D3EE04115H.

    Examples
    --------
    >>> round(valences({"Ni": 0.8, "Mn": 0.1, "Co": 0.1}, 1.0).metals["Ni"], 3)
    2.875
    """
    if not 0.0 <= lithium_content <= lithium_full:
        raise ValueError(
            f"lithium_content {lithium_content} is outside 0 to {lithium_full} per formula unit: "
            "give x of Li_x MO2, not a state of charge in per cent"
        )
    states = {metal: _start(metal) for metal in composition}
    to_share = 4.0 - lithium_content - sum(composition[metal] * states[metal] for metal in composition)
    if composition.get("Ni", 0.0) > 0.0:
        states["Ni"], to_share = _fill(0.0, composition["Ni"], to_share)
    to_share = _oxidise_cobalt(states, composition, to_share, oxygen_overlap, lithium_full - lithium_content)
    return Valences(MappingProxyType(states), -2.0 + to_share / 2.0)


def theoretical_capacity_mah_g(composition: Mapping[str, float], *, lithium_full: float = 1.0) -> float:
    """Charge that one lithium per formula unit takes, per gram of pristine oxide (Faraday's law).

    Parameters
    ----------
    composition
        Metals per formula unit Li_x M O2.
    lithium_full
        x of the pristine oxide.

    Returns
    -------
    float
        mA h/g.

    Raises
    ------
    ValueError
        If a metal is unknown.

    Examples
    --------
    >>> round(theoretical_capacity_mah_g({"Ni": 1.0}), 1)
    274.5
    """
    for metal in composition:
        _start(metal)
    metals = sum(amount * MOLAR_MASS_G_MOL[metal] for metal, amount in composition.items())
    oxide = metals + lithium_full * MOLAR_MASS_G_MOL["Li"] + 2.0 * MOLAR_MASS_G_MOL["O"]
    return FARADAY_MAH_MOL / oxide


def _start(metal: str) -> float:
    if metal == "Ni":
        return 0.0
    if metal == "Co":
        return COBALT_START
    if metal not in FIXED_VALENCES:
        known = ", ".join(["Ni", "Co", *FIXED_VALENCES])
        raise ValueError(f"composition: no oxidation state is known for {metal!r}; known are {known}")
    return FIXED_VALENCES[metal]


def _fill(start: float, amount: float, charge: float) -> tuple[float, float]:
    """Oxidise `amount` of an ion from `start` up to 4+ and return its state and what charge is left."""
    taken = min(charge, amount * (HIGHEST - start))
    return start + taken / amount, charge - taken


def _oxidise_cobalt(
    states: dict[str, float],
    composition: Mapping[str, float],
    charge: float,
    overlap: float,
    lithium_removed: float,
) -> float:
    """Give cobalt its part of the charge that nickel could not take; return what oxygen must give."""
    if charge <= 0.0 or composition.get("Co", 0.0) <= 0.0:
        return max(charge, 0.0)
    oxygen = overlap * min(charge, max(lithium_removed - OVERLAP_ONSET, 0.0))
    states["Co"], left = _fill(COBALT_START, composition["Co"], charge - oxygen)
    return oxygen + left
