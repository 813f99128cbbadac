"""Spectra as the instrument measures them: what the circuit says, in the time it takes, inside the limits."""

from itertools import pairwise

import numpy as np
import pytest
from operando.devices.eclab import load_list, techniques
from operando.devices.impedance import GalvanostaticImpedance, PotentiostaticImpedance
from operando.devices.protocol import ConstantCurrent, Loop, Protocol
from operando.simulated_beamline.instrument.cycler import Cycler, State
from operando.simulated_beamline.instrument.impedance import POINT_COLUMNS
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.technique import ProgramError, compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

CELL = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
ONE_C_A = CELL.theoretical_capacity_mah / 1000
START_S = 1.7e9
FREQUENCIES = {"start_frequency_hz": 1e4, "end_frequency_hz": 0.1, "points_per_decade": 4}
PEIS = PotentiostaticImpedance(amplitude_v=0.005, **FREQUENCIES)
GEIS = GalvanostaticImpedance(amplitude_a=1e-4, **FREQUENCIES)
NOISE = {"voltage_noise_v": 5e-5, "current_noise_a": 2e-6}


def loaded(*steps, content=0.6, voltage_noise_v=0.0, current_noise_a=0.0, **limits):
    """Cycler that has begun a protocol as the device words it."""
    program = techniques(Protocol(steps))
    values = {f"{one.name}:{one.index}:{key}": value for one in program for key, value in one.parameters}
    meter = Meter(voltage_noise_v, current_noise_a, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1))
    cell = HalfCell(CELL, lithium_content=content)
    coulometry = Coulometry(CELL.theoretical_capacity_mah, content)
    cycler = Cycler(cell, meter, coulometry, temperature_degc=25.0, time_s=START_S)
    bounds = {"vmax": 4.5, "vmin": 2.5, "imax": 1.0, "qmax": 5.0, "tmax": 60.0} | limits
    for name, value in bounds.items():
        setattr(cycler.safety, name, value)
    cycler.load(compile_program(load_list(program), values))
    cycler.start()
    return cycler


def lived(cycler, until_s=1e5):
    """Points of a cycler left alone until its protocol ended, by column."""
    end_s = cycler.time_s + until_s
    while cycler.time_s < end_s - 1e-3 and cycler.state is State.RUNNING:
        cycler.advance(end_s, 1000)
    return points(cycler)


def points(cycler):
    return dict(zip(POINT_COLUMNS, cycler.impedance.record.block(0, 10_000).T, strict=True))


def impedance(found):
    return found["real"] + 1j * found["imaginary"]


@pytest.mark.parametrize("step", [PEIS, GEIS])
def test_without_noise_a_spectrum_at_rest_is_the_cells_own(step):
    cycler = loaded(step)
    expected = cycler.cell.small_signal()
    found = lived(cycler)
    assert found["frequency"] == pytest.approx(np.geomspace(1e4, 0.1, 21))
    assert impedance(found) == pytest.approx(expected.impedance(found["frequency"]), rel=1e-6)
    assert found["voltage"] == pytest.approx(cycler.sample.voltage, abs=1e-6)
    assert found["point"].tolist() == list(range(21))


def test_the_current_answers_a_potentiostatic_sinus_and_the_voltage_a_galvanostatic_one():
    potentiostatic, galvanostatic = lived(loaded(PEIS)), lived(loaded(GEIS))
    assert potentiostatic["voltage_amplitude"] == pytest.approx(0.005)
    assert galvanostatic["current_amplitude"] == pytest.approx(1e-4)
    sizes = np.abs(impedance(potentiostatic))
    assert potentiostatic["current_amplitude"] == pytest.approx(0.005 / sizes)
    assert galvanostatic["voltage_amplitude"] == pytest.approx(1e-4 * np.abs(impedance(galvanostatic)))


def test_the_noise_of_a_phasor_is_that_of_its_samples():
    meter = Meter(5e-5, 2e-6, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1))
    voltages = np.array([meter.voltage_phasor(0.01 + 0j, 400) for _ in range(2000)])
    assert np.mean(voltages) == pytest.approx(0.01, abs=4e-7)
    for part in (voltages.real, voltages.imag):
        assert np.std(part) == pytest.approx(5e-5 * np.sqrt(2 / 400), rel=0.06)
    # The range that holds 1.1 mA is a tenth of the widest, its noise too.
    currents = np.array([meter.current_phasor(1e-4 + 0j, 1e-3, 400) for _ in range(2000)])
    assert np.std(currents.real) == pytest.approx(2e-7 * np.sqrt(2 / 400), rel=0.06)


def test_noise_of_both_meters_is_in_a_spectrum():
    quiet = lived(loaded(PEIS))
    wrong = impedance(lived(loaded(PEIS, **NOISE))) / impedance(quiet) - 1
    expected = np.hypot(5e-5 / 0.005, 2e-7 / quiet["current_amplitude"]) * np.sqrt(2 / 100)
    assert 0.7 < np.std([*(wrong.real / expected), *(wrong.imag / expected)]) < 1.3


def test_a_current_beyond_the_widest_range_is_cut_and_told():
    meter = Meter(0.0, 0.0, 0.0, 0.0, (0.0, 5.0), 1e-3, np.random.default_rng(1))
    assert meter.current_phasor(2e-3 + 0j, 0.0, 100) == pytest.approx(1e-3)
    assert meter.current_overflow


@pytest.mark.parametrize(
    ("change", "expected_periods"),
    [({}, 1.1), ({"measures_per_point": 3}, 3.1), ({"drift_correction": True, "settling_periods": 1.0}, 3.0)],
)
def test_a_spectrum_takes_the_time_of_its_periods(change, expected_periods):
    step = PotentiostaticImpedance(amplitude_v=0.005, hold_s=30.0, **(FREQUENCIES | change))
    cycler = loaded(step)
    found = lived(cycler)
    frequency = np.geomspace(1e4, 0.1, 21)
    ends = 30.0 + np.cumsum(np.maximum(expected_periods / frequency, 0.1))
    assert found["time"] - START_S == pytest.approx(ends, abs=1e-3)
    assert cycler.time_s - START_S == pytest.approx(step.longest_s, abs=1e-3)


def test_the_cell_lives_on_about_its_voltage_while_it_is_measured():
    slow = PotentiostaticImpedance(
        amplitude_v=0.005, start_frequency_hz=1.0, end_frequency_hz=1e-3, points_per_decade=3
    )
    cycler = loaded(ConstantCurrent(ONE_C_A / 2, until_time_s=600.0), slow)
    held_v = None
    while cycler.state is State.RUNNING:
        cycler.advance(cycler.time_s + 50.0, 1000)
        if held_v is None and cycler.step is not None and cycler.step.impedance:
            held_v = cycler.sample.voltage
    found = points(cycler)
    assert found["voltage"] == pytest.approx(held_v, abs=1e-9)
    assert found["current"][0] > 1.2 * found["current"][-1] > 0
    assert np.all(np.diff(found["capacity"]) > 0)
    assert np.all(np.diff(found["lithium_content"]) < 0)


def test_a_current_of_its_own_flows_about_which_the_cell_is_measured():
    step = GalvanostaticImpedance(amplitude_a=1e-4, current_a=ONE_C_A / 10, **FREQUENCIES)
    found = lived(loaded(step))
    assert found["current"] == pytest.approx(ONE_C_A / 10)
    present = GalvanostaticImpedance(amplitude_a=1e-4, current_a=None, **FREQUENCIES)
    found = lived(loaded(ConstantCurrent(ONE_C_A / 5, until_time_s=60.0), present))
    assert found["current"] == pytest.approx(ONE_C_A / 5)


def test_each_pass_of_a_loop_is_a_spectrum_of_its_own():
    cycler = loaded(ConstantCurrent(ONE_C_A / 2, until_time_s=360.0), PEIS, Loop("charge-1", 2))
    found = lived(cycler)
    assert found["spectrum"].tolist() == np.repeat([0, 1, 2], 21).tolist()
    assert found["step"].tolist() == [1] * 63
    spectra = impedance(found).reshape(3, 21)
    for before, after in pairwise(spectra):
        assert abs(before[-1] - after[-1]) > 1e-3 * abs(before[-1])


def test_a_frequency_that_was_interrupted_is_measured_again_after_the_pause():
    cycler = loaded(PEIS)
    cycler.advance(START_S + 10.0, 1000)
    measured = cycler.impedance.record.count
    held_v = cycler.sample.voltage
    cycler.hold("rest")
    cycler.advance(START_S + 100.0, 1000)
    assert cycler.impedance.record.count == measured
    assert cycler.sample.swing_v == 0
    cycler.resume()
    found = lived(cycler)
    assert len(found["point"]) == 21
    frequency_hz = found["frequency"][measured]
    assert found["time"][measured] - START_S == pytest.approx(100.0 + 1.1 / frequency_hz, abs=1e-3)
    assert found["voltage"][-1] == pytest.approx(held_v, abs=1e-6)


def test_the_peak_of_a_sinus_that_passes_the_highest_voltage_trips():
    cell_v = HalfCell(CELL, lithium_content=0.6).state.voltage_v
    cycler = loaded(PEIS, vmax=cell_v + 0.004)
    assert lived(cycler)["point"].size <= 1
    assert cycler.state is State.STOPPED
    assert cycler.safety.cause.startswith("peak voltage")
    assert cycler.time_s - START_S < cycler.safety.delay + 0.01


def test_the_peak_of_the_current_that_answers_trips():
    cycler = loaded(PotentiostaticImpedance(amplitude_v=0.005, **FREQUENCIES), imax=3e-4)
    lived(cycler)
    assert cycler.safety.tripped
    assert cycler.safety.cause.startswith("peak current")


def test_a_galvanostatic_sinus_is_ended_where_its_slow_swing_passes_the_lowest_voltage():
    step = GalvanostaticImpedance(
        amplitude_a=1e-3, start_frequency_hz=10.0, end_frequency_hz=1e-4, points_per_decade=2
    )
    cycler = loaded(step)
    cycler.safety.vmin = cycler.sample.voltage - 0.06
    found = lived(cycler)
    assert cycler.safety.tripped
    assert 0 < len(found["point"]) < 11
    assert np.all(found["voltage"] - found["voltage_amplitude"] > cycler.safety.vmin)


def test_without_contact_there_is_no_impedance():
    cycler = loaded(PEIS)
    cycler.safety.vmin = -1.0
    cycler.set_leads(contact=False)
    assert np.isnan(impedance(lived(cycler))).all()


def test_old_points_leave_the_memory_by_their_number():
    record = lived(loaded(PEIS))
    cycler = loaded(PEIS)
    cycler.impedance.record._rows = np.zeros((10, len(POINT_COLUMNS)))
    lived(cycler)
    rows = cycler.impedance.record.block(0)
    assert rows[:, 0].tolist() == list(range(11, 21))
    assert rows[:, 3] == pytest.approx(record["frequency"][11:])


@pytest.mark.parametrize(
    ("parameter", "value", "told"),
    [
        ("AMPV", 0.0, "PEIS AMPV is 0.0; give a positive number"),
        ("NFREQ", 0.0, "PEIS NFREQ is 0.0; give 1 or more"),
        ("DURSTEP", -1.0, "PEIS DURSTEP is -1.0; give 0 or more"),
    ],
)
def test_a_spectrum_that_makes_no_sense_is_not_loaded(parameter, value, told):
    with pytest.raises(ProgramError, match=told):
        compile_program("peis", {f"PEIS:0:{parameter}": value})
