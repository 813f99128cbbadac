"""A cell in a heater against the analytic lag of first order, and its runaway."""

import math

import numpy as np
import pytest
from operando.simulated_beamline.physics.heater import Heater, HeaterState, heated, own_heat_degc

HEATER = Heater(time_constant_s=20.0, runaway_degc=180.0)
COLD = HeaterState(0.0, 25.0, 25.0)


def test_the_cell_lags_behind_a_ramp_by_slope_times_time_constant():
    state = heated(HEATER, COLD, 300.0, setpoint_degc=175.0, ramp_k_s=0.5)
    assert state.target_degc == pytest.approx(175.0)
    assert state.cell_degc == pytest.approx(175.0 - 10.0, abs=1e-3)


def test_many_small_steps_are_one_large_one():
    state = COLD
    for time_s in np.arange(1.0, 401.0):
        state = heated(HEATER, state, float(time_s), setpoint_degc=120.0, ramp_k_s=0.5)
    whole = heated(HEATER, COLD, 400.0, setpoint_degc=120.0, ramp_k_s=0.5)
    assert state.cell_degc == pytest.approx(whole.cell_degc, abs=1e-9)
    assert math.isnan(state.runaway_began_s)


def test_runaway_begins_where_the_threshold_is_passed_and_heats_in_its_own_time():
    state = COLD
    for time_s in np.arange(1.0, 401.0):
        state = heated(HEATER, state, float(time_s), setpoint_degc=200.0, ramp_k_s=0.5)
    # The ramp reaches 190 after 330 s, the cell 180 then.
    assert state.runaway_began_s == pytest.approx(330.0, abs=0.5)
    began_s = state.runaway_began_s
    assert own_heat_degc(HEATER, began_s, began_s - 1.0) == 0.0
    assert own_heat_degc(HEATER, began_s, began_s + 0.5) == pytest.approx(600.0 * (1.0 - math.exp(-1.0)))
    assert own_heat_degc(HEATER, math.nan, 1e9) == 0.0
