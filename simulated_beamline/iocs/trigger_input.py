"""The trigger input of a detector: which pulses of the wire it takes, and which it loses while it is busy."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from ..clock import SharedClock
from ..wire import Pulse, Wire

POLL_S = 0.002


class TriggerInput:
    """Follows the wire from the moment at which it is armed.

    Parameters
    ----------
    wire, clock
        Of the simulated beamline.
    readout_s
        Time after each exposure in which a pulse is lost, s.
    reader
        Which of `wire.READERS` it is.
    waiting
        Tells how many of the frames that were taken are still to be drawn or written.
    """

    def __init__(
        self,
        wire: Wire,
        clock: SharedClock,
        readout_s: float,
        *,
        reader: str,
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._wire = wire
        self._reader, self._waiting = reader, waiting
        wire.drawn(reader)
        self._clock = clock
        self._readout_s = readout_s
        self._next = 0
        self._free_s = -math.inf
        self.missed = 0

    def arm(self) -> None:
        """Take the pulses from now on."""
        self._next, self._free_s, self.missed = self._wire.count, -math.inf, 0
        self._wire.drawn(self._reader, self._next)

    def rest(self) -> None:
        """Take no more pulses, so that nobody waits for their frames."""
        self._wire.drawn(self._reader)

    def take(self, most: int, exposure_s: Callable[[Pulse], float]) -> list[Pulse]:
        """Pulses that came since the last call; those that came during an exposure or readout are lost.

        Parameters
        ----------
        most
            How many at most; the others stay for the next call.
        exposure_s
            Tells how long the detector exposes for a pulse, s.

        Raises
        ------
        WireLostError
            If the wire has forgotten pulses meanwhile.
        """
        self._wire.drawn(self._reader, self._next - self._waiting())
        taken: list[Pulse] = []
        for pulse in self._wire.since(self._next, most):
            self._next = pulse.number + 1
            if pulse.begin_s < self._free_s - 1e-9:
                self.missed += 1
                continue
            self._free_s = pulse.begin_s + exposure_s(pulse) + self._readout_s
            taken.append(pulse)
        return taken

    async def wait(self, most: int, exposure_s: Callable[[Pulse], float], stop: asyncio.Event) -> list[Pulse]:
        """Wait for pulses, parameters as of `take`; none if the acquisition was stopped meanwhile."""
        while not stop.is_set():
            if pulses := self.take(most, exposure_s):
                # Who has pulses to work off is at work, whatever the clock of the others does.
                self._clock.notice()
                return pulses
            await asyncio.sleep(POLL_S)
        return []
