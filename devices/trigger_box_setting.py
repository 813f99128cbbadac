"""A trigger box as it is set for a series of gates, and for each pass of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ophyd import Component as Cpt
from ophyd import Signal

from .bounded import until
from .file_writer import FileWriter
from .gate_series import GateSeries, PositionPass, TimePass
from .reach import halt
from .refusal import refuse
from .trigger_box_signals import Capture, Compare, Input, Sequence

GAP_COUNTS = 1
"""Counts of the encoder between two gates at least: without a gap they would be one."""
MOST_OFF = 0.5
"""Part of a step by which the last gate of a pass may be off, since steps are whole counts of the encoder."""
IMMEDIATE, RISING, FALLING = 0, 1, 2
"""Triggers of a row of the sequence."""


class SettableTriggerBox(FileWriter):
    """Position compare, sequence and capture of a box, and the folder into which its server writes.

    The other parameters are those of `FileWriter`.

    Parameters
    ----------
    encoders
        What the encoders are called here, and the input of the box to which each is wired.
    currents
        What is counted, one for each counter from the first: those that the electrometer reads.
    overhead_limit_s
        Wall time that captured gates may be late, s; as long as more of them come it begins anew.
    """

    compare = Cpt(Compare, "PCOMP1:")
    sequence = Cpt(Sequence, "SEQ1:")
    pcap = Cpt(Capture, "")
    inenc1 = Cpt(Input, "INENC1:VAL:")
    inenc2 = Cpt(Input, "INENC2:VAL:")
    inenc3 = Cpt(Input, "INENC3:VAL:")
    inenc4 = Cpt(Input, "INENC4:VAL:")
    counter1 = Cpt(Input, "COUNTER1:OUT:")
    counter2 = Cpt(Input, "COUNTER2:OUT:")
    counter3 = Cpt(Input, "COUNTER3:OUT:")
    counter4 = Cpt(Input, "COUNTER4:OUT:")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        encoders: Mapping[str, str] | None = None,
        currents: tuple[str, ...] = ("i0", "it", "ir"),
        overhead_limit_s: float = 15.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.encoders = dict(encoders or {"bragg": "INENC1"})
        self.currents = currents
        self.overhead_limit_s = overhead_limit_s
        self.pcap.captured.name = f"{name}_gates"

    @property
    def gates(self) -> Signal:
        """Gates of the present series that are captured so far; reads as `<name>_gates`."""
        return self.pcap.captured

    def tell_to_rest(self) -> None:
        """Disarm the box and let it close its file."""
        for switch in (self.compare.enable, self.sequence.enable, self.pcap.arm, self.pcap.capture):
            halt(switch, 0)

    def come_to_rest(self) -> None:
        """Disarm the box and close its file, and wait until it has.

        Raises
        ------
        TimeoutError
            If it has not within `reply_limit_s`.
        """
        self._write(self.compare.enable, "ZERO")
        self._write(self.sequence.enable, "ZERO")
        self._write(self.pcap.arm, "Disarm")
        self.pcap.capture.put(0)
        if not until((self.pcap.capture,), lambda: not self.pcap.capture.get(), self.reply_limit_s):
            raise TimeoutError(
                f"{self.name}: still writes {self.reply_limit_s:g} s after it was stopped; "
                f"look at the server of {self.prefix}"
            )

    def choose_values(self, series: GateSeries) -> None:
        """Choose what is captured: wanted encoders, the counters of all currents."""
        for encoder, place in self.encoders.items():
            wired, offset = self._input(place), series.offsets.get(encoder)
            self._write(wired.capture, "No" if offset is None else "Min Max Mean")
            if offset is not None:
                self._write(wired.offset, offset)
        for number, counter in enumerate((self.counter1, self.counter2, self.counter3, self.counter4)):
            self._write(counter.capture, "Diff" if number < len(self.currents) else "No")

    def open_file(self, series: GateSeries, file: Path) -> None:
        """Tell the writer its file and the number of gates; it then waits for the first one.

        Raises
        ------
        FileNotFoundError
            If the server does not see the folder.
        TimeoutError
            If the writer does not start.
        """
        pcap = self.pcap
        self.make_folder(file)
        path = self.path_of_server(series.folder)
        settings = ((pcap.path, path), (pcap.file_name, series.name), (pcap.mode, "FIRST_N"))
        for signal, value in (*settings, (pcap.wanted, series.gates)):
            self._write(signal, value)
        self.begin_to_write(pcap, path)

    def await_positions(self, gate_pass: PositionPass) -> None:
        """Let the position compare wait for a pass over an encoder.

        Raises
        ------
        ValueError
            If its counts are too coarse for the steps of the pass.
        """
        compare, step = self.compare, self._counts_per_step(gate_pass)
        self._write(compare.enable, "ZERO")
        self._write(self.sequence.enable, "ZERO")
        for mux in (self.pcap.gate, self.pcap.output):
            self._change(mux, "PCOMP1.OUT")
        width = min(max(round(step * gate_pass.open_fraction), 1), step - GAP_COUNTS)
        for signal, value in (
            (compare.input, f"{self.encoders[gate_pass.encoder]}.VAL"),
            (compare.pre_start, 0),
            (compare.step, step),
            (compare.width, width),
            (compare.pulses, gate_pass.gates),
        ):
            self._change(signal, value)
        rises = gate_pass.step * self._per_count(gate_pass.encoder) > 0
        self._write(compare.direction, "Positive" if rises else "Negative")
        self._write(compare.start, self._counts(gate_pass.encoder, gate_pass.start))
        self._write(compare.enable, "ONE")

    def await_times(self, gate_pass: TimePass) -> None:
        """Let the sequence make timed gates, at once or from a position on."""
        sequence = self.sequence
        self._write(sequence.enable, "ZERO")
        self._write(self.compare.enable, "ZERO")
        for mux in (self.pcap.gate, self.pcap.output):
            self._write(mux, "SEQ1.OUTA")
        closed_s = gate_pass.period_s - gate_pass.open_s
        columns: dict[Signal, list[float]] = {
            sequence.repeats: [gate_pass.gates],
            sequence.wait_for: [IMMEDIATE],
            sequence.place: [0],
            sequence.time1: [gate_pass.open_s],
            sequence.out1: [1],
            sequence.time2: [closed_s],
            sequence.out2: [0],
        }
        if gate_pass.encoder:
            self._write(sequence.input, f"{self.encoders[gate_pass.encoder]}.VAL")
            where = self._counts(gate_pass.encoder, gate_pass.position)
            rises = gate_pass.rising == (self._per_count(gate_pass.encoder) > 0)
            first = (1, RISING if rises else FALLING, where, 0.0, 0, 0.0, 0)
            columns = {
                signal: [value, *column]
                for value, (signal, column) in zip(first, columns.items(), strict=True)
            }
        self._write(sequence.unit_s, 1.0)
        for signal, column in columns.items():
            self._write(signal, column)
        self._write(sequence.enable, "ONE")

    def scale_of(self, encoder: str) -> Signal:
        """Signal of the unit of an encoder per count, negative where it counts backwards."""
        return self._input(self.encoders[encoder]).scale

    def complaint(self) -> str:
        """Say what the box tells of itself."""
        told = {"PCAP": self.pcap.health, "PCOMP1": self.compare.health, "DATA": self.pcap.status}
        return ", ".join(f"{name} says {signal.get()!r}" for name, signal in told.items())

    def _change(self, signal: Signal, value: object) -> None:
        """Write a setting unless the box has it already, as from one row of a map to the next."""
        if signal.get() != value:
            self._write(signal, value)

    def _input(self, place: str) -> Input:
        return getattr(self, place.lower())

    def _per_count(self, encoder: str) -> float:
        """Tell the unit of an encoder per count, negative where it counts backwards."""
        scale: Any = self.scale_of(encoder).get()
        return float(scale)

    def _counts_per_step(self, gate_pass: PositionPass) -> int:
        """Turn a step into whole counts; refuses one that they would put elsewhere."""
        per_count = abs(self._per_count(gate_pass.encoder))
        exact = abs(gate_pass.step) / per_count
        step = max(round(exact), GAP_COUNTS + 1)
        off = abs(step / exact - 1.0) * (gate_pass.gates - 1)
        if off > MOST_OFF:
            raise refuse(
                f"{self.name}: pass over {gate_pass.encoder}",
                "step",
                gate_pass.step,
                f"its encoder has counts of {per_count:g}, which would put the last of {gate_pass.gates} "
                f"gates {off:.1f} steps off; give a multiple of that, two counts or more, or fewer gates",
            )
        return step

    def _counts(self, encoder: str, position: float) -> int:
        """Turn a position, offset included, into counts of an encoder."""
        offset: Any = self._input(self.encoders[encoder]).offset.get()
        return round((position - float(offset)) / self._per_count(encoder))
