"""How far the cycler's clock is from the beamline's, in the documents of the cycling run."""

import logging

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from .course import Course, CyclingCell, keyed
from .waiting import FAILURES, WAIT_S, read_event, said

logger = logging.getLogger(__name__)
STREAM = "clock"


def clock_md(cell: CyclingCell) -> MsgGenerator[dict[str, float]]:
    """Give, for a start document, what is added to the cycler's time to get the beamline's, and how sure."""
    offset_s = yield from bps.rd(cell.clock.offset, default_value=0.0)
    uncertainty_s = yield from bps.rd(cell.clock.uncertainty, default_value=0.0)
    return {"clock_offset_s": float(offset_s), "clock_uncertainty_s": float(uncertainty_s)}


def tell_clock(course: Course) -> MsgGenerator[None]:
    """Write one event into stream `clock`: from the first and the last of a run its drift follows.

    A cycler that does not answer is no reason to end badly what has come to its end.
    """
    devices = [course.cell.time, course.cell.clock]
    try:
        yield from keyed(course, read_event(devices, trigger=(), stream=STREAM, timeout_s=WAIT_S))
    except FAILURES as error:
        logger.warning("the clock of the cell could not be compared: %s", said(error))
