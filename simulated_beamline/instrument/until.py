"""Ends of a step: levels of what the cycler knows of the cell, joined by and/or, read from text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

TOLERANCES: Mapping[str, float] = {
    "time": 1e-3,
    "voltage": 2e-4,
    "current": 1e-7,
    "power": 1e-6,
    "capacity": 1e-5,
    "lithium_content": 1e-6,
    "state_of_charge": 1e-6,
    "voltage_rate": 1e-9,
    "current_rate": 1e-11,
    "temperature": 1e-2,
}
"""How far beyond its level a step may end: s, V, A, W, mA h, 1, 1, V/s, A/s, degC."""

RELATIVE_TOLERANCE = 1e-3
UNKNOWN = -math.inf
_WORD = re.compile(r"\s*([()]|[^\s()]+)")


class UntilError(ValueError):
    """An end of a step that is not understood."""


@dataclass(frozen=True)
class Level:
    """A quantity has reached a level from below (`at_least`) or from above."""

    quantity: str
    at_least: bool
    level: float

    def beyond(self, values: Mapping[str, float]) -> float:
        """Tolerances beyond the level; reached at 0 and above, -inf while the quantity is not known."""
        value = values.get(self.quantity)
        if value is None:
            return UNKNOWN
        tolerance = TOLERANCES[self.quantity]
        if self.quantity.endswith("rate"):
            tolerance = max(tolerance, RELATIVE_TOLERANCE * abs(self.level))
        passed = value - self.level
        return (passed if self.at_least else -passed) / tolerance


@dataclass(frozen=True)
class Joined:
    """Several ends, of which all or one must be reached."""

    parts: tuple[Level | Joined, ...]
    needs_all: bool

    def beyond(self, values: Mapping[str, float]) -> float:
        """Tolerances beyond; reached at 0 and above."""
        found = [part.beyond(values) for part in self.parts]
        return min(found) if self.needs_all else max(found, default=UNKNOWN)


Until = Level | Joined


def any_of(ends: tuple[Until, ...]) -> Until | None:
    """Join ends of which one is enough; None without any."""
    return Joined(ends, needs_all=False) if ends else None


def parse_until(text: str) -> Until | None:
    """Read the ends of a step; None for `none` and an empty text.

    Parameters
    ----------
    text
        `voltage above 4.3 or (time above 600 and voltage_rate below 1e-6)`; `and` binds closer.

    Raises
    ------
    UntilError
        Naming what is not understood.
    """
    words = _WORD.findall(text)
    if words in ([], ["none"]):
        return None
    found = _Reader(words, text).joined("or")
    return found


class _Reader:
    """Takes words from the front of a text."""

    def __init__(self, words: list[str], text: str) -> None:
        self._words = words
        self._text = text
        self._depth = 0

    def joined(self, word: str) -> Until:
        parts = [self._part(word)]
        while self._words[:1] == [word]:
            self._words.pop(0)
            parts.append(self._part(word))
        if word == "or" and self._words and not (self._depth and self._words[0] == ")"):
            raise UntilError(f"UNTIL {self._text!r}: {self._words[0]!r} was not expected")
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), needs_all=word == "and")

    def _part(self, word: str) -> Until:
        return self.joined("and") if word == "or" else self._one()

    def _one(self) -> Until:
        if self._words[:1] == ["("]:
            self._words.pop(0)
            self._depth += 1
            inside = self.joined("or")
            if self._words[:1] != [")"]:
                raise UntilError(f"UNTIL {self._text!r}: a bracket is not closed")
            self._words.pop(0)
            self._depth -= 1
            return inside
        return self._level()

    def _level(self) -> Level:
        quantity, side, number, *_ = [*self._words, "", "", ""]
        del self._words[:3]
        if quantity not in TOLERANCES or side not in ("above", "below"):
            raise UntilError(
                f"UNTIL {self._text!r}: {quantity} {side} is not understood; write one of "
                f"{', '.join(TOLERANCES)}, then above or below and a number"
            )
        try:
            return Level(quantity, side == "above", float(number))
        except ValueError:
            raise UntilError(f"UNTIL {self._text!r}: {number!r} is not a number") from None
