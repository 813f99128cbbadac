"""Every technique from its file to the cycler's record: steps end where the file says, within one sample."""

import re
from pathlib import Path

import numpy as np
import operando.experiment
import pytest
from operando.devices.eclab import load_list, techniques
from operando.experiment.conversion import protocol_of
from operando.experiment.reading import read_experiment
from operando.simulated_beamline.instrument.cycler import Cycler, State
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

DEFAULT = (Path(operando.experiment.__file__).parent / "nmc811.toml").read_text()
CELL = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
START = 0.6
ROUNDING = {"time": 1e-3, "voltage": 1e-6, "current": 1e-9, "power": 1e-9, "capacity": 1e-7, "x": 1e-9}
CHARGE = 'technique = "constant_current"\ndirection = "charge"\n'
DISCHARGE = 'technique = "constant_current"\ndirection = "discharge"\n'
HOLD = 'technique = "constant_voltage"\nvoltage_v = 4.0\n'
POWER = 'technique = "constant_power"\npower_mw = 5.0\n'
SWEEP = 'technique = "voltage_ramp"\nscan_rate_mv_s = 1.0\n'
STEPS = {
    "rest": ('technique = "rest"\nuntil_time_s = "2 min"', [("time", 120.0)]),
    "rest to a slope": (
        'technique = "rest"\nuntil_time_s = "1 h"\nuntil = "voltage_rate below 1e-3"',
        [("time", 10.0)],
    ),
    "charge to a voltage": (CHARGE + 'rate = "C/2"\nuntil_voltage_v = 3.95', [("voltage", 3.95)]),
    "charge for a time": (
        CHARGE + 'current_ma = 1.0\nuntil_time_s = "10 min"\nuntil_voltage_v = 4.3',
        [("time", 600.0), ("voltage", 4.3)],
    ),
    "discharge to a voltage": (DISCHARGE + 'rate = "C/2"\nuntil_voltage_v = 3.65', [("voltage", -3.65)]),
    "discharge of a capacity": (DISCHARGE + 'rate = "1C"\nuntil_capacity_mah = 0.1', [("capacity", 0.1)]),
    "charge to a lithium content": (
        CHARGE + 'rate = "C/2"\nuntil = "lithium_content below 0.57"',
        [("x", -0.57)],
    ),
    "charge to a state of charge": (
        CHARGE + 'rate = "C/2"\nuntil = "state_of_charge above 0.43 or voltage above 4.3"',
        [("x", -0.57), ("voltage", 4.3)],
    ),
    "hold to a current": (HOLD + "until_current_ma = 0.2", [("current", -2e-4)]),
    "hold to a rate": (HOLD + 'until_rate = "C/5"', [("current", -2.011e-3 / 5)]),
    "hold for a time": (HOLD + 'until_time_s = "5 min"', [("time", 300.0)]),
    "power to a voltage": (POWER + 'direction = "charge"\nuntil_voltage_v = 3.95', [("voltage", 3.95)]),
    "power of a capacity": (POWER + 'direction = "discharge"\nuntil_capacity_mah = 0.1', [("capacity", 0.1)]),
    "sweep up": (SWEEP + "to_voltage_v = 4.1", [("voltage", 4.1)]),
    "sweep down": (SWEEP + "to_voltage_v = 3.6", [("voltage", -3.6)]),
    "sweep to a power": (
        SWEEP + 'to_voltage_v = 4.3\nuntil = "power above 0.004"',
        [("power", 0.004), ("voltage", 4.3)],
    ),
    "wait for a trigger": ('technique = "wait_for_trigger"\ntimeout_s = "90 s"', [("time", 90.0)]),
}
"""Steps as a file has them, and their ends; a negative level is reached from above."""


def carried_out(tmp_path: Path, step: str) -> np.ndarray:
    """Rows that the cycler recorded of a step, which is the only one of an experiment file."""
    head, _, rest = DEFAULT.partition("[[protocol.steps]]")
    tail = rest[rest.index("[[references]]") :]
    path = tmp_path / "one.toml"
    path.write_text(re.sub(r"de_v = [\d.]+", "de_v = 0.001", f"{head}[[protocol.steps]]\n{step}\n\n{tail}"))
    program = techniques(protocol_of(read_experiment(path)))
    values = {f"{one.name}:{one.index}:{key}": value for one in program for key, value in one.parameters}
    cycler = Cycler(
        HalfCell(CELL, lithium_content=START),
        Meter(0.0, 0.0, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1)),
        Coulometry(CELL.theoretical_capacity_mah, START),
        temperature_degc=25.0,
        time_s=1.7e9,
    )
    safety = cycler.safety
    safety.vmax, safety.vmin, safety.imax, safety.qmax, safety.tmax = 4.4, 2.5, 5e-2, 5.0, 50.0
    cycler.load(compile_program(load_list(program), values))
    cycler.start()
    while cycler.state is State.RUNNING:
        cycler.advance(cycler.time_s + 600.0, 1000)
    assert cycler.message == "the protocol has ended"
    return cycler.record.block(0, 100_000)[:-1]


def towards(record: np.ndarray, quantity: str, level: float) -> np.ndarray:
    """What is left to an end at each row: positive before it, zero or less once it is reached."""
    time_s, voltage, current, capacity, content = record[:, 1:6].T
    followed = {
        "time": time_s - time_s[0],
        "voltage": voltage,
        "current": np.abs(current),
        "power": np.abs(voltage * current),
        "capacity": np.abs(capacity - capacity[0]),
        "x": content,
    }[quantity]
    return (abs(level) - followed) * np.sign(level)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_a_file_ends_where_the_file_says_within_one_sample(tmp_path, name):
    text, ends = STEPS[name]
    record = carried_out(tmp_path, text)
    left = {quantity: towards(record, quantity, level)[1:] for quantity, level in ends}
    assert any(values[-1] <= ROUNDING[quantity] for quantity, values in left.items())
    for quantity, values in left.items():
        assert np.all(values[:-1] > -ROUNDING[quantity])
        assert -values[-1] <= abs(values[-1] - values[-2]) + ROUNDING[quantity]


@pytest.mark.parametrize(
    ("name", "kept", "tolerance"),
    [
        ("charge for a time", ("current", 1e-3), 1e-9),
        ("discharge of a capacity", ("current", 2.011e-3), 1e-9),
        ("hold to a current", ("voltage", 4.0), 1e-6),
        ("power to a voltage", ("power", 5e-3), 1e-6),
        ("rest", ("current", 0.0), 1e-12),
    ],
)
def test_a_step_of_a_file_keeps_what_the_file_says(tmp_path, name, kept, tolerance):
    quantity, level = kept
    record = carried_out(tmp_path, STEPS[name][0])[1:]
    assert len(record) > 5
    assert towards(record, quantity, level or 1e-300) == pytest.approx(0.0, abs=tolerance)
