"""A channel of a cycler: applies a control to its cell, measures, keeps the limits, latches, records."""

from __future__ import annotations

from .clock import InstrumentClock
from .ending import Rates
from .impedance import ImpedanceMeter, swing
from .lead import COULOMB_PER_MAH, OPEN_CIRCUIT, Cell, Control, Coulometry, drive
from .meter import Meter
from .progress import Progress
from .record import RecordBuffer, Recorder
from .safety import SafetyLimits
from .sample import Sample
from .start_check import Polarity
from .state import RefusedError, State
from .technique import EngineStep
from .terminal import FLOATING_V, Compliance, Terminal, Wiring
from .trigger import Latch, TriggerChannel

CHANNELS = range(1, 9)
REST_SHARE = 0.1
"""A cell through which this part of the next current flows at most is as good as at rest."""


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
        self.terminal = Terminal(cell, Compliance(largest_a=meter.current_range_a))
        self.meter = meter
        self.coulometry = coulometry
        self.temperature_degc = temperature_degc
        self.time_s = time_s
        self.clock = InstrumentClock(time_s)
        self.state = State.STOPPED
        self.control = OPEN_CIRCUIT
        self.program: tuple[EngineStep, ...] = ()
        self.safety = SafetyLimits()
        self.triggers = {number: TriggerChannel() for number in CHANNELS}
        self.record = RecordBuffer()
        self._recorder = Recorder(self.record)
        self.impedance = ImpedanceMeter(meter)
        self.message = "no protocol is loaded"
        self.ttl = False
        self.progress = Progress()
        self.started_s = self.given_s = time_s
        self.given = 0
        self._rates = Rates()
        self._polarity = Polarity()
        self._loaded = False
        self._zero_charge_mah = 0.0
        self._sign = 0
        self._half_cycle = 0
        self.sample = self._measure()

    def stop(self, message: str = "stopped; load again before the next start") -> None:
        """Open the circuit and end the program."""
        self.state, self.message = State.STOPPED, message
        self.progress = Progress()
        self.safety.forget()
        self._apply(OPEN_CIRCUIT)

    def open(self, reason: str = "the relays were opened by hand (SAFETY:OPEN)") -> None:
        """Open the relays at once, from any state, and latch that as a trip."""
        self.safety.trip(reason)
        self._end_tripped()

    def arm(self, number: int) -> None:
        """Arm a trigger channel at the present sample."""
        self.triggers[number].arm(self.sample)

    def set_line(self, high: bool) -> None:
        """Let the external TTL line be high or low."""
        self.ttl = high
        self._take(self._measure())

    def set_leads(self, *, contact: bool | None = None, wiring: Wiring | None = None) -> None:
        """Let somebody take the leads off, put them on, or connect them otherwise."""
        if contact is not None:
            self.terminal.contact = contact
        if wiring is not None:
            self.terminal.wiring = wiring
        self._drive_on()

    def set_initial_content(self, x0: float) -> None:
        """Let the lithium content be `x0` now."""
        self.coulometry.x0 = x0
        self.coulometry.at_charge_mah = self.terminal.state.charge_c / COULOMB_PER_MAH

    @property
    def cell(self) -> Cell:
        """The cell itself, as nobody sees it."""
        return self.terminal.cell

    @property
    def contact(self) -> bool:
        """Whether the leads are on."""
        return self.terminal.contact

    @property
    def counter_electrode_v(self) -> float:
        """Potential of the counter electrode against lithium, V."""
        return self.cell.counter_electrode_v if self.contact else FLOATING_V

    @property
    def told(self) -> str:
        """What the channel does, and what it cannot deliver or has lost."""
        lost = self.record.lost
        parts = [self.message, self.terminal.shortfall]
        parts += [f"the record is full, {lost} samples were lost unread"] if lost else []
        return "; ".join(part for part in parts if part)

    @property
    def step(self) -> EngineStep | None:
        """The step that is carried out or suspended."""
        return self.program[self.progress.index] if self.progress.index >= 0 else None

    def _apply(self, control: Control) -> None:
        flowing_a, begins_a = abs(self.sample.current), abs(control.current_a or 0.0)
        from_rest = self.control == OPEN_CIRCUIT or flowing_a <= REST_SHARE * begins_a
        self._polarity.applied(self.sample, control.sign, self.time_s, from_rest=from_rest)
        self.control = control
        self._drive_on()

    def _drive_on(self) -> None:
        drive(self.terminal, self.control.after(self._spent_s()), 0.0)
        self._take(self._measure(), keep=True)

    def _spent_s(self) -> float:
        running = self.state is State.RUNNING
        return self.progress.spent_s + (self.time_s - self.progress.entered_s if running else 0.0)

    def _take(self, sample: Sample, *, keep: bool = False) -> bool:
        before, self.sample = self.sample, sample
        has_ended = self.state is State.STOPPED
        latches: list[Latch] = []
        for channel in self.triggers.values():
            if not has_ended or channel.outlasts_protocol:
                latches += channel.feed(before, sample)
        if not has_ended:
            if keep or self._recorder.due(sample, self.step):
                self._recorder.keep(sample)
            if self._has_tripped(sample):
                self._recorder.keep(sample)
                self._end_tripped()
                return True
        elif keep:
            self._recorder.keep(sample)
        return bool(latches)

    def _has_tripped(self, sample: Sample) -> bool:
        fault = self._polarity.fault(sample, self.time_s)
        if fault:
            self.safety.trip(fault)
            return True
        return self.safety.check(sample, self.time_s - self.started_s)

    def _end_tripped(self) -> None:
        self.stop(f"tripped: {self.safety.cause}")

    def _next_look_s(self) -> float:
        looks = (self.meter.next_look_s(self.time_s), self._polarity.next_look_s(self.time_s))
        return min(*looks, self.safety.next_look_s(self.clock.reading(self.time_s)))

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
        truth = self.terminal.state
        charge = truth.charge_c / COULOMB_PER_MAH
        content = self.coulometry.lithium_content(charge)
        current_a = 0.0 if self.control == OPEN_CIRCUIT else truth.current_a
        self.meter.choose_range(current_a, self.time_s)
        rate = self.clock.rate
        swing_v, swing_a = self._swing()
        return Sample(
            time=self.clock.reading(self.time_s),
            voltage=self.meter.voltage(truth.voltage_v, self.time_s),
            current=self.meter.current(current_a, self.time_s),
            capacity=charge - self._zero_charge_mah,
            lithium_content=content,
            state_of_charge=1.0 - content,
            temperature=self.temperature_degc,
            step=max(self.progress.index, 0),
            cycle=self._half_cycle // 2,
            half_cycle=self._half_cycle,
            protocol_time=rate * (self.time_s - self.started_s),
            step_time=self._spent_s(),
            step_id=self.step.step_id if self.step else "",
            ttl=self.ttl,
            at_rest=self.state is not State.RUNNING and self.control == OPEN_CIRCUIT,
            swing_v=swing_v,
            swing_a=swing_a,
        )

    def _need_limits(self) -> None:
        if refusal := self.safety.refusal():
            raise RefusedError(refusal)
