"""Rules as a line of text, and what they mean; the grammar is in the contracts between the rooms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from .combination import AnyOf, Became, Gated, Thinned
from .event import At, Event, Every, LineEdge, StepEdge
from .feature import PROMINENCE, SIGNS, WINDOW_V, Approach, Confirmed
from .state import AllOf, Compared, Held, Same, State
from .track import QUANTITIES, RATE, Track, track_of

DIRECTIONS = ("rising", "falling", "both")
EDGES = ("start", "end")
AT_REST = "at_rest"
MODIFIERS = ("once", "each", "min_interval")


class RuleError(ValueError):
    """A rule that is not understood."""


def parse_rule(text: str) -> Event:
    """Rule of a line of text.

    Parameters
    ----------
    text
        Conditions joined by `and` (binds first) and `or`, then `once`, `each cycle|half_cycle` and
        `min_interval <s>` for all of it.

    Raises
    ------
    RuleError
        Naming the word that is not understood.

    Examples
    --------
    >>> parse_rule("every lithium_content 0.02").interval
    0.02
    >>> type(parse_rule("at voltage 3.7 rising and current above 0 once")).__name__
    'Thinned'
    """
    words = text.split()
    if not words:
        raise RuleError("the rule is empty; begin with every, at, step or a quantity")
    cut = next((place for place, word in enumerate(words) if word in MODIFIERS), len(words))
    alternatives = [_alternative(part) for part in _split(words[:cut], "or")]
    event = alternatives[0] if len(alternatives) == 1 else AnyOf(alternatives)
    return _thinned(event, words[cut:])


def _split(words: Sequence[str], joint: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == joint:
            parts.append([])
        else:
            parts[-1].append(word)
    if not all(parts):
        raise RuleError(f"{' '.join(words)!r}: a condition is missing beside {joint!r}")
    return parts


def _alternative(words: Sequence[str]) -> Event:
    conditions = [_condition(part) for part in _split(words, "and")]
    events = [one for one in conditions if isinstance(one, Event)]
    states = [one for one in conditions if isinstance(one, State)]
    if len(events) > 1:
        raise RuleError(
            f"{' '.join(words)!r}: two events do not meet at one instant; join them by or,"
            " or make all but one a state, such as: voltage above 3.7"
        )
    if not states:
        return events[0]
    state = states[0] if len(states) == 1 else AllOf(states)
    return Gated(events[0], state) if events else Became(state)


def _thinned(event: Event, words: Sequence[str]) -> Event:
    per, min_interval_s, rest = "latch", 0.0, iter(words)
    for word in rest:
        if word == "once":
            per = "arming"
        elif word == "each":
            per = _one_of(_next(rest, word), ("cycle", "half_cycle"), "period")
        elif word == "min_interval":
            min_interval_s = _positive(_next(rest, word), word)
        else:
            raise RuleError(f"{word!r} after the conditions is unknown; use {', '.join(MODIFIERS)}")
    if per == "latch" and not min_interval_s:
        return event
    return Thinned(event, per=per, min_interval_s=min_interval_s)


def _condition(words: Sequence[str]) -> Event | State:
    match words:
        case ["every", quantity, interval, *options]:
            given = _options(options, "dead_band", "over")
            return Every(
                _track(quantity, given), _positive(interval, "interval"), given.get("dead_band", 0.0)
            )
        case ["at", quantity, levels, direction, *options]:
            return _at(quantity, levels, direction, options)
        case ["step", edge] | ["step", edge, _]:
            return StepEdge(_one_of(edge, EDGES, "edge"), words[2] if len(words) == 3 else None)
        case ["dqdv", "confirmed", *rest]:
            way, given = _feature(rest, "window", "prominence")
            return Confirmed(way, *_smoothing(given))
        case ["dqdv", "approach", voltages, *rest]:
            return _approach(voltages, rest)
        case ["ttl", "high" | "low" as level, *options]:
            return _held(Same("ttl", level == "high"), _options(options, "for"))
        case ["ttl", direction]:
            return LineEdge(_one_of(direction, (*DIRECTIONS, "high", "low"), "line"))
        case ["manual"]:
            return Event()
        case ["at_rest", *options]:
            return _held(Same(AT_REST, True), _options(options, "for"))
        case ["in_step", step_id, *options]:
            return _held(Same("step_id", step_id), _options(options, "for"))
        case [quantity, "above" | "below" as side, level, *options]:
            given = _options(options, "hysteresis", "for", "over")
            compared = Compared(
                _track(quantity, given), side, _number(level, "level"), given.get("hysteresis", 0.0)
            )
            return _held(compared, given)
        case ["cycle" | "half_cycle" as counter, number]:
            return Same(counter, _count(number))
    raise RuleError(
        f"{' '.join(words)!r} is none of: every Q INTERVAL, at Q LEVELS DIRECTION, step start|end [ID],"
        " Q above|below LEVEL, in_step ID, at_rest, cycle N, half_cycle N, ttl rising|falling|both|high|low,"
        " manual, dqdv confirmed, dqdv approach VOLTAGES|last margin V"
    )


def _at(quantity: str, levels: str, direction: str, options: Sequence[str]) -> At:
    given = _options(options, "hysteresis", "dead_band", "for", "over")
    return At(
        _track(quantity, given),
        tuple(_number(word, "level") for word in levels.split(",")),
        _one_of(direction, DIRECTIONS, "direction"),
        hysteresis=given.get("hysteresis", 0.0),
        dead_band=given.get("dead_band", 0.0),
        for_s=given.get("for", 0.0),
    )


def _approach(voltages: str, words: Sequence[str]) -> Approach:
    known = ("margin", "window", "prominence") if voltages == "last" else ("margin",)
    way, given = _feature(words, *known)
    if "margin" not in given:
        raise RuleError("dqdv approach needs a margin in V, such as: dqdv approach 3.73,4.0 margin 0.02")
    expected = () if voltages == "last" else tuple(_number(word, "voltage") for word in voltages.split(","))
    return Approach(given["margin"], expected, way, *_smoothing(given))


def _feature(words: Sequence[str], *known: str) -> tuple[str, dict[str, float]]:
    way = words[0] if words and words[0] in SIGNS else "both"
    given = _options(words[1:] if words and words[0] in SIGNS else words, *known)
    for name, value in given.items():
        if value <= 0 or (name == "prominence" and value >= 1):
            raise RuleError(f"{name} {value} is not positive, or no part of a height below 1")
    return way, given


def _smoothing(given: dict[str, float]) -> tuple[float, float]:
    return given.get("window", WINDOW_V), given.get("prominence", PROMINENCE)


def _held(state: State, given: dict[str, float]) -> State:
    return Held(state, given["for"]) if given.get("for") else state


def _track(word: str, given: dict[str, float]) -> Track:
    quantity = _one_of(word, QUANTITIES, "quantity")
    window_s = given.get("over", math.nan)
    if "over" in given and (quantity != RATE or window_s <= 0):
        raise RuleError(f"over {window_s} belongs to {RATE}, with a window above 0 s")
    return track_of(quantity, window_s)


def _options(words: Sequence[str], *known: str) -> dict[str, float]:
    given: dict[str, float] = {}
    rest = iter(words)
    for word in rest:
        name = _one_of(word, known, "word")
        value = _number(_next(rest, word), name)
        if value < 0:
            raise RuleError(f"{name} {value} is negative")
        given[name] = value
    return given


def _next(words: Iterator[str], after: str) -> str:
    word = next(words, None)
    if word is None:
        raise RuleError(f"{after!r} is followed by nothing")
    return word


def _one_of(word: str, choices: tuple[str, ...], what: str) -> str:
    if word not in choices:
        raise RuleError(f"{what} {word!r} is unknown; use {', '.join(choices)}")
    return word


def _count(word: str) -> int:
    if not word.isdecimal():
        raise RuleError(f"number {word!r} is not a count from 0")
    return int(word)


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
