"""Impedance as a cycler measures it: frequency by frequency, while the cell is held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .frequency import FrequencySweep
from .lead import Cell
from .meter import Meter
from .record import RecordBuffer
from .sample import Sample

SAMPLES_PER_PERIOD = 100
PAGE_POINTS = 300
POINT_COLUMNS = (
    "point",
    "time",
    "spectrum",
    "frequency",
    "real",
    "imaginary",
    "voltage_amplitude",
    "current_amplitude",
    "voltage",
    "current",
    "capacity",
    "lithium_content",
    "state_of_charge",
    "temperature",
    "step",
    "cycle",
    "half_cycle",
)
_OF_SAMPLE = POINT_COLUMNS[POINT_COLUMNS.index("voltage") :]


def swing(sweep: FrequencySweep, cell: Cell, frequency_hz: float) -> tuple[float, float]:
    """Amplitudes of voltage (V) and current (A) at a frequency; none at 0 Hz."""
    if not frequency_hz:
        return 0.0, 0.0
    size_ohm = abs(cell.impedance_ohm(frequency_hz))
    if sweep.galvanostatic:
        return sweep.amplitude * size_ohm, sweep.amplitude
    return sweep.amplitude, sweep.amplitude / size_ohm


class ImpedanceMeter:
    """Measures spectra and keeps their points, numbered since the start of the instrument.

    Parameters
    ----------
    meter
        Of the channel.
    capacity
        Number of points that are kept.
    """

    def __init__(self, meter: Meter, capacity: int = 20_000) -> None:
        self.record = RecordBuffer(capacity, columns=len(POINT_COLUMNS))
        self.spectrum = -1
        self._meter = meter
        self._measured = 0

    def begin(self) -> None:
        """Begin one more spectrum."""
        self.spectrum += 1
        self._measured = 0

    def follow(self, sweep: FrequencySweep, cell: Cell, sample: Sample, *, contact: bool = True) -> None:
        """Keep the frequencies whose time has passed.

        Parameters
        ----------
        sweep
            Of the step.
        cell
            As it is now: the spectrum is not that of one instant.
        sample
            Taken now; its voltage and current are those about which the cell swings.
        contact
            Whether the cell is on the leads.
        """
        while self._measured < sweep.done(sample.step_time):
            point = self._point(sweep, cell, sample, contact=contact)
            self.record.append(point)
            self._measured += 1

    def _point(self, sweep: FrequencySweep, cell: Cell, sample: Sample, *, contact: bool) -> ImpedancePoint:
        frequency_hz = sweep.frequencies_hz[self._measured]
        voltage_v, current_a = 0j, 0j
        if contact:
            ohm = cell.impedance_ohm(frequency_hz)
            current_a = complex(sweep.amplitude) if sweep.galvanostatic else sweep.amplitude / ohm
            voltage_v = ohm * current_a
        samples = SAMPLES_PER_PERIOD * sweep.measured_periods
        shown_v = self._meter.voltage_phasor(voltage_v, samples)
        shown_a = self._meter.current_phasor(current_a, abs(sample.current), samples)
        return ImpedancePoint(self.spectrum, frequency_hz, shown_v, shown_a, sample)


@dataclass(frozen=True, slots=True)
class ImpedancePoint:
    """Impedance at one frequency: phasors of voltage (V) and current (A), and the sample at its end."""

    spectrum: int
    frequency_hz: float
    voltage_v: complex
    current_a: complex
    sample: Sample

    def row(self, number: int) -> tuple[float, ...]:
        """Row of the record, in the order of `POINT_COLUMNS`; impedance in ohm, NaN without current."""
        ohm = self.voltage_v / self.current_a if self.current_a else complex(np.nan, np.nan)
        state = (self.sample.value(name) for name in _OF_SAMPLE)
        own = (self.frequency_hz, ohm.real, ohm.imag, abs(self.voltage_v), abs(self.current_a))
        return (float(number), self.sample.time, float(self.spectrum), *own, *state)
