"""The look at the first current of a protocol: the voltage must go its way, or the leads are reversed."""

from __future__ import annotations

from .instrument import Polarity, Sample
from .step import Step

CONTROLLED_V = 5e-3
"""A voltage that is set nearer to that of the open circuit tells nothing, V."""
FLOWS = 0.5
"""Part of a constant current from which on it is taken to flow: a poll may have come before it."""


class FirstCurrent:
    """Looks at the first sample on which the first technique with a current is at work, and at no other.

    What flowed before changes the voltage of a cell for minutes, so that only the first current, which begins
    at open circuit, is judged.
    """

    def __init__(self) -> None:
        self._polarity = Polarity()
        self._step: Step | None = None
        self._is_over = True

    def begin(self) -> None:
        """Look at the first current from now on."""
        self._polarity.begin()
        self._step, self._is_over = None, False

    def applied(self, step: Step, before: Sample) -> None:
        """Take note of a step that the driver begins, and of the sample before it."""
        if self._is_over or step.technique == "OCV":
            return
        if self._step is not None:
            self._is_over = True
            return
        self._step = step
        self._polarity.applied(before, _sign(step, before.voltage), before.time)

    def fault(self, sample: Sample) -> str:
        """Tell once what is wrong, in words; to be called with samples of a technique that runs."""
        step = self._step
        if self._is_over or step is None:
            return ""
        if step.technique == "CPLIMIT" and abs(sample.current) < FLOWS * abs(step.level):
            return ""
        return self._polarity.fault(sample, sample.time)


def _sign(step: Step, voltage_v: float) -> int:
    if step.technique == "CPLIMIT":
        return 1 if step.level > 0 else -1
    # Whatever is controlled, the voltage first goes from that of the open circuit to what is set.
    first_v = step.level if step.start_v is None else step.start_v
    way_v = first_v - voltage_v
    return 0 if abs(way_v) < CONTROLLED_V else (1 if way_v > 0 else -1)
