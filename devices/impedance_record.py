"""The cycler's record of impedance spectra, read by the number of their points."""

from __future__ import annotations

from collections.abc import Iterator

from ophyd.status import DeviceStatus

from .bounded import in_background
from .record import Column, Record, data_keys, event_page

STREAM = "impedance"
# As for samples: key below the name of the device, unit, whether it counts.
POINT_COLUMNS: tuple[Column, ...] = (
    ("point", "", True),
    ("time", "s", False),
    ("spectrum", "", True),
    ("frequency", "Hz", False),
    ("real", "ohm", False),
    ("imaginary", "ohm", False),
    ("voltage_amplitude", "V", False),
    ("current_amplitude", "A", False),
    ("voltage", "V", False),
    ("current", "A", False),
    ("capacity", "mA h", False),
    ("lithium_content", "", False),
    ("state_of_charge", "", False),
    ("temperature", "degC", False),
    ("step", "", True),
    ("cycle", "", True),
    ("half_cycle", "", True),
)


class ImpedanceRecord(Record):
    """Points of impedance spectra in the cycler's memory, one row for each frequency.

    A flyer of its own, whose stream is there only where a protocol asks for spectra: `kickoff` marks the
    present point, each `collect` brings what was measured since the one before.
    """

    columns = POINT_COLUMNS

    def kickoff(self) -> DeviceStatus:
        """Mark the present point as the first to collect, unless `collect_from` has named one."""
        return in_background(self, self.mark)

    def complete(self) -> DeviceStatus:
        """Nothing to wait for: whether spectra come is up to the protocol."""
        status = DeviceStatus(self)
        status.set_finished()
        return status

    def describe_collect(self) -> dict[str, dict[str, dict]]:
        """Describe the stream of the spectra."""
        return {STREAM: data_keys(self.name, f"PV:{self.prefix}BLOCK", self.columns)}

    def collect_pages(self) -> Iterator[dict]:
        """Yield the points since the last collect, as event pages.

        Raises
        ------
        TimeoutError
            When the cycler does not answer; the next call goes on after the last point that was yielded.
        """
        for rows in self.new_rows():
            yield event_page(self.name, rows, self.columns)
