"""What the EC-Lab driver lacks of a cycler: protocols of many steps, limits, triggers, a record."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import replace

from .charge import ChargeCounter
from .clock import DriverClock
from .driver import RUNNING, STOPPED, DriverError, Reading
from .instrument import ClientWatchdog, RecordBuffer, SafetyLimits, Sample, TriggerChannel
from .progress import Progress, reached_its_end
from .state import RefusedError, State, TechniqueRunner, cell_refusal
from .step import Step, driver_parameters, holding, waiting
from .supervision import SampleSupervision

FOREVER_S = 1e9
START_LIMIT_S = 15.0
CHANNELS = range(1, 9)


class BridgedCycler:
    """One channel of the driver, step after step; `take` gets each reading, the rest are orders.

    The driver carries out one technique at a time. When a step ends where it should, the next is loaded; when
    it ends elsewhere, somebody has stopped the instrument, and the protocol is over.

    Parameters
    ----------
    runner
        Carries out the techniques.
    """

    def __init__(self, runner: TechniqueRunner) -> None:
        self._runner = runner
        self.state = State.STOPPED
        self.program: tuple[Step, ...] = ()
        self.safety, self.watchdog = SafetyLimits(), ClientWatchdog()
        self.supervision = SampleSupervision()
        self.charge, self.clock = ChargeCounter(), DriverClock()
        self.triggers = {number: TriggerChannel() for number in CHANNELS}
        self.record = RecordBuffer()
        self.progress = Progress()
        self.message, self.started_s = "no protocol is loaded", 0.0
        self.sample = Sample(0.0, math.nan, 0.0, 0.0, 1.0, 0.0, math.nan)
        self.given, self.given_s = 0, 0.0
        self._loaded, self._sign, self._half_cycle = False, 0, 0
        self._seen_running = self._stepping = self._open_pending = False
        self._begun_wall_s, self.technique = 0.0, ""
        # Orders and readings change the same protocol, each over several exchanges with the driver.
        self._lock = asyncio.Lock()

    @property
    def step(self) -> Step | None:
        """The step that is carried out or suspended."""
        return self.program[self.progress.index] if self.progress.index >= 0 else None

    def load(self, program: tuple[Step, ...]) -> None:
        """Take a protocol.

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

    async def start(self) -> None:
        """Begin the loaded protocol.

        Raises
        ------
        RefusedError
            As of `start_refusal`, or if the driver does not start.
        """
        async with self._lock:
            if refusal := self.start_refusal():
                raise RefusedError(refusal)
            self.charge.begin_protocol()
            self.started_s = self.sample.time
            self.progress, self._sign, self._half_cycle = Progress(), 0, 0
            self._loaded = False
            self.state, self.message = State.RUNNING, "running"
            await self._enter(0)

    def start_refusal(self) -> str:
        """Why the loaded protocol may not begin now; empty when it may."""
        if self.state is not State.STOPPED:
            return f"the channel is {self.state.name.lower()} already"
        if not self._loaded:
            return "no protocol is loaded; after a stop it must be loaded again (LOADTECH:SP)"
        return cell_refusal(self.program, self.sample, self.safety, capacity_mah=self.charge.capacity_mah)

    async def hold(self, word: str) -> None:
        """Suspend the protocol: rest (open circuit), hold_voltage or hold_current as they are now.

        Raises
        ------
        RefusedError
            If a current would flow without live limits.
        """
        async with self._lock:
            if word != "rest":
                self._need_limits()
            if self.state is State.RUNNING:
                self.progress.spent_s = self.progress.spent_at_s(self.sample.time)
            self.state, self.message, self._stepping = State.PAUSED, f"paused: {word}", False
            if word == "rest":
                await self._open()
            else:
                await self._drive(holding(word, self.sample.voltage, self.sample.current), FOREVER_S)

    async def resume(self) -> None:
        """Go on with the step that was suspended.

        Raises
        ------
        RefusedError
            If nothing was suspended, or the limits are not live.
        """
        async with self._lock:
            step = self.step
            if self.state is not State.PAUSED or step is None:
                raise RefusedError("no protocol is suspended, there is nothing to resume")
            self._need_limits()
            self.state, self.message = State.RUNNING, "running"
            self.progress.entered_s = self.sample.time
            self.progress.samples.clear()
            await self._carry_out(step)

    async def stop(self, message: str = "stopped; load again before the next start") -> None:
        """Open the circuit and end the protocol."""
        async with self._lock:
            await self._end(message)

    def arm(self, number: int) -> None:
        """Arm a trigger channel at the present sample."""
        self.triggers[number].arm(self.sample)

    async def take(self, reading: Reading) -> None:
        """Look at a reading of the driver: triggers, limits, record, and whether the step has ended."""
        async with self._lock:
            before, self.sample = self.sample, self._sampled(reading)
            for channel in self.triggers.values():
                if self.state is not State.STOPPED or channel.outlasts_protocol:
                    channel.feed(before, self.sample)
            if self.state is not State.STOPPED:
                self.record.append(self.sample)
                self.progress.look(self.sample)
                if self.safety.check(self.sample, self.sample.time - self.started_s):
                    await self._end(f"tripped: {self.safety.cause}")
            for state in reading.states:
                await self._heed(state)
            step = self.step if self._stepping else None
            if step is not None and self.progress.has_passed(step, self.charge.total_mah):
                await self._open()
                await self._leave(step)

    async def trigger(self) -> None:
        """End the step that waits for a trigger.

        Raises
        ------
        RefusedError
            If none waits.
        """
        async with self._lock:
            step = self.step
            if not self.is_waiting or step is None:
                raise RefusedError("no step waits for a trigger; look at STEP:ID before COMMAND trigger")
            await self._open()
            await self._leave(step)

    async def lose(self, cause: str) -> None:
        """Trip for want of samples; the circuit is opened when it can be."""
        async with self._lock:
            self.safety.trip(cause)
            await self._end(f"tripped: {cause}; it is not known whether the circuit is open, look at it")

    async def open_what_is_left(self) -> None:
        """Open the circuit if an attempt has failed before."""
        if self._open_pending and not self._lock.locked():
            async with self._lock:
                await self._open()

    @property
    def is_waiting(self) -> bool:
        """Whether a step waits for a trigger."""
        return self.state is State.RUNNING and self.step is not None and self.step.technique == "TI"

    @property
    def needs_samples(self) -> bool:
        """Whether a technique runs, or one could not be ended."""
        return bool(self.technique) or self._open_pending

    def is_late(self, wall_s: float) -> bool:
        """Whether the driver has not started a step in time."""
        return self._stepping and not self._seen_running and wall_s - self._begun_wall_s > START_LIMIT_S

    async def _heed(self, state: int) -> None:
        if state == RUNNING:
            self._seen_running = True
        step = self.step
        if state != STOPPED or not (self._stepping and self._seen_running) or step is None:
            return
        if not reached_its_end(step, self.progress, self.sample):
            await self._end(f"stopped: the instrument ended step {step.id!r} before its end; not going on")
        elif step.stops_at_end:
            await self._end(f"stopped by step {step.id}: no trigger came within {step.duration_s:g} s")
        else:
            await self._leave(step)

    async def _enter(self, index: int) -> None:
        index = self.progress.landing(self.program, index)
        if index >= len(self.program):
            await self._end("the protocol has ended")
            return
        step = self.program[index]
        self.progress.enter(index, self.sample.time, self.charge.total_mah)
        self._count_half_cycles(step)
        counts = {"step": index, "half_cycle": self._half_cycle, "cycle": self._half_cycle // 2}
        self.sample = replace(self.sample, step_id=step.id, step_time=0.0, **counts)
        self._boundary("start", step)
        if step.technique == "TO":
            self.given, self.given_s = self.given + 1, self.sample.time
            await self._leave(step)
        else:
            await self._carry_out(step)

    async def _leave(self, step: Step) -> None:
        self._stepping = False
        self._boundary("end", step)
        await self._enter(self.progress.index + 1)

    async def _carry_out(self, step: Step) -> None:
        duration_s = max(step.duration_s - self.progress.spent_s, 0.1)
        driven = waiting(step, self.sample.voltage, self.sample.current) if step.waiting else step
        await self._drive(driven, duration_s)
        self._stepping = True

    async def _drive(self, step: Step, duration_s: float) -> None:
        limits_v = (self.safety.vmin, self.safety.vmax)
        self._seen_running, self._begun_wall_s = False, time.monotonic()
        try:
            values = driver_parameters(
                step, duration_s, voltage_limits_v=limits_v, current_limit_a=self.safety.imax
            )
            await self._runner.begin(step.technique, values)
            self.technique = step.technique
        except DriverError as error:
            self.state, self.message, self._stepping = State.STOPPED, f"stopped: {error}", False
            self.progress = Progress()
            raise RefusedError(str(error)) from error

    async def _end(self, message: str) -> None:
        self.state, self.message, self._stepping = State.STOPPED, message, False
        self.progress = Progress()
        self.safety.forget()
        await self._open()

    async def _open(self) -> None:
        self._open_pending, self.technique = True, ""
        await self._runner.stop()
        self._open_pending = False

    def _boundary(self, edge: str, step: Step) -> None:
        for channel in self.triggers.values():
            channel.boundary(edge, step.id, self.sample)

    def _count_half_cycles(self, step: Step) -> None:
        sign = 0 if step.technique != "CPLIMIT" else (1 if step.level > 0 else -1)
        if sign and self._sign and sign != self._sign:
            self._half_cycle += 1
        self._sign = sign or self._sign

    def _sampled(self, reading: Reading) -> Sample:
        time_s = max(reading.time_s, self.sample.time)
        measured = self.charge.measured(self.sample, time_s, reading.voltage_v, reading.current_a)
        running = self.state is State.RUNNING
        return replace(
            measured,
            step=max(self.progress.index, 0),
            half_cycle=self._half_cycle,
            cycle=self._half_cycle // 2,
            protocol_time=time_s - self.started_s,
            step_time=self.progress.spent_at_s(time_s) if running else self.progress.spent_s,
            step_id=self.step.id if self.step else "",
            at_rest=not running and not self.technique,
        )

    def _need_limits(self) -> None:
        if refusal := self.safety.refusal():
            raise RefusedError(refusal)
