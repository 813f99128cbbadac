"""Tabulated atomic attenuation on one energy grid, so that a single energy costs one interpolation."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from .array import FloatArray

LOWEST_EV = 2000.0
HIGHEST_EV = 40000.0
GRID_STEP_EV = 4.0
NODES = 1000
"""Energies, besides those at edges, that are looked up; between them logarithms are interpolated."""
BARE_WINDOW_EV = (-500.0, -30.0)
"""Where the attenuation below an edge is taken to continue it without the edge, relative to the edge."""


def xraydb_module() -> ModuleType:
    """Give xraydb: its import takes 1.5 s, and most servers that read a scenario have no use for it."""
    return import_module("xraydb")


def grid_ev() -> FloatArray:
    """Energies of all tables, eV, shape (n,)."""
    return np.arange(LOWEST_EV, HIGHEST_EV + 0.5 * GRID_STEP_EV, GRID_STEP_EV)


def interpolate(table: FloatArray, energy_ev: ArrayLike) -> FloatArray:
    """Value of a table on the grid at any energies.

    Parameters
    ----------
    table
        Values on `grid_ev()`, shape (n,) or (k, n) for k tables at once.
    energy_ev
        Energies, eV, any shape.

    Returns
    -------
    ndarray
        Values, shape of `energy_ev`, with k in front for k tables.

    Raises
    ------
    ValueError
        If an energy lies outside the tables.
    """
    energy = np.asarray(energy_ev, dtype=np.float64)
    steps = (energy - LOWEST_EV) / GRID_STEP_EV
    index = np.floor(steps).astype(np.intp)
    if energy.size and (index.min() < 0 or index.max() > table.shape[-1] - 2):
        raise ValueError(
            f"energy {energy.min():.1f} to {energy.max():.1f} eV leaves the tables, {LOWEST_EV:.0f} to "
            f"{HIGHEST_EV:.0f} eV: set the soft limits of the Bragg axis inside"
        )
    low = table[..., index]
    return low + (steps - index) * (table[..., index + 1] - low)


@lru_cache(maxsize=64)
def element_cm2_g(element: str) -> FloatArray:
    """Mass attenuation of an element on the grid, cm2/g, edges included (Elam 2002 via xraydb)."""
    edges_ev = [edge.energy for edge in xraydb_module().xray_edges(element).values()]
    return _between_nodes(lambda energy_ev: xraydb_module().mu_elam(element, energy_ev), edges_ev)


def _between_nodes(of_energy: Callable[[FloatArray], ArrayLike], edges_ev: Sequence[float]) -> FloatArray:
    """Tabulate what goes by powers of the energy between edges: xraydb takes 30 us for each energy."""
    grid = grid_ev()
    is_node = np.zeros(len(grid), dtype=bool)
    is_node[np.searchsorted(grid, np.geomspace(grid[0], grid[-1], NODES))] = True
    beside = np.searchsorted(grid, [edge for edge in edges_ev if grid[1] < edge < grid[-2]])
    is_node[beside[:, None] + np.arange(-1, 2)] = True
    values = np.log(np.asarray(of_energy(grid[is_node]), dtype=np.float64))
    return np.exp(np.interp(np.log(grid), np.log(grid[is_node]), values))


@lru_cache(maxsize=64)
def compound_cm2_g(formula: str) -> FloatArray:
    """Mass attenuation of a compound on the grid, cm2/g.

    Parameters
    ----------
    formula
        Chemical formula that xraydb can parse, e.g. "C22H10N2O5".

    Raises
    ------
    ValueError
        If the formula cannot be read.
    """
    return mixture_cm2_g(mass_fractions(formula))


def mixture_cm2_g(fractions: Mapping[str, float]) -> FloatArray:
    """Mass attenuation (cm2/g, on the grid) of elements mixed by mass fraction."""
    total = np.zeros_like(grid_ev())
    for element, fraction in fractions.items():
        total += fraction * element_cm2_g(element)
    return total


def mass_fractions(formula: str) -> dict[str, float]:
    """Mass fraction of each element of a chemical formula.

    Parameters
    ----------
    formula
        For example "LiPF6".

    Returns
    -------
    dict of str to float
        Fractions that sum to 1.

    Raises
    ------
    ValueError
        If the formula cannot be read.
    """
    amounts: Mapping[str, float] = xraydb_module().chemparse(formula)
    masses = {element: amount * atomic_mass(element) for element, amount in amounts.items()}
    total = sum(masses.values())
    return {element: mass / total for element, mass in masses.items()}


def atomic_mass(element: str) -> float:
    """Molar mass of an element, g/mol."""
    return float(xraydb_module().atomic_mass(element))


@lru_cache(maxsize=64)
def edge_energy_ev(element: str, edge: str = "K") -> float:
    """Tabulated energy of an absorption edge, eV (Elam tables)."""
    found = xraydb_module().xray_edge(element, edge)
    if found is None:
        raise ValueError(f"no {edge} edge of {element!r} is tabulated")
    return float(found.energy)


@lru_cache(maxsize=8)
def gas_per_cm(gas: str) -> FloatArray:
    """Photoelectric attenuation of a gas of xraydb's materials at 1 atm, 1/cm, on the grid."""
    elements = xraydb_module().chemparse(xraydb_module().find_material(gas).formula)
    edges_ev = [edge.energy for element in elements for edge in xraydb_module().xray_edges(element).values()]
    return _between_nodes(
        lambda energy_ev: xraydb_module().material_mu(gas, energy_ev, kind="photo"), edges_ev
    )


@lru_cache(maxsize=8)
def ionisation_ev(gas: str) -> float:
    """Energy that one electron-ion pair costs in a gas, eV."""
    return float(xraydb_module().ionization_potential(gas))


@lru_cache(maxsize=32)
def bare_and_jump_cm2_g(element: str) -> tuple[FloatArray, FloatArray]:
    """Split an element's attenuation at its K edge into what it would be without the edge, and the edge.

    The part without the edge is the power law that holds below it; the edge's part is continued below the
    edge by its own power law, so that a broadened edge has something to take from on either side.

    Parameters
    ----------
    element
        Symbol.

    Returns
    -------
    bare, jump : ndarray
        cm2/g on the grid.
    """
    grid, total, edge = grid_ev(), element_cm2_g(element), edge_energy_ev(element)
    below = (grid > edge + BARE_WINDOW_EV[0]) & (grid < edge + BARE_WINDOW_EV[1])
    power = np.polyfit(np.log(grid[below] / edge), np.log(total[below]), 1)
    bare = np.where(grid < edge, total, np.exp(np.polyval(power, np.log(grid / edge))))
    above = (grid > edge) & (grid < edge + 1000.0)
    rise = np.polyfit(np.log(grid[above] / edge), np.log(total[above] - bare[above]), 1)
    jump = np.where(grid > edge, total - bare, np.exp(np.polyval(rise, np.log(grid / edge))))
    return bare, jump
