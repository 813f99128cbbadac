"""Makes pybamm_protocols.npz: what PyBaMM does of our exported protocols, for the test of agreement.

Run it where PyBaMM is installed (extra `pybamm`): `python make_pybamm_protocol_traces.py`. Each file in
`protocols` is exported by `operando protocol FILE --to pybamm`, and PyBaMM's single-particle model runs the
strings on the half cell of `make_pybamm_traces.py`, from lithium content 0.8.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ["PYBAMM_DISABLE_TELEMETRY"] = "true"

import numpy as np
import pybamm
from make_pybamm_traces import half_cell_parameters

PROTOCOLS = Path(__file__).with_name("protocols")
START = 0.8
PERIOD = "20 seconds"


def exported(path: Path) -> list[str]:
    """Strings of PyBaMM, as our command prints them."""
    program = "from operando.experiment.cli import app; app()"
    options = ["protocol", path, "--to", "pybamm", "--drop", "limits", "--drop", "record", "--drop", "tags"]
    command = [sys.executable, "-c", program, *map(str, options)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def solve(strings: list[str]) -> np.ndarray:
    """Trace of step, time since its start (s), current (A), voltage (V), mean lithium content; (n, 5)."""
    values = half_cell_parameters()
    values["Initial concentration in positive electrode [mol.m-3]"] = START * 63104.0
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM({"working electrode": "positive"}),
        experiment=pybamm.Experiment([tuple(strings)], period=PERIOD),
        parameter_values=values,
        var_pts={"x_n": 20, "x_s": 20, "x_p": 20, "r_n": 20, "r_p": 100},
        solver=pybamm.IDAKLUSolver(rtol=1e-8, atol=1e-10),
    )
    (cycle,) = simulation.solve().cycles
    return np.concatenate([_rows(number, step) for number, step in enumerate(cycle.steps)])


def _rows(number: int, step: pybamm.Solution) -> np.ndarray:
    time_s = step["Time [s]"].entries
    names = ("Terminal voltage [V]", "Average positive particle stoichiometry")
    voltage_v, content = (step[name].entries for name in names)
    current_a = -step["Current [A]"].entries
    return np.stack([np.full(time_s.size, number), time_s - time_s[0], current_a, voltage_v, content], axis=1)


def main() -> None:
    traces = {path.stem: solve(exported(path)) for path in sorted(PROTOCOLS.glob("*.json"))}
    np.savez_compressed(Path(__file__).with_name("pybamm_protocols.npz"), **traces)


if __name__ == "__main__":
    main()
