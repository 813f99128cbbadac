"""A channel of a cycler: applies a control to its cell, measures, keeps the limits, latches, records."""

from __future__ import annotations

from enum import IntEnum

from .ending import Rates
from .impedance import ImpedanceMeter, swing
from .lead import COULOMB_PER_MAH, OPEN_CIRCUIT, Cell, Control, Coulometry, drive
from .meter import Meter
from .progress import Progress
from .record import RecordBuffer, Recorder
from .safety import SafetyLimits
from .sample import Sample
from .technique import EngineStep
from .trigger import Latch, TriggerChannel

CHANNELS = range(1, 9)


class State(IntEnum):
    """State of the channel, as EC-Lab gives it."""

    STOPPED = 0
    RUNNING = 1
    PAUSED = 2


class RefusedError(RuntimeError):
    """An order that the cycler does not carry out."""


class Channel:
    """One channel with a cell: what is applied, measured, guarded and recorded.

    Parameters
    ----------
    cell
        The cell on the leads.
    meter
        What is measured of it.
    coulometry
        How charge becomes lithium content.
    temperature_degc
        Of the cell.
    time_s
        Simulated UNIX time now.
    """

    def __init__(
        self, cell: Cell, meter: Meter, coulometry: Coulometry, *, temperature_degc: float, time_s: float
    ) -> None:
        self.cell = cell
        self.meter = meter
        self.coulometry = coulometry
        self.temperature_degc = temperature_degc
        self.time_s = time_s
        self.state = State.STOPPED
        self.control = OPEN_CIRCUIT
        self.program: tuple[EngineStep, ...] = ()
        self.safety = SafetyLimits()
        self.triggers = {number: TriggerChannel() for number in CHANNELS}
        self.record = RecordBuffer()
        self._recorder = Recorder(self.record)
        self.impedance = ImpedanceMeter(meter)
        self.message = "no protocol is loaded"
        self.contact, self.ttl = True, False
        self.progress = Progress()
        self.started_s = self.given_s = time_s
        self.given = 0
        self._rates = Rates()
        self._loaded = False
        self._zero_charge_mah = 0.0
        self._sign = 0
        self._half_cycle = 0
        self.sample = self._measure()

    def stop(self, message: str = "stopped; load again before the next start") -> None:
        """Open the circuit and end the program."""
        self.state, self.message = State.STOPPED, message
        self.progress = Progress()
        self._apply(OPEN_CIRCUIT)

    def arm(self, number: int) -> None:
        """Arm a trigger channel at the present sample."""
        self.triggers[number].arm(self.sample)

    def set_line(self, high: bool) -> None:
        """Let the external TTL line be high or low."""
        self.ttl = high
        self._take(self._measure())

    def set_initial_content(self, x0: float) -> None:
        """Let the lithium content be `x0` now."""
        self.coulometry.x0 = x0
        self.coulometry.at_charge_mah = self.cell.state.charge_c / COULOMB_PER_MAH

    @property
    def step(self) -> EngineStep | None:
        """The step that is carried out or suspended."""
        return self.program[self.progress.index] if self.progress.index >= 0 else None

    def _apply(self, control: Control) -> None:
        self.control = control
        drive(self.cell, control.after(self._spent_s()) if self.contact else OPEN_CIRCUIT, 0.0)
        self._take(self._measure(), keep=True)

    def _spent_s(self) -> float:
        running = self.state is State.RUNNING
        return self.progress.spent_s + (self.time_s - self.progress.entered_s if running else 0.0)

    def _take(self, sample: Sample, *, keep: bool = False) -> bool:
        before, self.sample = self.sample, sample
        latches: list[Latch] = []
        if self.state is not State.STOPPED:
            for channel in self.triggers.values():
                latches += channel.feed(before, sample)
            if keep or self._recorder.due(sample, self.step):
                self._recorder.keep(sample)
            if self.safety.check(sample, self.time_s - self.started_s):
                self._recorder.keep(sample)
                self.stop(f"tripped: {self.safety.cause}")
                return True
        elif keep:
            self._recorder.keep(sample)
        return bool(latches)

    def _swing(self) -> tuple[float, float]:
        """Amplitudes of voltage (V) and current (A) that a spectrum gives the cell now."""
        sweep = self.step.impedance if self.step else None
        return swing(sweep, self.cell, self.frequency_hz) if sweep and self.contact else (0.0, 0.0)

    @property
    def frequency_hz(self) -> float:
        """Frequency that is measured now, Hz; 0 while there is none."""
        sweep = self.step.impedance if self.step and self.state is State.RUNNING else None
        return sweep.frequency_hz(self._spent_s()) if sweep else 0.0

    def _measure(self) -> Sample:
        truth = self.cell.state
        charge = truth.charge_c / COULOMB_PER_MAH
        content = self.coulometry.lithium_content(charge)
        swing_v, swing_a = self._swing()
        open_circuit = self.control == OPEN_CIRCUIT or not self.contact
        return Sample(
            time=self.time_s,
            voltage=self.meter.voltage(truth.voltage_v),
            current=0.0 if open_circuit else self.meter.current(truth.current_a),
            capacity=charge - self._zero_charge_mah,
            lithium_content=content,
            state_of_charge=1.0 - content,
            temperature=self.temperature_degc,
            step=max(self.progress.index, 0),
            cycle=self._half_cycle // 2,
            half_cycle=self._half_cycle,
            protocol_time=self.time_s - self.started_s,
            step_time=self._spent_s(),
            step_id=self.step.step_id if self.step else "",
            ttl=self.ttl,
            swing_v=swing_v,
            swing_a=swing_a,
        )

    def _need_limits(self) -> None:
        if refusal := self.safety.refusal():
            raise RefusedError(refusal)
