"""State of the cell at instants of another clock."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from operando.callbacks.analysis.electrochemistry import read_cycler_file
from operando.callbacks.analysis.merged_state import LithiumCount, merged_state

INSITU = Path(__file__).resolve().parents[4] / "shared/data/echem/datalab_insitu/coincell8_LDE2"


def ramp(step_v: float = 0.0) -> pd.DataFrame:
    """An hour from 1000 s on, 1 mA, 0.1 V per hour, and a step in the middle."""
    time_s = np.arange(1000.0, 4601.0, 60.0)
    return pd.DataFrame(
        {
            "Unix Time / s": time_s,
            "Voltage / V": 3.6 + (time_s - 1000) / 36_000 + np.where(time_s > 2800, step_v, 0.0),
            "Current / A": 1e-3,
            "Net Capacity / Ah": (time_s - 1000) / 3600 / 1000,
        }
    )


def test_uncertainty_of_the_clock_becomes_that_of_voltage_charge_and_lithium():
    count = LithiumCount(10.0, 274.5, 1.0)
    state = merged_state([2000.0], ramp(), clock_uncertainty_s=30.0, lithium=count)
    assert state.voltage_v == pytest.approx([3.6 + 1000 / 36_000])
    assert state.voltage_sigma_v == pytest.approx([30 / 36_000])
    assert state.capacity_sigma_mah == pytest.approx([30 / 3600])
    assert state.lithium_content == pytest.approx([1 - 1 / 3.6 / 2.745])
    assert state.lithium_content_sigma == pytest.approx([30 / 3600 / 2.745])


def test_a_step_within_reach_of_the_clock_makes_the_voltage_uncertain():
    far, near = merged_state([1500.0, 2800.0], ramp(0.3), clock_uncertainty_s=60.0).voltage_sigma_v
    assert far == pytest.approx(60 / 36_000)
    assert near > 0.05


def test_scans_outside_of_the_record_stay_missing_even_if_the_clock_could_reach_it():
    state = merged_state([999.0, 1000.0, 4600.0, 4601.0], ramp(), clock_uncertainty_s=60.0)
    assert np.isnan(state.voltage_v).tolist() == [True, False, False, True]
    assert np.isnan(state.voltage_sigma_v).tolist() == [True, False, False, True]
    assert np.isnan(state.lithium_content).all()


def test_a_clock_that_nobody_knows_gives_a_state_of_unknown_uncertainty():
    state = merged_state([2000.0], ramp(), clock_uncertainty_s=float("nan"))
    assert np.isfinite(state.voltage_v).all()
    assert np.isnan(state.voltage_sigma_v).all()


def test_a_perfect_clock_leaves_no_uncertainty():
    assert merged_state([2000.0], ramp(), clock_uncertainty_s=0.0).voltage_sigma_v == pytest.approx([0.0])


def test_a_negative_uncertainty_is_refused():
    with pytest.raises(ValueError, match=r"-1\.0 s is negative"):
        merged_state([2000.0], ramp(), clock_uncertainty_s=-1.0)


def test_measured_scans_have_the_states_of_their_measured_cell():
    if not INSITU.is_dir():
        pytest.skip(f"needs the measured data in {INSITU}")
    try:
        cycler = read_cycler_file(INSITU / "Echem/cc8.ndax", time_zone="Europe/Paris")
    except (ValueError, ModuleNotFoundError) as error:
        pytest.skip(f"needs the reader of .ndax files: {error}")
    scans = pd.read_csv(INSITU / "Log/log_operando_coincell8_LDE2_reduced.csv", parse_dates=[2, 3])
    middle = scans["start_time"] + (scans["end_time"] - scans["start_time"]) / 2
    unix_s = [stamp.tz_localize("Europe/Paris").timestamp() for stamp in middle]
    state = merged_state(unix_s, cycler, clock_uncertainty_s=1.0)
    expected_v = [np.nan, 3.09770, 3.09770, 3.09741, 3.58007]
    assert state.voltage_v == pytest.approx(expected_v, abs=2e-5, nan_ok=True)
    assert state.current_a * 1e3 == pytest.approx([np.nan, 0, 0, 0, 0.3059], abs=1e-4, nan_ok=True)
