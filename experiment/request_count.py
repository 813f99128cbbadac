"""How often a trigger is expected to ask for a measurement, and how soon again."""

import math

from ..plans.trigger_range import Condition
from ..plans.trigger_state import InStep, Line, LineChange, Manual, While
from ..plans.trigger_union import State
from ..plans.triggers import (
    AllOf,
    AnyOf,
    AtLevel,
    EveryInterval,
    FeatureApproach,
    FeatureConfirmed,
    StepBoundary,
    Thinned,
)
from .expected_course import Course

VOLTAGE_SPAN_V = 1.5
"""How far a half cycle is taken to move the voltage, V."""

FEATURES = 3
"""Maxima of |dQ/dV| in a half cycle, as layered oxides have them."""

TIMES = ("time", "protocol_time", "step_time")

Requests = tuple[int, float]
"""Expected number, and the shortest time between two (s; infinite where it is not known)."""


def expected_requests(trigger: Condition, course: Course, full_mah: float) -> Requests:
    """Count the requests of a trigger, and tell the shortest time between two (s).

    Parameters
    ----------
    trigger
        The rule.
    course
        What the protocol does with the cell.
    full_mah
        Charge of every lithium, mA h.
    """
    match trigger:
        case EveryInterval():
            return _every(trigger, course, full_mah)
        case Thinned():
            return _thinned(trigger, course, full_mah)
        case AnyOf():
            parts = [expected_requests(part, course, full_mah) for part in trigger.conditions]
            return sum(count for count, _ in parts), min(interval_s for _, interval_s in parts)
        case AllOf():
            # States only leave out: as often as the event, or as the rarest of the states.
            events = [part for part in trigger.conditions if not isinstance(part, State)]
            parts = [expected_requests(part, course, full_mah) for part in events or trigger.conditions]
            return min(parts)
        case _:
            return _at_instants(trigger, max(1, course.half_cycles)), math.inf


def _every(trigger: EveryInterval, course: Course, full_mah: float) -> Requests:
    quantity, interval = trigger.quantity, trigger.interval
    if quantity in TIMES:
        return int(course.duration_s / interval), interval
    if quantity == "voltage":
        return int(course.half_cycles * VOLTAGE_SPAN_V / interval), math.inf
    if quantity not in ("capacity", "lithium_content", "state_of_charge"):
        return max(1, course.half_cycles), math.inf
    step = interval / full_mah if quantity == "capacity" else interval
    seconds = step * full_mah * 3.6 / course.current_max_a if course.current_max_a else math.inf
    return int(course.travel / step), seconds


def _at_instants(trigger: Condition, half_cycles: int) -> int:
    match trigger:
        case AtLevel():
            return len(trigger.levels) * half_cycles
        case FeatureConfirmed():
            return FEATURES * half_cycles
        case FeatureApproach():
            return (len(trigger.voltages_v) or FEATURES) * half_cycles
        case StepBoundary() | While() | InStep():
            return half_cycles
        case Manual() | LineChange() | Line():
            return 0
        case _:
            return 1


def _thinned(trigger: Thinned, course: Course, full_mah: float) -> Requests:
    count, interval_s = expected_requests(trigger.trigger, course, full_mah)
    half_cycles = max(1, course.half_cycles)
    most = {"arming": 1, "cycle": math.ceil(half_cycles / 2), "half_cycle": half_cycles}
    count = min(count, most.get(trigger.per or "", count))
    if trigger.min_interval_s:
        count = min(count, int(course.duration_s / trigger.min_interval_s) + 1)
    return count, max(interval_s, trigger.min_interval_s)
