"""A device whose server may be gone: errors then name both, and to stop such a device is no error."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from epics.ca import CASeverityException, ChannelAccessGetFailure
from ophyd.device import Device, OrderedDictType
from ophyd.signal import EpicsSignal
from ophyd.utils.errors import DisconnectedError

logger = logging.getLogger(__name__)

LOST = (DisconnectedError, CASeverityException, ChannelAccessGetFailure)
"""Errors of the control layer of a process variable whose server goes away; the last two while it is read."""


class UnreachableError(TimeoutError):
    """A process variable of a device does not answer."""


@contextmanager
def naming(device: Device, what: str) -> Iterator[None]:
    """Let an error of the control layer tell which device was asked for what.

    Parameters
    ----------
    device
        Who was asked.
    what
        What it was asked for, with value and unit.

    Raises
    ------
    UnreachableError
        Instead of ophyd's errors, which name the process variable alone.
    """
    try:
        yield
    except UnreachableError:
        raise
    except (TimeoutError, *LOST) as error:
        reason = str(error).strip(" .")
        raise UnreachableError(
            f"{device.name}: {what} failed: {reason}; is the server of {device.prefix} running and reachable?"
        ) from error


class ReachedDevice(Device):
    """A device whose `read` says who does not answer.

    Parameters
    ----------
    labels
        Under which the magics of a console, `%wa` and `%ct`, find it; those of its class unless given.
    """

    console_labels: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        prefix: str = "",
        *,
        labels: Iterable[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, labels=self.console_labels if labels is None else labels, **kwargs)

    def read(self) -> OrderedDictType:
        """Read all signals of kind normal and hinted.

        Raises
        ------
        UnreachableError
            Naming device and process variable.
        """
        with naming(self, "read"):
            return super().read()


def halt(signal: EpicsSignal, value: int) -> None:
    """Write what stops a device; where its server is gone there is nothing to stop, and the log says so."""
    if not signal.connected:
        logger.warning("%s: not stopped, %s is not reachable", signal.name, signal.setpoint_pvname)
        return
    signal.put(value)
