"""A trigger box: gates at positions or times, and what encoders and counters showed in each, in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ophyd.status import DeviceStatus

from .bounded import until
from .file_writer import tell_of_data_set
from .gate_record import GateRecord, GatesMissingError, check_gates, find_columns, gate_record
from .gate_series import GatePass, GateSeries, PositionPass
from .reach import naming
from .trigger_box_setting import SettableTriggerBox

ENDING = ".h5"
ROWS_AT_ONCE = 65536


@dataclass
class _Running:
    """A series under way: what was asked for so far, and whether its file was found whole."""

    series: GateSeries
    file: Path
    expected: int = 0
    whole: bool = False
    told: bool = False


class TriggerBox(SettableTriggerBox):
    """Position compare, sequences and capture of a PandABox: `prepare` a series, `set` each pass, `complete`.

    `set` of a pass is done when the box waits for it, `trigger` when its gates are captured, `complete` when
    the file is closed and each gate was found in it once; only then do the documents tell of it.

    The other parameters are those of `SettableTriggerBox`.

    Parameters
    ----------
    hz_per_a
        Of the voltage-to-frequency converters behind the electrometer, counts per s and A.
    """

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        hz_per_a: float = 1e14,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.hz_per_a = hz_per_a
        self.record: GateRecord | None = None
        self._running: _Running | None = None

    def prepare(self, series: GateSeries) -> DeviceStatus:
        """Bring the box to rest, and let it wait for the gates of a series.

        Returns
        -------
        DeviceStatus
            Done when the writer waits and the box is armed.

        Raises
        ------
        ValueError
            If an encoder is not wired, or the file would not be below the folder of the files.
        FileExistsError
            If there is such a file.
        """
        self._running = self.record = None
        unknown = sorted(set(series.offsets) - set(self.encoders))
        if unknown:
            wired = ", ".join(self.encoders)
            raise ValueError(f"{self.name}: no encoder {', '.join(unknown)} is wired; there are {wired}")
        running = _Running(series, self.new_file(series.folder, series.name + ENDING))

        def work() -> None:
            with naming(self, f"prepare {series.gates} gates"):
                self.come_to_rest()
                self.choose_values(series)
                self.open_file(series, running.file)
                self._write(self.pcap.arm, "Arm")
            self._running = running

        return self.in_turn(work, prepares=True)

    def set(self, gate_pass: GatePass) -> DeviceStatus:
        """Let the box wait for the gates of one more pass, once those of the passes so far are captured.

        Raises
        ------
        RuntimeError
            If they are more than the series has left.
        ValueError
            If the counts of the encoder are too coarse for the steps of the pass.
        """
        running = self._require()
        before, due = running.expected, running.expected + gate_pass.gates
        if due > running.series.gates:
            raise RuntimeError(f"{self.name}: {due} gates are more than the {running.series.gates} prepared")
        if isinstance(gate_pass, PositionPass):
            self._counts_per_step(gate_pass)

        def work() -> None:
            self._await_captured(running, before)
            with naming(self, f"wait for {gate_pass.gates} gates"):
                if isinstance(gate_pass, PositionPass):
                    self.await_positions(gate_pass)
                else:
                    self.await_times(gate_pass)
            running.expected = due

        return self.in_turn(work)

    def trigger(self) -> DeviceStatus:
        """Wait until the gates of the passes so far are captured.

        Returns
        -------
        DeviceStatus
            Done when they are; fails with `GatesMissingError` when no more of them come.
        """
        running = self._require()
        expected = running.expected
        return self.in_turn(lambda: self._await_captured(running, expected))

    def complete(self) -> DeviceStatus:
        """Close the file, and see whether it holds each gate once.

        Returns
        -------
        DeviceStatus
            Done when it does, `record` then holds them; fails with `GatesMissingError` if it does not.
        """
        running = self._require()
        return self.in_turn(lambda: self._finish(running, running.series.gates))

    def complete_kept(self, count: int) -> DeviceStatus:
        """Close the file, also before its end, and see whether its first gates are there, each once.

        Parameters
        ----------
        count
            How many of them documents tell of.
        """
        running = self._require()
        return self.in_turn(lambda: self._finish(running, count))

    def unstage(self) -> list[object]:
        """Stop what still runs."""
        self.stop()
        return super().unstage()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe the values of a gate of the series that is prepared."""
        units = {"time_s": "s", "open_s": "s"}
        return {
            f"{self.name}_{key}": {
                "source": f"PV:{self.prefix}{dataset}",
                "dtype": "number",
                "dtype_numpy": "<f8",
                "shape": [],
                "units": units.get(key, ""),
                "external": "STREAM:",
            }
            for key, dataset in self.datasets().items()
        }

    def get_index(self) -> int:
        """Count the gates that documents may tell of: all of a whole file, else none."""
        running = self._running
        return running.series.gates if running is not None and running.whole else 0

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the file and its gates, once, when it was found whole."""
        running, count = self._running, self.get_index()
        if running is None or running.told or not count or index == 0:
            return
        running.told = True
        for key, dataset in self.datasets().items():
            parameters = {"dataset": dataset, "chunk_shape": [min(ROWS_AT_ONCE, count)], "swmr": False}
            yield from tell_of_data_set(running.file, f"{self.name}_{key}", parameters, count)

    @property
    def file(self) -> Path:
        """File of the series that is prepared."""
        return self._require().file

    def datasets(self) -> dict[str, str]:
        """Name the data sets of the file by what they are called here."""
        names = {"time_s": "PCAP.TS_START.Value", "open_s": "PCAP.GATE_DURATION.Value"}
        for encoder in self._require().series.offsets:
            place = f"{self.encoders[encoder]}.VAL"
            kinds = {"": "Mean", "_min": "Min", "_max": "Max"}
            names |= {f"{encoder}{suffix}": f"{place}.{kind}" for suffix, kind in kinds.items()}
        return names | {
            f"{each}_counts": f"COUNTER{n}.OUT.Diff" for n, each in enumerate(self.currents, start=1)
        }

    def _await_captured(self, running: _Running, expected: int) -> None:
        reached = [-1]

        def there() -> bool:
            return self._captured() >= expected

        def gone_on() -> bool:
            return self._captured() > reached[-1]

        while not there():
            reached.append(self._captured())
            if not until((self.gates,), gone_on, self.overhead_limit_s):
                break
        if not there():
            self.tell_to_rest()
            raise GatesMissingError(self.name, expected, self._captured(), self.complaint())

    def _captured(self) -> int:
        count: Any = self.gates.get()
        return int(count)

    def _finish(self, running: _Running, count: int) -> None:
        series = running.series
        is_whole = count == series.gates
        if is_whole:
            self._await_captured(running, running.expected)
        self.come_to_rest()
        if not count:
            return
        self._check_name(running)
        try:
            columns = find_columns(running.file, self.datasets(), self.reply_limit_s)
        except (OSError, KeyError) as error:
            told = f"{running.file} cannot be read ({error}); is read_path the server's file_path?"
            raise GatesMissingError(self.name, count, 0, told) from error
        if not is_whole:
            columns = {key: values[:count] for key, values in columns.items()}
        check_gates(self.name, columns, count)
        self.record = gate_record(running.file, columns, tuple(series.offsets), self.currents)
        running.whole = is_whole

    def _check_name(self, running: _Running) -> None:
        def is_ours() -> bool:
            wrote = str(self.pcap.full_name.get()).replace("\\", "/")
            return wrote.rpartition("/")[2] == running.file.name

        if not until((self.pcap.full_name,), is_ours, self.reply_limit_s):
            wrote = f"the server wrote {self.pcap.full_name.get()} and not {running.file.name}"
            told = f"{wrote}; does another client use it?"
            raise GatesMissingError(self.name, running.series.gates, 0, told)

    def _require(self) -> _Running:
        if self._running is None:
            raise RuntimeError(f"{self.name}: no series is prepared; use prepare(GateSeries(...)) first")
        return self._running
