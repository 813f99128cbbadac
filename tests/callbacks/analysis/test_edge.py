"""Edges with known answers, clean and ugly."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operando.callbacks.analysis.xas import EdgeFit, Verdict, fit_edge
from synthetic_edges import ENERGY, spectrum

NUMBERS = ("e0_ev", "half_step_ev", "edge_step", "white_line_ev", "white_line_height")


def fit(mu: np.ndarray, energy: np.ndarray = ENERGY) -> EdgeFit:
    return fit_edge(energy, mu, element="Ni")


def exact_half_step(half_ev: float) -> float:
    fine = np.arange(half_ev - 5, half_ev + 5, 0.001)
    pure = (spectrum(half_ev, energy=fine) - 0.5 + 4e-4 * (fine - 8333.0)) / 0.8
    return float(fine[np.argmax(pure >= 0.5)])


def test_a_clean_edge_gives_its_half_step_and_step():
    found = fit(spectrum())
    assert found.verdict == Verdict.GOOD
    assert found.half_step_ev == pytest.approx(exact_half_step(8343.0), abs=0.02)
    assert found.edge_step == pytest.approx(0.8, rel=0.01)


def test_an_edge_that_moves_by_one_ev_is_seen_to_move_by_one_ev():
    first, second = fit(spectrum(8342.3)), fit(spectrum(8343.3))
    assert second.half_step_ev - first.half_step_ev == pytest.approx(1.0, abs=0.01)
    assert second.white_line_ev - first.white_line_ev == pytest.approx(1.0, abs=0.02)
    assert second.e0_ev - first.e0_ev == pytest.approx(1.0, abs=0.05)


def test_a_stack_gives_the_same_as_single_calls():
    stack = np.array([spectrum(8342.0 + 0.1 * i) for i in range(12)])
    together = fit(stack)
    assert len(together) == 12
    for index in range(12):
        alone = fit(stack[index])
        for name in NUMBERS:
            assert getattr(together[index], name) == pytest.approx(getattr(alone, name), abs=1e-9)
        assert together[index].verdict == alone.verdict
        assert together[index].pre_window_ev == alone.pre_window_ev


def test_a_stack_with_holes_in_it_gives_the_same_as_single_calls():
    stack = np.array([spectrum(8342.0 + 0.1 * i) for i in range(6)])
    stack[1, 40:45] = np.nan
    stack[2, 700:] = np.nan
    stack[3] = np.nan
    together = fit(stack)
    for index in range(6):
        alone = fit(stack[index])
        assert together[index].verdict == alone.verdict
        assert together[index].half_step_ev == pytest.approx(alone.half_step_ev, abs=1e-9, nan_ok=True)
    assert list(together.verdict[[0, 1, 3]]) == ["good", "good", "no data"]


@pytest.mark.parametrize("name", NUMBERS)
def test_quoted_uncertainties_are_those_of_repeated_noise(name):
    rng = np.random.default_rng(7)
    clean = fit(spectrum())
    noisy = fit(spectrum() + rng.normal(0, 0.004, (400, ENERGY.size)))
    pulls = (getattr(noisy, name) - getattr(clean, name)) / getattr(noisy, f"{name}_sigma")
    width = 1.4826 * np.median(np.abs(pulls - np.median(pulls)))
    assert 0.7 < width < 1.4
    assert abs(np.median(pulls)) < 0.7


def test_one_per_cent_noise_blurs_the_half_step_by_less_than_a_tenth_of_an_ev():
    rng = np.random.default_rng(3)
    noisy = fit(spectrum() + rng.normal(0, 0.008, (300, ENERGY.size)))
    assert np.std(noisy.half_step_ev) < 0.1


def test_unordered_repeated_and_descending_energies_change_nothing():
    rng = np.random.default_rng(1)
    order = rng.permutation(ENERGY.size)
    wanted = fit(spectrum()).half_step_ev
    assert fit(spectrum()[order], ENERGY[order]).half_step_ev == pytest.approx(wanted)
    assert fit(spectrum()[::-1], ENERGY[::-1]).half_step_ev == pytest.approx(wanted)
    twice = fit(np.concatenate([spectrum(), spectrum()]), np.concatenate([ENERGY, ENERGY]))
    assert twice.half_step_ev == pytest.approx(wanted)


def test_a_glitch_is_repaired_and_counted():
    mu = spectrum()
    mu[[100, 330, 800]] += [2.0, -0.3, 1.0]
    found = fit(mu)
    assert found.repaired_points == 3
    assert found.half_step_ev == pytest.approx(fit(spectrum()).half_step_ev, abs=0.02)


def test_infinities_and_short_gaps_are_bridged():
    mu = spectrum()
    mu[[50, 51, 600]] = [np.inf, -np.inf, np.nan]
    assert fit(mu).half_step_ev == pytest.approx(fit(spectrum()).half_step_ev, abs=0.01)


def test_a_dead_channel_has_no_edge():
    found = fit(np.zeros(ENERGY.size))
    assert found.verdict == Verdict.NO_EDGE
    assert np.isnan(found.half_step_ev)
    assert "edge" in found.reason


def test_noise_alone_has_no_edge():
    rng = np.random.default_rng(5)
    found = fit(rng.normal(1.0, 0.1, (50, ENERGY.size)))
    assert set(found.verdict) <= {"no edge", "noisy"}


def test_a_curved_background_has_no_edge():
    assert fit(3 * (8000.0 / ENERGY) ** 3).verdict == Verdict.NO_EDGE


def test_an_upside_down_edge_is_no_edge():
    assert fit(-spectrum()).verdict == Verdict.NO_EDGE


def test_half_a_scan_is_truncated_and_says_where_it_ended():
    kept = ENERGY < 8345
    found = fit(spectrum()[kept], ENERGY[kept])
    assert found.verdict == Verdict.TRUNCATED
    assert "8344.5" in found.reason
    assert "8333.0" in found.reason


def test_a_scan_of_another_edge_is_truncated():
    assert fit_edge(ENERGY, spectrum(), element="Co").verdict == Verdict.TRUNCATED


def test_a_very_noisy_spectrum_is_called_noisy():
    rng = np.random.default_rng(2)
    assert fit(spectrum() + rng.normal(0, 0.08, ENERGY.size)).verdict == Verdict.NOISY


def test_a_half_step_on_a_pre_edge_peak_is_flagged():
    peak = 0.6 * np.exp(-0.5 * ((ENERGY - 8334.0) / 1.0) ** 2)
    assert fit(spectrum(8347.0) + peak).verdict == Verdict.PRE_EDGE_PEAK


def test_a_short_xanes_scan_is_normalised_in_shrunk_windows():
    kept = (ENERGY > 8273) & (ENERGY < 8483)
    found = fit(spectrum()[kept], ENERGY[kept])
    assert found.verdict == Verdict.GOOD
    assert found.pre_window_ev == pytest.approx((-59.5, -23.8))
    assert found.post_window_ev == pytest.approx((67.275, 149.5))
    assert found.post_degree == 1
    assert found.half_step_ev == pytest.approx(exact_half_step(8343.0), abs=0.05)


def test_energies_in_kev_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"look like keV.*multiply by 1000"):
        fit(spectrum(), ENERGY / 1000)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="do not belong"):
        fit(spectrum()[:-1])


def test_an_unknown_element_is_refused():
    with pytest.raises(ValueError, match="'Xy'"):
        fit_edge(ENERGY, spectrum(), element="Xy")


def test_an_empty_scan_says_no_data():
    assert fit_edge([], [], element="Ni").verdict == Verdict.NO_DATA


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    energies=st.lists(
        st.one_of(st.floats(8000, 9000), st.sampled_from([8333.0, np.nan, np.inf])), min_size=0, max_size=60
    ),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([0.0, 1.0, 1e-300, 1e300, np.nan, np.inf]),
)
def test_no_data_however_ugly_raise(energies, seed, scale):
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        mu = rng.normal(size=(3, len(energies))) * scale
    mu[rng.random(mu.shape) < 0.1] = np.nan
    found = fit_edge(np.array(energies), mu, element="Ni")
    assert set(found.verdict) <= {str(v) for v in Verdict}


def test_a_spectrum_that_comes_normalised_is_not_normalised_again():
    energy = np.arange(8150.0, 8800.0, 0.5)
    wiggle = 0.05 * np.exp(-(energy - 8350) / 150) * np.sin((energy - 8350) / 12) * (energy > 8350)
    mu = 1 / (1 + np.exp(-(energy - 8344.0) / 1.5)) + wiggle
    normalised, raw = fit_edge(energy, np.array([mu, 0.7 * mu + 0.4]), element="Ni")
    assert (normalised.post_degree, raw.post_degree) == (0, 2)
    assert normalised.edge_step == pytest.approx(1.0, abs=0.005)
    assert normalised.half_step_ev == pytest.approx(8344.0, abs=0.02)


def test_a_point_on_the_border_of_a_window_stays_in_it_when_the_energy_is_aligned():
    energy = 8333.0 + np.concatenate(
        [np.arange(-150, -50, 20), np.arange(-50, 100, 1.0), np.arange(100, 401, 15)]
    )
    wiggle = 0.06 * np.sin((energy - 8350) / 9) * (energy > 8350)
    mu = 1.4 / (1 + np.exp(-(energy - 8344.0) / 1.5)) + wiggle
    steps = [fit_edge(energy + shift, mu, element="Ni").edge_step for shift in (-0.002, 0.0, 0.002)]
    assert np.ptp(steps) < 1e-4


def test_a_jump_in_the_post_edge_window_is_a_bad_baseline():
    whole = spectrum()
    whole[ENERGY > 8333.0 + 170] += 0.4 * fit(spectrum()).edge_step
    found = fit(whole)
    assert found.verdict == Verdict.BASELINE
    assert "look for a jump" in found.reason
