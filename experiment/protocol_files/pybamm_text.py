"""PyBaMM's experiment strings: from text to a protocol and back, without PyBaMM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ...devices.protocol import Protocol, Recording, Step, current_from_c_rate
from ...devices.step import ConstantCurrent, ConstantPower, ConstantVoltage, Loop, Rest
from .order import steps_in_order

Entry = str | Sequence[Any] | Mapping[str, Any]
"""A step, a cycle of steps, or a table with ``cycle`` and ``repeat``."""

EXAMPLES: Final = '"Charge at C/10 until 4.3 V", "Hold at 4.3 V until C/50", "Rest for 2 hours"'

_SECONDS: Final = {"second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "m": 60.0} | {
    "hour": 3600.0,
    "hr": 3600.0,
    "h": 3600.0,
}
_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_AMOUNT: Final = re.compile(rf"({_NUMBER})\s*([A-Za-z]+)")
_RATE: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)?\s*C(?:\s*/\s*(?:\d+\.?\d*|\.\d+))?")
_END: Final = re.compile(r"\s+(?:or\s+)?(for|until)\s+", re.IGNORECASE)


class ProtocolTextError(ValueError):
    """An experiment string that was not understood; `position` is that of its entry, from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def protocol_from_strings(entries: Sequence[Entry], capacity_mah: float | None = None) -> Protocol:
    """Read PyBaMM experiment strings.

    Parameters
    ----------
    entries
        Strings as PyBaMM has them; a list or tuple of strings is a cycle, and equal cycles in a row become
        a loop. A table ``{"cycle": [...], "repeat": 3}`` runs its cycle 3 times.
    capacity_mah
        What C-rates refer to, mA h.

    Returns
    -------
    Protocol
        Currents in A, positive on charge.

    Raises
    ------
    ProtocolTextError
        Naming the words that were not understood, and what would be.

    Examples
    --------
    >>> cycle = ("Charge at C/10 until 4.3 V", "Discharge at 1 mA for 2 hours or until 2.8 V")
    >>> protocol = protocol_from_strings([cycle] * 3, capacity_mah=2.0)
    >>> [step.id for step in protocol.steps]
    ['charge-1', 'discharge-2', 'loop-3']
    >>> protocol.steps[0].current_a
    0.0002
    """
    if isinstance(entries, str) or not entries:
        raise ProtocolTextError(f"give a list with at least one step, such as [{EXAMPLES}]", 0)
    steps: list[Step] = []
    for position, cycle, repeat in _cycles(entries):
        first = len(steps)
        try:
            steps += [step_from_string(text, capacity_mah) for text in cycle]
        except ValueError as error:
            raise ProtocolTextError(str(error), position) from None
        if repeat > 1:
            steps.append(Loop(first, repeat - 1))
    return Protocol(tuple(steps), Recording())


def _cycles(entries: Sequence[Entry]) -> Iterator[tuple[int, list[str], int]]:
    """Position, steps and number of runs of each entry; equal lists in a row are one."""
    last: tuple[int, list[str], int] | None = None
    for position, entry in enumerate(entries):
        cycle, repeat = _cycle(entry, position)
        is_list = not isinstance(entry, str | Mapping)
        if last is not None and is_list and cycle == last[1]:
            last = (last[0], cycle, last[2] + 1)
            continue
        if last is not None:
            yield last
        last = (position, cycle, repeat)
        if not is_list:
            yield last
            last = None
    if last is not None:
        yield last


def _cycle(entry: Entry, position: int) -> tuple[list[str], int]:
    cycle: Any = entry
    repeat: Any = 1
    if isinstance(entry, str):
        return [entry], 1
    if isinstance(entry, Mapping):
        if set(entry) != {"cycle", "repeat"}:
            told = ", ".join(map(str, entry)) or "nothing"
            raise ProtocolTextError(f"a table needs cycle and repeat, but has {told}", position)
        cycle, repeat = entry["cycle"], entry["repeat"]
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
        raise ProtocolTextError(f"repeat is {repeat!r}; give how often the cycle runs, 1 or more", position)
    if isinstance(cycle, str) or not isinstance(cycle, Sequence) or not cycle:
        raise ProtocolTextError(f"{cycle!r} is no cycle; give a list of steps such as {EXAMPLES}", position)
    if not all(isinstance(text, str) for text in cycle):
        raise ProtocolTextError("a cycle holds strings, and no further cycle; write it out", position)
    return list(cycle), repeat


def step_from_string(text: str, capacity_mah: float | None = None) -> Step:
    """Read one step, such as ``"Hold at 4.3 V for 2 hours or until C/50"``.

    Raises
    ------
    ValueError
        Naming the words that were not understood, and what would be; a C-rate needs `capacity_mah`.
    """
    try:
        instruction, *ends = _END.split(text.strip())
        word, _, amount = instruction.partition(" ")
        time_s, until = _ends(ends)
        return _step(word.lower(), amount, time_s, until, capacity_mah)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None


def _step(
    word: str, amount: str, time_s: float | None, until: str | None, capacity_mah: float | None
) -> Step:
    if word == "rest":
        if amount.strip() or until is not None or time_s is None:
            wrong = amount.strip() or (f"until {until}" if until else "Rest")
            raise ValueError(f'{wrong!r} was not understood; write "Rest for 2 hours"')
        return Rest(time_s)
    if word not in ("charge", "discharge", "hold"):
        raise ValueError(f"{word!r} was not understood; begin with Charge, Discharge, Hold or Rest")
    at, _, value = amount.strip().partition(" ")
    if at.lower() != "at":
        raise ValueError(f'{amount!r} was not understood; write "at" and a value, such as {EXAMPLES}')
    if time_s is None and until is None:
        raise ValueError('it never ends; add "for 2 hours", "until 4.3 V" or both with "or"')
    if word == "hold":
        end_a = None if until is None else _current(until, capacity_mah)
        return ConstantVoltage(_voltage(value), until_current_a=end_a, until_time_s=time_s)
    sign = 1 if word == "charge" else -1
    end_v = None if until is None else _voltage(until)
    power = _AMOUNT.fullmatch(value.strip())
    if power is not None and power[2] in ("W", "mW"):
        return ConstantPower(sign * _magnitude(power), until_voltage_v=end_v, until_time_s=time_s)
    return ConstantCurrent(sign * _current(value, capacity_mah), until_voltage_v=end_v, until_time_s=time_s)


def _ends(parts: list[str]) -> tuple[float | None, str | None]:
    """Time (s) and value at which a step ends."""
    time_s: float | None = None
    until: str | None = None
    for word, value in zip(parts[::2], parts[1::2], strict=True):
        if (time_s if word.lower() == "for" else until) is not None:
            raise ValueError(f"'{word} {value}' is a second {word!r}; give one time and one value at most")
        if word.lower() == "for":
            time_s = _duration_s(value)
        else:
            until = value.strip()
    return time_s, until


def _duration_s(text: str) -> float:
    found = _AMOUNT.fullmatch(text.strip())
    unit = found[2].lower() if found else ""
    scale = _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"))
    if found is None or scale is None:
        raise ValueError(f"{text!r} was not understood; write a time in seconds, minutes or hours")
    return float(found[1]) * scale


def _voltage(text: str) -> float:
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or found[2] not in ("V", "mV"):
        raise ValueError(f"{text!r} was not understood; write a voltage in V or mV, such as 4.3 V")
    return float(found[1]) / (1000.0 if found[2] == "mV" else 1.0)


def _current(text: str, capacity_mah: float | None) -> float:
    """Magnitude, A."""
    text = text.strip()
    if _RATE.fullmatch(text):
        if capacity_mah is None:
            raise ValueError(f"{text!r} is a C-rate, which needs the declared capacity of the cell (mA h)")
        return current_from_c_rate(text, capacity_mah)
    found = _AMOUNT.fullmatch(text)
    if found is None or found[2] not in ("A", "mA"):
        raise ValueError(f"{text!r} was not understood; write a current in A or mA, or a C-rate such as C/10")
    return _magnitude(found)


def _magnitude(found: re.Match[str]) -> float:
    """Convert a positive number and its unit, plain or milli."""
    value = float(found[1]) / (1000.0 if found[2].startswith("m") else 1.0)
    if value <= 0:
        raise ValueError(f"{found[0]!r} has a sign or is zero; Charge and Discharge say the direction")
    return value


def strings_from_protocol(protocol: Protocol) -> tuple[str, ...]:
    """Write a protocol as PyBaMM experiment strings, loops written out.

    Raises
    ------
    ValueError
        Naming the first step that PyBaMM's strings cannot say.

    Examples
    --------
    >>> strings_from_protocol(Protocol((ConstantCurrent(-1e-3, until_voltage_v=2.8), Rest(60.0))))
    ('Discharge at 0.001 A until 2.8 V', 'Rest for 60.0 seconds')
    """
    return tuple(_string(step) for step in steps_in_order(protocol))


def _string(step: Step) -> str:
    match step:
        case Rest(until=None):
            return f"Rest for {step.duration_s!r} seconds"
        case ConstantCurrent(until_capacity_mah=None, until=None):
            return _driven(step, step.current_a, "A")
        case ConstantPower(until_capacity_mah=None, until=None):
            return _driven(step, step.power_w, "W")
        case ConstantVoltage(until=None):
            end = None if step.until_current_a is None else f"{step.until_current_a!r} A"
            return f"Hold at {step.voltage_v!r} V {_until(step.until_time_s, end)}"
        case _:
            raise ValueError(f"step {step.id!r}: {type(step).__name__} with these ends is no PyBaMM string")


def _driven(step: ConstantCurrent | ConstantPower, value: float, unit: str) -> str:
    word = "Charge" if value > 0 else "Discharge"
    end = None if step.until_voltage_v is None else f"{step.until_voltage_v!r} V"
    return f"{word} at {abs(value)!r} {unit} {_until(step.until_time_s, end)}"


def _until(time_s: float | None, end: str | None) -> str:
    told = [f"for {time_s!r} seconds"] if time_s is not None else []
    return " or ".join([*told, f"until {end}"] if end is not None else told)
