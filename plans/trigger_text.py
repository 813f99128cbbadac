"""Triggers from the line of text that a cycler reads, for those who write them in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from .trigger_feature import FeatureApproach, FeatureConfirmed, Way
from .trigger_range import Condition, Quantity, check_choice
from .trigger_state import AtRest, Direction, InCycle, InStep, Line, LineChange, Manual, While
from .trigger_union import AllOf, AnyOf, Thinned
from .triggers import AtLevel, Edge, EveryInterval, StepBoundary, Trigger

_MODIFIERS = ("once", "each", "min_interval")
_WAYS = ("charging", "discharging")
_FORMS = (
    "every QUANTITY INTERVAL, at QUANTITY LEVELS rising|falling|both, step start|end [ID], dqdv confirmed, "
    "dqdv approach VOLTAGES|last margin V, ttl rising|falling|both, manual, QUANTITY above|below LEVEL, "
    "in_step ID, at_rest, cycle N, half_cycle N, ttl high|low"
)


def trigger_from_text(text: str) -> Trigger:
    """Return the trigger that a line of text says; its grammar is in the contracts between the rooms.

    Parameters
    ----------
    text
        Such as ``"at voltage 3.7 rising and in_step charge for 60 once"``.

    Raises
    ------
    ValueError
        Naming the word that is not understood, and what would be.

    Examples
    --------
    >>> trigger_from_text("every lithium_content 0.02").rule_text
    'every lithium_content 0.02'
    >>> trigger_from_text("at voltage 3.7 rising and in_step charge for 60 once").per
    'arming'
    """
    words = text.split()
    cut = next((place for place, word in enumerate(words) if word in _MODIFIERS), len(words))
    if not cut:
        raise ValueError(f"{text!r}: a rule begins with a condition: {_FORMS}")
    alternatives = [_alternative(part) for part in _split(words[:cut], "or")]
    either = alternatives[0] if len(alternatives) == 1 else AnyOf(tuple(alternatives))
    # A state alone is a trigger too: it latches when it begins to hold.
    return cast(Trigger, _thinned(either, words[cut:]))


def _split(words: Sequence[str], joint: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == joint:
            parts.append([])
        else:
            parts[-1].append(word)
    if not all(parts):
        raise ValueError(f"{' '.join(words)!r}: a condition is missing beside {joint!r}")
    return parts


def _alternative(words: Sequence[str]) -> Condition:
    conditions = tuple(_condition(part) for part in _split(words, "and"))
    return conditions[0] if len(conditions) == 1 else AllOf(conditions)


def _thinned(trigger: Condition, words: Sequence[str]) -> Condition:
    per, min_interval_s, rest = None, 0.0, iter(words)
    for word in rest:
        check_choice("rule", "word after the conditions", word, _MODIFIERS)
        if word == "min_interval":
            min_interval_s = _number(_next(rest, word), word)
            if min_interval_s <= 0:
                raise ValueError(f"min_interval {min_interval_s:g} s must be positive")
        else:
            per = "arming" if word == "once" else _next(rest, word)
            check_choice("rule", "word after each", per, ("arming", "cycle", "half_cycle"))
    if per is None and not min_interval_s:
        return trigger
    return Thinned(trigger, cast(Any, per), min_interval_s)


def _condition(words: Sequence[str]) -> Condition:
    match words:
        case ["every", quantity, interval, *rest]:
            given = _options(rest, dead_band="dead_band", over="over_s")
            return EveryInterval(cast(Quantity, quantity), _number(interval, "interval"), **given)
        case ["at", quantity, levels, direction, *rest]:
            known = {"hysteresis": "hysteresis", "dead_band": "dead_band", "for": "for_s", "over": "over_s"}
            given = _options(rest, **known)
            return AtLevel(
                cast(Quantity, quantity), _numbers(levels, "level"), cast(Direction, direction), **given
            )
        case ["step", edge] | ["step", edge, _]:
            return StepBoundary(cast(Edge, edge), words[2] if len(words) == 3 else None)
        case ["dqdv", "confirmed", *rest]:
            way, rest = _way(rest)
            return FeatureConfirmed(way, **_options(rest, window="window_v", prominence="prominence"))
        case ["dqdv", "approach", voltages, *rest]:
            return _approach(voltages, rest)
        case ["manual"]:
            return Manual()
        case ["ttl", "rising" | "falling" | "both" as direction]:
            return LineChange(direction)
    return _state(words)


def _state(words: Sequence[str]) -> Condition:
    match words:
        case ["ttl", "high" | "low" as level, *rest]:
            return Line(level, **_options(rest, **{"for": "for_s"}))
        case ["at_rest", *rest]:
            return AtRest(**_options(rest, **{"for": "for_s"}))
        case ["in_step", step_id, *rest]:
            return InStep(step_id, **_options(rest, **{"for": "for_s"}))
        case [quantity, "above" | "below" as side, level, *rest]:
            known = {"hysteresis": "hysteresis", "for": "for_s", "over": "over_s"}
            return While(cast(Quantity, quantity), side, _number(level, "level"), **_options(rest, **known))
        case ["cycle" | "half_cycle" as counter, number] if number.isdecimal():
            return InCycle(int(number), half=counter == "half_cycle")
    raise ValueError(f"{' '.join(words)!r} is none of: {_FORMS}")


def _approach(voltages: str, words: Sequence[str]) -> FeatureApproach:
    way, rest = _way(words)
    given = _options(rest, margin="margin_v", window="window_v", prominence="prominence")
    if "margin_v" not in given:
        raise ValueError("dqdv approach needs a margin in V, such as: dqdv approach 3.73,4.0 margin 0.02")
    expected = () if voltages == "last" else _numbers(voltages, "voltage")
    return FeatureApproach(voltages_v=expected, way=way, **given)


def _way(words: Sequence[str]) -> tuple[Way, Sequence[str]]:
    if words and words[0] in _WAYS:
        return cast(Way, words[0]), words[1:]
    return "both", words


def _options(words: Sequence[str], **known: str) -> dict[str, Any]:
    """Options by the names that the triggers have for them."""
    given: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        check_choice("rule", "word", word, tuple(known))
        given[known[word]] = _number(_next(rest, word), word)
    return given


def _next(words: Iterator[str], after: str) -> str:
    word = next(words, None)
    if word is None:
        raise ValueError(f"rule: {after!r} is followed by nothing")
    return word


def _numbers(word: str, what: str) -> tuple[float, ...]:
    return tuple(_number(part, what) for part in word.split(","))


def _number(word: str, what: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"rule: {what} {word!r} is not a number") from None
