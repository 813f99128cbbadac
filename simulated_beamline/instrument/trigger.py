"""Latched triggers: a rule evaluated on every sample, each time it is met latched once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

from .sample import Sample
from .triggers.event import Event
from .triggers.grammar import AT_REST, RuleError, parse_rule

LOG_LENGTH = 64
PAGE_LATCHES = 500
PAGE_COLUMNS = 7
KEPT_LATCHES = 100_000


@dataclass(frozen=True, slots=True)
class Latch:
    """One latch: its number since arming and the cell at that instant.

    Attributes
    ----------
    late_s
        How long before the feature that it tells of was passed, s; 0 for all that is seen as it happens.
    """

    count: int
    sample: Sample
    late_s: float = 0.0

    @property
    def row(self) -> tuple[float, ...]:
        """Count, time, voltage, current, capacity, lithium content, lateness."""
        at = self.sample
        values = (at.time, at.voltage, at.current, at.capacity, at.lithium_content)
        return (float(self.count), *values, self.late_s)


class TriggerChannel:
    """One rule, armed or not, with its count and its last latches (`KEPT_LATCHES`, oldest first).

    Attributes
    ----------
    outlasts_protocol
        Whether the rule asks for a cell at rest, so that it is watched after the protocol has ended too.
    """

    def __init__(self) -> None:
        self.rule_text = ""
        self.outlasts_protocol = False
        self.armed = False
        self.count = 0
        self.latches: deque[Latch] = deque(maxlen=KEPT_LATCHES)
        self._rule: Event | None = None

    @property
    def log(self) -> list[Latch]:
        """The last latches, `LOG_LENGTH` at most, oldest first."""
        return self.page(self.count - LOG_LENGTH + 1, LOG_LENGTH)

    def page(self, first: int, most: int) -> list[Latch]:
        """Latches from number `first` (or the oldest that is kept) on, at most `most`."""
        start = max(first - (self.count - len(self.latches) + 1), 0)
        return list(islice(self.latches, start, start + most))

    def set_rule(self, text: str) -> None:
        """Take a rule; the channel is disarmed. An empty text removes the rule.

        Raises
        ------
        RuleError
            If it is not understood; the old rule is gone then.
        """
        self.armed, self._rule, self.rule_text = False, None, text
        self.outlasts_protocol = AT_REST in text.split()
        if text.strip():
            self._rule = parse_rule(text)

    def arm(self, sample: Sample) -> None:
        """Begin to watch from this sample, counting from 0.

        Raises
        ------
        RuleError
            If there is no valid rule.
        """
        if self._rule is None:
            raise RuleError("there is no valid rule to arm; write RULE first")
        self._rule.begin(sample)
        self.count = 0
        self.latches.clear()
        self.armed = True

    def disarm(self) -> None:
        """Stop watching; count and log stay readable."""
        self.armed = False

    def feed(self, before: Sample, after: Sample) -> list[Latch]:
        """Latch what happened on the way from one sample to the next."""
        if not self.armed or self._rule is None:
            return []
        met = self._rule.crossings(before, after)
        return [self._latch(before.towards(after, fraction), late_s) for fraction, late_s in met]

    def boundary(self, edge: str, step_id: str, sample: Sample) -> list[Latch]:
        """Latch the start or end of a step."""
        if not self.armed or self._rule is None or not self._rule.meets_boundary(edge, step_id):
            return []
        return [self._latch(sample)]

    def fire(self, sample: Sample) -> Latch:
        """Latch by hand, whatever the rule says.

        Raises
        ------
        RuleError
            If the channel is not armed.
        """
        if not self.armed:
            raise RuleError("the channel is not armed; write RULE (manual, for one) and ARM first")
        return self._latch(sample)

    def _latch(self, sample: Sample, late_s: float = 0.0) -> Latch:
        self.count += 1
        latch = Latch(self.count, sample, late_s)
        self.latches.append(latch)
        return latch
