"""The cycler: carries out the loaded steps on a cell, keeps the limits, latches triggers, records."""

from __future__ import annotations

import math
from enum import IntEnum

from .lead import (
    COULOMB_PER_MAH,
    OPEN_CIRCUIT,
    Cell,
    Control,
    Coulometry,
    control_of,
    drive,
    drive_until,
    excess,
)
from .meter import Meter
from .record import RecordBuffer, Recorder
from .safety import SafetyLimits
from .sample import Sample
from .technique import EngineStep, Progress
from .trigger import Latch, TriggerChannel

LONGEST_STEP_S = 10.0
CHANNELS = range(1, 9)


class State(IntEnum):
    """State of the channel, as EC-Lab gives it."""

    STOPPED = 0
    RUNNING = 1
    PAUSED = 2


class RefusedError(RuntimeError):
    """An order that the cycler does not carry out."""


class Cycler:
    """One channel with a cell.

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
        self.message = "no protocol is loaded"
        self.contact, self.ttl = True, False
        self.progress = Progress()
        self.started_s = time_s
        self._loaded = False
        self._zero_charge_mah = 0.0
        self._sign = 0
        self._half_cycle = 0
        self.sample = self._measure()

    def load(self, program: tuple[EngineStep, ...]) -> None:
        """Take a program.

        Raises
        ------
        RefusedError
            While the cell is cycling.
        """
        if self.state is not State.STOPPED:
            raise RefusedError(
                f"the channel is {self.state.name.lower()}; write COMMAND stop before a new load"
            )
        self.program, self._loaded = program, True
        self.message = f"{len(program)} steps loaded"

    def start(self) -> None:
        """Begin the loaded program.

        Raises
        ------
        RefusedError
            If nothing is loaded, the channel is not stopped, or the limits are not live.
        """
        if self.state is not State.STOPPED:
            raise RefusedError(f"the channel is {self.state.name.lower()} already")
        if not self._loaded:
            raise RefusedError("no protocol is loaded; after a stop it must be loaded again (LOADTECH:SP)")
        self._need_limits()
        self._zero_charge_mah = self.cell.state.charge_c / COULOMB_PER_MAH
        self.started_s, self.progress = self.time_s, Progress()
        self._sign = self._half_cycle = 0
        self._loaded = False
        self.state, self.message = State.RUNNING, "running"
        self._enter(0)

    def hold(self, word: str) -> None:
        """Suspend the program: rest (open circuit), hold_voltage or hold_current as they are now.

        Raises
        ------
        RefusedError
            If a current would flow without live limits.
        """
        if word != "rest":
            self._need_limits()
        truth = self.cell.state
        controls = {
            "rest": OPEN_CIRCUIT,
            "hold_voltage": Control(current_a=None, voltage_v=truth.voltage_v),
            "hold_current": Control(current_a=truth.current_a),
        }
        if self.state is State.RUNNING:
            self.progress.spent_s += self.time_s - self.progress.entered_s
        self.state, self.message = State.PAUSED, f"paused: {word}"
        self._apply(controls[word])

    def resume(self) -> None:
        """Go on with the step that was suspended.

        Raises
        ------
        RefusedError
            If nothing was suspended, or the limits are not live.
        """
        if self.state is not State.PAUSED or self.progress.index < 0:
            raise RefusedError("no protocol is suspended, there is nothing to resume")
        self._need_limits()
        self.state, self.message = State.RUNNING, "running"
        self.progress.entered_s = self.time_s
        self._apply(control_of(self.program[self.progress.index]))

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

    def advance(self, to_s: float, most_steps: int = 50) -> bool:
        """Let the cell live up to a time, at most so many steps; stops at once where something was latched.

        Returns
        -------
        bool
            Whether a trigger latched, the instrument tripped, or the program ended.
        """
        for _ in range(most_steps):
            left_s = to_s - self.time_s
            # Doubles hold UNIX time to some 2e-7 s.
            if left_s <= 1e-6:
                return False
            if self._one_step(left_s):
                return True
        return False

    def _one_step(self, left_s: float) -> bool:
        step = self.step if self.state is State.RUNNING else None
        duration_s = min(left_s, self.cell.suggested_step_s(), LONGEST_STEP_S)
        duration_s = min(
            duration_s, self.safety.next_look_s(self.time_s), self._recorder.until_due_s(self.time_s, step)
        )
        ends_at_s = math.inf
        if step is not None:
            ends_at_s = step.duration_s - self._spent_s()
            duration_s = min(duration_s, max(ends_at_s, 0.0))
        duration_s, reached = self._step_to_end(step, duration_s)
        self.time_s += duration_s
        noticed = self._take(self._measure())
        if step is not None and self.state is State.RUNNING and (reached or duration_s >= ends_at_s):
            noticed |= self._leave(step)
        return noticed

    def _step_to_end(self, step: EngineStep | None, duration_s: float) -> tuple[float, bool]:
        control = self.control if self.contact else OPEN_CIRCUIT
        if step is None or not step.tests:
            drive(self.cell, control, duration_s)
            return duration_s, False
        tests, entered_mah = step.tests, self.progress.entered_charge_mah
        self.cell, duration_s, reached = drive_until(
            self.cell, control, duration_s, lambda truth: excess(tests, truth, entered_mah)
        )
        return duration_s, reached

    def _apply(self, control: Control) -> None:
        self.control = control
        drive(self.cell, control if self.contact else OPEN_CIRCUIT, 0.0)
        self._take(self._measure(), keep=True)

    def _spent_s(self) -> float:
        running = self.state is State.RUNNING
        return self.progress.spent_s + (self.time_s - self.progress.entered_s if running else 0.0)

    def _enter(self, index: int) -> bool:
        index = self.progress.landing(self.program, index)
        if index >= len(self.program):
            self.stop("the protocol has ended")
            return True
        step = self.program[index]
        self.progress.index, self.progress.entered_s, self.progress.spent_s = index, self.time_s, 0.0
        self.progress.entered_charge_mah = self.cell.state.charge_c / COULOMB_PER_MAH
        self._count_half_cycles(step)
        self._apply(control_of(step))
        return self.state is not State.RUNNING or self._boundary("start", step)

    def _leave(self, step: EngineStep) -> bool:
        self._recorder.keep(self.sample)
        noticed = self._boundary("end", step)
        return self._enter(self.progress.index + 1) or noticed

    def _count_half_cycles(self, step: EngineStep) -> None:
        sign = 0 if not step.current_a else (1 if step.current_a > 0 else -1)
        if sign and self._sign and sign != self._sign:
            self._half_cycle += 1
        self._sign = sign or self._sign

    def _boundary(self, edge: str, step: EngineStep) -> bool:
        channels = self.triggers.values()
        return bool([latch for one in channels for latch in one.boundary(edge, step.step_id, self.sample)])

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

    def _measure(self) -> Sample:
        truth = self.cell.state
        charge = truth.charge_c / COULOMB_PER_MAH
        content = self.coulometry.lithium_content(charge)
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
        )

    def _need_limits(self) -> None:
        if refusal := self.safety.refusal():
            raise RefusedError(refusal)
