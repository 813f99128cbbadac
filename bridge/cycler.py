"""What the EC-Lab driver lacks of a cycler: protocols of many steps, limits, triggers, a record."""

from __future__ import annotations

import time
from dataclasses import replace

from .channel import BridgedChannel
from .driver import RUNNING, STOPPED, DriverError, Reading
from .instrument import RefusedError, State
from .progress import Progress, reached_its_end
from .state import cell_refusal
from .step import Step
from .technique import as_begun, direction, driver_parameters, driver_technique, holding

FOREVER_S = 1e9


class BridgedCycler(BridgedChannel):
    """One channel of the driver, step after step; `take` gets each reading, the rest are orders.

    The driver carries out one technique at a time. When a step ends where it should, the next is loaded; when
    it ends elsewhere, somebody has stopped the instrument, and the protocol is over.

    Parameters
    ----------
    runner
        Carries out the techniques.
    """

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
            self.progress = Progress()
            self._first_current.begin()
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

    async def open(self, cause: str) -> None:
        """Open the circuit at once and latch that as a trip; an order in progress is given up.

        Raises
        ------
        DriverError
            If the driver does not confirm; `open_what_is_left` tries it again.
        """
        self.safety.trip(cause)
        self._open_pending = True
        self._forget(f"tripped: {cause}")
        await self._runner.open()
        async with self._lock:
            await self._end(f"tripped: {cause}")

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
                if self._has_tripped(reading):
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
        self.progress.count_half_cycle(direction(step, self.sample.voltage))
        half_cycle = self.progress.half_cycle
        counts = {"step": index, "half_cycle": half_cycle, "cycle": half_cycle // 2}
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
        driven, duration_s = as_begun(step, self.sample, self.progress.spent_s)
        self.progress.ends_s = self.progress.spent_s + duration_s
        await self._drive(driven, duration_s)
        self._stepping = True

    async def _drive(self, step: Step, duration_s: float) -> None:
        if self.safety.tripped:
            # Somebody has opened the circuit while an order was in progress: nothing begins any more.
            self._forget(f"tripped: {self.safety.cause}")
            raise RefusedError(self.safety.refusal())
        self._first_current.applied(step, self.sample)
        limits_v = (self.safety.vmin, self.safety.vmax)
        self._seen_running, self._begun_wall_s = False, time.monotonic()
        try:
            values = driver_parameters(
                step, duration_s, voltage_limits_v=limits_v, current_limit_a=self.safety.imax
            )
            await self._runner.begin(driver_technique(step), values)
            self.technique = step.technique
        except DriverError as error:
            self._forget(f"stopped: {error}")
            raise RefusedError(str(error)) from error

    async def _end(self, message: str) -> None:
        self._forget(message)
        await self._open()

    async def _open(self) -> None:
        self._open_pending, self.technique = True, ""
        await self._runner.stop()
        self._open_pending = False
