"""What is done before a cell starts: it is described, the energy calibrated, references measured."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from ..devices.beamline import Beamline
from ..plans.calibrate import calibrate_energy
from ..plans.calibrate_camera import calibrate_camera
from ..plans.darks import DARK_MAX_AGE_S
from ..plans.duration import Timing
from ..plans.references import Reference, measure_references, place
from ..plans.waiting import set_all
from .file import ExperimentFile
from .scan_grid import energy_grid


def prepare_beam(
    experiment: ExperimentFile,
    station: Any,  # noqa: ANN401 - ophyd's annotations are older than bluesky's protocols
    timing: Timing,
    md: dict[str, Any],
) -> MsgGenerator[dict[str, Any]]:
    """Calibrate energy and camera, measure the references and bring the cell into the beam.

    Returns
    -------
    dict
        What the cycling run says of it.
    """
    stage = experiment.cell.stage
    told: dict[str, Any] = {}
    options = {"timing": timing, "dark_max_age_s": DARK_MAX_AGE_S, "md": md}
    calibration = experiment.calibration
    if calibration is not None:
        x_mm, y_mm = calibration.stage_x_mm, calibration.stage_y_mm
        yield from place(
            station.stage, stage.x_mm if x_mm is None else x_mm, stage.y_mm if y_mm is None else y_mm
        )
        found = yield from calibrate_energy(
            station,
            grid=energy_grid(calibration),
            element=calibration.element,
            edge=calibration.edge,
            tolerance_ev=calibration.tolerance_ev,
            **options,
        )
        told["energy_calibration"] = {"element": calibration.element, **asdict(found)}
    if (entry := experiment.camera_calibration) is not None:
        stands = yield from calibrate_camera(
            station,
            station.stage,
            entry.place,
            exposure_s=entry.exposure_s,
            frames=entry.frames,
            energy_ev=entry.energy_ev,
            limits=entry.limits,
            **options,
        )
        told["camera_calibration"] = asdict(stands)
    yield from place(station.stage, stage.x_mm, stage.y_mm)
    yield from measure_references(station, station.stage, references_of(experiment), **options)
    return told


def make_camera_known(
    station: Any,  # noqa: ANN401 - as above
    geometry: Mapping[str, Any] | None,
    references: Mapping[str, Any],
) -> MsgGenerator[None]:
    """Tell the camera what is known of it from before.

    Parameters
    ----------
    station
        Devices.
    geometry
        Where a calibration of this experiment found it, before a process died; None: unknown.
    references
        Runs of darks and flat that the experiment file names; they replace those of this session.
    """
    if station.camera is None:
        return
    if geometry:
        yield from set_all({station.camera.standing: dict(geometry)})
    if references:
        known = dict((yield from bps.rd(station.camera.reference_runs)) or {})
        yield from set_all({station.camera.reference_runs: {**known, **references}})


def describe_cell(experiment: ExperimentFile, beamline: Beamline) -> MsgGenerator[None]:
    """Tell the potentiostat mass, capacity and initial lithium content."""
    cell = experiment.cell
    yield from set_all(
        {
            beamline.cell.active_mass: cell.active_mass_mg,
            beamline.cell.cell_capacity: cell.full_capacity_mah,
            beamline.cell.initial_lithium_content: cell.initial_lithium_content,
        }
    )


def references_of(experiment: ExperimentFile) -> list[Reference]:
    """Convert the references of the file."""
    return [
        Reference(
            name=entry.name,
            element=entry.element,
            edge=entry.edge,
            valence=entry.valence,
            stage_x_mm=entry.stage_x_mm,
            stage_y_mm=entry.stage_y_mm,
            grid=energy_grid(entry),
        )
        for entry in experiment.references
    ]
