"""When a step ends: levels of what the cycler knows of the cell, joined by and/or."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .refusal import refuse

Quantity = Literal[
    "time",
    "voltage",
    "current",
    "power",
    "capacity",
    "lithium_content",
    "state_of_charge",
    "voltage_rate",
    "current_rate",
    "temperature",
]
Side = Literal["above", "below"]
CUT_OFF_UNITS: Mapping[str, str] = {
    "time": "s",
    "voltage": "V",
    "current": "A",
    "power": "W",
    "capacity": "mA h",
    "lithium_content": "x",
    "state_of_charge": "1",
    "voltage_rate": "V/s",
    "current_rate": "A/s",
    "temperature": "degC",
}
_WORD = re.compile(r"\s*([()]|[^\s()]+)")


class _Joined:
    """What every end of a step can do: be joined, be written down."""

    def __and__(self, other: Until) -> AllOf:
        return AllOf((self, other))  # type: ignore[arg-type]

    def __or__(self, other: Until) -> AnyOf:
        return AnyOf((self, other))  # type: ignore[arg-type]


@dataclass(frozen=True)
class CutOff(_Joined):
    """A quantity has reached a level: from there on (`above`), or up to there (`below`).

    `time` and `capacity` count within the step; current, power, capacity and the rates (means over the last
    10 s, V/s and A/s) have no sign.

    Examples
    --------
    >>> end = CutOff("voltage", "above", 4.3) | CutOff("lithium_content", "below", 0.3)
    >>> end.text
    'voltage above 4.3 or lithium_content below 0.3'
    >>> until_from_text(end.text) == end
    True
    """

    quantity: Quantity
    side: Side
    level: float

    def __post_init__(self) -> None:
        if self.quantity not in get_args(Quantity):
            raise refuse("cut-off", "quantity", self.quantity, f"use one of {', '.join(CUT_OFF_UNITS)}")
        if self.side not in get_args(Side):
            raise refuse(f"cut-off of {self.quantity}", "side", self.side, "use above or below")
        if not math.isfinite(self.level):
            unit = CUT_OFF_UNITS[self.quantity]
            raise refuse(
                f"cut-off of {self.quantity}", "level", self.level, f"give a finite number of {unit}"
            )

    @property
    def text(self) -> str:
        """The end as the cycler reads it."""
        return f"{self.quantity} {self.side} {float(self.level)!r}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a document."""
        return {"quantity": self.quantity, self.side: float(self.level)}

    def leaves(self) -> Iterator[CutOff]:
        """Yield every level of the expression."""
        yield self


@dataclass(frozen=True)
class _Parts(_Joined):
    """Several ends; those joined in the same way are one."""

    parts: tuple[Until, ...]

    def __post_init__(self) -> None:
        own: list[Until] = []
        for part in self.parts:
            own.extend(part.parts if isinstance(part, _Parts) and type(part) is type(self) else [part])
        if not own:
            raise refuse("until", "parts", self.parts, "join at least one level")
        object.__setattr__(self, "parts", tuple(own))

    def leaves(self) -> Iterator[CutOff]:
        """Yield every level of the expression."""
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class AllOf(_Parts):
    """Every part holds at the same instant."""

    @property
    def text(self) -> str:
        """The end as the cycler reads it."""
        return " and ".join(f"({part.text})" if isinstance(part, AnyOf) else part.text for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a document."""
        return {"all": [part.to_dict() for part in self.parts]}


@dataclass(frozen=True)
class AnyOf(_Parts):
    """At least one part holds."""

    @property
    def text(self) -> str:
        """The end as the cycler reads it."""
        return " or ".join(part.text for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a document."""
        return {"any": [part.to_dict() for part in self.parts]}


Until = CutOff | AllOf | AnyOf


def until_from_dict(document: Mapping[str, Any]) -> Until:
    """Return the end of a step from its document.

    Raises
    ------
    ValueError
        If it is neither a level nor `all` or `any` of some.
    """
    for key, kind in (("all", AllOf), ("any", AnyOf)):
        if set(document) == {key}:
            return kind(tuple(until_from_dict(part) for part in document[key]))
    sides = [side for side in get_args(Side) if side in document]
    if len(document) != 2 or "quantity" not in document or len(sides) != 1:
        raise refuse("until", "document", dict(document), "give quantity and above or below; or all; or any")
    return CutOff(document["quantity"], sides[0], document[sides[0]])


def until_from_text(text: str) -> Until:
    """Return the end of a step from text; `and` binds closer than `or`.

    Parameters
    ----------
    text
        Such as ``"voltage above 4.3 or (time above 600 and voltage_rate below 1e-6)"``; units as in
        `CUT_OFF_UNITS`.

    Raises
    ------
    ValueError
        Naming the word that is not understood.
    """
    words = _WORD.findall(text)
    found, left = _parse_any(words, text)
    if left:
        raise refuse("until", "text", text, f"{left[0]!r} was not expected; join levels by and/or")
    return found


def _parse_any(words: list[str], text: str) -> tuple[Until, list[str]]:
    part, words = _parse_all(words, text)
    parts = [part]
    while words[:1] == ["or"]:
        part, words = _parse_all(words[1:], text)
        parts.append(part)
    return (AnyOf(tuple(parts)) if len(parts) > 1 else part), words


def _parse_all(words: list[str], text: str) -> tuple[Until, list[str]]:
    part, words = _parse_one(words, text)
    parts = [part]
    while words[:1] == ["and"]:
        part, words = _parse_one(words[1:], text)
        parts.append(part)
    return (AllOf(tuple(parts)) if len(parts) > 1 else part), words


def _parse_one(words: list[str], text: str) -> tuple[Until, list[str]]:
    if words[:1] == ["("]:
        inside, left = _parse_any(words[1:], text)
        if left[:1] != [")"]:
            raise refuse("until", "text", text, "a bracket is not closed")
        return inside, left[1:]
    if len(words) < 3:
        raise refuse("until", "text", text, 'write levels such as "voltage above 4.3", joined by and/or')
    quantity, side, level = words[:3]
    try:
        value = float(level)
    except ValueError:
        raise refuse("until", "text", text, f"{level!r} is not a number") from None
    return CutOff(quantity, side, value), words[3:]  # type: ignore[arg-type]
