"""Latched triggers: rules in one line of text, evaluated on every sample, each crossing latched once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from .sample import Sample

QUANTITIES = ("time", "lithium_content", "state_of_charge", "voltage", "capacity")
LOG_LENGTH = 64
MOST_PER_STEP = 10_000


class RuleError(ValueError):
    """A rule that is not understood."""


class Rule(Protocol):
    """What a channel asks: crossings between two samples, and whether a step boundary counts."""

    def begin(self, sample: Sample) -> None:
        """Take the present as the start."""
        ...

    def crossings(self, before: Sample, after: Sample) -> list[float]:
        """Fractions (0..1] of the way at which the rule is met, in order."""
        ...

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Whether the start or end of a step meets the rule."""
        ...


class EveryRule:
    """Every multiple of an interval from the value at arming; never the same multiple twice in a row."""

    def __init__(self, quantity: str, interval: float) -> None:
        self.quantity = quantity
        self.interval = interval
        self._origin = math.nan
        self._last = 0

    def begin(self, sample: Sample) -> None:
        """Count from this sample."""
        self._origin = sample.value(self.quantity)
        self._last = 0

    def crossings(self, before: Sample, after: Sample) -> list[float]:
        """Fractions at which multiples are crossed."""
        start, end = self._place(before), self._place(after)
        fractions: list[float] = []
        for multiple in _multiples(start, end):
            if multiple != self._last:
                self._last = multiple
                fractions.append((multiple - start) / (end - start))
        return fractions

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Nothing: this rule looks at values."""
        del edge, step_id
        return False

    def _place(self, sample: Sample) -> float:
        return (sample.value(self.quantity) - self._origin) / self.interval


def _multiples(start: float, end: float) -> Iterator[int]:
    # The starting value itself was met by the interval before: it is left out, the end is taken in.
    if end > start:
        multiples = range(math.floor(start) + 1, math.floor(end) + 1)
    else:
        multiples = range(math.ceil(start) - 1, math.ceil(end) - 1, -1)
    yield from multiples[-MOST_PER_STEP:]


class AtRule:
    """Levels in one direction or both; after a latch a level is ready again once left by the hysteresis."""

    def __init__(self, quantity: str, levels: tuple[float, ...], direction: str, hysteresis: float) -> None:
        self.quantity = quantity
        self.levels = levels
        self.direction = direction
        self.hysteresis = hysteresis
        self._ready = [True] * len(levels)

    def begin(self, sample: Sample) -> None:
        """Make every level ready."""
        del sample
        self._ready = [True] * len(self.levels)

    def crossings(self, before: Sample, after: Sample) -> list[float]:
        """Fractions at which levels are crossed in the wanted direction."""
        start, end = before.value(self.quantity), after.value(self.quantity)
        fractions: list[float] = []
        for index, level in enumerate(self.levels):
            if self._crosses(start, end, level) and self._ready[index]:
                self._ready[index] = False
                fractions.append((level - start) / (end - start))
            if self._left(end, level):
                self._ready[index] = True
        return sorted(fractions)

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Nothing: this rule looks at values."""
        del edge, step_id
        return False

    def _crosses(self, start: float, end: float, level: float) -> bool:
        rising = start < level <= end and self.direction != "falling"
        falling = end <= level < start and self.direction != "rising"
        return rising or falling

    def _left(self, value: float, level: float) -> bool:
        below, above = value <= level - self.hysteresis, value >= level + self.hysteresis
        return {"rising": below, "falling": above, "both": below or above}[self.direction]


class StepRule:
    """Start or end of a step, of all steps or of one."""

    def __init__(self, edge: str, step_id: str | None) -> None:
        self.edge = edge
        self.step_id = step_id

    def begin(self, sample: Sample) -> None:
        """Nothing to remember."""

    def crossings(self, before: Sample, after: Sample) -> list[float]:
        """Nothing: this rule looks at boundaries."""
        del before, after
        return []

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Whether it is this edge of this step."""
        return edge == self.edge and self.step_id in (None, step_id)


def parse_rule(text: str) -> Rule:
    """Rule of a line of text.

    Parameters
    ----------
    text
        `every <quantity> <interval>`,
        `at <quantity> <level>[,<level>...] rising|falling|both [hysteresis <h>]`
        or `step start|end [<step id>]`.

    Raises
    ------
    RuleError
        Naming the word that is not understood.

    Examples
    --------
    >>> parse_rule("every lithium_content 0.02").interval
    0.02
    """
    words = text.split()
    if not words:
        raise RuleError("the rule is empty; begin with every, at or step")
    if words[0] == "every" and len(words) == 3:
        return EveryRule(_quantity(words[1]), _positive(words[2], "interval"))
    if words[0] == "at" and len(words) in (4, 6):
        return _at_rule(words)
    if words[0] == "step" and len(words) in (2, 3):
        return StepRule(_one_of(words[1], ("start", "end"), "edge"), words[2] if len(words) == 3 else None)
    raise RuleError(f"{text!r} is none of: every Q INTERVAL, at Q LEVELS DIRECTION, step start|end [ID]")


def _at_rule(words: list[str]) -> AtRule:
    quantity = _quantity(words[1])
    levels = tuple(_number(word, "level") for word in words[2].split(","))
    direction = _one_of(words[3], ("rising", "falling", "both"), "direction")
    hysteresis = 0.0
    if len(words) == 6:
        _one_of(words[4], ("hysteresis",), "word")
        hysteresis = _number(words[5], "hysteresis")
    if hysteresis < 0:
        raise RuleError(f"hysteresis {hysteresis} is negative")
    return AtRule(quantity, levels, direction, hysteresis)


def _quantity(word: str) -> str:
    return _one_of(word, QUANTITIES, "quantity")


def _one_of(word: str, choices: tuple[str, ...], what: str) -> str:
    if word not in choices:
        raise RuleError(f"{what} {word!r} is unknown; use {', '.join(choices)}")
    return word


def _number(word: str, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise RuleError(f"{what} {word!r} is not a number") from None
    if not math.isfinite(value):
        raise RuleError(f"{what} {word!r} is not finite")
    return value


def _positive(word: str, what: str) -> float:
    value = _number(word, what)
    if value <= 0:
        raise RuleError(f"{what} {word!r} is not positive")
    return value


@dataclass(frozen=True, slots=True)
class Latch:
    """One latch: its number since arming and the cell at that instant."""

    count: int
    sample: Sample


class TriggerChannel:
    """One rule, armed or not, with its count and its last latches (`LOG_LENGTH`, oldest first)."""

    def __init__(self) -> None:
        self.rule_text = ""
        self.armed = False
        self.count = 0
        self.log: deque[Latch] = deque(maxlen=LOG_LENGTH)
        self._rule: Rule | None = None

    def set_rule(self, text: str) -> None:
        """Take a rule; the channel is disarmed. An empty text removes the rule.

        Raises
        ------
        RuleError
            If it is not understood; the old rule is gone then.
        """
        self.armed, self._rule, self.rule_text = False, None, text
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
        self.log.clear()
        self.armed = True

    def disarm(self) -> None:
        """Stop watching; count and log stay readable."""
        self.armed = False

    def feed(self, before: Sample, after: Sample) -> list[Latch]:
        """Latch what happened on the way from one sample to the next."""
        if not self.armed or self._rule is None:
            return []
        return [self._latch(before.towards(after, at)) for at in self._rule.crossings(before, after)]

    def boundary(self, edge: str, step_id: str, sample: Sample) -> list[Latch]:
        """Latch the start or end of a step."""
        if not self.armed or self._rule is None or not self._rule.meets_boundary(edge, step_id):
            return []
        return [self._latch(sample)]

    def _latch(self, sample: Sample) -> Latch:
        self.count += 1
        latch = Latch(self.count, sample)
        self.log.append(latch)
        return latch
