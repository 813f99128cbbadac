"""The cycler: the orders that a channel takes, and what it refuses."""

from __future__ import annotations

from .channel import CHANNELS, RefusedError, State
from .lead import COULOMB_PER_MAH, Control, control_of, held
from .progress import Progress
from .start_check import largest_current, range_refusal, rate_refusal, voltage_refusal
from .stepping import Stepping
from .technique import EngineStep

__all__ = ["CHANNELS", "Cycler", "RefusedError", "State"]
HELD_BEYOND_V = 0.01
"""A voltage that is this little beyond a limit is held at the limit, V."""


class Cycler(Stepping):
    """A channel that takes a program and orders."""

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
        largest = largest_current(program, self.safety.vmin)
        capacity_mah, rate_max_per_h = self.coulometry.capacity_mah, self.safety.cratemax
        refusal = rate_refusal(*largest, capacity_mah=capacity_mah, rate_max_per_h=rate_max_per_h)
        if refusal := refusal or range_refusal(*largest, self.meter.current_range_a):
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
