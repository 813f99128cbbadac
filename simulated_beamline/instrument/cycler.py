"""The cycler: carries out the loaded steps on the cell of its channel."""

from __future__ import annotations

import math

from .channel import CHANNELS, Channel, RefusedError, State
from .ending import known
from .lead import COULOMB_PER_MAH, OPEN_CIRCUIT, Truth, control_of, drive, drive_until, held
from .progress import Progress
from .technique import EngineStep

__all__ = ["CHANNELS", "Cycler", "RefusedError", "State"]
LONGEST_STEP_S = 10.0


class Cycler(Channel):
    """A channel that carries out a program."""

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
        if self.state is State.RUNNING:
            self.progress.spent_s = self._resumable_s()
        self.state, self.message = State.PAUSED, f"paused: {word}"
        self._apply(held(word, self.cell.state))

    def _resumable_s(self) -> float:
        spent_s, step = self._spent_s(), self.step
        return step.impedance.resumable_s(spent_s) if step and step.impedance else spent_s

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
        self._rates.clear()
        self._apply(self.progress.control)

    def trigger(self) -> None:
        """Take a trigger: the step that waits for one ends.

        Raises
        ------
        RefusedError
            If no step waits.
        """
        step = self.step
        if self.state is not State.RUNNING or step is None or not step.waiting:
            raise RefusedError("no step waits for a trigger; look at STEP:ID before COMMAND trigger")
        self._leave(step)

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

    def next_step_s(self, left_s: float) -> float:
        """Time of the next step of integration (s) with so much time left; an end may cut it short."""
        step = self._running_step
        duration_s = min(left_s, self.cell.suggested_step_s(), LONGEST_STEP_S)
        duration_s = min(
            duration_s, self.safety.next_look_s(self.time_s), self._recorder.until_due_s(self.time_s, step)
        )
        if step is None:
            return duration_s
        if step.impedance:
            duration_s = min(duration_s, step.impedance.until_next_s(self._spent_s()))
        ends_in_s = self.progress.ends_in_s(step, self.time_s)
        return min(duration_s, self.progress.control.stair_s, max(ends_in_s, 0.0))

    @property
    def _running_step(self) -> EngineStep | None:
        return self.step if self.state is State.RUNNING else None

    def _one_step(self, left_s: float) -> bool:
        step = self._running_step
        ends_at_s = self.progress.ends_in_s(step, self.time_s) if step is not None else math.inf
        duration_s, reached = self._step_to_end(step, self.next_step_s(left_s))
        self.time_s += duration_s
        self._rates.follow(self.cell.state)
        noticed = self._take(self._measure())
        if step is not None and step.impedance and self.state is State.RUNNING:
            self.impedance.follow(step.impedance, self.cell, self.sample, contact=self.contact)
        if step is not None and self.state is State.RUNNING and (reached or duration_s >= ends_at_s):
            noticed |= self._end(step)
        return noticed

    def _end(self, step: EngineStep) -> bool:
        if not step.stops_at_end:
            return self._leave(step)
        self.stop(f"stopped by step {step.step_id}: no trigger came within {step.duration_s:g} s")
        return True

    def _step_to_end(self, step: EngineStep | None, duration_s: float) -> tuple[float, bool]:
        control = self.control if self.contact else OPEN_CIRCUIT
        if step is None:
            drive(self.cell, control, duration_s)
            return duration_s, False
        control = control.after(self._spent_s() + duration_s)
        until, begin_s = step.until, self.cell.state.time_s
        if until is None:
            drive(self.cell, control, duration_s)
            return duration_s, False

        def beyond(truth: Truth) -> float:
            in_step_s = self._spent_s() + truth.time_s - begin_s
            return until.beyond(self._known(truth, in_step_s))

        self.cell, duration_s, reached = drive_until(self.cell, control, duration_s, beyond)
        return duration_s, reached

    def _known(self, truth: Truth, in_step_s: float) -> dict[str, float]:
        state = known(
            truth,
            in_step_s=in_step_s,
            entered_charge_mah=self.progress.entered_charge_mah,
            coulometry=self.coulometry,
            temperature=self.temperature_degc,
        )
        return state | self._rates.known(truth)

    def _enter(self, index: int) -> bool:
        index = self.progress.landing(self.program, index)
        given = self.given
        while index < len(self.program) and self.program[index].gives_trigger:
            self._give(index)
            index = self.progress.landing(self.program, index + 1)
        if index >= len(self.program):
            self.stop("the protocol has ended")
            return True
        step = self.program[index]
        self.progress.index, self.progress.entered_s, self.progress.spent_s = index, self.time_s, 0.0
        self.progress.entered_charge_mah = self.cell.state.charge_c / COULOMB_PER_MAH
        self.progress.control = control_of(step, self.cell.state)
        self._count_half_cycles(self.progress.control.sign if not step.waiting else 0)
        self._rates.clear()
        if step.impedance:
            self.impedance.begin()
        self._apply(self.progress.control)
        noticed = self._boundary("start", step) or bool(step.waiting)
        noticed |= self.given > given
        return noticed or self.state is not State.RUNNING

    def _give(self, index: int) -> None:
        self.progress.index = index
        self.given, self.given_s = self.given + 1, self.time_s
        for edge in ("start", "end"):
            self._boundary(edge, self.program[index])

    def _leave(self, step: EngineStep) -> bool:
        self._recorder.keep(self.sample)
        noticed = self._boundary("end", step)
        return self._enter(self.progress.index + 1) or noticed

    def _count_half_cycles(self, sign: int) -> None:
        if sign and self._sign and sign != self._sign:
            self._half_cycle += 1
        self._sign = sign or self._sign

    def _boundary(self, edge: str, step: EngineStep) -> bool:
        channels = self.triggers.values()
        return bool([latch for one in channels for latch in one.boundary(edge, step.step_id, self.sample)])
