"""What a bridge looks after beside its samples: client, driver, and what could not be ended."""

from __future__ import annotations

import logging

from .channel import START_LIMIT_S
from .cycler import BridgedCycler
from .instrument import State

logger = logging.getLogger(__name__)


class Watch:
    """Heartbeat of the client, start of the driver, samples that fail to come; `look` at all of them often.

    Attributes
    ----------
    loss : str
        What fails to come from the driver, in words; empty while all is well.
    """

    def __init__(self, cycler: BridgedCycler) -> None:
        self._cycler = cycler
        self.loss = ""

    async def look(self, wall_s: float) -> None:
        """Do what the time demands; wall time in s.

        Raises
        ------
        DriverError
            If the driver does not carry it out; it is tried again at the next look where the circuit is to be
            opened.
        """
        await self._look_for_samples(wall_s)
        await self._cycler.open_what_is_left()
        await self._look_for_heartbeat(wall_s)
        if self._cycler.is_late(wall_s):
            await self._cycler.stop(f"stopped: the driver has not started within {START_LIMIT_S:g} s")

    async def _look_for_samples(self, wall_s: float) -> None:
        cycler = self._cycler
        before, self.loss = self.loss, cycler.supervision.loss(wall_s, running=cycler.needs_samples)
        if self.loss == before:
            return
        if not self.loss:
            cycler.message = f"{cycler.message}; the driver gives samples again"[:500]
            return
        logger.error("%s: %s", self.loss, cycler.supervision.action)
        if cycler.needs_samples and cycler.supervision.action == "stop":
            await cycler.lose(self.loss)
        else:
            cycler.message = self.loss

    async def _look_for_heartbeat(self, wall_s: float) -> None:
        cycler = self._cycler
        if cycler.state is not State.RUNNING or not cycler.watchdog.expired(wall_s):
            return
        action = cycler.watchdog.action
        logger.warning("no heartbeat for %g s: %s", cycler.watchdog.timeout_s, action)
        if action == "stop":
            await cycler.stop("stopped by the watchdog: the heartbeat is missing")
        elif action != "continue":
            await cycler.hold(action)
