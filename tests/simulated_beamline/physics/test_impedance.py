"""Impedance of the half cell: against its own answer in time, its limits, and Kramers-Kronig."""

from dataclasses import replace

import numpy as np
import pytest
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.diffusion import sphere_eigenvalues
from operando.simulated_beamline.physics.impedance import sphere_fall_s
from operando.simulated_beamline.physics.parameters import CellParameters, ZoneParameters

PARAMETERS = CellParameters.nmc811()
C_10_A = PARAMETERS.theoretical_capacity_mah / 1e4
NO_HYSTERESIS = replace(PARAMETERS, half_hysteresis_v=0.0)


def impedance(cell: HalfCell, *frequencies_hz: float) -> np.ndarray:
    return cell.small_signal().impedance(np.array(frequencies_hz))


def answer_in_time(cell: HalfCell, frequency_hz: float, direct_a: float = 0.0) -> complex:
    """Let three periods of a small sinus pass; give the fundamental of the answer, drift removed."""
    amplitude_a, points = 1e-5, 100
    angle = 2 * np.pi * np.arange(1, 3 * points + 1) / points
    duration_s = 1 / (frequency_hz * points)
    # A current that stands for a step is that of the step's middle; at a jump counts the mean of both sides.
    currents = direct_a + amplitude_a * np.sin(angle - np.pi / points)
    following = np.append(currents[1:], direct_a + amplitude_a * np.sin(np.pi / points))
    sides = [
        (cell.step(duration_s, current_a=now).voltage_v, cell.step(0.0, current_a=then).voltage_v)
        for now, then in zip(currents, following, strict=True)
    ]
    voltage = np.mean(sides, axis=1)
    later = slice(points, None)
    drift = np.vander(angle[later] / angle[-1], 4)
    columns = np.column_stack([np.sin(angle[later]), np.cos(angle[later]), drift])
    in_phase, across, *_ = np.linalg.lstsq(columns, voltage[later], rcond=None)[0]
    return complex(in_phase, across) / amplitude_a


@pytest.mark.parametrize("lithium_content", [0.9, 0.3])
@pytest.mark.parametrize("frequency_hz", [1e-3, 1e-2])
def test_it_is_the_cells_own_answer_to_a_small_sinus_at_rest(lithium_content, frequency_hz):
    cell = HalfCell(PARAMETERS, lithium_content=lithium_content)
    expected = impedance(cell, frequency_hz)[0]
    assert abs(answer_in_time(cell, frequency_hz) / expected - 1) < 0.01


def test_it_is_the_cells_own_answer_while_a_current_flows():
    cell = HalfCell(PARAMETERS, lithium_content=0.7)
    cell.step(1800.0, current_a=C_10_A)
    before = impedance(cell, 5e-3)[0]
    answer = answer_in_time(cell, 5e-3, direct_a=C_10_A)
    # The cell moves on: what was fitted lies about two thirds of the way.
    expected = before + (impedance(cell, 5e-3)[0] - before) * 2 / 3
    assert abs(answer / expected - 1) < 0.01


def test_it_ends_at_low_frequency_in_the_slope_of_the_open_circuit_curve():
    cell = HalfCell(NO_HYSTERESIS, lithium_content=0.6)
    slope_v = float(PARAMETERS.curve.evaluate(np.array([0.6]))[1][0])
    farad = 3.6 * PARAMETERS.theoretical_capacity_mah / -slope_v
    omega = 2 * np.pi * 1e-7
    slow = impedance(cell, 1e-7)[0]
    assert -1 / (omega * slow.imag) == pytest.approx(farad, rel=1e-3)
    # In series: all resistances, and a fifteenth of the time of diffusion over the capacity.
    signal = cell.small_signal()
    tau_s = PARAMETERS.radius_m**2 / PARAMETERS.diffusivity_m2_s
    zones = signal.ohmic_ohm_cm2 + signal.cathode_ohm_cm2 + signal.lithium_ohm_cm2
    resistance = np.sum(signal.area_cm2 * zones) / np.sum(signal.area_cm2) ** 2
    assert slow.real == pytest.approx(resistance + tau_s / 15 / farad, rel=1e-3)


def test_hysteresis_adds_its_slope_at_rest_and_none_to_a_current_that_has_turned_it():
    omega = 2 * np.pi * 1e-7
    rested = [HalfCell(each, lithium_content=0.6) for each in (PARAMETERS, NO_HYSTERESIS)]
    added = -omega * np.diff([impedance(cell, 1e-7)[0].imag for cell in rested])[0]
    slope_v = PARAMETERS.half_hysteresis_v / PARAMETERS.hysteresis_lithium_content
    assert -added == pytest.approx(slope_v / (3.6 * PARAMETERS.theoretical_capacity_mah), rel=1e-3)
    for cell in rested:
        cell.step(7200.0, current_a=C_10_A)
    turned = [impedance(cell, 1e-3)[0] for cell in rested]
    assert abs(turned[0] - turned[1]) < 1e-3 * abs(turned[0])


def test_it_ends_at_high_frequency_in_the_ohmic_resistances():
    zones = (ZoneParameters(0.25, 8.0), ZoneParameters(0.75, 20.0))
    cell = HalfCell(replace(PARAMETERS, zones=zones, spot_zone=0), lithium_content=0.6)
    assert impedance(cell, 1e9)[0] == pytest.approx(1 / (0.25 / 8.0 + 0.75 / 20.0), rel=1e-4)


def test_a_step_of_current_is_answered_at_once_by_all_resistances_but_the_double_layers():
    bare = replace(PARAMETERS, cathode_double_layer_f_cm2=1e-15, lithium_double_layer_f_cm2=1e-15)
    cell = HalfCell(bare, lithium_content=0.6)
    before_v = cell.state.voltage_v
    jump_v = cell.step(0.0, current_a=1e-5).voltage_v - before_v
    # What the cell's 40 modes of diffusion leave out follows at once as well.
    tau_s = PARAMETERS.radius_m**2 / PARAMETERS.diffusivity_m2_s
    left_out_s = tau_s * (1 / 15 - np.sum(2 / 3 / sphere_eigenvalues(40) ** 2))
    slope_v = float(PARAMETERS.curve.evaluate(np.array([0.6]))[1][0])
    left_out_ohm = -slope_v * left_out_s / (3.6 * PARAMETERS.theoretical_capacity_mah)
    assert jump_v / 1e-5 == pytest.approx(impedance(cell, 1e6)[0].real + left_out_ohm, rel=2e-3)


def test_its_real_and_imaginary_parts_belong_together_by_kramers_and_kronig():
    cell = HalfCell(PARAMETERS, lithium_content=0.5)
    frequency = np.geomspace(1e-8, 1e9, 17 * 60 + 1)
    omega = 2 * np.pi * frequency
    admittance = 1 / impedance(cell, *frequency)
    for index in (400, 500, 600, 700):
        around = omega[index] * np.sqrt(omega[1] / omega[0])
        # Between two points of the grid: none falls onto the pole. What is subtracted integrates to 0.
        here = 1 / impedance(cell, around / (2 * np.pi))[0]
        integrand = (admittance.real - here.real) / (omega**2 - around**2)
        expected = 2 * around / np.pi * np.trapezoid(integrand * omega, np.log(omega))
        assert here.imag == pytest.approx(expected, abs=0.003 * abs(here))


def test_charge_transfer_tells_the_state_and_the_damage_of_the_cell():
    arcs = {x: impedance(HalfCell(PARAMETERS, lithium_content=x), 1.0)[0].real for x in (0.98, 0.9, 0.5)}
    assert arcs[0.98] > arcs[0.9] > arcs[0.5]
    slow = replace(PARAMETERS, zones=tuple(replace(each, rate_factor=0.1) for each in PARAMETERS.zones))
    assert impedance(HalfCell(slow, lithium_content=0.5), 0.05)[0].real > 2 * arcs[0.5]


def test_diffusion_at_high_frequency_is_a_warburg_element():
    fall = sphere_fall_s(np.array([10.0, 40.0]), 6812.0)
    assert np.angle(fall, deg=True) == pytest.approx([-45.0, -45.0], abs=0.2)
    assert abs(fall[0] / fall[1]) == pytest.approx(2.0, rel=2e-3)


def test_diffusion_has_no_jump_where_its_series_takes_over():
    tau_s = 6812.0
    edge = 1e-4 / (2 * np.pi * tau_s)
    below, above = sphere_fall_s(np.array([0.999 * edge, 1.001 * edge]), tau_s)
    assert below * 0.999 == pytest.approx(above * 1.001, rel=1e-5)
