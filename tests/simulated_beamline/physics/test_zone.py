"""Currents that parallel zones share."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.parameters import CellParameters
from operando.simulated_beamline.physics.zone import COMPLIANCE_V, ParallelZones, Surface

ZONES = ParallelZones(CellParameters.nmc811(zone_count=4, window_resistance_ohm_cm2=50.0))


def surface(lithium_content: float) -> Surface:
    free = np.full(4, lithium_content) + np.array([0.02, 0.0, -0.01, 0.01])
    fall = np.full(4, 50.0 / ZONES.charge_c_cm2)
    return Surface(free, fall, np.zeros(4), (free - 1 + 1e-6) / fall, (free - 1e-6) / fall)


def test_zone_currents_sum_to_the_requested_current_under_one_voltage():
    here = surface(0.6)
    current, voltage = ZONES.at_current(2e-3, here, np.zeros(4))
    assert ZONES.area_cm2 @ current == pytest.approx(2e-3, rel=1e-12)
    assert ZONES.voltage(current, here)[0] == pytest.approx(np.full(4, voltage), abs=1e-6)


def test_voltage_control_inverts_current_control():
    here = surface(0.4)
    current, voltage = ZONES.at_current(-3e-3, here, np.zeros(4))
    assert ZONES.at_voltage(voltage, here, np.zeros(4)) == pytest.approx(current, rel=1e-6)


def test_voltage_rises_with_current_and_its_derivative_is_right():
    here = surface(0.5)
    grid = np.linspace(0.98 * here.lowest_a_cm2, 0.98 * here.highest_a_cm2, 400)
    voltage = np.array([ZONES.voltage(row, here)[0] for row in grid])
    assert np.all(np.diff(voltage, axis=0) > 0)
    at, step = np.full(4, 1e-3), 1e-8
    central = (ZONES.voltage(at + step, here)[0] - ZONES.voltage(at - step, here)[0]) / (2 * step)
    assert ZONES.voltage(at, here)[1] == pytest.approx(central, rel=1e-4)


@pytest.mark.parametrize(("current", "limit"), [(1e3, COMPLIANCE_V[1]), (-1e3, COMPLIANCE_V[0])])
def test_an_impossible_current_gives_the_compliance_and_what_flows_there(current, limit):
    here = surface(0.5)
    delivered, voltage = ZONES.at_current(current, here, np.zeros(4))
    assert voltage == limit
    assert 0 < np.sign(current) * (ZONES.area_cm2 @ delivered) < abs(current)


@pytest.mark.parametrize("content", [0.011, 0.02, 0.97, 0.979])
def test_bad_guesses_at_the_steep_ends_find_the_same_currents(content):
    here = surface(content)
    current, voltage = ZONES.at_current(1e-5, here, np.zeros(4))
    wild, wild_voltage = ZONES.at_current(1e-5, here, np.array([5.0, -5.0, 1.0, -1.0]))
    assert wild_voltage == pytest.approx(voltage, abs=1e-6)
    assert ZONES.area_cm2 @ wild == pytest.approx(ZONES.area_cm2 @ current, rel=1e-4)
