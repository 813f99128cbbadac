"""Eight cells at C/5 on one sample changer through real servers: measured, against what was feasible."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from operando.simulated_beamline.launcher import Launcher, free_ports

from .figure import Figure

SCENARIO = "nmc811-first-charge"
SETTINGS = Path(__file__).resolve().parents[1] / "simulated_beamline" / "beamline.toml"
CELLS = 8
PITCH_MM = 7.0
RATE_C = 0.2
LITHIUM = 0.01
CHARGE_S = 1800.0
FACTOR = 10.0
SEARCHED = 12


def run() -> list[Figure]:
    """Measure every 0.01 of lithium: eight requests in 180 s, which spectra of 12 s just leave time for."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = Launcher(Path(folder), scenario=[SCENARIO] * CELLS)
        running = launcher.start("elastic", FACTOR)
        os.environ.update(
            EPICS_CA_ADDR_LIST=running.ca_addr_list,
            EPICS_CA_AUTO_ADDR_LIST="NO",
            EPICS_CA_REPEATER_PORT=str(free_ports(1)[0]),
            EPICS_CA_MAX_ARRAY_BYTES="10000000",
        )
        try:
            measured, entries = _experiment()
        finally:
            launcher.stop()
    feasible = _feasible(entries)
    return [
        Figure(
            name=f"{CELLS} cells at C/5 through servers, every {LITHIUM} lithium: "
            f"measured of {len(entries)} triggers",
            value=measured,
            baseline="search that knows all of them ahead",
            baseline_value=feasible,
            ratio=measured / feasible,
            goal=">= 1 x",
            unit="triggers",
        )
    ]


def _experiment() -> tuple[int, list[dict[str, Any]]]:
    """Cycle all cells; gives how many requests were measured, and every entry of the ledgers by cell."""
    # libca looks for its servers when it is first imported: not before they run.
    from bluesky import RunEngine
    from operando.devices.beamline import load_beamline
    from operando.devices.potentiostat import Potentiostat
    from operando.plans.operando_many import operando_many
    from operando.plans.waiting import set_all

    beamline = load_beamline(SETTINGS, camera=False)
    report = beamline.connect(60.0)
    if report.missing:
        raise RuntimeError(str(report))
    further = [Potentiostat(f"OP:ECLAB_01:C{number}:", name="cell") for number in range(2, CELLS + 1)]
    for cell in further:
        cell.wait_for_connection(timeout=60)
    stations = [replace(beamline, cell=cell) for cell in (beamline.cell, *further)]
    engine = RunEngine({}, call_returns_result=True)
    entries: list[dict[str, Any]] = []
    cells: dict[str, str] = {}

    def keep(name: str, doc: dict[str, Any]) -> None:
        if name == "start" and doc.get("purpose") == "cycling":
            cells[doc["uid"]] = doc["mounted"]["name"]
        elif name == "descriptor" and doc["run_start"] in cells:
            cells[doc["uid"]] = cells[doc["run_start"]]
        elif name == "event" and "ledger_status" in doc["data"]:
            entries.append({"cell": cells[doc["descriptor"]], **doc["data"]})

    engine.subscribe(keep)
    engine(set_all({beamline.front_end_shutter: "open"}))
    plan = operando_many(
        [_mounted(station, number) for number, station in enumerate(stations)],
        beamline.stage,
        _changer(),
        ring=beamline.ring,
        front_end_shutter=beamline.front_end_shutter,
        poll_s=0.5,
    )
    results = engine(plan).plan_result
    return sum(each.done for each in results), entries


def _mounted(station: Any, number: int) -> Any:
    """Mount a cell; its current is up to 7 % off C/5, as eight cells made by hand are."""
    from operando.devices.protocol import ConstantCurrent, Limits, Protocol
    from operando.plans.measurement import Measurement
    from operando.plans.operando_many import MountedCell
    from operando.plans.scheduler import Activity
    from operando.plans.xanes import xanes

    rate = RATE_C * (0.93 + 0.02 * number)
    current_a = rate * 1e-3 * float(station.cell.cell_capacity.get())
    grid = _grid()
    scan = partial(xanes, station, grid=grid, element="Ni")
    return MountedCell(
        f"cell_{number}",
        station.cell,
        Protocol((ConstantCurrent(current_a, until_time_s=CHARGE_S),)),
        Limits(4.5, 2.0, 10e-3, 20.0),
        [Measurement("ni", scan, duration_s=_scan_s())],
        {"ni": f"every lithium_content {LITHIUM}"},
        {"uid": f"uid-{number}", "name": f"cell_{number}"},
        Activity(rate / 3600.0),
    )


def _grid() -> Any:
    from operando.plans.grids import grid_from_regions

    return grid_from_regions([(-60, -20, 20, 0.3), (-20, 40, 3, 0.3), (40, 100, 20, 0.3)], e0="Ni_K")


def _scan_s() -> float:
    from operando.devices.beamline import read_settings
    from operando.plans.duration import Timing, estimate_duration_s

    timing = read_settings(SETTINGS).timing.model_dump(exclude={"connect_s"})
    return estimate_duration_s(_grid(), Timing(**timing))


def _changer() -> Any:
    from operando.plans.scheduler import SampleChanger

    return SampleChanger({f"cell_{number}": (-PITCH_MM * number, 0.0) for number in range(CELLS)})


def _feasible(entries: Sequence[dict[str, Any]]) -> int:
    """Count the triggers that could be measured in the best order, each before the next of its cell."""
    from operando.plans.scheduler import Request, Situation, most_kept

    times: dict[str, list[float]] = {}
    for entry in sorted(entries, key=lambda one: one["ledger_time"]):
        times.setdefault(entry["cell"], []).append(entry["ledger_time"])
    requests: list[Request] = []
    for cell, own in times.items():
        ends = [*own[1:], own[-1] + (own[-1] - own[0]) / max(len(own) - 1, 1)]
        requests += [
            Request(cell, release, max(latest, release), _scan_s(), number)
            for number, (release, latest) in enumerate(zip(own, ends, strict=True))
        ]
    begin_s = min(request.release_s for request in requests)
    return most_kept(requests, Situation(begin_s, "cell_0", _changer()), width=SEARCHED)
