"""Makes pybamm_spm.npz: voltage traces of PyBaMM's single-particle model, for the accuracy test of the cell.

Run it where PyBaMM is installed (extra `pybamm`): `python make_pybamm_traces.py`. PyBaMM's current is
positive on discharge; the traces follow ours, positive on charge. Half cell of 1 cm2: the positive electrode
of Chen 2020, its open-circuit voltage included, against lithium with a constant exchange current of 10 A/m2;
100 finite volumes in the particle.
"""

import os
from pathlib import Path

os.environ["PYBAMM_DISABLE_TELEMETRY"] = "true"

import numpy as np
import pybamm

CAPACITY_AH = 96485.33212 * 63104.0 * 0.665 * 75.6e-6 * 1e-4 / 3600.0
START = {"charge": 0.85, "discharge": 0.35}
PASSED = 0.4
REST_S = 3600.0
SAMPLES = 80


def half_cell_parameters() -> pybamm.ParameterValues:
    values = pybamm.ParameterValues("Xu2019")
    chen = pybamm.ParameterValues("Chen2020")
    values.update({key: chen[key] for key in chen if key.startswith("Positive")}, check_already_exists=False)
    values.update(
        {
            "Exchange-current density for lithium metal electrode [A.m-2]": 10.0,
            "Maximum concentration in positive electrode [mol.m-3]": 63104.0,
            "Electrode width [m]": 0.01,
            "Electrode height [m]": 0.01,
            "Nominal cell capacity [A.h]": CAPACITY_AH,
            "Initial concentration in electrolyte [mol.m-3]": 1000.0,
            "Typical electrolyte concentration [mol.m-3]": 1000.0,
            "Ambient temperature [K]": 298.15,
            "Initial temperature [K]": 298.15,
            "Reference temperature [K]": 298.15,
            "Lower voltage cut-off [V]": 2.0,
            "Upper voltage cut-off [V]": 5.0,
        },
        check_already_exists=False,
    )
    return values


def solve(direction: str, rate: float) -> np.ndarray:
    """Trace of time (s), current (A), voltage (V), mean lithium content; (n, 4): current, then rest."""
    current_a = (1.0 if direction == "charge" else -1.0) * CAPACITY_AH * rate
    active_s = PASSED / rate * 3600.0
    values = half_cell_parameters()
    values["Initial concentration in positive electrode [mol.m-3]"] = START[direction] * 63104.0
    steps = [
        pybamm.step.current(-applied_a, duration=duration_s, period=duration_s / SAMPLES)
        for applied_a, duration_s in ((current_a, active_s), (0.0, REST_S))
    ]
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM({"working electrode": "positive"}),
        experiment=pybamm.Experiment([tuple(steps)]),
        parameter_values=values,
        var_pts={"x_n": 20, "x_s": 20, "x_p": 20, "r_n": 20, "r_p": 100},
        solver=pybamm.IDAKLUSolver(rtol=1e-9, atol=1e-11),
    )
    solution = simulation.solve()
    active_t = active_s / SAMPLES * np.arange(1, SAMPLES + 1)
    rest_t = active_s + REST_S / SAMPLES * np.arange(1, SAMPLES + 1)
    time_s = np.concatenate([active_t, rest_t])
    applied = np.repeat([current_a, 0.0], SAMPLES)
    # At the end of the current PyBaMM has both values; a moment before is the one under current.
    at = np.where(time_s == active_s, active_s - 1e-3, time_s)
    voltage = solution["Terminal voltage [V]"](at)
    content = solution["Average positive particle stoichiometry"](at)
    return np.stack([time_s, applied, voltage, content], axis=1)


def main() -> None:
    traces = {
        f"{direction}_{name}": solve(direction, rate)
        for direction in START
        for name, rate in (("c10", 0.1), ("c2", 0.5))
    }
    np.savez_compressed(Path(__file__).with_name("pybamm_spm.npz"), **traces)


if __name__ == "__main__":
    main()
