"""The cyclic voltammetry of EC-Lab, whose parameters are vertices and rates, as sweeps of the cycler."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from ..instrument.technique import EngineStep, ProgramError

SCAN, SCAN_ID = "CV", 103
VERTICES = 5
MV = 1e3


def scan_steps(parameters: Mapping[str, float | Sequence[float]]) -> tuple[EngineStep, ...]:
    """Return the sweeps between the vertices Ei, E1, E2 (again from Ei so often as asked for) and Ef.

    Parameters
    ----------
    parameters
        By their names in the driver's database: VSTEP (V), SCANRATE (mV/s), VSINIT, NCYCLES, REDE (V).

    Raises
    ------
    ProgramError
        If there are not five vertices and rates, or a rate is not positive.
    """
    vertices, rates, relative = (_array(parameters[name], name) for name in ("VSTEP", "SCANRATE", "VSINIT"))
    if any(relative):
        raise ProgramError("CV VSINIT: vertices that count from the first voltage are not simulated")
    initial, first, second, _, final = range(VERTICES)
    repeats = int(_number(parameters["NCYCLES"]))
    path = [initial, first, second, *[initial, first, second] * repeats, final]
    steps: list[EngineStep] = []
    for begin, end in itertools.pairwise(path):
        if vertices[begin] == vertices[end]:
            continue
        if not rates[end] > 0:
            raise ProgramError(f"CV SCANRATE is {rates[end]} mV/s; give a positive number")
        steps.append(
            EngineStep(
                f"cv-{len(steps)}",
                SCAN,
                0,
                voltage_v=vertices[begin],
                sweep_to_v=vertices[end],
                sweep_rate_v_s=rates[end] / MV,
                record_de_v=_number(parameters["REDE"]),
            )
        )
    if not steps:
        raise ProgramError("CV VSTEP: all vertices are the same, nothing is swept")
    return tuple(steps)


def _array(value: float | Sequence[float], name: str) -> list[float]:
    values = [float(value)] if isinstance(value, int | float) else [float(one) for one in value]
    if len(values) != VERTICES:
        raise ProgramError(f"CV {name} has {len(values)} values; give {VERTICES}")
    return values


def _number(value: float | Sequence[float]) -> float:
    return float(value if isinstance(value, int | float) else value[0])
