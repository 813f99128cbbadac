"""Pair distributions with known answers: a powder of nickel written apart, and a measured one."""

from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.xrd import (
    Structure,
    face_centred_cubic,
    fit_pair_distances,
    pair_distances,
    total_scattering,
)
from operando.callbacks.analysis.xrd.pair_measurement import ExposedFrames, pair_measurement
from ring_frame import geometry

Q = np.arange(0.3, 25.0, 0.02)
CROMER_MANN_NI = ((12.8376, 3.8785), (7.292, 0.2565), (4.4438, 12.1763), (2.38, 66.3421))
"""International Tables C, table 6.1.1.4; constant 1.0341; up to q = 25 1/A."""


POINTS = np.stack(np.meshgrid(*3 * [np.arange(-29, 30)])).reshape(3, -1)


def form_factor(q: np.ndarray) -> np.ndarray:
    s2 = (q / (4 * np.pi)) ** 2
    return 1.0341 + sum(a * np.exp(-b * s2) for a, b in CROMER_MANN_NI)


def powder(
    q: np.ndarray = Q, a: float = 3.524, u: float = 0.0055, damp: float = 0.06, compton: float = 1.0
) -> np.ndarray:
    """Debye's sum over the shells of a face-centred cubic metal, electron units per atom."""
    order, count = np.unique((POINTS[:, POINTS.sum(axis=0) % 2 == 0] ** 2).sum(axis=0), return_counts=True)
    shells = a / 2 * np.sqrt(order)
    near = (shells > 0) & (shells < 50)
    structure = sum(
        n * np.sin(q * r) / (q * r) * np.exp(-0.5 * (r * damp) ** 2)
        for n, r in zip(count[near], shells[near], strict=True)
    ) * np.exp(-u * q**2)
    f2 = form_factor(q) ** 2
    return f2 + f2 * structure + compton * (28 - f2 / 28)


def reduced(intensity: np.ndarray, **options):
    return total_scattering(
        Q, intensity, composition="Ni", q_max=20.0, r=np.arange(0.01, 20.0, 0.01), **options
    )


@pytest.fixture(scope="module")
def nickel():
    return reduced(5.0 * powder())


def test_lattice_displacement_and_scale_of_a_generated_powder_come_back(nickel):
    fit = fit_pair_distances(
        nickel.r, nickel.g, face_centred_cubic("Ni", 3.60), q_max=20.0, r_max=18.0, delta2=0.0
    )
    assert nickel.verdict == fit.verdict == "good"
    assert fit.a == pytest.approx(3.524, abs=0.0002)
    assert fit.u_iso == pytest.approx(0.0055, rel=0.05)
    assert fit.q_damp == pytest.approx(0.06, rel=0.05)
    assert fit.scale == pytest.approx(1.0, abs=0.1)
    assert fit.rw < 0.03


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_compton_scattering_is_measured_and_does_not_change_the_scale(share):
    found = reduced(5.0 * powder(compton=share))
    assert found.compton_part == pytest.approx(share, abs=0.15)
    assert found.scale == pytest.approx(0.2, rel=0.1)


def test_a_smooth_background_that_nobody_subtracted_leaves_the_peaks_alone(nickel):
    found = reduced(5.0 * (powder() + 40 * np.exp(-Q / 8)))
    far = found.r > 2
    part = found.g[far] @ nickel.g[far] / np.linalg.norm(found.g[far]) / np.linalg.norm(nickel.g[far])
    assert part > 0.999


def test_a_background_is_subtracted_with_its_scale(nickel):
    under = 1000 * np.exp(-0.5 * ((Q - 1.5) / 0.5) ** 2) + 50
    found = reduced(5.0 * powder() + 0.8 * under, background=under, background_scale=0.8)
    assert found.g == pytest.approx(nickel.g, abs=1e-9)


def test_quoted_uncertainties_are_those_of_repeated_noise():
    rng = np.random.default_rng(4)
    clean = 5.0 * powder()
    sigma = 0.02 * np.abs(clean) + 1.0
    runs = [reduced(clean + rng.normal(0, sigma), intensity_sigma=sigma) for _ in range(30)]
    seen = np.std([run.g for run in runs], axis=0)[50:]
    told = runs[0].g_sigma[50:]
    assert np.median(seen / told) == pytest.approx(1.0, abs=0.15)
    assert np.median(np.std([run.s for run in runs], axis=0) / runs[0].s_sigma) == pytest.approx(
        1.0, abs=0.15
    )


def test_noise_that_hides_the_peaks_is_called_noisy():
    rng = np.random.default_rng(1)
    sigma = np.full(Q.size, 60.0)
    found = reduced(5.0 * powder() + rng.normal(0, sigma), intensity_sigma=sigma)
    assert found.verdict == "noisy"
    assert "lower q_max" in found.reason


def test_a_background_as_large_as_the_intensity_is_told():
    found = reduced(5.0 * powder(), background=6.0 * powder())
    assert found.verdict == "background too large"


def test_a_pattern_that_ends_before_q_max_is_truncated_and_says_where():
    found = total_scattering(Q, powder(), composition="Ni", q_max=28.0, q_max_inst=30.0)
    assert found.verdict == "truncated"
    assert "24.98" in found.reason


def test_a_range_of_the_instrument_beyond_the_data_lets_the_correction_reach_no_further():
    own, further = (
        total_scattering(Q, powder(), composition="Ni", q_max=20.0, q_max_inst=end) for end in (Q[-1], 40.0)
    )
    assert further.g == pytest.approx(own.g, abs=1e-9)


@pytest.mark.parametrize("kept", [Q % 0.3 < 0.02, (Q < 5.0) | (Q > 8.0)])
def test_q_too_coarse_for_the_distances_asked_for_is_told_with_how_far_it_reaches(kept):
    found = total_scattering(Q[kept], powder()[kept], composition="Ni", q_max=20.0)
    assert found.verdict == "coarse"
    assert f"pi / step = {np.pi / np.diff(Q[kept]).max():.1f} A" in found.reason


def test_nothing_that_scatters_is_no_data():
    found = total_scattering(Q, 0.0 * Q, composition="Ni", q_max=20.0)
    assert found.verdict == "no data"
    with pytest.raises(ValueError, match="g is 0 between"):
        fit_pair_distances(found.r, 0.0 * found.r, face_centred_cubic("Ni", 3.524), q_max=20.0)


def test_unordered_q_with_gaps_gives_the_same(nickel):
    order = np.random.default_rng(2).permutation(Q.size)
    intensity = 5.0 * powder()
    intensity[3] = np.nan
    found = total_scattering(Q[order], intensity[order], composition="Ni", q_max=20.0, r=nickel.r)
    assert found.g == pytest.approx(nickel.g, abs=0.05)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"q_max": 30.0}, "q_max is 30.0 1/A"),
        ({"composition": "Xx"}, "is no formula"),
        ({"r_poly": 0.0}, "r_poly is 0.0 A"),
        ({"background": np.ones(3)}, "background has shape"),
        ({"q_max": 0.5, "q_max_inst": 0.6}, "usable points"),
        ({"q_max": 0.5}, "usable points below q_max = 0.5"),
        ({"background": np.full(Q.size, np.nan)}, "0 usable points"),
    ],
)
def test_what_cannot_be_is_refused_with_value_and_limit(change, told):
    with pytest.raises(ValueError, match=told):
        total_scattering(Q, powder(), **({"composition": "Ni", "q_max": 20.0} | change))


def test_another_structure_is_called_poor(nickel):
    simple = Structure(((2.49, 0.0, 0.0), (0.0, 2.49, 0.0), (0.0, 0.0, 2.49)), ((0.0, 0.0, 0.0),), ("Ni",))
    fit = fit_pair_distances(nickel.r, nickel.g, simple, q_max=20.0, r_max=18.0)
    assert fit.verdict == "poor"
    assert "another structure" in fit.reason


def test_a_tetragonal_stretch_is_found_along_both_axes():
    half = 3.524 / np.sqrt(2)
    tetragonal = Structure(
        ((half, 0.0, 0.0), (0.0, half, 0.0), (0.0, 0.0, 3.52)), ((0, 0, 0), (0.5, 0.5, 0.5)), ("Ni", "Ni")
    )
    found = reduced(5.0 * powder())
    fit = fit_pair_distances(found.r, found.g, tetragonal, q_max=20.0, r_max=18.0, uniaxial=True, delta2=0.0)
    assert fit.a * np.sqrt(2) == pytest.approx(3.524, abs=0.002)
    assert fit.c == pytest.approx(3.524, abs=0.004)


def test_shells_of_a_layered_oxide_count_its_neighbours():
    a, c, z = 2.87, 14.2, 0.2585
    lattice = ((a, 0.0, 0.0), (-a / 2, a * np.sqrt(3) / 2, 0.0), (0.0, 0.0, c))
    thirds = ((0.0, 0.0, 0.0), (2 / 3, 1 / 3, 1 / 3), (1 / 3, 2 / 3, 2 / 3))
    sites = tuple((x, y, (base + shift) % 1) for shift in (0.0, z, -z) for x, y, base in thirds)
    layered = Structure(lattice, sites, ("Ni0.8Mn0.1Co0.1",) * 3 + ("O",) * 6)
    pairs = pair_distances(layered, 2.2)
    metal = 0.8 * 28 + 0.1 * 25 + 0.1 * 27
    mean = (metal + 2 * 8) / 3
    assert pairs.weight.sum() == pytest.approx(2 * 3 * 6 * metal * 8 / mean**2 / 9, rel=1e-6)


@pytest.fixture(scope="module")
def measured(shared_data: Path):
    def columns(name: str) -> np.ndarray:
        text = (shared_data / "xrd/pdf_Ni" / name).read_text(encoding="utf-8").split("#### start data")[1]
        rows = [line.split() for line in text.strip().splitlines() if not line.startswith("#")]
        return np.array(rows, dtype=float).T

    sample, kapton, published = columns("Ni.chi"), columns("kapton.chi"), columns("Ni.gr")
    result = total_scattering(
        sample[0],
        sample[1],
        composition="Ni",
        background=np.interp(sample[0], kapton[0], kapton[1]),
        intensity_sigma=sample[2],
        q_max=24.0,
        q_max_inst=31.26,
        r_poly=0.9,
    )
    return result, np.interp(result.r, published[0], published[1])


def test_measured_nickel_equals_the_published_pair_distribution_up_to_scale(measured):
    result, published = measured
    told = result.r >= 1.2
    ours, theirs = result.g[told], published[told]
    scale = (ours @ theirs) / (ours @ ours)
    assert np.sqrt(np.sum((theirs - scale * ours) ** 2) / np.sum(theirs**2)) <= 0.02
    assert result.verdict == "good"


def test_measured_nickel_has_its_lattice(measured):
    result, _ = measured
    fit = fit_pair_distances(result.r, result.g, face_centred_cubic("Ni", 3.5), q_max=24.0)
    assert fit.verdict == "good"
    assert fit.a == pytest.approx(3.5246, abs=0.002)
    assert fit.scale == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(("counts", "i0_a"), [(0, 1e-6), (5, 0.0), (5, -1e-9)])
def test_frames_without_light_are_refused_with_counts_and_charge(counts, i0_a):
    frames = np.full((2, 16, 16), counts, np.uint32)
    dark = ExposedFrames(frames, exposure_s=1.0, i0_a=i0_a, it_a=i0_a)
    with pytest.raises(ValueError, match="was the shutter open"):
        pair_measurement(dark, None, geometry(shape=(16, 16), pixel_mm=(1.0, 1.0)), composition="Ni")
