"""The plan that follows the cell in the mode that the experiment file asks for."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bluesky.utils import MsgGenerator

from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.gate import OnsetNews
from ..plans.operando import OperandoResult, operando
from ..plans.relaxation import Relaxation
from ..plans.resume import ResumePoint
from ..plans.step_and_hold import step_and_hold
from .conversion import (
    gates_of,
    limits_of,
    measurements_of,
    policies_of,
    protocol_of,
    states_of,
    triggers_of,
    watchdog_of,
)
from .file import ExperimentFile


def mode_document(experiment: ExperimentFile) -> dict[str, Any]:
    """Describe the mode for the cycling run; a cell that goes on must have been told the same."""
    if not experiment.acquisition.holds:
        return {}
    return {"states": [asdict(state) for state in states_of(experiment)]}


def follow_cell(
    experiment: ExperimentFile,
    station: Any,  # noqa: ANN401 - ophyd's annotations are older than bluesky's protocols
    timing: Timing,
    guard: BeamGuard,
    resume: ResumePoint | None,
    md: Mapping[str, Any],
    onsets: OnsetNews | None = None,
) -> MsgGenerator[OperandoResult]:
    """Cycle the cell and measure, while it goes on or held at its states.

    Parameters
    ----------
    experiment
        What is written in the file.
    station
        Connected devices of a beamline.
    timing, guard
        Dead times, and how loss of beam is told.
    resume
        Where a dead process left the cell.
    md
        Metadata with `experiment`.
    onsets
        Tells of the onsets of phases, where a trigger waits for one.
    """
    measurements = measurements_of(experiment, station, timing, guard)
    shared: dict[str, Any] = {
        "limits": limits_of(experiment),
        "experiment": md["experiment"],
        "watchdog": watchdog_of(experiment),
        "guard": guard,
        "ring": station.ring,
        "front_end_shutter": station.front_end_shutter,
        "resume": resume,
        "md": md,
    }
    protocol, policies = protocol_of(experiment), policies_of(experiment)
    if experiment.acquisition.holds:
        relaxation = Relaxation(**experiment.acquisition.relaxation.model_dump())
        states = states_of(experiment)
        return (
            yield from step_and_hold(
                station.cell, protocol, states, measurements, relaxation, policies, **shared
            )
        )
    shared |= {"gates": gates_of(experiment), "onsets": onsets}
    triggers, full_mah = triggers_of(experiment), experiment.cell.full_capacity_mah
    return (
        yield from operando(
            station.cell, protocol, measurements, triggers, policies, capacity_mah=full_mah, **shared
        )
    )
