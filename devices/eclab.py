"""A protocol in the words of EC-Lab: techniques and their parameters, named as in the ISIS EPICS driver."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from .handshake import TriggerOut, WaitForTrigger
from .impedance import FrequencySweep, GalvanostaticImpedance, PotentiostaticImpedance
from .protocol import Protocol, Recording, Step
from .step import ConstantCurrent, ConstantPower, ConstantVoltage, Loop, Rest
from .sweep import VoltageRamp

FOREVER_S: Final = 1e9
# Bits of a test (sp240.py of https://github.com/ISISComputingGroup/EPICS-ECLab): active, >=, and
# the variable; the charge of the step (mA h) as a variable is ours.
TEST_ACTIVE: Final = 1
TEST_AT_LEAST: Final = 4
TEST_CURRENT: Final = 96
TEST_CHARGE: Final = 992
NEXT_TECHNIQUE: Final = 1
LOGARITHMIC: Final = 0
"""For SWEEP: frequencies even by their logarithm."""
NO_UNTIL: Final = "none"
"""Word for no further end: an empty text would not be written, and the one before would stay."""
PRESENT_VOLTAGE: Final = -1e9
"""Where a scan begins that goes on from the voltage of the cell."""

Value = float | int | str | tuple[float, ...]


@dataclass(frozen=True)
class Technique:
    """One technique of the list that is loaded.

    Parameters
    ----------
    name
        OCV, CPLIMIT, CALIMIT, CPOWER, VSCAN, PEIS, GEIS, TI, TO or LOOP.
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
    ConstantPower: "CPOWER",
    VoltageRamp: "VSCAN",
    PotentiostaticImpedance: "PEIS",
    GalvanostaticImpedance: "GEIS",
    WaitForTrigger: "TI",
    TriggerOut: "TO",
    Loop: "LOOP",
}


def _parameters(step: Step, protocol: Protocol) -> dict[str, Value]:
    match step:
        case Loop():
            return {"NLOOP": step.repeat, "PROT": protocol.index_of(step.to_step), "ID": step.id}
        case TriggerOut():
            return {"ID": step.id}
        case WaitForTrigger():
            own: dict[str, Value] = {
                "TIMEOUT": step.timeout_s,
                "WAITING": step.waiting,
                "ONTIMEOUT": step.on_timeout,
            }
            return own | _recording(protocol.record, step.id)
        case PotentiostaticImpedance():
            own = {"VSINIT": int(step.voltage_v is None), "IVSTEP": step.voltage_v or 0.0}
            own |= {"AMPV": step.amplitude_v} | _spectrum(step)
            return own | _recording(protocol.record, step.id)
        case GalvanostaticImpedance():
            own = {"VSINIT": int(step.current_a is None), "IISTEP": step.current_a or 0.0}
            own |= {"AMPI": step.amplitude_a} | _spectrum(step)
            return own | _recording(protocol.record, step.id)
        case Rest():
            own = {"RTT": step.duration_s}
        case ConstantCurrent():
            own = {"ISTEP": (step.current_a,)} | _flow(step, charges=step.current_a > 0)
        case ConstantPower():
            own = {"PSTEP": (step.power_w,)} | _flow(step, charges=step.power_w > 0)
        case VoltageRamp():
            start_v = PRESENT_VOLTAGE if step.from_voltage_v is None else step.from_voltage_v
            own = {"VINIT": start_v, "VFINAL": step.to_voltage_v, "RATE": step.scan_rate_v_s}
        case ConstantVoltage():
            own = {"VSTEP": (step.voltage_v,)} | _hold(step)
    return own | {"UNTIL": step.until.text if step.until else NO_UNTIL} | _recording(protocol.record, step.id)


def _flow(step: ConstantCurrent | ConstantPower, *, charges: bool) -> dict[str, Value]:
    upward = TEST_AT_LEAST if charges else 0
    return {
        "VSINIT": (0,),
        "DURSTEP": (step.until_time_s or FOREVER_S,),
        "STEPN": 0,
        "NCYCLES": 0,
        "TEST1CONF": (0 if step.until_voltage_v is None else TEST_ACTIVE + upward,),
        "TEST1VAL": (step.until_voltage_v or 0.0,),
        "TEST2CONF": (0 if step.until_capacity_mah is None else TEST_ACTIVE + TEST_AT_LEAST + TEST_CHARGE,),
        "TEST2VAL": (step.until_capacity_mah or 0.0,),
        "EXITCOND": (NEXT_TECHNIQUE,),
    }


def _hold(step: ConstantVoltage) -> dict[str, Value]:
    return {
        "VSINIT": (0,),
        "DURSTEP": (step.until_time_s or FOREVER_S,),
        "STEPN": 0,
        "NCYCLES": 0,
        "TEST1CONF": (0 if step.until_current_a is None else TEST_ACTIVE + TEST_CURRENT,),
        "TEST1VAL": (step.until_current_a or 0.0,),
        "EXITCOND": (NEXT_TECHNIQUE,),
    }


def _spectrum(step: FrequencySweep) -> dict[str, Value]:
    return {
        "DURSTEP": step.hold_s,
        "INIFREQ": step.start_frequency_hz,
        "FINFREQ": step.end_frequency_hz,
        "NFREQ": step.frequency_count,
        "SWEEP": LOGARITHMIC,
        "NAVRG": step.measures_per_point,
        "CORR": int(step.drift_correction),
        "WFS": step.settling_periods,
    }


def _recording(record: Recording, step_id: str) -> dict[str, Value]:
    # 0 switches a criterion off, as in EC-Lab.
    return {
        "REDT": record.dt_s,
        "REDE": record.de_v,
        "REDI": record.di_a or 0.0,
        "ID": step_id,
    }
