"""Characteristic X-rays: lines of the K and L shells with the cross sections that excite them."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .attenuation import grid_ev, xraydb_module

LOWEST_LINE_EV = 1000.0
"""Softer lines do not pass air path and window of the detector: L lines of the 3d metals, K lines of O."""
WEAKEST = 1e-3
"""Share of a shell's photons below which a line is left out."""


@dataclass(frozen=True)
class EmissionLine:
    """One line of one element.

    Attributes
    ----------
    element, name, shell : str
        Such as "Ni", "Ka1", "K".
    energy_ev : float
        Of the photon.
    share : float
        Of the photons from this shell that belong to the line.
    """

    element: str
    name: str
    shell: str
    energy_ev: float
    share: float


@lru_cache(maxsize=32)
def emission_lines(element: str) -> tuple[EmissionLine, ...]:
    """Lines of the K and L shells that a detector can see, in order of energy.

    Parameters
    ----------
    element
        Symbol.

    Returns
    -------
    tuple of EmissionLine
        Energies and shares of Elam, Ravel and Sieber (2002) via xraydb.
    """
    found = xraydb_module().xray_lines(element)
    lines = [
        EmissionLine(element, name, line.initial_level, float(line.energy), float(line.intensity))
        for name, line in found.items()
        if line.initial_level in ("K", "L1", "L2", "L3")
    ]
    seen = [line for line in lines if line.energy_ev >= LOWEST_LINE_EV and line.share >= WEAKEST]
    return tuple(sorted(seen, key=lambda line: line.energy_ev))


@lru_cache(maxsize=128)
def shell_edge_ev(element: str, shell: str) -> float:
    """Binding energy of a shell, eV (Elam)."""
    return float(xraydb_module().xray_edge(element, shell).energy)


@lru_cache(maxsize=128)
def fluorescence_yield(element: str, shell: str) -> float:
    """Photons per vacancy of a shell (Elam)."""
    return float(xraydb_module().xray_edge(element, shell).fyield)


def l_vacancies_cm2_g(element: str, energy_ev: float) -> dict[str, float]:
    """Vacancies in the L shells that photons of one energy make.

    Parameters
    ----------
    element
        Symbol.
    energy_ev
        Of the exciting photons.

    Returns
    -------
    dict
        Shell to cm2/g; zero for shells that the energy does not reach.

    Notes
    -----
    The photoelectric cross section is parted by the jump ratios of K, L1, L2 and L3, then Coster-Kronig
    transitions move vacancies outwards (Elam's total probabilities). Those that follow a K vacancy are
    left out: above a K edge the L lines are too weak.
    """
    left = attenuation_cm2_g(element, energy_ev, "photo")
    taken: list[float] = []
    for shell in ("K", "L1", "L2", "L3"):
        is_reached = energy_ev > shell_edge_ev(element, shell)
        taken.append(left * (1.0 - 1.0 / _jump_ratio(element, shell)) if is_reached else 0.0)
        left -= taken[-1]
    _, first, second, third = taken
    from_1_to_2, from_1_to_3, from_2_to_3 = (
        _coster_kronig(element, *shells) for shells in (("L1", "L2"), ("L1", "L3"), ("L2", "L3"))
    )
    third += first * from_1_to_3 + second * from_2_to_3
    return {"L1": first, "L2": second + first * from_1_to_2, "L3": third}


@lru_cache(maxsize=128)
def _jump_ratio(element: str, shell: str) -> float:
    return float(xraydb_module().xray_edge(element, shell).jump_ratio)


@lru_cache(maxsize=128)
def _coster_kronig(element: str, initial: str, final: str) -> float:
    return float(xraydb_module().ck_probability(element, initial, final) or 0.0)


def attenuation_cm2_g(element: str, energy_ev: float, kind: str = "total") -> float:
    """Cross section of an element at one energy, cm2/g.

    Parameters
    ----------
    element
        Symbol.
    energy_ev
        Photon energy, eV, 150 to 41000.
    kind
        total, photo, coh or incoh.

    Returns
    -------
    float
        Elam via xraydb, straight lines in the logarithms between 200 energies and the edges (within 1e-3).
    """
    logarithms_ev, logarithms = _curve(element, kind)
    return float(np.exp(np.interp(math.log(energy_ev), logarithms_ev, logarithms)))


@lru_cache(maxsize=64)
def scattering_cm2_g(element: str) -> NDArray[np.float64]:
    """Elastic and Compton cross section of an element together, cm2/g, on `attenuation.grid_ev()` (Elam)."""
    logarithms_ev = np.log(grid_ev())
    return np.sum(
        [np.exp(np.interp(logarithms_ev, *_curve(element, kind))) for kind in ("coh", "incoh")], axis=0
    )


def k_jump_cm2_g(element: str, energy_ev: float) -> float:
    """Part of an element's photoelectric cross section that is its K shell (cm2/g), above the edge."""
    return attenuation_cm2_g(element, energy_ev, "photo") * (1.0 - 1.0 / _jump_ratio(element, "K"))


@lru_cache(maxsize=128)
def _curve(element: str, kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # One point costs xraydb 40 us: the grid of `attenuation` would take seconds for a dozen of elements.
    xraydb = xraydb_module()
    edges_ev = np.array([edge.energy for edge in xraydb.xray_edges(element).values()])
    nodes_ev = np.concatenate([np.geomspace(150.0, 41000.0, 200), edges_ev - 0.01, edges_ev + 0.01])
    nodes_ev = np.sort(nodes_ev[(nodes_ev >= 150.0) & (nodes_ev <= 41000.0)])
    values = np.asarray(xraydb.mu_elam(element, nodes_ev, kind=kind), dtype=np.float64)
    return np.log(nodes_ev), np.log(np.maximum(values, 1e-30))
