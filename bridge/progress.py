"""Where in its protocol a cell is, and whether a step has really reached its end."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from .instrument import Sample
from .step import Step

FEW_SAMPLES = 3
VOLTAGE_MARGIN_V = 0.01
CURRENT_MARGIN = 0.1
POLL_MARGIN_S = 3.0


@dataclass
class Progress:
    """The step that is carried out, what was spent in it, and the loops that were passed.

    Attributes
    ----------
    index : int
        Of the step; -1 where none is carried out.
    entered_s, entered_mah : float
        Time and charge when it began, or went on after an interruption.
    spent_s : float
        Time in it before that.
    ends_s : float
        Longest time that is to be spent in it.
    half_cycle : int
        Changes of direction so far.
    """

    index: int = -1
    entered_s: float = 0.0
    spent_s: float = 0.0
    entered_mah: float = 0.0
    ends_s: float = 0.0
    half_cycle: int = 0
    sign: int = 0
    loops: Counter[int] = field(default_factory=Counter)
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=FEW_SAMPLES))

    def landing(self, program: Sequence[Step], index: int) -> int:
        """Index of the step after the loops at `index`; the length of the program at its end."""
        while index < len(program) and program[index].technique == "LOOP":
            loop = program[index]
            if self.loops[index] < loop.repeat:
                self.loops[index] += 1
                index = loop.jump_to
            else:
                self.loops[index] = 0
                index += 1
        return index

    def enter(self, index: int, time_s: float, charge_mah: float) -> None:
        """Take note of the begin of a step."""
        self.index, self.entered_s, self.spent_s, self.entered_mah = index, time_s, 0.0, charge_mah
        self.samples.clear()

    def count_half_cycle(self, sign: int) -> None:
        """Take note of the direction of a step: 1 charges, -1 discharges, 0 does neither."""
        if sign and self.sign and sign != self.sign:
            self.half_cycle += 1
        self.sign = sign or self.sign

    def spent_at_s(self, time_s: float) -> float:
        """Time spent in the step up to an instant, pauses left out, s."""
        return self.spent_s + time_s - self.entered_s

    def has_passed(self, step: Step, total_mah: float) -> bool:
        """Whether the step has its charge, of which the driver knows nothing."""
        passed_mah = abs(total_mah - self.entered_mah)
        return step.until_capacity_mah is not None and passed_mah >= step.until_capacity_mah

    def look(self, sample: Sample) -> None:
        """Keep the last samples in which the step was at work."""
        if sample.current:
            self.samples.append(sample)


def reached_its_end(step: Step, progress: Progress, sample: Sample) -> bool:
    """Whether the last samples agree with an end of the step: else somebody has stopped the instrument.

    The voltage and current at the end lie between two polls: what the last samples changed by is allowed for.
    A rest is judged by its time alone, and a step of which no sample was seen has not reached its end: in
    doubt the cell stays at open circuit, for a person to decide.
    """
    samples = progress.samples
    gap_s = sample.time - samples[-2].time if len(samples) > 1 else 0.0
    if progress.spent_at_s(sample.time) + gap_s + POLL_MARGIN_S >= progress.ends_s:
        return True
    if not samples:
        return False
    first, last = samples[0], samples[-1]
    if step.until_voltage_v is not None:
        left_v = (step.until_voltage_v - last.voltage) * (1 if step.level > 0 else -1)
        if left_v <= VOLTAGE_MARGIN_V + 2 * abs(last.voltage - first.voltage):
            return True
    if step.until_current_a is not None:
        margin_a = CURRENT_MARGIN * step.until_current_a + 2 * abs(last.current - first.current)
        return abs(last.current) <= step.until_current_a + margin_a
    return False
