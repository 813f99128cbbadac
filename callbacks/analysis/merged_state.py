"""State of a cell at instants of another clock, and what the uncertainty of that clock does to it."""
# pyright: standard

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .electrochemistry import CellState, state_at

FloatArray = NDArray[np.float64]

NODES = 15
"""Of the Gauss-Hermite quadrature: they reach 6 standard deviations of the clock."""


@dataclass(frozen=True)
class LithiumCount:
    """What turns charge into lithium content.

    Attributes
    ----------
    active_mass_mg
        Mass of active material.
    theoretical_capacity_mah_g
        Capacity per lithium and formula unit.
    initial_lithium_content
        x where the net capacity is zero.
    """

    active_mass_mg: float
    theoretical_capacity_mah_g: float
    initial_lithium_content: float


@dataclass(frozen=True)
class MergedState:
    """State at instants, with standard deviations from the uncertainty of the clock.

    Attributes
    ----------
    unix_time_s, voltage_v, current_a, capacity_mah, lithium_content
        Arrays of one shape; NaN where the cycler has no record.
    voltage_sigma_v, capacity_sigma_mah, lithium_content_sigma
        Root mean square change of the quantity over the distribution of the clock; NaN where it is not known.
    """

    unix_time_s: FloatArray
    voltage_v: FloatArray
    current_a: FloatArray
    capacity_mah: FloatArray
    lithium_content: FloatArray
    voltage_sigma_v: FloatArray
    capacity_sigma_mah: FloatArray
    lithium_content_sigma: FloatArray


def merged_state(
    unix_time_s: ArrayLike,
    cycler: pd.DataFrame,
    *,
    clock_uncertainty_s: ArrayLike,
    lithium: LithiumCount | None = None,
    longest_gap_s: float = 600.0,
) -> MergedState:
    """State of the cell at instants, such as the middles of scans, with its uncertainty.

    Parameters
    ----------
    unix_time_s : array of shape (n,)
        Instants on the beamline's clock.
    cycler
        Table from `read_cycler_file`, its ``Unix Time / s`` on the beamline's clock.
    clock_uncertainty_s : float, or array of shape (n,)
        Standard deviation of the cycler's clock against the beamline's, s; NaN if nobody knows.
    lithium
        How charge is counted; without it lithium content stays NaN.
    longest_gap_s
        Between rows further apart than this nothing is known.

    Returns
    -------
    MergedState
        Straight lines between rows; nothing is extrapolated before the first row and after the last.

    Raises
    ------
    ValueError
        If the uncertainty is negative, or mass or capacity is not positive.

    Notes
    -----
    ``sigma^2 = sum_k w_k (V(t + s e_k) - V(t))^2`` by Gauss-Hermite quadrature over a normal clock error, so
    that a step within reach of the clock counts, which a slope would miss. Instants outside of the record
    take no part.
    """
    wanted: FloatArray = np.atleast_1d(np.asarray(unix_time_s, dtype=float))
    clock_s: FloatArray = np.broadcast_to(np.asarray(clock_uncertainty_s, dtype=float), wanted.shape)
    if (clock_s < 0).any():
        raise ValueError(f"clock uncertainty {clock_s.min()} s is negative: give a standard deviation")
    middle = _state(wanted, cycler, lithium, longest_gap_s)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    moved = _state(wanted[:, None] + clock_s[:, None] * nodes, cycler, lithium, longest_gap_s)

    def sigma(name: str) -> FloatArray:
        change = getattr(moved, name) - getattr(middle, name)[:, None]
        used = np.where(np.isfinite(change), weights, 0.0)
        total = used.sum(axis=1)
        square = (used * np.nan_to_num(change) ** 2).sum(axis=1)
        return np.sqrt(np.divide(square, total, out=np.full(total.shape, np.nan), where=total > 0))

    return MergedState(
        unix_time_s=wanted,
        voltage_v=middle.voltage_v,
        current_a=middle.current_a,
        capacity_mah=middle.capacity_mah,
        lithium_content=middle.lithium_content,
        voltage_sigma_v=sigma("voltage_v"),
        capacity_sigma_mah=sigma("capacity_mah"),
        lithium_content_sigma=sigma("lithium_content"),
    )


def _state(
    time_s: FloatArray, cycler: pd.DataFrame, lithium: LithiumCount | None, longest_gap_s: float
) -> CellState:
    return state_at(
        time_s,
        cycler,
        active_mass_mg=lithium.active_mass_mg if lithium else 1.0,
        theoretical_capacity_mah_g=lithium.theoretical_capacity_mah_g if lithium else 1.0,
        initial_lithium_content=lithium.initial_lithium_content if lithium else float("nan"),
        longest_gap_s=longest_gap_s,
    )
