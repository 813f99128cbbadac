"""One protocol file, carried out by our cycler on our cell and, exported, by PyBaMM: the same voltages."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("aurora_unicycler", reason="needs the extra 'protocols'")

from operando.devices.eclab import load_list, techniques
from operando.experiment.protocol_files.unicycler import read_unicycler
from operando.simulated_beamline.instrument.cycler import Cycler, State
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

REFERENCE = Path(__file__).parents[2] / "reference"
CELL = CellParameters.chen2020()
START = 0.8
TIME, VOLTAGE, CURRENT, CONTENT, STEP = 1, 2, 3, 5, 8
STEPS = {"charge_hold_rest": 6, "titration": 12}
SAMPLE_S = 10.0
LARGEST_RMS_V = 5e-4
"""A tenth of what was asked for."""


def recorded(path: Path) -> np.ndarray:
    """Record of our cycler after it has carried out a protocol file on the cell that PyBaMM had."""
    read = read_unicycler(path)
    program = techniques(read.protocol)
    values = {f"{one.name}:{one.index}:{key}": value for one in program for key, value in one.parameters}
    cycler = Cycler(
        HalfCell(CELL, lithium_content=START),
        Meter(0.0, 0.0, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1)),
        Coulometry(CELL.theoretical_capacity_mah, START),
        temperature_degc=25.0,
        time_s=1.7e9,
    )
    safety, asked = cycler.safety, read.safety
    safety.vmax, safety.vmin, safety.imax = asked.voltage_max_v, asked.voltage_min_v, asked.current_max_a
    safety.qmax, safety.tmax = 100.0, 60.0
    cycler.load(compile_program(load_list(program), values))
    cycler.start()
    while cycler.state is State.RUNNING:
        cycler.advance(cycler.time_s + 3600.0, 1000)
    assert cycler.message == "the protocol has ended"
    return cycler.record.block(0, 100_000)[:-1]


def steps_of(record: np.ndarray) -> list[np.ndarray]:
    """Rows of each step in the order in which they were carried out, loops included."""
    return np.split(record, np.flatnonzero(np.diff(record[:, STEP])) + 1)


@pytest.fixture(scope="module", params=STEPS)
def pairs(request: pytest.FixtureRequest) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of ours, and PyBaMM's time in the step, current, voltage and lithium content, of each step."""
    with np.load(REFERENCE / "pybamm_protocols.npz") as traces:
        trace = traces[request.param]
    theirs = [trace[trace[:, 0] == number, 1:] for number in range(STEPS[request.param])]
    ours = steps_of(recorded(REFERENCE / "protocols" / f"{request.param}.json"))
    assert len(ours) == len(theirs)
    return list(zip(ours, theirs, strict=True))


def both(ours: np.ndarray, theirs: np.ndarray, column: int, their_column: int) -> np.ndarray:
    """Difference of a quantity at PyBaMM's instants after the first, as long as both are in the step."""
    elapsed_s = ours[:, TIME] - ours[0, TIME]
    at = (theirs[:, 0] > 0) & (theirs[:, 0] <= elapsed_s[-1])
    return np.interp(theirs[at, 0], elapsed_s, ours[:, column]) - theirs[at, their_column]


def test_every_step_agrees_within_half_a_millivolt_rms(pairs):
    for ours, theirs in pairs:
        error_v = both(ours, theirs, VOLTAGE, 2)
        assert error_v.size > 0.9 * len(theirs)
        assert np.sqrt(np.mean(error_v**2)) < LARGEST_RMS_V


def test_every_step_lasts_as_long_and_leaves_the_same_lithium_content(pairs):
    for ours, theirs in pairs:
        assert ours[-1, TIME] - ours[0, TIME] == pytest.approx(theirs[-1, 0], abs=SAMPLE_S)
        assert ours[-1, CONTENT] == pytest.approx(theirs[-1, 3], abs=1e-3)


def test_the_current_of_every_step_agrees(pairs):
    for ours, theirs in pairs:
        error_a = both(ours, theirs, CURRENT, 1)
        assert np.sqrt(np.mean(error_a**2)) < 5e-3 * np.abs(theirs[:, 1]).max() + 1e-9
