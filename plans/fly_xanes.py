"""Absorption edge of a cell on the fly: the monochromator sweeps, the trigger box gates the ion chambers."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import MsgGenerator, plan
from numpy.typing import NDArray

from ..callbacks.analysis.xas import rebin
from ..devices.gate_rows import GateRows
from ..devices.monochromator import bragg_deg
from ..devices.motor_sweep import MotorSweep
from .beam_guard import BeamGuard
from .darks import refresh_darks
from .duration import Timing
from .edge_signal import EdgeSignal, edge_signal
from .fly_points import currents_a, interpolated, tell_points
from .fly_sweeps import WIDEST_EV, Direction, FlySweeps, energies_ev
from .fly_taking import FlyTaking, SweepFailedError, TakenSweep, take_sweep
from .grids import EnergyGrid
from .redo import check_redo
from .single_run import single_run
from .waiting import close_shutter, leave_in_order, set_all, stop_device
from .xrd_series import experiment_folder

logger = logging.getLogger(__name__)


class NoFlyScanError(ValueError):
    """A fly scan was asked of a beamline that lacks what it needs."""


@plan
def fly_xanes(
    station: Any,  # noqa: ANN401 - a `Beamline` with a trigger box
    *,
    grid: EnergyGrid,
    element: str,
    duration_s: float,
    edge: str = "K",
    direction: Direction = "up",
    sweeps: int = 1,
    widest_ev: float = WIDEST_EV,
    signal: EdgeSignal = "transmission",
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    redo: int = 1,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Sweep the energy over a grid at constant angular speed, and bring what was counted to the grid.

    Stream `primary` has the points of the grid with the same keys as those of `xanes`: energies as they were
    counted, the state of the cell interpolated. Stream `fly` is a file with all gates, stream `sweeps` tells
    how each sweep went: one that stalled, missed gates or lost its beam is taken again, `redo` times. The
    shutter opens before the first sweep and closes on every way out, and the monochromator's speed is
    restored.

    Parameters
    ----------
    station : Beamline
        Devices, with `trigger_box`, whose encoder `bragg` is that of the monochromator.
    grid : EnergyGrid
        Energies; its counting times are of no effect.
    element, edge : str
        What is scanned, for the metadata.
    duration_s : float
        Of one sweep, s.
    direction : str
        "up" or "down" in energy, or "both": up and down in turn.
    sweeps : int
        How many make the spectrum.
    widest_ev : float
        Width of the bins around the energies at the edge at most, eV: where the grid is wider than its
        structures, means over whole steps would differ from a step scan. What lies between is in the file
        only. Away from the edge bins are wider (`structure_widths`).
    signal : str
        "transmission" or "fluorescence": what the edge is fitted in.
    timing : Timing, optional
        Dead times, for the duration announced in the metadata.
    guard : BeamGuard, optional
        Limits below which a sweep is bad because the beam was lost; None: no check.
    dark_max_age_s : float, optional
        Darks older than this (s) are taken anew, into stream `dark`; None: never.
    redo : int
        How often a bad sweep is taken again.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    NoFlyScanError
        If the beamline has no trigger box at the monochromator's encoder, or it counts other currents than
        the electrometer reads.
    NoFluorescenceError
        If fluorescence is asked for, and there is no diode.
    ValueError
        If the sweeps are out of range, or `redo` is negative.
    BeamLostError, SweepFailedError
        If a sweep was bad when it was redone, or nothing was counted at any energy of the grid; the run then
        has exit status `fail` and the reason.
    TimeoutError
        If a device is not there in time.
    """
    check_redo("fly_xanes", redo)
    _check(station)
    spectrum = FlySweeps(grid, duration_s, direction, sweeps, widest_ev)
    _md = {
        "plan_name": "fly_xanes",
        "purpose": "measurement",
        "technique": "xanes",
        "mode": "fly",
        "element": element,
        "edge": edge,
        "attempt": 1,
        **edge_signal(station, signal),
        **spectrum.metadata(timing or Timing()),
        "d_spacing_angstrom": float(station.mono.d_spacing_angstrom),
        "hints": {"dimensions": [(["mono_energy"], "primary")]},
        **(md or {}),
    }
    box, sweep = GateRows(station.trigger_box), MotorSweep(station.mono.bragg)
    taking = FlyTaking(station, spectrum, box, sweep, experiment_folder(_md), guard, redo)
    devices = [station.mono, station.ion_chambers]
    return (
        yield from single_run(
            lambda: _measure(taking, dark_max_age_s), devices, md=_md, leave=lambda: _leave(taking)
        )
    )


@plan
def fly_exafs(
    station: Any,  # noqa: ANN401 - a `Beamline` with a trigger box
    *,
    widest_ev: float | None = None,
    md: Mapping[str, Any] | None = None,
    **options: Any,  # noqa: ANN401 - those of `fly_xanes`
) -> MsgGenerator[str]:
    """Sweep over an extended range, of which every count is used; otherwise as `fly_xanes`.

    Without `widest_ev` (eV) bins are as wide as the steps of the grid.
    """
    _md = {"plan_name": "fly_exafs", **(md or {})}
    width_ev = math.inf if widest_ev is None else widest_ev
    return (yield from fly_xanes(station, widest_ev=width_ev, md=_md, **options))


def _check(station: Any) -> None:  # noqa: ANN401 - a station
    box = getattr(station, "trigger_box", None)
    if box is None:
        raise NoFlyScanError(
            "fly scan: this beamline lacks a trigger box; add [devices.trigger_box] to its settings, or "
            "scan step by step"
        )
    if "bragg" not in box.encoders:
        wired = ", ".join(box.encoders) or "none"
        raise NoFlyScanError(
            f'fly scan: {box.name} has no encoder "bragg" (wired: {wired}); name the monochromator\'s in '
            "encoders of [devices.trigger_box]"
        )
    read = station.ion_chambers.currents
    if box.currents != read:
        raise NoFlyScanError(
            f"fly scan: {box.name} counts {', '.join(box.currents)} and the electrometer reads "
            f"{', '.join(read)}; make the box with currents={read}"
        )


def _measure(taking: FlyTaking, dark_max_age_s: float | None) -> MsgGenerator[None]:
    """Take all sweeps inside an open run, and tell of the spectrum that they make."""
    station, spectrum = taking.station, taking.plan
    if dark_max_age_s is not None:
        yield from refresh_darks(station, max_age_s=dark_max_age_s)
    yield from set_all({station.mono.energy: spectrum.middle_ev})
    scale: Any = station.trigger_box.scale_of("bragg")
    taking.count_deg = abs(float((yield from bps.rd(scale, default_value=0.0))))
    taken: list[TakenSweep] = []
    for number in range(spectrum.sweeps):
        one = yield from take_sweep(taking, number)
        taken.extend([one] if one is not None else [])
    yield from close_shutter(station.photon_shutter)
    if taken:
        yield from _tell_spectrum(taking, taken)


def _tell_spectrum(taking: FlyTaking, taken: list[TakenSweep]) -> MsgGenerator[None]:
    spacing, chambers = float(taking.station.mono.d_spacing_angstrom), taken[-1].after["chambers"]
    records = [one.record for one in taken]
    # The energy falls as the angle rises.
    low_ev, high_ev = (
        np.concatenate([energies_ev(ends["bragg"], spacing) for ends in each])
        for each in ([one.high for one in records], [one.low for one in records])
    )
    result = rebin(
        low_ev,
        high_ev,
        np.concatenate([one.open_s for one in records]),
        np.concatenate([one.cell_time_s for one in taken]),
        np.concatenate([one.counts for one in records]),
        taking.plan.grid.energy_ev,
        widest_ev=taking.plan.bin_widths_ev,
    )
    filled = ~result.empty
    _check_filled(taking.plan.grid.energy_ev, filled)
    names = taking.box.box.currents
    darks_a = [float(chambers[f"{name}_raw"]["value"]) - float(chambers[name]["value"]) for name in names]
    raw_a, net_a = currents_a(result, taking.box.box.hz_per_a, darks_a)
    knots = [{**state["ring"], **state["cell"]} for one in taken for state in (one.before, one.after)]
    points = interpolated(result.time_s[filled], knots)
    energies = zip(
        result.energy_ev[filled].tolist(), taking.plan.grid.energy_ev[filled].tolist(), strict=True
    )
    for row, (energy_ev, asked_ev) in enumerate(energies):
        points[row] |= {"mono_energy": energy_ev, "mono_energy_setpoint": asked_ev}
        points[row] |= {"mono_bragg": bragg_deg(energy_ev, spacing)}
        points[row] |= dict(zip(names, net_a[row].tolist(), strict=True))
        points[row] |= {f"{name}_raw": float(raw_a[row, n]) for n, name in enumerate(names)}
    roles = ("chambers", "mono", "ring", "cell")
    named = {device.name: taken[-1].after[role] for device, role in zip(taking.devices, roles, strict=True)}
    # A step scan tells its points in time as well: its first and last are the states between which it was.
    falls = taking.plan.direction == "down"
    yield from tell_points(taking.devices, named, points[::-1] if falls else points)


def _check_filled(asked_ev: NDArray[np.float64], filled: NDArray[np.bool_]) -> None:
    """Say at which energies asked for nothing was counted.

    Raises
    ------
    SweepFailedError
        If that is so at all of them.
    """
    if filled.all():
        return
    missing = asked_ev[~filled]
    told = (
        f"nothing was counted at {missing.size} of {asked_ev.size} energies ({missing[0]:.1f} to "
        f"{missing[-1]:.1f} eV): does the encoder of the trigger box show the angle of the monochromator, "
        "are its counts finer than the grid?"
    )
    if not filled.any():
        raise SweepFailedError(told)
    logger.warning("fly scan: %s", told)


def _leave(taking: FlyTaking) -> MsgGenerator[None]:
    """Close the shutter, leave the box disarmed, and restore the speed of the monochromator."""
    yield from leave_in_order(
        lambda: close_shutter(taking.station.photon_shutter),
        lambda: stop_device(taking.box),
        lambda: stop_device(taking.sweep),
    )
