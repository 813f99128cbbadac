"""What of some devices answers, and which process variables do not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ophyd import Device
from ophyd.signal import EpicsSignalBase

NAMED = 3
"""Process variables of a device that a report spells out."""


@dataclass(frozen=True)
class ConnectionReport:
    """What of a beamline answered.

    Attributes
    ----------
    missing : Mapping
        Device name to the process variables that did not answer; empty when all is there.
    connected_count : int
        Process variables that answered.
    duration_s : float
        Wall time that it took.
    """

    missing: Mapping[str, tuple[str, ...]]
    connected_count: int
    duration_s: float

    def __str__(self) -> str:
        lines = [f"{self.connected_count} process variables answered in {self.duration_s:.1f} s"]
        for device, names in self.missing.items():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            lines.append(f"  {device} misses {', '.join(names[:NAMED])}{more}")
        return "\n".join(lines)


def connect(devices: Mapping[str, Device], timeout_s: float) -> ConnectionReport:
    """Wait until the process variables of devices answer, all at the same time, and tell which do not.

    Parameters
    ----------
    devices
        By the name that the report gives them.
    timeout_s
        Wall time for all of them.
    """
    begun = time.monotonic()
    deadline = begun + timeout_s
    missing: dict[str, tuple[str, ...]] = {}
    count = 0
    for name, device in devices.items():
        signals = list(_process_variables(device))
        absent = tuple(signal.pvname for signal in signals if not _answers(signal, deadline))
        count += len(signals) - len(absent)
        if absent:
            missing[name] = absent
    return ConnectionReport(missing, count, time.monotonic() - begun)


def _process_variables(device: Device) -> Iterator[EpicsSignalBase]:
    for walk in device.walk_signals(include_lazy=True):
        if isinstance(walk.item, EpicsSignalBase):
            yield walk.item


def _answers(signal: EpicsSignalBase, deadline: float) -> bool:
    left_s = deadline - time.monotonic()
    if left_s <= 0 and not signal.connected:
        return False
    try:
        signal.wait_for_connection(timeout=max(0.01, left_s))
    except TimeoutError:
        return False
    return True
