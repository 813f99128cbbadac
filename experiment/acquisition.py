"""One acquisition: connect, take over a cell that still cycles or start anew, measure, end in order."""

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.run_engine import RunEngine
from bluesky.utils import MsgGenerator, RunEngineInterrupted, plan

from ..callbacks.tiled.journal import Journal
from ..devices.beamline import Beamline, load_beamline, read_settings
from ..devices.stations import Stations
from ..plans.beam import wait_for_first_beam
from ..plans.beam_guard import BeamGuard
from ..plans.operando import OperandoResult
from ..plans.resume import ResumePoint
from ..plans.start import check_cell
from ..plans.waiting import set_all
from .camera_reference import reference_runs_of
from .channel_access import repeating
from .conversion import (
    cell_document,
    connected_times,
    gates_of,
    limits_of,
    policies_of,
    protocol_of,
    told_rules_of,
)
from .file import ExperimentFile
from .heartbeat import Heartbeat
from .instrument import check_instruments, wanted_devices
from .mode import follow_cell, mode_document
from .onset_watch import watching_onsets
from .preparation import describe_cell, make_camera_known, prepare_beam
from .protocol_source import kept_path
from .reach_check import check_reach
from .reading import read_experiment
from .reference_curve import named_files
from .resumption import (
    Remains,
    changed_since,
    close_dead_runs,
    hold_point,
    remains_of,
    resume_point,
)
from .run_engine import beamline_engine, ends_in_order
from .settings import DataRoot

logger = logging.getLogger(__name__)


class AcquisitionError(RuntimeError):
    """An acquisition that could not begin or did not come to its end."""


class ToldToEndError(AcquisitionError):
    """An acquisition that was told to end; the cell is as the policy for it says."""


@dataclass(frozen=True)
class Start:
    """Which experiment is run, and where a dead process left it (None: from the beginning).

    `geometry` is where that process found the camera, if it calibrated it; `references` are runs of darks and
    flat that the file names.
    """

    uid: str
    resume: ResumePoint | None = None
    geometry: Mapping[str, Any] | None = None
    references: Mapping[str, Any] = field(default_factory=dict)


def acquire(file: Path, settings: Path, root: DataRoot) -> OperandoResult:
    """Run an experiment file on a beamline, or go on with it where a dead process left it.

    Parameters
    ----------
    file
        Experiment file.
    settings
        Beamline settings file.
    root
        Where the data go.

    Returns
    -------
    OperandoResult
        Counts of the ledger and the fault, if any.

    Raises
    ------
    AcquisitionError
        When devices are missing, the acquisition was told to end, or the plan failed.
    """
    experiment = read_experiment(file)
    check_instruments(experiment, read_settings(settings))
    with repeating(root):
        beamline = load_beamline(settings, **asdict(wanted_devices(experiment)))
        with connected(beamline):
            return _acquire(experiment, file, beamline, root)


@contextmanager
def connected(devices: Beamline | Stations) -> Iterator[None]:
    """Devices that all answer, for a block; their channels are given back at its end.

    Raises
    ------
    AcquisitionError
        When some do not answer within `timing.connect_s` of the settings.
    """
    try:
        report = devices.connect()
        if report.missing:
            raise AcquisitionError(
                f"{report}\nStart their servers, or set EPICS_CA_ADDR_LIST to where they are"
            )
        yield
    finally:
        devices.release()


def _acquire(experiment: ExperimentFile, file: Path, beamline: Beamline, root: DataRoot) -> OperandoResult:
    close_dead_runs(root.journal)
    with Journal(root.journal) as journal:
        engine = beamline_engine(beamline, root, journal, handles_ctrl_c=False)
        start = choose_start(experiment, beamline, root.journal)
        if start.resume is None:
            check_reach(experiment, beamline, file)
        keep_files(file, root.experiment(experiment.experiment.name, start.uid), named_files(experiment))
        whole = whole_experiment(experiment, beamline, start, root.journal)
        return _result(run_to_end(engine, whole, [beamline]))


def run_to_end(
    engine: RunEngine,
    whole: MsgGenerator[Any],
    stations: Sequence[Beamline],
) -> Any:  # noqa: ANN401
    """Run a plan while every cell feels a heartbeat; SIGTERM, SIGHUP and Ctrl-C end it in order.

    Raises
    ------
    AcquisitionError
        When it was told to end, or failed.
    """
    with ExitStack() as stack:
        for station in stations:
            stack.enter_context(Heartbeat(station.cell.heartbeat))
        received = stack.enter_context(ends_in_order(engine))
        try:
            return engine(whole)
        except RunEngineInterrupted:
            told = received() or "an abort"
            raise ToldToEndError(f"ended in order after {told}; the same command goes on with it") from None
        except Exception as error:
            told = f" ({received()})" if received() else ""
            raise AcquisitionError(f"the experiment ended early{told}: {error}") from error


def _result(outcome: Any) -> OperandoResult:  # noqa: ANN401
    found = getattr(outcome, "plan_result", None)
    if not isinstance(found, OperandoResult):
        raise AcquisitionError("the experiment was aborted before its end")
    return found


def choose_start(experiment: ExperimentFile, beamline: Beamline, journal: Path) -> Start:
    """Go on with the experiment of this name that was not followed to its end; else begin anew.

    A cell that is held (by the policy at an abort, or its watchdog) goes on with its protocol. Of one whose
    protocol ended while nobody was there the record is completed; the next start after that begins anew.

    Raises
    ------
    AcquisitionError
        When the cell runs an experiment of another name, one that the journal does not know, one that
        another process follows, or one that was started with another protocol, limits or triggers.
    ExperimentFileError
        When a dark or flat that the file names is not in the journal.
    """
    references = reference_runs_of(experiment.camera_references, journal)
    state = str(beamline.cell.state.get()).lower()
    uid = str(beamline.cell.experiment_uid.get())
    remains = remains_of(journal, uid) if uid else None
    if state != "running" and not _is_unfinished(remains, experiment.experiment.name):
        return Start(str(uuid.uuid4()), references=references)
    if remains is None or remains.name != experiment.experiment.name:
        known = f"{remains.name} ({uid})" if remains is not None else f"experiment {uid or 'without uid'}"
        raise AcquisitionError(
            f"the cell runs {known}, not {experiment.experiment.name}: "
            "stop it at the potentiostat, or run its own file"
        )
    if remains.cycling[-1].alive:
        raise AcquisitionError(
            f"another process follows experiment {remains.name} ({uid}): end that one first; "
            f"it writes {remains.cycling[-1].path.name}"
        )
    _refuse_changes(experiment, remains)
    logger.warning("going on with experiment %s, which an acquisition left %s", uid, state)
    point = hold_point(remains) if experiment.acquisition.holds else resume_point(remains)
    stood = remains.cycling[0].start.get("camera_calibration") or {}
    return Start(uid, point, stood.get("geometry"), references)


def _refuse_changes(experiment: ExperimentFile, remains: Remains) -> None:
    changed = changed_since(
        remains,
        protocol_of(experiment).to_dict(),
        asdict(limits_of(experiment)),
        told_rules_of(experiment),
        mode_document(experiment),
    )
    if changed:
        raise AcquisitionError(
            f"the cell goes on as experiment {remains.name} ({remains.uid}) was started, and the file says "
            f"otherwise in {', '.join(changed)}: run the file that was kept with its data "
            f"(experiments/{remains.name}_{remains.uid[:8]}), or stop the cell and begin anew"
        )


def _is_unfinished(remains: Remains | None, name: str) -> bool:
    """Whether the cell has begun an experiment of this name that was not followed to its end."""
    if remains is None or remains.name != name or remains.has_ended:
        return False
    return resume_point(remains).last_time_s > 0


def keep_files(file: Path, folder: Path, named: Iterable[str]) -> None:
    """Keep the experiment file as run, and the files that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    copyfile(file, folder / file.name)
    for name in named:
        kept = folder / kept_path(name)
        kept.parent.mkdir(parents=True, exist_ok=True)
        copyfile(file.parent / name, kept)


@plan
def whole_experiment(
    experiment: ExperimentFile, beamline: Beamline, start: Start, journal: Path
) -> MsgGenerator[OperandoResult]:
    """Calibrate, measure the references, then cycle the cell and measure whenever it asks for it.

    Parameters
    ----------
    experiment
        What is written in the file.
    beamline
        Connected devices.
    start
        Uid of the experiment and where to go on.
    journal
        Folder in which live analysis tells of the onsets of phases.

    Returns
    -------
    OperandoResult
        As of `operando`.
    """
    md = {
        "experiment": {"uid": start.uid, "name": experiment.experiment.name},
        "cell": cell_document(experiment),
        "operator": experiment.experiment.operator,
    }
    # ophyd's annotations are older than bluesky's protocols; the devices keep them.
    station: Any = beamline
    timing, guard = connected_times(beamline), BeamGuard()
    # A process that was killed in a scan has left it open: the cell must not wait in the beam.
    yield from set_all({station.photon_shutter: "closed"})
    prepared: dict[str, Any] = {}
    if start.resume is None:
        yield from describe_cell(experiment, beamline)
        yield from check_cell(station.cell, protocol_of(experiment), limits_of(experiment))
        yield from wait_for_first_beam(
            station.ring,
            guard.ring_current_min_ma,
            station.front_end_shutter,
            longest_s=policies_of(experiment).beam_wait_max_s,
        )
        prepared = yield from prepare_beam(experiment, station, timing, md)
    yield from make_camera_known(station, start.geometry, start.references)
    firsts = {
        "first_sample": int((yield from bps.rd(station.cell.record.count)) or 0),
        "first_point": int((yield from bps.rd(station.cell.impedance.count)) or 0),
    }
    md = {**md, **prepared, **firsts}
    with watching_onsets(gates_of(experiment), journal, start.uid) as onsets:
        return (yield from follow_cell(experiment, station, timing, guard, start.resume, md, onsets))
