"""What a cycler is asked to do: a protocol, what is recorded, the limits of the cell, and the watchdog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from .step import (
    ConstantCurrent,
    ConstantVoltage,
    Loop,
    Rest,
    check_finite,
    check_positive,
    current_from_c_rate,
    refuse,
)

__all__ = [
    "ConstantCurrent",
    "ConstantVoltage",
    "Limits",
    "Loop",
    "Protocol",
    "Recording",
    "Rest",
    "Step",
    "Watchdog",
    "current_from_c_rate",
]

LONGEST_ID = 39
WatchdogAction = Literal["continue", "rest", "hold_voltage", "hold_current", "stop"]


Step = Rest | ConstantCurrent | ConstantVoltage | Loop
_TECHNIQUES: dict[str, type[Step]] = {
    "rest": Rest,
    "constant_current": ConstantCurrent,
    "constant_voltage": ConstantVoltage,
    "loop": Loop,
}
_NAMES = {kind: name for name, kind in _TECHNIQUES.items()}


@dataclass(frozen=True)
class Recording:
    """A sample is kept whenever time (s), voltage (V) or current (A) has moved by this much."""

    dt_s: float = 10.0
    de_v: float = 0.005
    di_a: float | None = None

    def __post_init__(self) -> None:
        check_positive("recording", "dt_s", self.dt_s, "s")
        check_positive("recording", "de_v", self.de_v, "V")
        check_positive("recording", "di_a", self.di_a, "A")


@dataclass(frozen=True)
class Protocol:
    """The steps of a cycling protocol, in order; steps without an id get one such as `charge-1`.

    Examples
    --------
    >>> protocol = Protocol((ConstantCurrent(1e-3, until_voltage_v=4.3), Rest(600.0)))
    >>> [step.id for step in protocol.steps]
    ['charge-1', 'rest-2']
    >>> Protocol.from_dict(protocol.to_dict()) == protocol
    True
    """

    steps: tuple[Step, ...]
    record: Recording = field(default_factory=Recording)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("protocol: it has no steps; give at least one")
        named = tuple(
            step if step.id else replace(step, id=f"{_word(step)}-{number}")
            for number, step in enumerate(self.steps, start=1)
        )
        object.__setattr__(self, "steps", named)
        self._check_ids()
        for index, step in enumerate(named):
            if isinstance(step, Loop):
                self._check_loop(index, step)

    def index_of(self, step: str | int) -> int:
        """Index from 0 of a step given by its id or index.

        Raises
        ------
        ValueError
            If there is no such step.
        """
        ids = [known.id for known in self.steps]
        if isinstance(step, str) and step in ids:
            return ids.index(step)
        if isinstance(step, int) and 0 <= step < len(ids):
            return step
        raise ValueError(
            f"protocol: there is no step {step!r}; the ids are {', '.join(ids)}, indices start at 0"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a document; `from_dict` is the way back."""
        steps = [{"technique": _NAMES[type(step)]} | asdict(step) for step in self.steps]
        return {"steps": steps, "record": asdict(self.record)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Protocol:
        """Protocol of a document.

        Raises
        ------
        ValueError
            If a technique or a field is unknown, missing or out of range.
        """
        steps = tuple(_step_of(number, row) for number, row in enumerate(document["steps"], start=1))
        return cls(steps, Recording(**document.get("record", {})))

    def _check_ids(self) -> None:
        seen: set[str] = set()
        for step in self.steps:
            if step.id in seen:
                raise refuse("protocol", "id", step.id, "two steps carry it: give each its own")
            if len(step.id) > LONGEST_ID or re.search(r"[\s,]", step.id):
                raise refuse(
                    "protocol", "id", step.id, f"use at most {LONGEST_ID} characters, no space or comma"
                )
            seen.add(step.id)

    def _check_loop(self, index: int, loop: Loop) -> None:
        if self.index_of(loop.to_step) >= index:
            raise refuse(f"step {loop.id!r}", "to_step", loop.to_step, "a loop goes back to an earlier step")


@dataclass(frozen=True)
class Limits:
    """What the cycler never lets the cell pass; a breach that lasts `delay_s` opens the circuit and latches.

    Parameters
    ----------
    voltage_max_v, voltage_min_v
        V.
    current_max_a
        A, without sign.
    capacity_max_mah
        Net charge since the protocol was started, mA h, without sign.
    temperature_max_degc
        degC.
    delay_s
        How long a breach must last, s (instruments offer 0.01 to 1).
    time_max_s
        Since the protocol was started, s; None for any.
    """

    voltage_max_v: float
    voltage_min_v: float
    current_max_a: float
    capacity_max_mah: float
    temperature_max_degc: float = 60.0
    delay_s: float = 0.1
    time_max_s: float | None = None

    def __post_init__(self) -> None:
        for name, unit in _LIMIT_UNITS.items():
            check_finite("limits", name, getattr(self, name), unit)
        for name in ("current_max_a", "capacity_max_mah", "time_max_s"):
            check_positive("limits", name, getattr(self, name), _LIMIT_UNITS[name])
        if not 0 <= self.delay_s <= 10:
            raise refuse("limits", "delay_s", self.delay_s, "give 0 to 10 s")
        if self.voltage_min_v >= self.voltage_max_v:
            raise refuse(
                "limits", "voltage_min_v", self.voltage_min_v, f"it must be below {self.voltage_max_v} V"
            )

    def check(self, protocol: Protocol) -> None:
        """Refuse a protocol that asks for what these limits forbid.

        Raises
        ------
        ValueError
            Naming the step, its value, the limit and the remedy.
        """
        for step in protocol.steps:
            for name in ("until_voltage_v", "voltage_v"):
                self._check_voltage(step.id, name, getattr(step, name, None))
            for name in ("current_a", "until_current_a"):
                current = getattr(step, name, None)
                if current is not None and abs(current) > self.current_max_a:
                    remedy = f"the limit current_max_a is {self.current_max_a} A: ask for less or raise it"
                    raise refuse(f"step {step.id!r}", name, current, remedy)

    def _check_voltage(self, step_id: str, name: str, voltage_v: float | None) -> None:
        if voltage_v is None or self.voltage_min_v <= voltage_v <= self.voltage_max_v:
            return
        remedy = f"the limits are {self.voltage_min_v} to {self.voltage_max_v} V: stay inside or move them"
        raise refuse(f"step {step_id!r}", name, voltage_v, remedy)


_LIMIT_UNITS = {
    "voltage_max_v": "V",
    "voltage_min_v": "V",
    "current_max_a": "A",
    "capacity_max_mah": "mA h",
    "temperature_max_degc": "degC",
    "delay_s": "s",
    "time_max_s": "s",
}


@dataclass(frozen=True)
class Watchdog:
    """What the cycler does once nobody has written its heartbeat for `timeout_s` wall seconds."""

    timeout_s: float
    action: WatchdogAction = "continue"

    def __post_init__(self) -> None:
        check_positive("watchdog", "timeout_s", self.timeout_s, "s")
        if self.action not in get_args(WatchdogAction):
            raise refuse(
                "watchdog", "action", self.action, f"use one of {', '.join(get_args(WatchdogAction))}"
            )


def _word(step: Step) -> str:
    if isinstance(step, ConstantCurrent):
        return "charge" if step.current_a > 0 else "discharge"
    return {Rest: "rest", ConstantVoltage: "hold", Loop: "loop"}[type(step)]


def _step_of(number: int, row: Mapping[str, Any]) -> Step:
    values = dict(row)
    technique = values.pop("technique", None)
    if technique not in _TECHNIQUES:
        raise refuse(f"step {number}", "technique", technique, f"use one of {', '.join(_TECHNIQUES)}")
    kind = _TECHNIQUES[technique]
    known = {item.name for item in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise refuse(
            f"step {number}", unknown[0], values[unknown[0]], f"{technique} knows {', '.join(sorted(known))}"
        )
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"step {number} ({technique}): {error}") from error
