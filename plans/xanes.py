"""Step scan of an absorption edge of a cell, every point stamped with the cell's state."""

from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from .beam_guard import BeamGuard, Readings
from .darks import refresh_darks
from .duration import Timing, estimate_duration_s, live_fraction
from .edge_signal import EdgeSignal, edge_signal
from .grids import EnergyGrid
from .single_run import single_run
from .station import XrayStation
from .waiting import WAIT_S, close_shutter, read_event, set_all, wait_bounded


@plan
def xanes(
    station: XrayStation,
    *,
    grid: EnergyGrid,
    element: str,
    edge: str = "K",
    signal: EdgeSignal = "transmission",
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Scan the energy over a grid, count at each point, and read the cell with it.

    The shutter opens after the move to the first energy and closes on every way out.

    Parameters
    ----------
    station : XrayStation
        Devices, such as a `Beamline`.
    grid : EnergyGrid
        Energies and counting times.
    element, edge : str
        What is scanned, for the metadata.
    signal : str
        "transmission" or "fluorescence": what the edge is fitted in.
    timing : Timing, optional
        Dead times, for the duration announced in the metadata.
    guard : BeamGuard, optional
        Limits below which the scan fails because the beam was lost; None: no check.
    dark_max_age_s : float, optional
        Darks older than this (s) are taken anew, into stream `dark`; None: never.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    BeamLostError
        If the guard finds that the beam was lost; the run then has exit status `fail` and the reason.
    NoFluorescenceError
        If fluorescence is asked for, and there is no diode.
    TimeoutError
        If a device is not there in time.
    """
    scan = scan_metadata(grid, timing or Timing(), element=element, edge=edge)
    _md = {**scan, **edge_signal(station, signal), **(md or {})}
    uid, _ = yield from measure_spectrum(station, grid, _md, guard=guard, dark_max_age_s=dark_max_age_s)
    return uid


def measure_spectrum(
    station: XrayStation,
    grid: EnergyGrid,
    md: Mapping[str, Any],
    *,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
) -> MsgGenerator[tuple[str, list[Readings]]]:
    """Make one run with this metadata.

    Parameters
    ----------
    station, grid, guard, dark_max_age_s
        As of `xanes`.
    md : dict
        All metadata of the run.

    Returns
    -------
    tuple of str and list
        Uid, and the readings of the points for the plan.
    """
    readings: list[Readings] = []

    def scan() -> MsgGenerator[None]:
        if dark_max_age_s is not None:
            yield from refresh_darks(station, max_age_s=dark_max_age_s)
        readings.extend((yield from scan_points(station, grid, guard)))

    uid = yield from single_run(
        scan,
        [station.mono, station.ion_chambers],
        md={**_crystals(station), **md},
        leave=lambda: close_shutter(station.photon_shutter),
    )
    return uid, readings


def _crystals(station: XrayStation) -> dict[str, float]:
    """Lattice spacing that the energies rest on, angstrom; nothing if the monochromator tells none."""
    spacing = getattr(station.mono, "d_spacing_angstrom", None)
    return {} if spacing is None else {"d_spacing_angstrom": float(spacing)}


def scan_metadata(grid: EnergyGrid, timing: Timing, *, element: str, edge: str) -> dict[str, Any]:
    """Start document of a scan before the caller's metadata."""
    return {
        "plan_name": "xanes",
        "purpose": "measurement",
        "technique": "xanes",
        "element": element,
        "edge": edge,
        "attempt": 1,
        "num_points": len(grid),
        "grid": {
            "e0_ev": grid.e0_ev,
            "energy_ev": [round(energy, 4) for energy in grid.energy_ev.tolist()],
            "dwell_s": [round(dwell, 4) for dwell in grid.dwell_s.tolist()],
        },
        "estimated_duration_s": estimate_duration_s(grid, timing),
        "detector_live_fraction": live_fraction(grid, timing),
        "hints": {"dimensions": [(["mono_energy"], "primary")]},
    }


def scan_points(
    station: XrayStation, grid: EnergyGrid, guard: BeamGuard | None
) -> MsgGenerator[list[Readings]]:
    """Go through the grid inside an open run, one event of stream `primary` per point.

    Raises
    ------
    BeamLostError
        If the guard finds that the beam was lost.
    """
    devices = [station.ion_chambers, station.mono, station.ring, station.cell]
    readings: list[Readings] = []
    dwell_before = None
    for energy_ev, dwell_s in zip(grid.energy_ev.tolist(), grid.dwell_s.tolist(), strict=True):
        yield Msg("checkpoint")
        group = short_uid("point")
        yield Msg("set", station.mono.energy, energy_ev, group=group)
        if dwell_s != dwell_before:
            yield Msg("set", station.ion_chambers.averaging_time, dwell_s, group=group)
            dwell_before = dwell_s
        yield from wait_bounded(group, WAIT_S, [station.mono.energy, station.ion_chambers.averaging_time])
        if not readings:
            yield from set_all({station.photon_shutter: "open"})
        reading = yield from read_event(
            devices, trigger=[station.ion_chambers], stream="primary", timeout_s=dwell_s + WAIT_S
        )
        readings.append(reading)
        if guard and reading:
            guard.check(readings[0], reading, _gap_s(readings) - dwell_s)
    yield from bps.checkpoint()
    return readings


def _gap_s(readings: list[Readings]) -> float:
    """Time on the cell's clock between the last two readings, in s."""
    if len(readings) < 2:
        return 0.0
    return float(readings[-1]["cell_time"]["value"]) - float(readings[-2]["cell_time"]["value"])
