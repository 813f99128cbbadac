"""Stubs whose every wait is bounded."""

from collections.abc import Mapping, Sequence
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.protocols import Movable, Readable, Reading, Triggerable
from bluesky.utils import FailedStatus, Msg, MsgGenerator, plan, short_uid
from ophyd.utils.errors import DisconnectedError

#: Longest wait for a device that is not moving far or counting long, in s of wall time.
WAIT_S = 60.0

#: What can go wrong with devices without being an error of the plan itself.
FAILURES = (FailedStatus, DisconnectedError, OSError, RuntimeError, ValueError)


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
