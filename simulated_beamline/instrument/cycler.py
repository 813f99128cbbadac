"""The cycler: carries out the loaded steps on the cell of its channel."""

from __future__ import annotations

import math
from collections.abc import Callable

from .channel import CHANNELS, Channel, RefusedError, State
from .ending import known
from .lead import COULOMB_PER_MAH, Control, Truth, control_of, drive_until, held
from .progress import Progress
from .start_check import largest_current, rate_refusal, voltage_refusal
from .technique import EngineStep
from .until import UNKNOWN

__all__ = ["CHANNELS", "Cycler", "RefusedError", "State"]
LONGEST_STEP_S = 10.0
"""Longest time from one sample of the instrument to the next, s."""
SHORTEST_PERIOD_S = 0.01
"""The same where a limit is passed, s."""
HELD_BEYOND_V = 0.01
"""A voltage that is this little beyond a limit is held at the limit, V."""


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

    def update(self, program: tuple[EngineStep, ...]) -> None:
        """Take other values for the steps that are loaded; the one that is carried out goes on with them.

        Raises
        ------
        RefusedError
            If nothing is loaded, the steps are other ones, the step that is carried out is a sweep, a
            spectrum or a wait, or a current is not plausible for the cell.
        """
        if self.state is State.STOPPED and not self._loaded:
            raise RefusedError("no protocol is loaded; UPDATE:SP changes values of one that is")
        if [(one.step_id, one.technique) for one in program] != [
            (one.step_id, one.technique) for one in self.program
        ]:
            raise RefusedError("the steps are other ones than those loaded; stop and load them (LOADTECH:SP)")
        step = self.step
        if step is not None and (step.sweep_to_v is not None or step.impedance or step.waiting):
            raise RefusedError(f"step {step.step_id} cannot change while it is carried out; wait for its end")
        self._need_plausible(program)
        self.program = program
        if step is not None and self.step is not None:
            self.progress.control = control_of(self.step, self.terminal.state)
            if self.state is State.RUNNING:
                self._apply(self.progress.control)

    def start(self) -> None:
        """Begin the loaded program.

        Raises
        ------
        RefusedError
            As of `check`.
        """
        self._take(self._measure())
        self.check()
        self._polarity.begin()
        self._zero_charge_mah = self.terminal.state.charge_c / COULOMB_PER_MAH
        self.started_s, self.progress = self.time_s, Progress()
        self._sign = self._half_cycle = 0
        self._loaded = False
        self.state, self.message = State.RUNNING, "running"
        self._enter(0)

    def check(self) -> None:
        """Look whether the loaded program may begin; nothing is changed.

        Raises
        ------
        RefusedError
            If nothing is loaded, the channel is not stopped, the limits are not live, the open-circuit
            voltage is not that of such a cell, or a current is not plausible for it.
        """
        if self.state is not State.STOPPED:
            raise RefusedError(f"the channel is {self.state.name.lower()} already")
        if not self._loaded:
            raise RefusedError("no protocol is loaded; after a stop it must be loaded again (LOADTECH:SP)")
        self._need_limits()
        if refusal := voltage_refusal(self._measure().voltage, *self.safety.start_window_v()):
            raise RefusedError(refusal)
        self._need_plausible(self.program)

    def _need_plausible(self, program: tuple[EngineStep, ...]) -> None:
        refusal = rate_refusal(
            *largest_current(program, self.safety.vmin),
            capacity_mah=self.coulometry.capacity_mah,
            rate_max_per_h=self.safety.cratemax,
        )
        if refusal:
            raise RefusedError(refusal)

    def hold(self, word: str) -> None:
        """Suspend the program: rest (open circuit), hold_voltage or hold_current as they are now.

        Raises
        ------
        RefusedError
            If a current would flow without live limits, or a voltage beyond them would be held.
        """
        if word != "rest":
            self._need_limits()
        control = self._held(word)
        if self.state is State.RUNNING:
            self.progress.spent_s = self._resumable_s()
        self.state, self.message = State.PAUSED, f"paused: {word}"
        self._apply(control)

    def _held(self, word: str) -> Control:
        control = held(word, self.terminal.state)
        if control.voltage_v is None:
            return control
        within_v = self.safety.within(control.voltage_v)
        if abs(within_v - control.voltage_v) > HELD_BEYOND_V:
            raise RefusedError(
                f"the cell is at {control.voltage_v:.4g} V, beyond {within_v:.6g} V which the limits allow: "
                "that is not held; look at cell and leads, or order rest"
            )
        return Control(None, within_v)

    def act_unattended(self, action: str) -> None:
        """Do what was chosen for a client that is silent; where that is refused, stop."""
        try:
            if action == "stop":
                self.stop("stopped by the watchdog: the heartbeat is missing")
            elif action != "continue":
                self.hold(action)
        except RefusedError as error:
            self.stop(f"stopped by the watchdog: {error}")

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
        duration_s = min(left_s, self._period_s(step))
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
        self._rates.follow(self.terminal.state)
        noticed = self._take(self._measure())
        if step is not None and step.impedance and self.state is State.RUNNING:
            self.impedance.follow(step.impedance, self.cell, self.sample, contact=self.contact)
        if step is not None and self.state is State.RUNNING and (reached or duration_s >= ends_at_s):
            noticed |= self._end(step)
        return noticed

    def _period_s(self, step: EngineStep | None) -> float:
        due_s = self._recorder.until_due_s(self.clock.reading(self.time_s), step)
        period_s = min(self.terminal.suggested_step_s(), LONGEST_STEP_S, self._next_look_s(), due_s)
        is_guarded = self.state is not State.STOPPED and not self.safety.tripped
        if is_guarded and self._limit_beyond(self.terminal.state) >= 0:
            # Noise may hide what is only just beyond a limit.
            return min(period_s, SHORTEST_PERIOD_S)
        return period_s

    def _end(self, step: EngineStep) -> bool:
        if not step.stops_at_end:
            return self._leave(step)
        self.stop(f"stopped by step {step.step_id}: no trigger came within {step.duration_s:g} s")
        return True

    def _step_to_end(self, step: EngineStep | None, duration_s: float) -> tuple[float, bool]:
        control = self.control.after(self._spent_s() + duration_s) if step else self.control
        # What is beyond a limit trips or passes; it is no end of a step.
        until = step.until if step and not self.safety.is_pending else None
        begin_s, spent_s = self.terminal.state.time_s, self._spent_s()
        if self.state is State.STOPPED or self._limit_beyond(self.terminal.state) >= 0:
            limit_beyond: Callable[[Truth], float] = _never
        else:
            limit_beyond = self._limit_beyond

        def end_beyond(truth: Truth) -> float:
            if until is None:
                return UNKNOWN
            return until.beyond(self._known(truth, spent_s + truth.time_s - begin_s))

        def beyond(truth: Truth) -> float:
            return max(end_beyond(truth), limit_beyond(truth))

        self.terminal, duration_s, reached = drive_until(self.terminal, control, duration_s, beyond)
        return duration_s, reached and end_beyond(self.terminal.state) >= 0

    def _limit_beyond(self, truth: Truth) -> float:
        capacity_mah = truth.charge_c / COULOMB_PER_MAH - self._zero_charge_mah
        return self.safety.beyond(truth.voltage_v, truth.current_a, capacity_mah)

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
        self.progress.entered_charge_mah = self.terminal.state.charge_c / COULOMB_PER_MAH
        self.progress.control = control_of(step, self.terminal.state)
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
        self.given, self.given_s = self.given + 1, self.clock.reading(self.time_s)
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


def _never(truth: Truth) -> float:
    del truth
    return UNKNOWN
