"""Element maps from spectra with known counts, written apart from the analysis."""

from functools import cache
from pathlib import Path

import fluorescence_truth as truth
import numpy as np
import pytest
from operando.callbacks.analysis.mapping import (
    DeadTimeModel,
    DetectorResponse,
    calibrate_response,
    fit_fluorescence,
    live_fraction,
)

ELEMENTS = ("Mn", "Fe", "Co", "Ni")
SHAPE = (20, 25)


def photons(scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    level = {"Mn": 20000.0, "Fe": 1700.0, "Co": 15000.0, "Ni": 60000.0}
    return {element: scale * n * rng.uniform(0.5, 1.5, SHAPE) for element, n in level.items()}


def spectra(scale: float = 1.0, seed: int = 6) -> np.ndarray:
    clean = truth.expected(photons(scale), scatter=2000.0 * scale, background=0.3 * scale)
    return np.random.default_rng(seed).poisson(clean).astype(np.uint32)


@cache
def response(scale: float = 1.0) -> DetectorResponse:
    return calibrate_response(
        spectra(scale).sum(axis=(0, 1)), DetectorResponse(), ELEMENTS, beam_ev=truth.BEAM_EV
    )


def roi(counts: np.ndarray, element: str) -> np.ndarray:
    """Counts within 130 eV of K alpha over their share of the line: what beamlines watch."""
    energy = truth.OFFSET_EV + truth.GAIN_EV * np.arange(truth.CHANNELS)
    near = np.abs(energy - truth.LINES_EV[element][0]) < 130
    return counts[..., near].sum(axis=-1) / truth.element_shape(element)[near].sum()


def test_the_response_is_found_on_the_mean_spectrum():
    found = response()
    assert found.gain_ev == pytest.approx(truth.GAIN_EV, rel=1e-3)
    assert found.noise_ev == pytest.approx(truth.NOISE_EV, rel=0.05)
    assert found.beta_scale == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("element", "tolerance"), [("Mn", 0.01), ("Fe", 0.02), ("Co", 0.01), ("Ni", 0.01)])
def test_overlapping_elements_come_out_without_bias(element, tolerance):
    found = fit_fluorescence(spectra(), response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    assert found.of(element).sum() == pytest.approx(photons()[element].sum(), rel=tolerance)
    assert np.corrcoef(found.of(element).ravel(), photons()[element].ravel())[0, 1] > 0.97


def test_a_region_of_interest_is_biased_where_the_fit_is_not():
    iron = photons()["Fe"].sum()
    assert roi(spectra(), "Fe").sum() > 1.8 * iron
    fitted = fit_fluorescence(spectra(), response(), ELEMENTS, beam_ev=truth.BEAM_EV).of("Fe").sum()
    assert fitted == pytest.approx(iron, rel=0.02)


def test_quoted_uncertainties_are_those_of_repeated_counts():
    one = {element: np.full((30, 30), n.mean()) for element, n in photons(0.05).items()}
    clean = truth.expected(one, scatter=100.0, background=0.015)
    counts = np.random.default_rng(8).poisson(clean).astype(np.uint16)
    found = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    for index in range(len(ELEMENTS)):
        assert np.std(found.counts[index]) == pytest.approx(np.median(found.counts_sigma[index]), rel=0.15)
    assert np.median(found.misfit) == pytest.approx(1.0, abs=0.1)
    assert set(found.verdict.ravel()) == {"good"}


def test_an_element_that_is_not_there_is_never_negative_and_within_its_noise():
    without = {element: n for element, n in photons(0.05).items() if element != "Fe"}
    counts = np.random.default_rng(9).poisson(truth.expected(without, 100.0, 0.015)).astype(np.uint16)
    found = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    iron, sigma = found.of("Fe"), found.counts_sigma[1]
    assert iron.min() >= 0
    assert found.limited.mean() > 0.3
    assert np.mean(iron < 3 * sigma) > 0.98


def test_a_limited_position_equals_the_full_non_negative_fit():
    from operando.callbacks.analysis.mapping.fluorescence_detector import components
    from scipy.optimize import nnls

    without = {element: n for element, n in photons(0.02).items() if element != "Fe"}
    counts = np.random.default_rng(10).poisson(truth.expected(without, 40.0, 0.006)).astype(float)
    found = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    first, last = found.channels
    parts = components(response(), ELEMENTS, truth.BEAM_EV, np.arange(first, last + 1.0))
    mean = counts[..., first : last + 1].mean(axis=(0, 1))
    model = parts @ nnls(parts, mean)[0]
    root = 1 / np.sqrt(np.maximum(model, 1e-3 * model.max()))
    rows, columns = np.nonzero(found.limited)
    for row, column in list(zip(rows, columns, strict=True))[:20]:
        whole, _ = nnls(parts * root[:, None], counts[row, column, first : last + 1] * root)
        assert found.counts[:, row, column] == pytest.approx(whole[:4], abs=0.02 + 1e-4 * whole[:4].max())


def test_counts_lost_in_dead_time_are_put_back():
    tau, seconds = 1e-6, 0.5
    clean = truth.expected(photons())
    share = np.exp(-clean.sum(axis=-1) / seconds * tau)
    counts = np.random.default_rng(11).poisson(clean * share[..., None])
    live = live_fraction(counts.sum(axis=-1) / seconds, tau)
    found = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV, live=live)
    lost = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    assert found.of("Ni").sum() == pytest.approx(photons()["Ni"].sum(), rel=0.01)
    assert lost.of("Ni").sum() < 0.85 * photons()["Ni"].sum()


def test_both_models_of_dead_time_agree_at_low_rates_and_refuse_impossible_ones():
    models = [live_fraction([1e3, 1e7], 1e-6, model) for model in DeadTimeModel]
    assert models[0][0] == pytest.approx(models[1][0], abs=1e-6)
    assert np.isnan([model[1] for model in models]).all()


def test_a_missing_element_is_called_a_misfit_and_a_flooded_detector_saturated():
    counts = spectra()[:1, :3]
    found = fit_fluorescence(
        counts, response(), ("Mn", "Co"), beam_ev=truth.BEAM_EV, live=np.array([[1.0, 0.3, np.nan]])
    )
    assert list(found.verdict[0]) == ["misfit", "saturated", "saturated"]
    assert "missing" in found.reason[0, 0]


def test_an_empty_position_is_weak():
    counts = spectra()[:1, :2].copy()
    counts[0, 1] = 0
    found = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    assert list(found.verdict[0]) == ["good", "weak"]


def test_a_map_without_a_single_count_is_weak_and_zero():
    found = fit_fluorescence(np.zeros((1, 2, truth.CHANNELS)), response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    assert set(found.verdict.ravel()) == {"weak"}
    assert not found.counts.any()
    assert not found.misfit.any()


def test_counts_of_a_detector_that_was_never_live_are_unknown():
    live = np.array([[1.0, 0.0]])
    found = fit_fluorescence(spectra()[:1, :2], response(), ELEMENTS, beam_ev=truth.BEAM_EV, live=live)
    assert list(found.verdict[0]) == ["good", "saturated"]
    assert np.isnan(found.counts[:, 0, 1]).all()


def test_positions_that_were_not_measured_are_weak_and_leave_the_others_alone():
    counts = spectra()[:4].astype(float)
    whole = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    counts[2:] = np.nan
    half = fit_fluorescence(counts, response(), ELEMENTS, beam_ev=truth.BEAM_EV)
    assert half.counts[:, :2] == pytest.approx(whole.counts[:, :2], rel=0.02, abs=20)
    assert set(half.verdict[2:].ravel()) == {"weak"}
    assert np.isnan(half.counts[:, 2:]).all()


def test_a_titanium_dopant_of_half_a_per_cent_comes_out_without_bias():
    amounts = photons() | {"Ti": np.full(SHAPE, 300.0)}
    counts = np.random.default_rng(12).poisson(truth.expected(amounts))
    found = fit_fluorescence(counts, response(), ("Ti", *ELEMENTS), beam_ev=truth.BEAM_EV)
    assert found.of("Ti").mean() == pytest.approx(300.0, rel=0.02)


def test_a_dopant_whose_k_lines_are_out_of_reach_is_seen_by_its_l_lines():
    from operando.callbacks.analysis.mapping import line_group

    zirconium = line_group("Zr", truth.BEAM_EV)
    assert zirconium.shell == "L"
    assert zirconium.energy_ev @ zirconium.share == pytest.approx(2080, abs=60)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"elements": ()}, "name an element"),
        ({"elements": ("Ni", "Co", "Ni")}, "each symbol once"),
        ({"elements": "Ni"}, "give a tuple"),
        ({"live": np.ones(3)}, "one live fraction per position"),
        ({"elements": ("Ni",), "beam_ev": 500.0}, "excites no K or L line of Ni"),
        ({"span_ev": (90000.0, 95000.0)}, "check gain_ev"),
    ],
)
def test_what_cannot_be_is_refused(change, told):
    options = {"elements": ELEMENTS, "beam_ev": truth.BEAM_EV} | change
    with pytest.raises(ValueError, match=told):
        fit_fluorescence(spectra()[:2, :2], response(), **options)


def test_cobalt_of_a_measured_map_follows_its_beamlines_own_window(shared_data: Path):
    h5py = pytest.importorskip("h5py")
    path = shared_data / "imaging/savu_xrf/i18_test_data.nxs"
    if not path.is_file():
        pytest.skip("no measured fluorescence")
    with h5py.File(path) as file:
        counts, window = file["entry1/xspress3/MCAs"][()], file["entry1/xspress3/Co_K"][()]
        beam_ev = float(file["entry1/instrument/DCM/energy"][0])
    elements = ("Fe", "Co", "Ni", "Re")
    start = DetectorResponse(noise_ev=150.0)
    found = calibrate_response(
        counts.sum(axis=(0, 1, 2)), start, elements, beam_ev=beam_ev, span_ev=(6000.0, 9500.0)
    )
    fit = fit_fluorescence(counts, found, elements, beam_ev=beam_ev, span_ev=(6000.0, 9500.0))
    assert found.gain_ev == pytest.approx(10.0, rel=0.01)
    ratio = fit.of("Co")[window > 0] / window[window > 0]
    assert np.all((ratio > 1.05) & (ratio < 1.25)), "the window holds K alpha only, the fit K beta as well"
    assert set(fit.verdict[window > 0]) == {"good"}
