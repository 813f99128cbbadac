"""Incremental capacity dQ/dV of a half cycle, and the voltages of its maxima."""
# pyright: standard

from __future__ import annotations

import numpy as np

from .record import FloatArray

BINS = 10
WINDOW_V = 0.03
PROMINENCE = 0.05


def incremental_capacity(
    voltage_v: FloatArray, charge: FloatArray, *, window_v: float = WINDOW_V
) -> tuple[FloatArray, FloatArray]:
    """Charge per voltage of one charge or discharge, smoothed by a triangle.

    No differences are divided: the charge that passes between two voltages lies between them, so that noise
    blurs by its own width and does no more.

    Parameters
    ----------
    voltage_v
        Shape (n,), V, of one half cycle in the order of time.
    charge
        Shape (n,), net charge in any unit.
    window_v
        Width of the triangle at its foot, V.

    Returns
    -------
    voltage_v, density : numpy.ndarray
        Shape (m,), voltages (V) in the order in which they were passed, and |dQ/dV| there in the unit of
        charge per V; empty if the voltage spans less than two windows.

    Notes
    -----
    Level evaluation analysis, X. Feng et al., eTransportation 3 (2020) 100051,
    doi 10.1016/j.etran.2020.100051.
    """
    known = np.isfinite(voltage_v) & np.isfinite(charge)
    volts, passed = np.asarray(voltage_v, dtype=float)[known], np.asarray(charge, dtype=float)[known]
    if volts.size < 2 or np.ptp(volts) < 2 * window_v:
        return np.empty(0), np.empty(0)
    sign = 1.0 if volts[-1] >= volts[0] else -1.0
    bin_v = window_v / BINS
    # The front: voltages count once they are passed for the first time, charge goes on meanwhile.
    front = np.maximum.accumulate(sign * volts)
    fresh = np.concatenate([[True], np.diff(front) > 0])
    edges = np.arange(np.ceil(front[0] / bin_v), np.floor(front[-1] / bin_v) + 1) * bin_v
    density = np.abs(np.diff(np.interp(edges, front[fresh], passed[fresh]))) / bin_v
    reach = BINS // 2
    triangle = reach + 1.0 - np.abs(np.arange(-reach, reach + 1))
    smooth = np.convolve(density, triangle / triangle.sum(), mode="valid")
    middles = 0.5 * (edges[1:] + edges[:-1])[reach : density.size - reach]
    return sign * middles, smooth


def feature_voltages(
    voltage_v: FloatArray,
    charge: FloatArray,
    *,
    window_v: float = WINDOW_V,
    prominence: float = PROMINENCE,
) -> FloatArray:
    """Voltages of the maxima of |dQ/dV| of one charge or discharge.

    Parameters
    ----------
    voltage_v, charge, window_v
        As for `incremental_capacity`.
    prominence
        How far the curve must lie below a maximum on both sides, as a part of its height.

    Returns
    -------
    numpy.ndarray
        V, in the order in which they were passed.

    Examples
    --------
    >>> volts = np.linspace(3.0, 4.2, 2000)
    >>> charge = np.arctan((volts - 3.7) / 0.02) + np.arctan((volts - 4.0) / 0.03)
    >>> feature_voltages(volts, charge).round(2).tolist()
    [3.7, 4.0]
    """
    from scipy.signal import find_peaks  # a second to import, which every process of an experiment would take

    volts, density = incremental_capacity(voltage_v, charge, window_v=window_v)
    if not density.size:
        return volts
    peaks, found = find_peaks(density, prominence=0.0)
    kept = peaks[found["prominences"] >= prominence * density[peaks]]
    before, at, after = density[kept - 1], density[kept], density[kept + 1]
    bend = before - 2 * at + after
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros(len(kept)), where=bend < 0)
    return volts[kept] + np.clip(shift, -0.5, 0.5) * (volts[1] - volts[0])
