"""A protocol in the words of EC-Lab: techniques and their parameters, named as in the ISIS EPICS driver."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from .protocol import ConstantCurrent, ConstantVoltage, Loop, Protocol, Recording, Rest, Step

FOREVER_S: Final = 1e9
# Bits of a test (sp240.py of https://github.com/ISISComputingGroup/EPICS-ECLab): active, >=, and
# the variable; the charge of the step (mA h) as a variable is ours.
TEST_ACTIVE: Final = 1
TEST_AT_LEAST: Final = 4
TEST_CURRENT: Final = 96
TEST_CHARGE: Final = 992
NEXT_TECHNIQUE: Final = 1

Value = float | int | str | tuple[float, ...]


@dataclass(frozen=True)
class Technique:
    """One technique of the list that is loaded.

    Parameters
    ----------
    name
        OCV, CPLIMIT, CALIMIT or LOOP.
    index
        Which technique of that name, from 0.
    parameters
        Name and value, units as in EC-Lab (s, V, A).
    """

    name: str
    index: int
    parameters: tuple[tuple[str, Value], ...]

    def suffix(self, parameter: str) -> str:
        """Process variable of a parameter, below the prefix of the channel."""
        return f"T:{self.name}:{self.index}:{parameter}:SP"


def techniques(protocol: Protocol) -> tuple[Technique, ...]:
    """Techniques that carry out a protocol, one per step and in its order.

    Examples
    --------
    >>> [technique.suffix("RTT") for technique in techniques(Protocol((Rest(60.0), Rest(5.0))))]
    ['T:OCV:0:RTT:SP', 'T:OCV:1:RTT:SP']
    """
    used: Counter[str] = Counter()
    found: list[Technique] = []
    for step in protocol.steps:
        name = _NAMES[type(step)]
        found.append(Technique(name, used[name], tuple(_parameters(step, protocol).items())))
        used[name] += 1
    return tuple(found)


def load_list(program: tuple[Technique, ...]) -> str:
    """Text for LOADTECH:SP: the techniques in lower case, by commas."""
    return ",".join(technique.name.lower() for technique in program)


_NAMES: dict[type[Step], str] = {
    Rest: "OCV",
    ConstantCurrent: "CPLIMIT",
    ConstantVoltage: "CALIMIT",
    Loop: "LOOP",
}


def _parameters(step: Step, protocol: Protocol) -> dict[str, Value]:
    if isinstance(step, Loop):
        return {"NLOOP": step.repeat, "PROT": protocol.index_of(step.to_step), "ID": step.id}
    if isinstance(step, Rest):
        return {"RTT": step.duration_s} | _recording(protocol.record, step.id)
    if isinstance(step, ConstantCurrent):
        upward = TEST_AT_LEAST if step.current_a > 0 else 0
        return {
            "ISTEP": (step.current_a,),
            "VSINIT": (0,),
            "DURSTEP": (step.until_time_s or FOREVER_S,),
            "STEPN": 0,
            "NCYCLES": 0,
            "TEST1CONF": (0 if step.until_voltage_v is None else TEST_ACTIVE + upward,),
            "TEST1VAL": (step.until_voltage_v or 0.0,),
            "TEST2CONF": (
                0 if step.until_capacity_mah is None else TEST_ACTIVE + TEST_AT_LEAST + TEST_CHARGE,
            ),
            "TEST2VAL": (step.until_capacity_mah or 0.0,),
            "EXITCOND": (NEXT_TECHNIQUE,),
        } | _recording(protocol.record, step.id)
    return {
        "VSTEP": (step.voltage_v,),
        "VSINIT": (0,),
        "DURSTEP": (step.until_time_s or FOREVER_S,),
        "STEPN": 0,
        "NCYCLES": 0,
        "TEST1CONF": (0 if step.until_current_a is None else TEST_ACTIVE + TEST_CURRENT,),
        "TEST1VAL": (step.until_current_a or 0.0,),
        "EXITCOND": (NEXT_TECHNIQUE,),
    } | _recording(protocol.record, step.id)


def _recording(record: Recording, step_id: str) -> dict[str, Value]:
    # 0 switches a criterion off, as in EC-Lab.
    return {
        "REDT": record.dt_s,
        "REDE": record.de_v,
        "REDI": record.di_a or 0.0,
        "ID": step_id,
    }
