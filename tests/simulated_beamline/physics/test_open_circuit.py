"""The open-circuit curve: measured points, steep ends, slope, refusals."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.open_circuit import NMC811, OpenCircuitCurve, chen2020_voltage

# Measured at C/34 (design notes, "NMC811 half cell").
MEASURED = [
    (0.267, 4.298), (0.30, 4.205), (0.35, 4.168), (0.40, 4.104), (0.50, 3.965),
    (0.60, 3.825), (0.70, 3.736), (0.80, 3.657), (0.90, 3.566), (0.95, 3.527),
]  # fmt: skip


def test_nmc811_passes_through_the_measured_voltages():
    x, voltage = np.array(MEASURED).T
    assert NMC811.evaluate(x)[0] == pytest.approx(voltage, abs=1e-4)


def test_nmc811_falls_strictly_from_empty_to_full():
    voltage, slope = NMC811.evaluate(np.linspace(0.0, 1.0, 50_001))
    assert np.all(np.diff(voltage) < 0)
    assert np.all(slope[1:-1] < 0)


def test_nmc811_falls_steeply_near_full_lithiation_and_rises_above_4p3_v():
    voltage, _ = NMC811.evaluate(np.array([0.975, 0.99, 0.995, 0.20, 0.05]))
    assert voltage[:3] == pytest.approx([3.49, 3.19, 2.70], abs=2e-3)
    assert voltage[3] > 4.35
    assert voltage[4] > 4.7


def test_nmc811_stays_between_0_and_5p5_v_over_the_whole_range():
    voltage, _ = NMC811.evaluate(np.array([0.0, 1.0]))
    assert 5.4 < voltage[0] < 5.5
    assert 0.0 < voltage[1] < 0.1


def test_nmc811_shows_the_measured_features_in_differential_capacity():
    voltage, slope = NMC811.evaluate(np.arange(0.27, 0.80, 0.004))
    capacity = -1.0 / slope
    inner = capacity[1:-1]
    peaks = voltage[1:-1][(inner > capacity[:-2]) & (inner > capacity[2:])]
    # Measured on charge and discharge: 3.733/3.732, 4.005/3.992, 4.181/4.172 V.
    assert peaks == pytest.approx([4.176, 4.000, 3.733], abs=0.025)


def test_slope_is_the_derivative_of_the_voltage():
    x = np.linspace(0.05, 0.95, 31)
    step = 1e-6
    central = (NMC811.evaluate(x + step)[0] - NMC811.evaluate(x - step)[0]) / (2 * step)
    assert NMC811.evaluate(x)[1] == pytest.approx(central, rel=1e-3, abs=1e-3)


def test_a_tabulated_function_is_kept_to_a_microvolt():
    curve = OpenCircuitCurve.from_function(chen2020_voltage)
    x = np.linspace(0.0, 1.0, 10_007)
    assert np.max(np.abs(curve.evaluate(x)[0] - chen2020_voltage(x))) < 1e-6


@pytest.mark.parametrize(
    ("x", "voltage", "says"),
    [
        ([0.0, 0.5, 0.9], [5.0, 4.0, 3.0], "from 0 to 1"),
        ([0.0, 0.5, 1.0], [5.0, 5.0, 3.0], "fall strictly"),
        ([0.0, 0.5, 1.0], [5.0, float("nan"), 3.0], "finite"),
    ],
)
def test_a_curve_that_is_no_voltage_curve_is_refused(x, voltage, says):
    with pytest.raises(ValueError, match=says):
        OpenCircuitCurve(x, voltage)
