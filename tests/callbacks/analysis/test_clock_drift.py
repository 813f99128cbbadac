"""The drift of a clock, told from steps of a long record, and not told where there is none."""

import numpy as np
import pytest
from operando.callbacks.analysis.clock_drift import with_drift
from operando.callbacks.analysis.clock_offset import ClockOffset, estimate_clock_offset

HOUR_S = 3600.0


def records(seed, *, hours, drift, set_by_s=0.0, offset_s=37.0, quiet=0.0):
    """Cycler and log of a cell that steps about every two hours; the log each 5 s with 1 mV of noise."""
    rng = np.random.default_rng(seed)
    span_s = hours * HOUR_S
    edges_s = np.cumsum(rng.uniform(1.0, 3.0, int(hours))) * HOUR_S
    edges_s = edges_s[(edges_s < 0.97 * span_s) & (edges_s > quiet * span_s)]
    levels_v = 3.7 + np.cumsum(
        rng.choice([-1, 1], edges_s.size + 1) * rng.uniform(0.05, 0.2, edges_s.size + 1)
    )

    def voltage(time_s):
        return levels_v[np.searchsorted(edges_s, time_s)] + 0.3 * np.sin(time_s / 20_000)

    cycler_s = np.sort(np.concatenate([np.arange(0, span_s, 60.0), edges_s - 1e-3, edges_s + 1e-3]))
    logged_s = np.arange(0, span_s, 5.0)
    seen_s = logged_s - offset_s - drift * (logged_s - span_s / 2)
    seen_s = seen_s - np.where(logged_s > span_s / 2, set_by_s, 0.0)
    logged = voltage(seen_s) + 1e-3 * rng.standard_normal(logged_s.size)
    return cycler_s, voltage(cycler_s), logged_s, logged


def clock(*compared):
    return with_drift(estimate_clock_offset(*compared), *compared)


@pytest.mark.parametrize(("seed", "hours", "drift"), [(1, 96, 1e-4), (2, 96, -5e-5), (3, 48, 5e-4)])
def test_a_drift_is_found_within_its_uncertainty_and_corrects_the_whole_record(seed, hours, drift):
    found = clock(*records(seed, hours=hours, drift=drift))
    assert abs(found.drift - drift) < 3 * found.drift_uncertainty
    instants_s = np.linspace(0, hours * HOUR_S, 7)
    truth_s = instants_s + 37.0 + drift * (instants_s - hours * HOUR_S / 2)
    error_s = found.beamline_time_s(instants_s) - truth_s
    assert np.all(np.abs(error_s) < 3 * found.uncertainty_at_s(truth_s))
    assert found.uncertainty_at_s(truth_s).max() < 8.0


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_a_drift_that_is_not_significant_is_not_fitted_but_its_uncertainty_is_told(seed):
    compared = records(seed, hours=48, drift=0.0)
    found = clock(*compared)
    assert found.drift == 0.0
    assert 0 < found.drift_uncertainty < 1e-4
    assert found.offset_s == estimate_clock_offset(*compared).offset_s
    assert found.offset_s == pytest.approx(37.0, abs=3 * found.uncertainty_s)


def test_a_short_record_tells_nothing_of_a_drift():
    found = clock(*records(7, hours=5, drift=1e-4))
    assert (found.drift, np.isnan(found.drift_uncertainty)) == (0.0, True)
    assert found.uncertainty_at_s([1.7e9, 1.8e9]).tolist() == [found.uncertainty_s] * 2


def test_steps_at_one_end_of_a_long_record_leave_the_clock_uncertain_at_the_other():
    found = clock(*records(8, hours=48, drift=1e-4, quiet=0.85))
    near_s, far_s = found.uncertainty_at_s([46 * HOUR_S, 0.0])
    assert near_s < 5.0 < 15.0 < far_s
    assert abs(found.beamline_time_s(0.0) - (37.0 - 1e-4 * 24 * HOUR_S)) < 3 * far_s


def test_a_clock_that_was_set_has_no_drift_and_is_as_uncertain_as_it_was_set_by():
    found = clock(*records(9, hours=72, drift=0.0, set_by_s=30.0))
    assert found.drift == 0.0
    assert found.uncertainty_s > 10.0


def test_a_stated_offset_moves_every_instant_alike():
    stated = ClockOffset(-3.5, 1.0, "stated")
    assert stated.beamline_time_s([10.0, 20.0]).tolist() == [6.5, 16.5]
