"""Steps per second of the simulated cell on one core."""

from collections.abc import Callable
from time import process_time

import numpy as np
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters
from scipy.linalg import solve_banded

from .figure import Figure

ROUNDS = 15
ZONES = 8
STEP_S = 10.0
SHELLS = 30


def cell_stepper() -> Callable[[], object]:
    """One call is one step of 10 s at C/20 for 8 zones, state included, as a potentiostat asks for it."""
    cell = HalfCell(
        CellParameters.nmc811(zone_count=ZONES, window_resistance_ohm_cm2=30.0), lithium_content=0.9
    )
    current_a = cell.parameters.theoretical_capacity_mah / 1000.0 / 20.0
    cell.step(600.0, current_a=current_a)
    return lambda: cell.step(STEP_S, current_a=current_a)


def finite_volume_stepper() -> Callable[[], object]:
    """One call is an implicit step of diffusion alone: finite volumes, a tridiagonal solve per zone."""
    parameters = CellParameters.nmc811(zone_count=ZONES)
    edges = np.linspace(0.0, 1.0, SHELLS + 1)
    volume = np.diff(edges**3) / 3.0
    per_s = parameters.diffusivity_m2_s / parameters.radius_m**2 * STEP_S
    conductance = per_s * edges[1:-1] ** 2 * SHELLS
    bands = np.zeros((3, SHELLS))
    bands[1] = volume
    bands[1, :-1] += conductance
    bands[1, 1:] += conductance
    bands[0, 1:] = -conductance
    bands[2, :-1] = -conductance
    contents = [np.full(SHELLS, 0.9) for _ in range(ZONES)]

    def step() -> object:
        for zone, content in enumerate(contents):
            right = volume * content
            right[-1] -= 1e-5
            contents[zone] = solve_banded((1, 1), bands, right)
        return contents

    return step


def steps_per_s(step: Callable[[], object], count: int = 500) -> float:
    """Rate of `count` calls, in processor time: other programs do not count."""
    begin = process_time()
    for _ in range(count):
        step()
    return count / (process_time() - begin)


def run() -> list[Figure]:
    """Measure the cell against a solver of diffusion alone that is written the plain way."""
    cell, diffusion = cell_stepper(), finite_volume_stepper()
    # By turns, the best of each: the speed of a shared machine changes twofold within a minute.
    rates = [(steps_per_s(cell), steps_per_s(diffusion)) for _ in range(ROUNDS)]
    value, baseline = (max(each) for each in zip(*rates, strict=True))
    return [
        Figure(
            name=f"cell of {ZONES} zones, steps of {STEP_S:.0f} s",
            value=value,
            baseline=f"diffusion alone, {SHELLS} finite volumes per zone, scipy.linalg.solve_banded",
            baseline_value=baseline,
            ratio=value / baseline,
            goal=">= 5000 steps/s",
            unit="steps/s",
        )
    ]
