"""Triggers that a cycler gives out: the beamline waits for the cell."""

from __future__ import annotations

from ophyd import Component as Cpt
from ophyd import Device, EpicsSignalRO
from ophyd.status import DeviceStatus


class TriggerOutput(Device):
    """Counts the steps `TriggerOut` that the cell has passed; `set(count seen)` waits for the next."""

    count = Cpt(EpicsSignalRO, "COUNT", auto_monitor=True, kind="omitted")
    time = Cpt(EpicsSignalRO, "T", auto_monitor=True, kind="omitted")

    def set(self, seen: int, timeout_s: float | None = None) -> DeviceStatus:
        """Wait until the count is no longer the one seen.

        Parameters
        ----------
        seen
            Count that is already known.
        timeout_s
            Longest wait, wall seconds; None: for ever.

        Raises
        ------
        StatusTimeoutError
            Through the status: no trigger came in time.
        """
        status = DeviceStatus(self, timeout=timeout_s)

        def look(**_: object) -> None:
            if int(self.count.get()) != seen and not status.done:
                status.set_finished()

        token = self.count.subscribe(look, run=False)
        status.add_callback(lambda _: self.count.unsubscribe(token))
        look()
        return status
