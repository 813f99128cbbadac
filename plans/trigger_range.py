"""What a protocol can reach: the bounds that tell whether a trigger can ever fire."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Literal, Protocol, get_args

from ..devices import protocol as cycling
from ..devices.protocol import ConstantCurrent, ConstantPower, ConstantVoltage, Limits, Loop, VoltageRamp

Quantity = Literal[
    "time",
    "protocol_time",
    "step_time",
    "lithium_content",
    "state_of_charge",
    "voltage",
    "current",
    "capacity",
    "cycle",
    "half_cycle",
    "voltage_rate",
]
UNITS: dict[str, str] = dict(
    zip(get_args(Quantity), ("s", "s", "s", "x", "1", "V", "A", "mA h", "1", "1", "V/s"), strict=True)
)
CONTENTS = ("lithium_content", "state_of_charge")
#: Steps of a protocol with its repeats that are looked at before the count is taken as without end.
MOST_STEPS = 100_000


class Condition(Protocol):
    """What a trigger is made of: words for the cycler, and whether they can ever come true."""

    @property
    def rule_text(self) -> str:
        """The condition as the cycler reads it."""
        ...

    def can_fire(
        self, protocol: cycling.Protocol, limits: Limits, *, capacity_mah: float | None = None
    ) -> str | None:
        """Say why it can never come true; None when it can."""
        ...


def check_quantity(owner: str, quantity: str) -> None:
    """Refuse a quantity that the cycler does not follow.

    Raises
    ------
    ValueError
        Naming those that it does.
    """
    if quantity not in UNITS:
        raise ValueError(f"{owner}: quantity {quantity!r} is unknown; use one of {', '.join(UNITS)}")


def check_choice(owner: str, what: str, word: object, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices.

    Raises
    ------
    ValueError
        Naming the choices.
    """
    if word not in choices:
        raise ValueError(f"{owner}: {what} {word!r} is unknown; use one of {', '.join(choices)}")


def check_not_negative(owner: str, **values: float) -> None:
    """Refuse what is negative, infinite or no number.

    Raises
    ------
    ValueError
        Naming it.
    """
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{owner}: {name} {value!r} must be 0 or positive")


def check_window(owner: str, quantity: str, over_s: float | None) -> None:
    """Refuse a window for what is no mean, and one that is not positive.

    Raises
    ------
    ValueError
        If that is so.
    """
    if over_s is None:
        return
    if quantity != "voltage_rate" or not (math.isfinite(over_s) and over_s > 0):
        raise ValueError(f"{owner}: over_s {over_s!r} s belongs to voltage_rate and must be positive")


def options(**values: float | None) -> str:
    """Write the options of a condition that are given and not 0.

    Examples
    --------
    >>> options(hysteresis=0.0, for_=5.0, over=None)
    ' for 5.0'
    """
    return "".join(f" {name.rstrip('_')} {float(value)!r}" for name, value in values.items() if value)


def widest(quantity: str, protocol: cycling.Protocol, limits: Limits, capacity_mah: float | None) -> float:
    """Most that a quantity can move by, in its own unit."""
    if quantity == "time":
        return longest_s(protocol)
    if quantity == "capacity":
        return 2.0 * limits.capacity_max_mah
    if quantity in CONTENTS and capacity_mah is not None:
        return min(1.0, 2.0 * limits.capacity_max_mah / capacity_mah)
    low, high = reach(quantity, protocol, limits)
    return high - low


def reach(quantity: str, protocol: cycling.Protocol, limits: Limits) -> tuple[float, float]:
    """Lowest and highest value that a quantity can have; infinite where nothing bounds it."""
    driven = ways(protocol)
    ranges = {
        "voltage": (limits.voltage_min_v, _highest_v(protocol, limits)),
        "current": (
            -limits.current_max_a if -1 in driven else 0.0,
            limits.current_max_a if 1 in driven else 0.0,
        ),
        "capacity": (-limits.capacity_max_mah, limits.capacity_max_mah),
        "protocol_time": (0.0, longest_s(protocol)),
        "step_time": (0.0, max(_alone_s(step) for step in protocol.steps)),
        "half_cycle": (0.0, float(turns(protocol))),
        "cycle": (0.0, float(turns(protocol) // 2)),
        "lithium_content": (0.0, 1.0),
        "state_of_charge": (0.0, 1.0),
    }
    return ranges.get(quantity, (0.0, math.inf))


def longest_s(protocol: cycling.Protocol) -> float:
    """Longest time that the protocol can take, s; infinite with a loop or with ends that are no time."""
    return math.fsum(step.longest_s for step in protocol.steps)


def missing_step(owner: str, step_id: str, protocol: cycling.Protocol) -> str | None:
    """Say that there is no such step; None when there is."""
    ids = [step.id for step in protocol.steps if not isinstance(step, Loop)]
    if step_id in ids:
        return None
    return f"{owner!r} never fires: there is no step {step_id!r}, the steps are {', '.join(ids)}"


def turns(protocol: cycling.Protocol) -> float:
    """Most half cycles that can begin after the first: changes between charge and discharge."""
    found, last = 0, 0
    for count, step in enumerate(_walk(protocol)):
        if count >= MOST_STEPS:
            return math.inf
        sign = _sign(step)
        found += sign is None or bool(sign and last and sign != last)
        last = last if sign is None else sign or last
    return found


def ways(protocol: cycling.Protocol) -> frozenset[int]:
    """Directions in which the steps can drive the cell: 1 charges, -1 discharges."""
    signs = {sign for step in protocol.steps for sign in ((1, -1) if _either(step) else (_sign(step),))}
    return frozenset(sign for sign in signs if sign)


def _alone_s(step: cycling.Step) -> float:
    return 0.0 if isinstance(step, Loop) else step.longest_s


def _highest_v(protocol: cycling.Protocol, limits: Limits) -> float:
    # Nothing drives the cell above the ends of its charges and its holds, where each charge has one.
    highest_v = max(step.highest_voltage_v(limits.voltage_max_v) for step in protocol.steps)
    return highest_v if math.isfinite(highest_v) else limits.voltage_max_v


def _walk(protocol: cycling.Protocol) -> Iterator[cycling.Step]:
    index, repeats = 0, Counter[int]()
    while index < len(protocol.steps):
        step = protocol.steps[index]
        yield step
        if isinstance(step, Loop) and repeats[index] < step.repeat:
            repeats[index] += 1
            index = protocol.index_of(step.to_step)
        else:
            repeats[index] = 0
            index += 1


def _either(step: cycling.Step) -> bool:
    return isinstance(step, ConstantVoltage) or _sign(step) is None


def _sign(step: cycling.Step) -> int | None:
    # None: it depends on the cell.
    if isinstance(step, VoltageRamp):
        return None
    way = step.current_a if isinstance(step, ConstantCurrent) else 0.0
    way = step.power_w if isinstance(step, ConstantPower) else way
    return (way > 0) - (way < 0)
