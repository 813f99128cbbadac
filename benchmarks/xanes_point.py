"""Time per point of `xanes` against a bare list scan, and the share of beam time spent counting."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import LOOPBACK, Launcher, free_ports

from .figure import Figure

SETTINGS = Path(__file__).resolve().parents[1] / "simulated_beamline" / "beamline.toml"
REGION = (-20.0, 80.0, 0.5, 0.5)
ROUNDS = 4


@dataclass(frozen=True)
class Scan:
    """One scan: wall time per point (s), and the share of its simulated time that the detector counted."""

    point_s: float
    live_fraction: float


@contextmanager
def beamline_servers() -> Iterator[SharedClock]:
    """Start the simulated servers and point Channel Access of this process to them; gives their clock."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = Launcher(Path(folder), scenario="nmc811-first-charge")
        running = launcher.start("elastic", 500.0)
        os.environ.update(
            EPICS_CA_ADDR_LIST=running.ca_addr_list,
            EPICS_CA_AUTO_ADDR_LIST="NO",
            EPICS_CA_REPEATER_PORT=str(free_ports(1)[0]),
        )
        clock = SharedClock(launcher.run_folder / "clock")
        try:
            yield clock
        finally:
            clock.close()
            launcher.stop()


def scans(clock: SharedClock) -> tuple[list[Scan], list[Scan]]:
    """Run `xanes` and `list_scan` in turn, which of them first alternating, over the same devices.

    Returns
    -------
    tuple
        Scans by `xanes`, and by `list_scan`.
    """
    # libca looks for its servers when it is first imported: not before they run.
    from bluesky import RunEngine
    from bluesky import plans as bp
    from operando.devices.beamline import load_beamline
    from operando.plans.grids import grid_from_regions
    from operando.plans.waiting import set_all
    from operando.plans.xanes import xanes

    station = load_beamline(SETTINGS, camera=False)
    report = station.connect(30.0)
    if report.missing:
        raise RuntimeError(f"simulated beamline at {LOOPBACK}: {report}")
    grid = grid_from_regions([REGION], e0="Ni_K")
    # `mono` itself cannot be a detector of a scan that moves `mono.energy`: the same keys, twice.
    devices = [station.ion_chambers, station.mono.bragg, station.ring, station.cell]

    def ours() -> Any:
        return xanes(station, grid=grid, element="Ni")

    def bare() -> Any:
        return bp.list_scan(devices, station.mono.energy, grid.energy_ev.tolist())

    engine = RunEngine({})
    engine(set_all({station.front_end_shutter: "open", station.ion_chambers.averaging_time: REGION[3]}))
    found: dict[Callable[[], Any], list[Scan]] = {ours: [], bare: []}
    timed_scan(engine, clock, ours, grid.counting_s)
    for round_ in range(ROUNDS):
        for plan in (ours, bare) if round_ % 2 else (bare, ours):
            found[plan].append(timed_scan(engine, clock, plan, grid.counting_s))
    return found[ours], found[bare]


def timed_scan(engine: Any, clock: SharedClock, plan: Callable[[], Any], counting_s: float) -> Scan:
    """Run a plan; points are timed from the first event to the last."""
    instants: list[float] = []
    begin_s = clock.now()
    engine(plan(), {"event": [lambda *_: instants.append(time.perf_counter())]})
    beam_s = clock.now() - begin_s
    return Scan((instants[-1] - instants[0]) / (len(instants) - 1), counting_s / beam_s)


def run() -> list[Figure]:
    """Measure both, medians of several rounds."""
    with beamline_servers() as clock:
        ours, bare = scans(clock)
    point_s, bare_s = (median(scan.point_s for scan in group) for group in (ours, bare))
    live, bare_live = (median(scan.live_fraction for scan in group) for group in (ours, bare))
    return [
        Figure(
            name="one point of xanes, exposure at once",
            value=point_s * 1e3,
            baseline="bluesky.plans.list_scan of mono.energy: ion chambers, mono.bragg, ring, cell",
            baseline_value=bare_s * 1e3,
            ratio=bare_s / point_s,
            goal="<= 1.05 x its time",
            unit="ms",
        ),
        Figure(
            name=f"share of beam time counting, {REGION[3]} s/point, shutter included",
            value=live,
            baseline="bluesky.plans.list_scan, no shutter",
            baseline_value=bare_live,
            ratio=live / bare_live,
            goal=">= 0.9",
            unit="",
        ),
    ]
