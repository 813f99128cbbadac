"""The ledger: how each measurement that the cell asked for ended."""

from dataclasses import asdict, dataclass
from typing import Literal

from ophyd import Component, Device, Signal
from ophyd.status import DeviceStatus

LedgerStatus = Literal["done", "late", "missed", "fault", "onset"]


@dataclass(frozen=True)
class LedgerEntry:
    """One request of the cell and what became of it.

    Parameters
    ----------
    measurement : str
        Name of the measurement; empty for a fault of the cycler and the onset of a phase.
    rule : str
        Rule that fired.
    count, time, voltage, current, capacity, lithium_content : int, float
        The latch: number since arming, s, V, A, mA h, 1.
    status : LedgerStatus
        How it ended.
    reason : str
        Why, if not plainly done.
    delay_s : float
        From the latch to the start of the measurement on the cell's clock, in s; NaN if it never started.
    run : str
        Uid of the measurement's run; empty if there is none.
    late_s : float
        How long before its latch the feature that it tells of was passed, or the phase first seen, in s.
    """

    measurement: str
    rule: str
    count: int
    time: float
    voltage: float
    current: float
    capacity: float
    lithium_content: float
    status: LedgerStatus
    reason: str = ""
    delay_s: float = float("nan")
    run: str = ""
    late_s: float = 0.0


class Ledger(Device):
    """Soft signals that hold the latest entry; `set(LedgerEntry)` writes it, a read gives `ledger_*`."""

    measurement = Component(Signal, value="")
    rule = Component(Signal, value="")
    count = Component(Signal, value=0)
    time = Component(Signal, value=0.0)
    voltage = Component(Signal, value=0.0)
    current = Component(Signal, value=0.0)
    capacity = Component(Signal, value=0.0)
    lithium_content = Component(Signal, value=0.0)
    status = Component(Signal, value="")
    reason = Component(Signal, value="")
    delay_s = Component(Signal, value=0.0)
    run = Component(Signal, value="")
    late_s = Component(Signal, value=0.0)

    def set(self, entry: LedgerEntry) -> DeviceStatus:
        """Write an entry; done at once."""
        for field, value in asdict(entry).items():
            getattr(self, field).put(value)
        status = DeviceStatus(self)
        status.set_finished()
        return status
