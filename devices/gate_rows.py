"""Gates of a raster from a trigger box, row by row, in one file for all rows that it was armed for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ophyd.status import DeviceStatus

from .gate_series import GatePass, GateSeries
from .trigger_box import TriggerBox


class GateRows:
    """A trigger box as a raster uses it: `prepare` all rows, `set` each, `trigger` waits for its gates.

    `complete` closes the file and looks whether it holds every gate once; of a file that was ended early, at
    a bad row, documents do not tell.

    Parameters
    ----------
    box
        The trigger box.
    """

    parent = None

    def __init__(self, box: TriggerBox) -> None:
        self.box = box
        self.name = box.name

    def prepare(self, series: GateSeries) -> DeviceStatus:
        """Let the box wait for the gates of all rows; see `TriggerBox`."""
        return self.box.prepare(series)

    def set(self, value: GatePass) -> DeviceStatus:
        """Let the box wait for the gates of one more row."""
        return self.box.set(value)

    def trigger(self) -> DeviceStatus:
        """Wait until the gates of the rows so far are captured."""
        return self.box.trigger()

    def kickoff(self) -> DeviceStatus:
        """Nothing is left to begin: `set` lets the box wait."""
        status = DeviceStatus(self.box)
        status.set_finished()
        return status

    def complete(self) -> DeviceStatus:
        """Close the file, and see whether it holds each gate once."""
        return self.box.complete()

    def stop(self, *, success: bool = False) -> None:
        """Leave the box disarmed and its file closed, unless a pause comes: its gates go on then."""
        if not success:
            self.box.stop()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe the values of a gate."""
        return self.box.describe_collect()

    def get_index(self) -> int:
        """Count the gates that documents may tell of."""
        return self.box.get_index()

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of a whole file, once."""
        yield from self.box.collect_asset_docs(index)
