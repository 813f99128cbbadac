"""Work of a device that takes several exchanges, in the background and never longer than it may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ophyd import Device, get_cl
from ophyd.signal import Signal
from ophyd.status import DeviceStatus
from ophyd.utils.errors import StatusTimeoutError, WaitTimeoutError

from .order import DeviceWork

LOOK_S = 0.5
"""Wall time between two looks at a condition though no signal has told of a change, s."""


def in_background(
    device: Device, work: Callable[[], None], *, told_otherwise: Callable[[], bool] | None = None
) -> DeviceStatus:
    """Do the work in a thread; the status that is returned ends with it and carries its error.

    Parameters
    ----------
    device
        Whose status it is.
    work
        Every wait in it must be bounded.
    told_otherwise
        Whether the device was told otherwise meanwhile: it is then not stopped where the work fails.
    """
    status = DeviceWork(device, told_otherwise=told_otherwise)

    def run() -> None:
        # Whatever goes wrong belongs to the status: an exception that leaves a thread reaches nobody.
        try:
            work()
        except Exception as error:
            status.set_exception(error)
        else:
            status.set_finished()

    get_cl().thread_class(target=run, daemon=True, name=f"{device.name}-set").start()
    return status


def write(signal: Signal, value: object, timeout_s: float) -> None:
    """Write a value and wait until its server has taken it.

    Raises
    ------
    TimeoutError
        Naming the signal, the value and the time, when the server has not confirmed by then.
    """
    try:
        signal.set(value).wait(timeout_s)
    except (StatusTimeoutError, WaitTimeoutError, TimeoutError) as error:
        raise TimeoutError(
            f"{signal.name}: {value!r} was not confirmed within {timeout_s} s by "
            f"{getattr(signal, 'setpoint_pvname', signal.name)}; is its server running and reachable?"
        ) from error


def fresh(signal: Signal, timeout_s: float) -> Any:  # noqa: ANN401 - whatever the server holds
    """Value as the server has it now, not as it was last sent to us.

    Raises
    ------
    TimeoutError
        Naming the signal, when the server does not answer in time.
    """
    try:
        return signal.get(use_monitor=False, timeout=timeout_s, connection_timeout=timeout_s)
    except TimeoutError as error:
        raise TimeoutError(
            f"{signal.name}: no answer within {timeout_s} s from "
            f"{getattr(signal, 'pvname', signal.name)}; is its server running and reachable?"
        ) from error


def until(signals: Sequence[Signal], condition: Callable[[], bool], limit_s: float) -> bool:
    """Wait until a condition holds; it is looked at whenever a signal changes, and twice a second.

    Parameters
    ----------
    signals
        Monitored ones, on which the condition depends.
    condition
        Whether to wait no longer.
    limit_s
        Longest wait, s of wall time.

    Returns
    -------
    bool
        Whether it held in time.
    """
    changed, deadline = threading.Event(), time.monotonic() + limit_s

    def notice(**_: object) -> None:
        changed.set()

    tokens = [(signal, signal.subscribe(notice, run=False)) for signal in signals]
    try:
        while not condition():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            changed.wait(min(left_s, LOOK_S))
            changed.clear()
        return True
    finally:
        for signal, token in tokens:
            signal.unsubscribe(token)
