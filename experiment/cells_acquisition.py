"""One acquisition of several cells: connect, take over what still cycles, start the others, measure all."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator, plan

from ..callbacks.tiled.journal import Journal
from ..devices.beamline import Beamline
from ..devices.stations import Stations, load_stations
from ..plans.beam import wait_for_first_beam
from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.operando import OperandoResult
from ..plans.operando_many import MountedCell, operando_many
from ..plans.start import check_cell
from ..plans.waiting import set_all
from .acquisition import AcquisitionError, Start, choose_start, connected, keep_files, run_to_end
from .camera import asks_for_frames, check_camera
from .cells_estimate import activity_of
from .cells_file import ManyCells
from .channel_access import repeating
from .conversion import (
    cell_document,
    dead_times,
    limits_of,
    measurements_of,
    policies_of,
    protocol_of,
    triggers_of,
    watchdog_of,
)
from .expected_course import course_of
from .file import ExperimentFile
from .preparation import describe_cell, make_camera_known, prepare_beam
from .reach_check import check_reach
from .reference_curve import named_files
from .resumption import close_dead_runs, remains_of
from .run_engine import beamline_engine
from .settings import DataRoot


@dataclass(frozen=True)
class Starts:
    """Which cells are followed, and what they have in common.

    Parameters
    ----------
    batch : mapping
        `uid` and `name` of the experiment of all cells; calibration and references are runs of it.
    each : mapping
        By the cell's position in the file; one that has ended already is left out.
    """

    batch: Mapping[str, str]
    each: Mapping[int, Start]


def acquire_cells(cells: ManyCells, file: Path, settings: Path, root: DataRoot) -> dict[str, OperandoResult]:
    """Run an experiment of several cells, or go on with it where a dead process left it.

    Parameters
    ----------
    cells, file
        Content of the experiment file, and the file.
    settings
        Beamline settings file; it names the channels of the cycler.
    root
        Where the data go.

    Returns
    -------
    dict
        Counts of the ledger and the fault, if any, by name of the cell.

    Raises
    ------
    AcquisitionError
        When devices are missing, the acquisition was told to end, or the plan failed.
    """
    with repeating(root):
        stations = load_stations(settings, cells.channels, camera=asks_for_frames(cells.file))
        shared = stations.each[0]
        check_camera(cells.file, shared.name, has_camera=shared.camera is not None)
        with connected(stations):
            return _acquire(cells, file, stations, root)


def _acquire(cells: ManyCells, file: Path, stations: Stations, root: DataRoot) -> dict[str, OperandoResult]:
    close_dead_runs(root.journal)
    with Journal(root.journal) as journal:
        engine = beamline_engine(stations.each[0], root, journal, handles_ctrl_c=False)
        starts = choose_starts(cells, stations, root.journal)
        if not any(start.resume for start in starts.each.values()):
            check_reach(cells.file, stations.each[0], file)
        named = {name for each in cells.each for name in named_files(each)}
        for number, start in starts.each.items():
            folder = root.experiment(cells.each[number].experiment.name, start.uid)
            keep_files(file, folder, named)
        followed = [stations.each[number] for number in starts.each]
        outcome = run_to_end(engine, every_cell(cells, stations, starts), followed)
    results = getattr(outcome, "plan_result", None)
    if not isinstance(results, tuple):
        raise AcquisitionError("the experiment was aborted before its end")
    names = [cells.file.cells[number].name for number in starts.each]
    return dict(zip(names, results, strict=True))


def choose_starts(cells: ManyCells, stations: Stations, journal: Path) -> Starts:
    """Go on with what was not followed to its end, together with the cells that were not yet begun.

    Raises
    ------
    AcquisitionError
        When a channel runs something else, as for one cell.
    """
    each = {
        number: choose_start(single, station, journal)
        for number, (single, station) in enumerate(zip(cells.each, stations.each, strict=True))
    }
    left = next((_batch_of(journal, start.uid) for start in each.values() if start.resume), None)
    if left is None:
        return Starts({"uid": str(uuid.uuid4()), "name": cells.name}, each)
    # A cell of the same start whose protocol was followed to its end is not cycled a second time.
    ended = {n for n, start in each.items() if not start.resume and _is_of(left, journal, stations.each[n])}
    return Starts(left, {number: start for number, start in each.items() if number not in ended})


def _batch_of(journal: Path, experiment_uid: str) -> dict[str, str]:
    remains = remains_of(journal, experiment_uid)
    return dict(remains.cycling[0].start.get("batch") or {}) if remains is not None else {}


def _is_of(batch: Mapping[str, str], journal: Path, station: Beamline) -> bool:
    uid = str(station.cell.experiment_uid.get())
    return bool(uid) and _batch_of(journal, uid).get("uid") == batch.get("uid")


@plan
def every_cell(
    cells: ManyCells, stations: Stations, starts: Starts
) -> MsgGenerator[tuple[OperandoResult, ...]]:
    """Calibrate, measure the references, then cycle all cells and measure whichever asks for it.

    Parameters
    ----------
    cells
        What is written in the file.
    stations
        Connected devices.
    starts
        Uids, and where to go on.

    Returns
    -------
    tuple of OperandoResult
        As of `operando_many`, one for each cell that is followed.
    """
    # ophyd's annotations are older than bluesky's protocols; the devices keep them.
    shared: Any = stations.each[0]
    timing, guard = dead_times(shared.timing), BeamGuard()
    # A process that was killed in a scan has left it open: no cell must wait in the beam.
    yield from set_all({shared.photon_shutter: "closed"})
    fresh = [number for number, start in starts.each.items() if start.resume is None]
    for number in fresh:
        single, station = cells.each[number], stations.each[number]
        yield from describe_cell(single, station)
        yield from check_cell(_cell(station), protocol_of(single), limits_of(single))
    md: dict[str, Any] = {"operator": cells.file.experiment.operator}
    if len(fresh) == len(starts.each):
        longest_s = policies_of(cells.each[0]).beam_wait_max_s
        yield from wait_for_first_beam(
            shared.ring, guard.ring_current_min_ma, shared.front_end_shutter, longest_s=longest_s
        )
        of_batch = {**md, "experiment": dict(starts.batch)}
        md |= yield from prepare_beam(cells.each[fresh[0]], shared, timing, of_batch)
    for start in starts.each.values():
        yield from make_camera_known(shared, start.geometry, start.references)
    mounted: list[MountedCell] = []
    for number, start in starts.each.items():
        name, station = cells.file.cells[number].name, stations.each[number]
        each = yield from _mounted(name, cells.each[number], station, start, starts.batch, timing, guard)
        mounted.append(each)
    return (
        yield from operando_many(
            mounted,
            shared.stage,
            cells.changer,
            policies_of(cells.each[0]),
            watchdog=watchdog_of(cells.each[0]),
            guard=guard,
            ring=shared.ring,
            front_end_shutter=shared.front_end_shutter,
            md=md,
        )
    )


def _cell(station: Beamline) -> Any:  # noqa: ANN401
    return station.cell


def _mounted(
    name: str,
    single: ExperimentFile,
    station: Any,  # noqa: ANN401
    start: Start,
    batch: Mapping[str, str],
    timing: Timing,
    guard: BeamGuard,
) -> MsgGenerator[MountedCell]:
    first_sample = int((yield from bps.rd(station.cell.record.count)) or 0)
    first_point = int((yield from bps.rd(station.cell.impedance.count)) or 0)
    return MountedCell(
        name=name,
        cell=station.cell,
        protocol=protocol_of(single),
        limits=limits_of(single),
        measurements=measurements_of(single, station, timing, guard),
        triggers=triggers_of(single),
        experiment={"uid": start.uid, "name": single.experiment.name},
        activity=activity_of(single, course_of(single)),
        md={"cell": cell_document(single), "batch": dict(batch)},
        document={"first_sample": first_sample, "first_point": first_point},
        resume=start.resume,
    )
