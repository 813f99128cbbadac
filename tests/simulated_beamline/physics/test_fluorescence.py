"""Spectra against line energies and cross sections written down by hand, and counting statistics."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.emission_line import emission_lines
from operando.simulated_beamline.physics.fluorescence import FluorescenceGeometry, FluorescenceModel
from operando.simulated_beamline.physics.pulse_processing import PulseProcessor
from operando.simulated_beamline.physics.silicon_detector import SiliconDetector

ELEMENTS = ("Ni", "Co", "Mn", "Zr", "Fe", "O")
GEOMETRY = FluorescenceGeometry(solid_angle_sr=(0.02,))
NOTHING = ("C", 1e-12)
"""Surroundings that do not scatter."""


@pytest.fixture(scope="module")
def model():
    return FluorescenceModel(ELEMENTS, geometry=GEOMETRY, environment=NOTHING)


def spectrum(model, energy_ev=9000.0, flux=1e10, **mass):
    return model.rates_s(energy_ev, flux, mass, {})[0]


def window(counts, energy_ev, half_ev=250.0):
    return counts[round((energy_ev - half_ev) / 10.0) : round((energy_ev + half_ev) / 10.0)].sum()


@pytest.mark.parametrize(
    ("element", "k_alpha_ev"), [("Mn", 5895.0), ("Fe", 6400.7), ("Co", 6924.0), ("Ni", 7472.0)]
)
def test_the_k_alpha_peak_lies_where_the_tables_have_it(model, element, k_alpha_ev):
    counts = spectrum(model, **{element: 1e-6})
    assert 10.0 * (np.argmax(counts[:790]) + 0.5) == pytest.approx(k_alpha_ev, abs=10.0)


def test_zirconium_shows_its_l_lines_below_its_k_edge(model):
    counts = spectrum(model, Zr=1e-6)
    assert 10.0 * (np.argmax(counts[:790]) + 0.5) == pytest.approx(2050.0, abs=15.0)


def test_a_thin_film_gives_the_product_of_cross_section_yield_and_solid_angle(model):
    # Ni at 9000 eV: K part of the photoelectric cross section 266 x (1 - 1/7.707) = 231 cm2/g (Elam).
    counts = spectrum(model, Ni=1e-7)
    detector = model.detector
    k_alpha_share, fluorescence_yield = 0.872, 0.412
    expected = 1e10 * 1e-7 / np.sin(np.pi / 4) * 231.0 * k_alpha_share * fluorescence_yield
    expected *= 0.02 / (4.0 * np.pi) * detector.efficiency(7470.0)
    assert window(counts, 7470.0) == pytest.approx(expected, rel=0.05)


def test_k_beta_is_a_seventh_of_k_alpha(model):
    counts = spectrum(model, Ni=1e-7)
    assert window(counts, 8266.0) / window(counts, 7470.0) == pytest.approx(0.145, rel=0.06)


def test_ratios_are_those_of_the_masses(model):
    one, three = (window(spectrum(model, Ni=mass), 7470.0) for mass in (1e-8, 3e-8))
    assert three / one == pytest.approx(3.0, rel=1e-3)


def test_a_thick_specimen_weakens_its_own_lines(model):
    # chi = (mu_in + mu_out) t / sin(45 deg) with 273 and 61 cm2/g for Ni at 9000 and 7475 eV (Elam).
    thin, thick = (window(spectrum(model, Ni=mass), 7470.0) for mass in (1e-7, 1e-3))
    chi = (273.0 + 61.0) * 1e-3 / np.sin(np.pi / 4)
    assert thick / thin / 1e4 == pytest.approx((1.0 - np.exp(-chi)) / chi, rel=0.03)


@pytest.mark.parametrize(("energy_ev", "present"), [(8200.0, False), (8400.0, True)])
def test_below_its_edge_an_element_is_silent(model, energy_ev, present):
    total = window(spectrum(model, energy_ev, Ni=1e-6), 7470.0, 150.0)
    assert (total > 1e3) == present


def test_the_edge_height_scales_the_lines_so_that_the_yield_is_a_spectrum(model):
    whole, half = (
        window(model.rates_s(8340.0, 1e10, {"Ni": 1e-8}, {"Ni": height})[0], 7470.0, 150.0)
        for height in (1.0, 0.5)
    )
    assert half / whole == pytest.approx(0.5, rel=1e-3)


def test_scatter_shows_an_elastic_peak_and_a_compton_peak_where_kinematics_puts_it():
    model = FluorescenceModel(("O",), geometry=GEOMETRY, environment=("C", 1e-2))
    counts = spectrum(model, 12000.0)
    compton_ev = 12000.0 / (1.0 + 12000.0 / 510999.0)
    assert 10.0 * (np.argmax(counts[1190:]) + 1190.5) == pytest.approx(12000.0, abs=10.0)
    assert 10.0 * (np.argmax(counts[1150:1185]) + 1150.5) == pytest.approx(compton_ev, abs=30.0)


def test_resolution_is_that_of_a_good_drift_detector():
    detector = SiliconDetector()
    response = detector.response(5895.0)
    energy = 10.0 * (np.arange(4096) + 0.5)
    above = energy[response > 0.5 * response.max()]
    assert above[-1] - above[0] + 10.0 == pytest.approx(142.0, abs=12.0)
    assert response.sum() == pytest.approx(1.0, abs=1e-9)
    assert response.min() >= 0.0


def test_the_escape_peak_lies_a_silicon_photon_below_and_weakens_with_energy():
    detector = SiliconDetector(tail_share=0.0)
    counts = detector.response(5895.0)
    assert 10.0 * (np.argmax(counts[:500]) + 0.5) == pytest.approx(5895.0 - 1740.0, abs=10.0)
    assert counts[:500].sum() == pytest.approx(detector.escape_share(5895.0), rel=1e-6)
    assert 0.003 < detector.escape_share(5895.0) < 0.008
    assert detector.escape_share(5895.0) > detector.escape_share(9000.0)


def test_incomplete_charge_makes_a_tail_on_the_low_side_alone():
    response = SiliconDetector(tail_share=0.05, tail_ev=300.0).response(8000.0)
    assert window(response, 7400.0, 200.0) > 1e-3
    assert window(response, 8600.0, 200.0) < 1e-6


def test_the_lines_of_an_element_are_complete():
    shares = sum(line.share for line in emission_lines("Ni") if line.shell == "K")
    assert shares == pytest.approx(1.0, abs=5e-3)
    assert {line.shell for line in emission_lines("Ni")} == {"K"}


def arriving(rate_s, real_s, rng):
    return np.cumsum(rng.exponential(1.0 / rate_s, int(rate_s * real_s * 1.1)))


def test_dead_time_agrees_with_photons_that_arrive_by_chance():
    processor, rate_s, real_s = PulseProcessor(pair_s=0.0, reset_ev=1e30), 2e6, 0.05
    times = arriving(rate_s, real_s, np.random.default_rng(3))
    kept, free_s = 0, 0.0
    for time_s in times[times < real_s]:
        if time_s >= free_s:
            kept, free_s = kept + 1, time_s + processor.dead_s
    shape = np.zeros((1, 4096))
    shape[0, 700] = rate_s
    counts, (scalers,) = processor.recorded(shape, real_s, channel_ev=10.0)
    assert counts.sum() == pytest.approx(kept, rel=0.01)
    assert scalers.dead_time_factor * counts.sum() == pytest.approx(rate_s * real_s, rel=1e-3)


def test_pile_up_agrees_with_photons_that_arrive_by_chance():
    processor, rate_s, real_s = PulseProcessor(event_width=-1.0, reset_ev=1e30), 5e5, 1.0
    times = arriving(rate_s, real_s, np.random.default_rng(4))
    close = np.sum(np.diff(times[times < real_s]) < processor.pair_s)
    shape = np.zeros((1, 4096))
    shape[0, 700] = rate_s
    counts, (scalers,) = processor.recorded(shape, real_s, channel_ev=10.0)
    pairs = counts[0, 1395:1406].sum()
    assert pairs == pytest.approx(close, rel=0.05)
    assert scalers.pileup == pytest.approx(pairs, rel=1e-3)
    assert np.argmax(counts[0, 1000:]) + 1000 in (1400, 1401)


def test_counts_scatter_as_poisson_has_it(model):
    rng = np.random.default_rng(5)
    draws = np.array(
        [
            window(model.expose(9000.0, 1e10, {"Ni": 1e-6}, {}, real_s=0.1, rng=rng).counts[0], 7470.0)
            for _ in range(300)
        ]
    )
    expected = 0.1 * window(spectrum(model, flux=1e10, Ni=1e-6), 7470.0)
    assert draws.mean() == pytest.approx(expected, rel=0.02)
    assert draws.var() / draws.mean() == pytest.approx(1.0, abs=0.25)


def test_scalers_count_the_events_of_the_very_spectrum(model):
    exposure = model.expose(9000.0, 1e9, {"Ni": 1e-5}, {}, real_s=0.1, rng=np.random.default_rng(6))
    assert exposure.scalers[0].all_events == exposure.counts[0].sum() > 100
    assert exposure.scalers[0].clock_ticks == 8e6


def test_without_photons_nothing_is_counted(model):
    exposure = model.expose(9000.0, 0.0, {"Ni": 1e-5}, {}, real_s=0.1, rng=np.random.default_rng(7))
    assert exposure.counts.sum() == 0
    assert exposure.scalers[0].dead_time_factor == 1.0
