"""X-ray fluorescence lines of an element as one group: energies and shares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from .rocking_geometry import FloatArray

_XRAYDB: Any = import_module("xraydb")

LEAST_SHARE = 1e-3
SILICON_KA_EV = 1740.0
SILICON_K_SHARE = 0.92
"""Part of absorption in silicon above its K edge that empties the K shell: 1 - 1 / jump ratio (Elam 2002)."""


@dataclass(frozen=True)
class LineGroup:
    """Lines of one element that rise and fall together.

    Attributes
    ----------
    element, shell
        Such as ``"Ni"`` and ``"K"``.
    energy_ev
        Line energies, eV, shape (n,).
    share
        Of the photons of the group, shape (n,); they add up to 1.
    beta
        Which lines are K beta, bool, shape (n,).
    """

    element: str
    shell: str
    energy_ev: FloatArray
    share: FloatArray
    beta: np.ndarray


def _levels(element: str, beam_ev: float) -> tuple[str, dict[str, float]]:
    """Shell that the beam empties, and the photons of each of its levels per absorbed photon, relative."""
    edges: dict[str, Any] = _XRAYDB.xray_edges(element)
    if "K" in edges and edges["K"].energy < beam_ev:
        return "K", {"K": 1.0}
    left, yields = 1.0, dict[str, float]()
    for level in ("L1", "L2", "L3"):
        if level in edges and edges[level].energy < beam_ev:
            here = left * (1 - 1 / edges[level].jump_ratio)
            left /= edges[level].jump_ratio
            yields[level] = here * edges[level].fyield
    return "L", yields


@lru_cache(maxsize=64)
def line_group(element: str, beam_ev: float) -> LineGroup:
    """Lines that a beam excites in an element: K where it can, else L.

    Energies and shares within a level by Elam, Ravel and Sieber (2002), Radiat. Phys. Chem. 63, 121 (xraydb).
    Levels of L are weighted by absorption and yield, without Coster-Kronig transitions.

    Parameters
    ----------
    element
        Symbol.
    beam_ev
        Photon energy of the beam, eV.

    Returns
    -------
    LineGroup
        Lines of at least a thousandth of the group.

    Raises
    ------
    ValueError
        If the beam excites neither K nor L lines.

    Examples
    --------
    >>> group = line_group("Ni", 9000.0)
    >>> group.shell, round(float(group.energy_ev @ group.share))
    ('K', 7575)
    """
    shell, levels = _levels(element, beam_ev)
    energies, shares, betas = list[float](), list[float](), list[bool]()
    for level, weight in levels.items():
        for name, line in _XRAYDB.xray_lines(element, level).items():
            energies.append(float(line.energy))
            shares.append(weight * float(line.intensity))
            betas.append(shell == "K" and name.startswith("Kb"))
    if not shares:
        raise ValueError(
            f"line_group: a beam of {beam_ev} eV excites no K or L line of {element}; leave the element out"
        )
    share = np.array(shares) / sum(shares)
    kept = share >= LEAST_SHARE
    return LineGroup(
        element, shell, np.array(energies)[kept], share[kept] / share[kept].sum(), np.array(betas)[kept]
    )


@lru_cache(maxsize=1024)
def escape_share(energy_ev: float) -> float:
    """Part of the photons of a line that a silicon detector shows 1740 eV too low.

    A flat detector that absorbs all: Reed and Ware (1972), J. Phys. E 5, 582, with coefficients of xraydb.

    Parameters
    ----------
    energy_ev
        Photon energy, eV.

    Returns
    -------
    float
        0 below the K edge of silicon.

    Examples
    --------
    >>> 0.003 < escape_share(5900.0) < 0.005
    True
    """
    if energy_ev <= float(_XRAYDB.xray_edge("Si", "K").energy):
        return 0.0
    ratio = float(_XRAYDB.mu_elam("Si", SILICON_KA_EV)) / float(_XRAYDB.mu_elam("Si", energy_ev))
    emitted = SILICON_K_SHARE * float(_XRAYDB.xray_edge("Si", "K").fyield)
    return float(0.5 * emitted * (1 - ratio * np.log(1 + 1 / ratio)))
