"""The coupling of measurements with a running cell: the cycler is the master, the beamline its guest."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bluesky.protocols import Readable
from bluesky.utils import MsgGenerator, plan

from ..devices.protocol import Limits, Protocol, Watchdog
from .beam_guard import BeamGuard
from .course import Course, CyclingCell, spectra_of
from .follow import run_course
from .gate import Gate, OnsetNews
from .ledger import Ledger
from .measurement import Measurement, announcements, check_names
from .policies import Policies
from .resume import ResumePoint
from .start import Orders, check_resumable
from .station import Settable

logger = logging.getLogger(__name__)

TRIGGERS = 8


@dataclass(frozen=True)
class OperandoResult:
    """How an experiment ended.

    Parameters
    ----------
    cycling_run : str
        Uid of the run that was open for the whole experiment.
    done, late, missed : int
        Requests of the cell by how they ended.
    fault : str
        Cause if the potentiostat tripped a limit; empty if the protocol came to its end.
    """

    cycling_run: str
    done: int
    late: int
    missed: int
    fault: str


@plan
def operando(
    cell: CyclingCell,
    protocol: Protocol,
    measurements: Sequence[Measurement],
    triggers: Mapping[str, str],
    policies: Policies | None = None,
    *,
    limits: Limits,
    experiment: Mapping[str, str],
    watchdog: Watchdog | None = None,
    capacity_mah: float | None = None,
    guard: BeamGuard | None = None,
    ring: Readable[Any] | None = None,
    front_end_shutter: Settable | None = None,
    resume: ResumePoint | None = None,
    poll_s: float = 1.0,
    max_attempts: int = 5,
    announce: Callable[[str], object] | None = None,
    gates: Mapping[str, Gate] | None = None,
    onsets: OnsetNews | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[OperandoResult]:
    """Cycle a cell and measure whenever it asks for it.

    Protocol, limits and triggers live in the potentiostat: the cell goes on whatever happens here. The newest
    latch of a measurement is measured; older ones that could not be are in the ledger as missed.

    Parameters
    ----------
    cell : CyclingCell
        Potentiostat.
    protocol : Protocol
        What the cell does.
    measurements : sequence of Measurement
        What is measured, at most 8.
    triggers : mapping
        Rule by name of the measurement, such as "every lithium_content 0.02".
    policies : Policies, optional
        What the cell does at a pause, an abort, without beam, after a fault and at the end.
    limits, watchdog : Limits, Watchdog
        What the potentiostat watches by itself.
    experiment : mapping
        `uid` and `name` of the experiment.
    capacity_mah : float, optional
        Charge that takes lithium content from 1 to 0 in mA h, for the announcement of blur.
    guard, ring, front_end_shutter : optional
        How loss of beam is told; without `guard` and `ring` beam is taken for granted. Once the ring holds
        enough current again the front end is opened, as often as needed, and the spectrum is redone.
    resume : ResumePoint, optional
        Go on with the cell that a dead process left: nothing is loaded, armed or started. If its protocol has
        ended meanwhile, its record is completed and what it asked for is missed.
    poll_s : float
        Period of collecting samples and of heartbeats, in s of wall time.
    max_attempts : int
        Attempts at one request until it is missed.
    announce : callable, optional
        Is told, before anything moves, each measurement that will blur more than it accepts; else the log is.
    gates : mapping, optional
        By name of the measurement, from and until which onset of a phase its trigger is watched.
    onsets : callable, optional
        Tells of onsets, such as those that live analysis finds; asked at least once per `poll_s`, and between
        measurements. A measurement whose onset never comes is missed.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    OperandoResult
        Counts of the ledger, and the fault if there was one.

    Raises
    ------
    ValueError
        If names do not match, the protocol asks for what the limits forbid, or the cell runs something else
        than what is resumed or started.
    """
    check_names(measurements, triggers, TRIGGERS)
    limits.check(protocol)
    gates, numbered = gates or {}, dict(enumerate(measurements, start=1))
    told = announcements(measurements, protocol, capacity_mah)
    for sentence in told:
        (announce or logger.warning)(sentence)
    course = Course(
        cell=cell,
        measurements=numbered,
        rules={number: _told(each.name, triggers, gates) for number, each in numbered.items()},
        cell_rules={number: triggers[each.name] for number, each in numbered.items()},
        gates={number: gates[each.name] for number, each in numbered.items() if each.name in gates},
        onsets=onsets,
        policies=policies or Policies(),
        ledger=Ledger(name="ledger"),
        guard=guard,
        ring=ring,
        impedance=spectra_of(cell, protocol),
        front_end_shutter=front_end_shutter,
        poll_s=poll_s,
        max_attempts=max_attempts,
        resume=resume,
    )
    document = {
        **start_document(course, protocol, limits),
        "experiment": dict(experiment),
        "announcements": list(told),
        **(md or {}),
    }
    return (yield from conduct(course, Orders(protocol, limits, watchdog, experiment["uid"]), document))


def _told(name: str, triggers: Mapping[str, str], gates: Mapping[str, Gate]) -> str:
    """Rule of a measurement as the ledger tells it."""
    return gates[name].told(triggers[name]) if name in gates else triggers[name]


def conduct(
    course: Course, orders: Orders, document: Mapping[str, Any], *answering: Callable[..., MsgGenerator[Any]]
) -> MsgGenerator[OperandoResult]:
    """Run an experiment of one cell to its end, and count how its requests ended.

    Parameters
    ----------
    course : Course
        The experiment.
    orders : Orders
        What the cell is told.
    document : mapping
        Start document of the cycling run; measurements share its `experiment` and `cell`.
    *answering : callable
        How requests are answered, where it is another way than that of `run_course`.

    Raises
    ------
    ValueError
        If the cell runs something else than what is resumed or started.
    """
    course.shared_md = {key: document[key] for key in ("experiment", "cell") if key in document}
    yield from check_resumable(course.cell, orders.experiment_uid, course.resume)
    fault = yield from run_course(course, orders, document, *answering)
    return result_of(course, fault)


def result_of(course: Course, fault: str) -> OperandoResult:
    """Count how the requests of an experiment ended."""
    tally = course.tally
    return OperandoResult(course.cycling_run, tally["done"], tally["late"], tally["missed"], fault)


def start_document(course: Course, protocol: Protocol, limits: Limits) -> dict[str, Any]:
    """Describe the experiment for its cycling run, before the caller's metadata."""
    return {
        "plan_name": "operando",
        "purpose": "cycling",
        "protocol": protocol.to_dict(),
        "limits": asdict(limits),
        "measurements": [
            {"name": each.name, "rule": course.rules[number], "duration_s": each.duration_s}
            for number, each in course.measurements.items()
        ],
        "policies": asdict(course.policies),
        **(course.resume.metadata() if course.resume else {}),
    }
