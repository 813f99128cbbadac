"""What a cycler is asked to do: a protocol and what is recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .c_rate import current_from_c_rate
from .cut_off import AllOf, AnyOf, CutOff, Until, until_from_dict, until_from_text
from .handshake import TriggerOut, WaitForTrigger
from .impedance import GalvanostaticImpedance, PotentiostaticImpedance
from .limits import Limits, Watchdog
from .refusal import check_positive, refuse
from .step import ConstantCurrent, ConstantPower, ConstantVoltage, Loop, Rest
from .sweep import VoltageRamp, cyclic_voltammetry
from .titration import gitt, pitt

__all__ = [
    "AllOf",
    "AnyOf",
    "ConstantCurrent",
    "ConstantPower",
    "ConstantVoltage",
    "CutOff",
    "GalvanostaticImpedance",
    "Limits",
    "Loop",
    "PotentiostaticImpedance",
    "Protocol",
    "Recording",
    "Rest",
    "Step",
    "TriggerOut",
    "Until",
    "VoltageRamp",
    "WaitForTrigger",
    "Watchdog",
    "current_from_c_rate",
    "cyclic_voltammetry",
    "gitt",
    "pitt",
    "until_from_text",
]

LONGEST_ID = 39
"""Characters of a step's identity that a potentiostat keeps."""

Step = (
    Rest
    | ConstantCurrent
    | ConstantVoltage
    | ConstantPower
    | VoltageRamp
    | PotentiostaticImpedance
    | GalvanostaticImpedance
    | WaitForTrigger
    | TriggerOut
    | Loop
)
_TECHNIQUES: dict[str, type[Step]] = {
    "rest": Rest,
    "constant_current": ConstantCurrent,
    "constant_voltage": ConstantVoltage,
    "constant_power": ConstantPower,
    "voltage_ramp": VoltageRamp,
    "potentiostatic_impedance": PotentiostaticImpedance,
    "galvanostatic_impedance": GalvanostaticImpedance,
    "wait_for_trigger": WaitForTrigger,
    "trigger_out": TriggerOut,
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

    @property
    def measures_impedance(self) -> bool:
        """Whether a step of it measures impedance."""
        return any(isinstance(step, PotentiostaticImpedance | GalvanostaticImpedance) for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a document; `from_dict` is the way back."""
        return {"steps": [_row_of(step) for step in self.steps], "record": asdict(self.record)}

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


_WORDS = {
    Rest: "rest",
    ConstantVoltage: "hold",
    VoltageRamp: "ramp",
    PotentiostaticImpedance: "peis",
    GalvanostaticImpedance: "geis",
    WaitForTrigger: "wait",
    TriggerOut: "trigger-out",
    Loop: "loop",
}


def _word(step: Step) -> str:
    if isinstance(step, ConstantCurrent):
        return "charge" if step.current_a > 0 else "discharge"
    if isinstance(step, ConstantPower):
        return "charge-power" if step.power_w > 0 else "discharge-power"
    return _WORDS[type(step)]


def _row_of(step: Step) -> dict[str, Any]:
    values = asdict(step) | {"tags": list(step.tags)}
    until: Until | None = getattr(step, "until", None)
    if until is not None:
        values["until"] = until.to_dict()
    return {"technique": _NAMES[type(step)]} | values


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
    if isinstance(values.get("until"), Mapping):
        values["until"] = until_from_dict(values["until"])
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"step {number} ({technique}): {error}") from error
