"""The status of an order to a device: it ends in time, and its error tells who was told what."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from ophyd import Device
from ophyd.status import DeviceStatus

logger = logging.getLogger(__name__)


class OrderWithdrawnError(RuntimeError):
    """An order came to nothing since its device was told otherwise: to stop, or to do something else."""


class DeviceWork(DeviceStatus):
    """Status of what a device does: it is stopped when that fails, unless it was told otherwise meanwhile.

    To stop it then, a moment later, would end what it was told since.

    Parameters
    ----------
    device
        Who does it.
    told_otherwise
        Whether it was; besides an `OrderWithdrawnError`, which says so.
    """

    def __init__(
        self,
        device: Device,
        *,
        told_otherwise: Callable[[], bool] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        self._told_otherwise = told_otherwise
        super().__init__(device, **kwargs)

    def _handle_failure(self) -> None:
        told = self._told_otherwise is not None and self._told_otherwise()
        if told or isinstance(self._exception, OrderWithdrawnError):
            self._call_stop_on_failure = False
        super()._handle_failure()


class Order(DeviceWork):
    """Status of one order with a limit of time.

    Parameters
    ----------
    device
        Who was told.
    what
        What it was told, with value and unit, e.g. "move to 8333 eV".
    limit_s
        Wall time after which the order has failed.
    remedy
        What a user looks at first when that happens.
    """

    def __init__(self, device: Device, what: str, *, limit_s: float, remedy: str) -> None:
        self._text = f"order to {device.name}: {what}, limit {limit_s:.1f} s ({remedy})"
        super().__init__(device, timeout=limit_s)

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__

    def settle(self, error: Exception | None = None) -> None:
        """End the order, well or with an error; later news of an order that has ended is ignored."""
        if self.done or self._externally_initiated_completion:
            return
        if error is None:
            self.set_finished()
        else:
            self.set_exception(error)


class AllThere:
    """Ends an order when all its motors are there, or at the first error."""

    def __init__(self, order: Order, count: int) -> None:
        self._order = order
        self._missing = count
        self._lock = threading.Lock()

    def __call__(self, error: Exception | None) -> None:
        """Take that one more is there, or what went wrong."""
        with self._lock:
            self._missing -= 1
            over = error is not None or self._missing == 0
        if over:
            self._order.settle(error)


class Stops:
    """Lets a device that was told to stop also end so what it only then sets going, in the background.

    Work is done one after the other: what is undone late is not that of the next order.
    """

    def __init__(self) -> None:
        self._count = 0
        self._working = threading.Lock()

    @property
    def is_awaited(self) -> bool:
        """Whether something is done that will end as the device was told to stop."""
        return self._working.locked()

    def note(self) -> None:
        """Take that the device was told to stop."""
        self._count += 1

    def since(self) -> Callable[[], bool]:
        """Give what tells whether the device was told to stop since now."""
        before = self._count
        return lambda: self._count != before

    def heeding(
        self, work: Callable[[], None], undo: Callable[[], None], *, prepares: bool = False
    ) -> Callable[[], None]:
        """Give work that is undone at its end where the device was told to stop meanwhile.

        Parameters
        ----------
        work
            What is done in the background, such as arming a camera.
        undo
            What leaves the device at rest.
        prepares
            Whether the work only prepares for more, which has to be asked for. It then counts as done,
            whatever went wrong: plans stop a device on their way out, and a status that failed would be
            thrown into what they still have to put in order.
        """
        told = self.since()

        def done() -> None:
            with self._working:
                # What comes to its turn only now must not disturb what was ordered since.
                if told() and prepares:
                    return
                if told():
                    raise OrderWithdrawnError("the device was told to stop before this was begun")
                try:
                    work()
                except Exception as error:
                    if not (prepares and told()):
                        raise
                    logger.warning("was told to stop meanwhile: %s", error)
                finally:
                    if told():
                        undo()

        return done


Done = Callable[[Exception | None], None]
"""Called once at the end of a piece of work: with None, or with what went wrong."""
