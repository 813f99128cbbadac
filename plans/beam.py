"""Whether there is beam, and waiting for it."""

import logging
import time
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.protocols import Readable
from bluesky.utils import Msg, MsgGenerator, plan

from .beam_guard import BeamLostError
from .station import Settable
from .waiting import FAILURES, close_shutter, said, set_all

logger = logging.getLogger(__name__)

BEAM_WAIT_S = 6 * 3600.0
"""Longest wait for beam between measurements, s of wall time."""
MEASUREMENT_WAIT_S = 1800.0
"""Longest wait for beam within a measurement, s of wall time."""


def lacking_beam(
    ring: Readable[Any], least_ma: float, front_end_shutter: Settable | None = None
) -> MsgGenerator[str]:
    """Why there is no beam: too little current (mA), or a front end that does not open; empty if there is."""
    reading = yield Msg("read", ring)
    if reading and not float(reading["ring_current"]["value"]) >= least_ma:
        return f"the ring holds less than {least_ma:g} mA"
    if front_end_shutter is None:
        return ""
    try:
        yield from set_all({front_end_shutter: "open"})
    except FAILURES as error:
        return f"the front-end shutter does not open: {said(error)}"
    return ""


@plan
def wait_for_first_beam(
    ring: Readable[Any],
    least_ma: float,
    front_end_shutter: Settable | None = None,
    *,
    poll_s: float = 1.0,
    longest_s: float = BEAM_WAIT_S,
) -> MsgGenerator[None]:
    """Open the front end, or wait until the ring has beam and lets it open; no cell is cycling yet.

    Parameters
    ----------
    ring : Readable
        With data key `ring_current` in mA.
    least_ma : float
        Least current, in mA.
    front_end_shutter : Settable, optional
        Opened as soon as it may.
    poll_s, longest_s : float
        How often it looks, and how long at most, in s of wall time.

    Raises
    ------
    BeamLostError
        If there is no beam in time.
    """
    deadline, told = time.monotonic() + longest_s, ""
    while reason := (yield from lacking_beam(ring, least_ma, front_end_shutter)):
        if time.monotonic() > deadline:
            raise BeamLostError(f"no beam for {longest_s:g} s ({reason}): the experiment does not begin")
        if reason != told:
            logger.warning("no beam, %s: the experiment begins with the beam", reason)
        told = reason
        yield from bps.checkpoint()
        yield from bps.sleep(poll_s)


@plan
def open_when_permitted(shutter: Settable, *, tries: int = 5, pause_s: float = 1.0) -> MsgGenerator[None]:
    """Open a shutter whose permit follows that of the one before it, a moment later.

    Parameters
    ----------
    shutter : Settable
        Takes "open".
    tries : int
        How often it is asked to.
    pause_s : float
        Between, s of wall time.

    Raises
    ------
    FailedStatus
        If it does not open the last time.
    """
    for _ in range(tries - 1):
        try:
            yield from set_all({shutter: "open"})
            return
        except FAILURES as error:
            logger.info("not open yet: %s", said(error))
        yield from bps.checkpoint()
        yield from bps.sleep(pause_s)
    yield from set_all({shutter: "open"})


def open_with_beam(station: Any, least_ma: float) -> MsgGenerator[None]:  # noqa: ANN401 - a station
    """Open the photon shutter; where there is no beam, keep it closed until there is, half an hour at most.

    Parameters
    ----------
    station
        With `ring`, `front_end_shutter` and `photon_shutter`.
    least_ma : float
        Ring current below which there is no beam, mA; 0 opens in any case where the front end is open.

    Raises
    ------
    BeamLostError
        If there is none in time.
    FailedStatus
        If the shutter does not open.
    """
    if (yield from lacking_beam(station.ring, least_ma, station.front_end_shutter)):
        yield from close_shutter(station.photon_shutter)
        yield from wait_for_first_beam(
            station.ring, least_ma, station.front_end_shutter, longest_s=MEASUREMENT_WAIT_S
        )
    yield from open_when_permitted(station.photon_shutter)
