"""How a channel carries out the loaded steps on its cell: sample by sample, each to its end."""

from __future__ import annotations

import math
from collections.abc import Callable

from .channel import Channel, State
from .ending import known
from .lead import COULOMB_PER_MAH, Truth, control_of, drive_until
from .technique import EngineStep
from .until import UNKNOWN

LONGEST_STEP_S = 10.0
"""Longest time from one sample of the instrument to the next, s."""
SHORTEST_PERIOD_S = 0.01
"""The same where a limit is passed, s."""


class Stepping(Channel):
    """A channel whose cell lives on while the steps of its program follow each other."""

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
