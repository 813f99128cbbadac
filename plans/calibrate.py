"""Energy calibration: the edge of the reference foil tells how far the Bragg axis is off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import MsgGenerator, plan
from numpy.typing import NDArray

from ..callbacks.analysis.xas import Verdict, fit_edge
from .beam_guard import BeamGuard, Readings
from .duration import Timing
from .grids import EnergyGrid, edge_energy_ev
from .station import XrayStation
from .waiting import set_all
from .xanes import measure_spectrum, scan_metadata


class CalibrationError(RuntimeError):
    """The foil's edge could not be found or corrected."""


@dataclass(frozen=True)
class EnergyCalibration:
    """What a calibration found and did.

    Parameters
    ----------
    shift_ev : float
        Edge as read minus edge as tabulated before the correction, in eV.
    correction_deg : float
        Added to the user offset of the Bragg axis, in degree.
    residual_ev : float
        As `shift_ev`, after the correction.
    runs : tuple of str
        Uids of the scans before and after.
    """

    shift_ev: float
    correction_deg: float
    residual_ev: float
    runs: tuple[str, str]


@plan
def calibrate_energy(
    station: XrayStation,
    *,
    grid: EnergyGrid,
    element: str,
    edge: str = "K",
    tolerance_ev: float = 0.2,
    largest_shift_ev: float = 30.0,
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[EnergyCalibration]:
    """Scan the foil's edge, correct the user offset of the Bragg axis by it, and scan again.

    Parameters
    ----------
    station : XrayStation
        Devices, with `mono.bragg.offset`.
    grid : EnergyGrid
        Across the foil's edge.
    element, edge : str
        Of the foil; the energy is that of xraydb (first inflection).
    tolerance_ev : float
        Largest deviation that is accepted after the correction, in eV.
    largest_shift_ev : float
        A shift beyond this (eV) is another edge or a lost axis: nothing is corrected.
    timing, guard, dark_max_age_s : optional
        As for `xanes`.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    EnergyCalibration
        Shift, correction and what remains.

    Raises
    ------
    CalibrationError
        If no edge is found, the shift is too large, or the edge is still off after the correction.
    """
    _md = {
        **scan_metadata(grid, timing or Timing(), element=element, edge=edge),
        "plan_name": "calibrate_energy",
        "purpose": "calibration",
        **(md or {}),
    }
    tabulated_ev = edge_energy_ev(f"{element}_{edge}")
    first, before = yield from measure_spectrum(
        station, grid, {**_md, "calibration": "before"}, guard=guard, dark_max_age_s=dark_max_age_s
    )
    shift_ev = foil_edge_ev(before, element, edge) - tabulated_ev
    if abs(shift_ev) > largest_shift_ev:
        raise CalibrationError(
            f"{element} foil: its edge reads {shift_ev:+.2f} eV from {tabulated_ev:g} eV, limit"
            f" {largest_shift_ev:g} eV; is it this foil, and is the Bragg axis homed?"
        )
    correction_deg = bragg_correction_deg(before, tabulated_ev + shift_ev, tabulated_ev)
    offset: Any = station.mono.bragg.offset
    known: float = yield from bps.rd(offset, default_value=0.0)
    yield from set_all({offset: known + correction_deg})
    second, after = yield from measure_spectrum(station, grid, {**_md, "calibration": "after"}, guard=guard)
    residual_ev = foil_edge_ev(after, element, edge) - tabulated_ev
    if abs(residual_ev) > tolerance_ev:
        raise CalibrationError(
            f"{element} foil: its edge still reads {residual_ev:+.3f} eV off after"
            f" {correction_deg:+.5f} deg were added to {offset.name},"
            f" limit {tolerance_ev:g} eV; does the offset act on the energy?"
        )
    return EnergyCalibration(shift_ev, correction_deg, residual_ev, (first, second))


def foil_edge_ev(readings: list[Readings], element: str, edge: str) -> float:
    """Energy of the foil's first inflection in the readings of a scan, in eV.

    Raises
    ------
    CalibrationError
        If the fit does not call it an edge.
    """
    energy_ev, i_t, i_r = (_column(readings, key) for key in ("mono_energy", "it", "ir"))
    with np.errstate(divide="ignore", invalid="ignore"):
        mu = np.log(i_t / i_r)
    fit = fit_edge(energy_ev, mu, element=element, edge=edge)
    e0_ev = float(fit.e0_ev)
    if fit.verdict not in (Verdict.GOOD, Verdict.TRUNCATED, Verdict.PRE_EDGE_PEAK) or not np.isfinite(e0_ev):
        raise CalibrationError(
            f"{element} foil: no usable edge ({fit.verdict}: {fit.reason}); is the foil in?"
        )
    return e0_ev


def bragg_correction_deg(readings: list[Readings], read_ev: float, true_ev: float) -> float:
    """Angle to add to the Bragg axis so that what reads `read_ev` reads `true_ev`, in degree.

    Bragg's law at one reflection: energy times sin(angle) is constant, so no spacing is needed.

    Parameters
    ----------
    readings : list
        Of a scan, with `mono_energy` (eV) and `mono_bragg` (degree).
    read_ev, true_ev : float
        Energy of the edge as read and as it is, in eV.
    """
    energy_ev, angle_deg = _column(readings, "mono_energy"), _column(readings, "mono_bragg")
    order = np.argsort(energy_ev)
    angle = np.deg2rad(np.interp(read_ev, energy_ev[order], angle_deg[order]))
    return float(np.rad2deg(np.arcsin(np.sin(angle) * read_ev / true_ev) - angle))


def _column(readings: list[Readings], key: str) -> NDArray[np.float64]:
    return np.array([float(reading[key]["value"]) for reading in readings])
