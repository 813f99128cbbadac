"""Focus and stages of the nanoprobe against their formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.simulated_beamline.physics.nanobeam import GaussianSpot
from operando.simulated_beamline.physics.nanostage import Drift, PiezoAxis
from operando.simulated_beamline.physics.zone_plate import ZonePlate


def test_the_zone_plate_of_the_literature_focuses_8333_ev_at_49_mm():
    assert ZonePlate(244.0, 30.0).focal_length_mm(8333.0) == pytest.approx(49.198, abs=5e-4)


def test_from_8250_to_8450_ev_the_focus_moves_by_1_18_mm():
    # 1.217 mm is what the plate itself moves at a magnification of 32.5: (M + 1) / M more.
    plate = ZonePlate()
    moved_mm = plate.focal_length_mm(8450.0) - plate.focal_length_mm(8250.0)
    assert moved_mm * 33.5 / 32.5 == pytest.approx(1.217, abs=2e-3)


def test_an_electronvolt_without_refocus_costs_thirteen_nanometres():
    plate = ZonePlate()
    assert plate.blur_nm(8333.0, plate.focal_length_mm(8333.0)) == 0.0
    assert plate.blur_nm(8334.0, plate.focal_length_mm(8333.0)) == pytest.approx(
        0.5 * 244e3 / 8334.0, rel=1e-3
    )


@pytest.mark.parametrize("energy_ev", [0.0, -1.0, np.nan])
def test_an_energy_without_focus_is_refused(energy_ev):
    with pytest.raises(ValueError, match="no focus"):
        ZonePlate().focal_length_mm(energy_ev)


def test_a_blur_adds_in_quadrature():
    assert GaussianSpot(30.0, 40.0).blurred(40.0) == GaussianSpot(50.0, np.hypot(40.0, 40.0))


@given(x_nm=st.floats(-500.0, 500.0), width_nm=st.floats(1.0, 400.0))
def test_a_beam_well_inside_the_map_is_whole(x_nm, width_nm):
    axis_nm = np.arange(-3000.0, 3001.0, 50.0)
    _, share = GaussianSpot(width_nm, width_nm).weights(axis_nm, x_nm, 0.0)
    assert share.sum() == pytest.approx(1.0, abs=2e-4)


@given(st.lists(st.floats(-15.0, 15.0), min_size=1, max_size=20))
def test_a_piezo_errs_by_half_its_loop_at_most(commands_um):
    axis = PiezoAxis(15.0, 0.04)
    for command_um in commands_um:
        assert abs(axis.move(command_um) - command_um) <= 0.04 * 15.0 + 1e-9


def test_a_full_loop_is_as_wide_as_the_hysteresis_says():
    axis = PiezoAxis(15.0, 0.04)
    for command_um in (-15.0, 0.0):
        rising_um = axis.move(command_um)
    for command_um in (15.0, 0.0):
        falling_um = axis.move(command_um)
    assert falling_um - rising_um == pytest.approx(0.04 * 30.0)


def test_a_piezo_without_hysteresis_goes_where_it_is_told():
    assert PiezoAxis(10.0, 0.0).move(3.3) == 3.3


def test_a_piezo_refuses_what_is_beyond_its_range():
    with pytest.raises(ValueError, match="coarse stage"):
        PiezoAxis(10.0, 0.0).move(10.1)


def test_drift_is_slow_bounded_and_the_same_for_all():
    drift = Drift(60.0, 5)
    offsets = np.array([drift.offset_nm(time_s) for time_s in np.arange(0.0, 20000.0, 10.0)])
    assert np.abs(offsets).max() <= 60.0
    assert np.abs(np.diff(offsets, axis=0)).max() < 2.0
    assert drift.offset_nm(1.7e9) == Drift(60.0, 5).offset_nm(1.7e9)
