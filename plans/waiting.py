"""Stubs whose every wait is bounded."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.protocols import Movable, Readable, Reading, Triggerable
from bluesky.utils import FailedStatus, Msg, MsgGenerator, RunEngineControlException, plan, short_uid

from ..devices.reach import LOST

logger = logging.getLogger(__name__)

#: Longest wait for a device that is not moving far or counting long, in s of wall time.
WAIT_S = 60.0

#: Pause between two looks at what still goes on after a failure, s of wall time.
END_LOOK_S = 0.05

#: What can go wrong with devices without being an error of the plan itself.
FAILURES = (FailedStatus, *LOST, OSError, RuntimeError, ValueError)


class PassedError(RuntimeError):
    """What was to be measured has passed: no further attempt brings it back."""


def said(error: BaseException) -> str:
    """Words of an error; those of its cause where the RunEngine has wrapped a device's error."""
    cause = error.__cause__ if isinstance(error, FailedStatus) and error.__cause__ else error
    return str(cause) or repr(cause)


@plan
def set_all(values: Mapping[Any, object], *, timeout_s: float = WAIT_S) -> MsgGenerator[None]:
    """Set devices together and wait for all.

    Parameters
    ----------
    values : mapping
        Device to value.
    timeout_s : float
        Longest wait in s of wall time.

    Raises
    ------
    TimeoutError
        If one is not there in time.
    """
    group = short_uid("set")
    for device, value in values.items():
        yield Msg("set", device, value, group=group)
    yield from wait_bounded(group, timeout_s, list(values))


def wait_bounded(group: str, timeout_s: float, devices: Sequence[object]) -> MsgGenerator[None]:
    """Wait for a group; a timeout says which devices, and how long.

    Raises
    ------
    TimeoutError
        After `timeout_s` of wall time.
    """
    done = yield Msg("wait", None, group=group, timeout=timeout_s, error_on_timeout=False, watch=())
    if done is False:
        names = ", ".join(str(getattr(device, "name", device)) for device in devices)
        raise TimeoutError(f"{names}: not done after {timeout_s:g} s; is its server running?")


def order_together(
    orders: Sequence[tuple[Any, ...]], timeout_s: float, *, once: bool = False
) -> MsgGenerator[None]:
    """Order several things at once and wait for all, also where one has failed.

    The RunEngine goes on when the first has failed: one that fails later would end the plan wherever it is
    then, such as while it makes good what the first has spoiled.

    Parameters
    ----------
    orders : sequence of tuple
        Command, device and arguments of each.
    timeout_s : float
        Longest wait in s of wall time.
    once : bool
        Whether a pause in the wait must not have them ordered again.

    Raises
    ------
    FailedStatus
        If one failed: the first that did.
    TimeoutError
        If one is not done in time.
    """
    group, ordered, ended = short_uid("together"), 0, list[Any]()
    try:
        for command, device, *args in orders:
            status: Any = yield Msg(command, device, *args, group=group)
            if status is not None:
                ordered += 1
                # The RunEngine has put in its own before: what is told here, it has heard.
                status.add_callback(ended.append)
        if once:
            yield from bps.checkpoint()
        yield from wait_bounded(group, timeout_s, [device for _, device, *_ in orders])
    except FAILURES:
        yield from _let_end(ordered, ended, timeout_s)
        raise


def _let_end(ordered: int, ended: Sequence[object], limit_s: float) -> MsgGenerator[None]:
    """Wait until all that was ordered has ended, well or not; at most so long, s of wall time."""
    deadline, are_under_way = time.monotonic() + limit_s, True
    while are_under_way and time.monotonic() < deadline:
        # Looked at before the pause: what fails in the last one is thrown into it.
        are_under_way = len(ended) < ordered
        try:
            yield from bps.sleep(END_LOOK_S)
        except FAILURES as error:
            logger.warning("failed as well: %s", said(error))


def order(command: str, device: Any, timeout_s: float, *args: object) -> MsgGenerator[None]:  # noqa: ANN401
    """Order something of a device, once also if a pause comes in between, and wait for it so long at most."""
    group = short_uid(command)
    yield from bps.checkpoint()
    yield Msg(command, device, *args, group=group)
    yield from bps.checkpoint()
    yield from wait_bounded(group, timeout_s, [device])


def read_event(
    devices: Sequence[Readable], *, trigger: Sequence[Triggerable], stream: str, timeout_s: float
) -> MsgGenerator[dict[str, Reading]]:
    """Trigger, wait (bounded) and read devices into one event; gives the readings to the plan.

    Parameters
    ----------
    devices : sequence of Readable
        What to read.
    trigger : sequence of Triggerable
        What to trigger before, together.
    stream : str
        Name of the stream.
    timeout_s : float
        Longest wait for the triggers in s of wall time.

    Returns
    -------
    dict
        Readings by data key.

    Raises
    ------
    TimeoutError
        If a trigger is not done in time.
    """
    group = short_uid("trigger")
    for device in trigger:
        yield Msg("trigger", device, group=group)
    yield from wait_bounded(group, timeout_s, trigger)
    readings: dict[str, Reading] = {}
    try:
        yield Msg("create", None, name=stream)
        for device in devices:
            readings.update((yield Msg("read", device)) or {})
    except Exception:
        yield from bps.drop()
        raise
    yield Msg("save")
    return readings


@plan
def close_shutter(shutter: Movable) -> MsgGenerator[None]:
    """Close a shutter, on every way out of a scan."""
    yield from set_all({shutter: "closed"})


def stopped(device: Any) -> MsgGenerator[None]:  # noqa: ANN401 - whatever can be stopped
    """Stop a device."""
    yield Msg("stop", device)


def tried(step: MsgGenerator[Any]) -> MsgGenerator[Exception | None]:
    """Do something without which what follows has to be done all the same; gives what went wrong."""
    try:
        yield from step
    except FAILURES as error:
        logger.warning("%s", said(error))
        return error
    return None


def each_in_turn(*steps: Callable[[], MsgGenerator[Any]]) -> MsgGenerator[None]:
    """Do each step although one before it has failed or was aborted, such as what leaves a station in order.

    Raises
    ------
    Exception
        At the end: an abort, whoever would go on after a failure, else the first failure.
    """
    errors: list[Exception] = []
    for step in steps:
        try:
            yield from step()
        except Exception as error:
            logger.warning("%s", said(error))
            errors.append(error)
    aborts = [error for error in errors if isinstance(error, RunEngineControlException)]
    if errors:
        raise (aborts or errors)[0]
