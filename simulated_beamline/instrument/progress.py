"""Where in its program a cycler is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .lead import OPEN_CIRCUIT, Control
from .technique import EngineStep


@dataclass
class Progress:
    """The step that is carried out, since when, and how often the loops have run.

    Attributes
    ----------
    index : int
        Step; -1 before the first.
    entered_s, spent_s : float
        When the step was entered or resumed, and the time it had taken before that, s.
    entered_charge_mah : float
        Charge when the step was entered.
    control : Control
        What the step applies.
    loops : Counter
        Jumps by the index of the loop.
    """

    index: int = -1
    entered_s: float = 0.0
    spent_s: float = 0.0
    entered_charge_mah: float = 0.0
    control: Control = OPEN_CIRCUIT
    loops: Counter[int] = field(default_factory=Counter)

    def landing(self, program: Sequence[EngineStep], index: int) -> int:
        """Index of the step after the loops at `index`; the length of the program at its end."""
        while index < len(program) and program[index].jump_to is not None:
            loop = program[index]
            if self.loops[index] < loop.repeat:
                self.loops[index] += 1
                index = loop.jump_to or 0
            else:
                self.loops[index] = 0
                index += 1
        return index

    def in_step_s(self, time_s: float) -> float:
        """Time that the step has taken at an instant, s."""
        return self.spent_s + time_s - self.entered_s

    def ends_in_s(self, step: EngineStep, time_s: float) -> float:
        """Time until the step ends by time or by its sweep, s; infinite where neither ends it."""
        return min(step.duration_s, self.control.sweep_s) - self.in_step_s(time_s)
