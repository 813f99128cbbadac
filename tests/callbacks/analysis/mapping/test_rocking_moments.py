"""Strain and tilt of crystals that were written apart from the analysis."""

import math

import numpy as np
import pytest
from operando.callbacks.analysis.mapping import (
    RockingMoments,
    flat_detector,
    frame_moments,
    orientation_colours,
    smooth_drift,
)
from rocking_truth import DISTANCE, KEV, PIXEL, SIZE, THETA, Crystal, frame, scan

ANGLES = np.arange(-0.06, 0.0601, 0.005)
GEOMETRY = flat_detector(
    (SIZE, SIZE),
    energy_ev=1000 * KEV,
    two_theta_deg=2 * np.rad2deg(THETA),
    distance_mm=1000 * DISTANCE,
    pixel_um=1e6 * PIXEL,
)
NOMINAL = GEOMETRY.k_out[SIZE // 2, SIZE // 2] - GEOMETRY.k_in


def crystals(count: int, photons: float = 1e6, seed: int = 1) -> list[Crystal]:
    rng = np.random.default_rng(seed)
    return [Crystal(rng.uniform(-5e-4, 5e-4), *rng.uniform(-0.02, 0.02, 2), photons) for _ in range(count)]


def measured(
    frames: np.ndarray, shape: tuple[int, int], background: float = 0.0, shifts=None, reference=NOMINAL
):
    """Frames of shape (positions, angles, rows, columns)."""
    moments = RockingMoments(GEOMETRY, shape, background)
    for index, angle in enumerate(ANGLES):
        shift = (0.0, 0.0) if shifts is None else shifts[index]
        moments.add(angle, frames[:, index], shift)
    return moments.strain_tilt(reference)


@pytest.fixture(scope="module")
def sample():
    return crystals(24)


@pytest.fixture(scope="module")
def clean(sample):
    return np.stack([scan(crystal, ANGLES) for crystal in sample])


def errors(found, sample):
    return {
        "strain": found.strain.ravel() - [crystal.strain for crystal in sample],
        "rocking": found.tilt_rocking_deg.ravel() - [crystal.rocking_deg for crystal in sample],
        "across": found.tilt_across_deg.ravel() - [crystal.across_deg for crystal in sample],
    }


def test_strain_and_tilt_are_exact_without_noise(clean, sample):
    wrong = errors(measured(clean, (4, 6)), sample)
    assert np.abs(wrong["strain"]).max() < 2e-6
    assert np.abs(wrong["rocking"]).max() < 2e-4
    assert np.abs(wrong["across"]).max() < 2e-4


def test_at_high_counts_strain_is_known_to_five_millionths_and_tilt_to_a_thousandth_of_a_degree(
    clean, sample
):
    counts = np.random.default_rng(2).poisson(clean).astype(np.uint16)
    found = measured(counts, (4, 6))
    wrong = errors(found, sample)
    assert np.sqrt(np.mean(wrong["strain"] ** 2)) < 5e-6
    assert np.sqrt(np.mean(wrong["rocking"] ** 2)) < 1e-3
    assert np.sqrt(np.mean(wrong["across"] ** 2)) < 1e-3
    assert set(found.verdict.ravel()) == {"good"}


def test_a_background_does_not_draw_the_centroid_to_the_middle(clean, sample):
    counts = np.random.default_rng(3).poisson(clean + 0.05).astype(np.uint16)
    wrong = errors(measured(counts, (4, 6), background=0.05), sample)
    assert np.sqrt(np.mean(wrong["strain"] ** 2)) < 5e-6
    drawn = errors(measured(counts, (4, 6)), sample)
    assert np.sqrt(np.mean(drawn["strain"] ** 2)) > np.sqrt(np.mean(wrong["strain"] ** 2))


def test_quoted_uncertainties_are_those_of_repeated_counts():
    truth = scan(Crystal(2e-4, 0.01, -0.005, 2000.0), ANGLES)
    counts = np.random.default_rng(4).poisson(np.broadcast_to(truth, (200, *truth.shape))).astype(np.uint16)
    found = measured(counts, (10, 20))
    for name in ("strain", "tilt_rocking", "tilt_across"):
        suffix = "" if name == "strain" else "_deg"
        spread = np.std(getattr(found, name + suffix))
        assert spread == pytest.approx(np.median(getattr(found, f"{name}_sigma{suffix}")), rel=0.2)


def test_a_tilt_of_one_position_against_the_others_needs_no_reference(clean, sample):
    found = measured(clean, (4, 6), reference=None)
    assert np.median(found.strain) == pytest.approx(0.0, abs=1e-4)
    strains = np.array([crystal.strain for crystal in sample])
    assert np.ptp(found.strain.ravel() - strains) < 5e-6


def test_drift_between_angles_is_put_back():
    rows, columns = 12, 14
    flat = [
        Crystal(4e-4 if column >= 7 else -4e-4, 0.0, 0.0) for _ in range(rows) for column in range(columns)
    ]
    still = np.stack([scan(flat[0], ANGLES), scan(flat[-1], ANGLES)])
    which = np.array([int(crystal.strain > 0) for crystal in flat]).reshape(rows, columns)
    drift = [(0, round(2 * index / len(ANGLES))) for index in range(len(ANGLES))]
    frames = np.stack(
        [still[np.roll(which, shift[1], axis=1).ravel(), index] for index, shift in enumerate(drift)], axis=1
    )
    truth = np.where(which, 4e-4, -4e-4)
    found = measured(frames, (rows, columns), shifts=drift)
    good = found.verdict == "good"
    assert good[:, :12].all()
    assert np.abs(found.strain - truth)[good].max() < 2e-6
    assert set(found.verdict[:, -1]) == {"outside"}
    assert np.abs(measured(frames, (rows, columns)).strain - truth).max() > 1e-4


def test_drift_by_parts_of_a_pixel_leaves_a_gradient_of_strain_straight():
    slope, drift = 2e-5, np.linspace(0, 1.3, len(ANGLES))
    frames = np.stack(
        [
            [
                1e5 * frame(Crystal(slope * (column - shift)), angle)
                for angle, shift in zip(ANGLES, drift, strict=True)
            ]
            for column in range(8)
        ]
    )
    found = measured(frames, (1, 8), shifts=[(0.0, shift) for shift in drift])
    good = found.verdict[0] == "good"
    assert good[:6].all()
    assert np.abs(found.strain[0] - slope * np.arange(8))[good].max() < 1e-6


def test_drift_by_parts_of_a_pixel_over_a_boundary_of_grains_makes_no_tilt():
    # A beam of a width of one position that goes over the boundary between two grains, 0.01 degree apart.
    grains = [Crystal(rocking_deg=-0.005), Crystal(rocking_deg=0.005)]
    parts = np.stack([[1e6 * frame(grain, angle) for angle in ANGLES] for grain in grains])

    def seen(place, index):
        share = 0.5 * (1.0 + math.erf((place - 6.0) / math.sqrt(2.0)))
        return (1.0 - share) * parts[0, index] + share * parts[1, index]

    drift = np.linspace(0.0, 1.5, len(ANGLES))
    still, moved = (
        np.stack([[seen(x - by, n) for n, by in enumerate(shifts)] for x in range(14)])
        for shifts in (np.zeros_like(drift), drift)
    )
    truth = measured(still, (1, 14)).tilt_rocking_deg[0]
    found = measured(moved, (1, 14), shifts=[(0.0, by) for by in drift])
    good = found.verdict[0] == "good"
    assert np.abs(found.tilt_rocking_deg[0] - truth)[good].max() < 1e-4
    assert np.abs(measured(moved, (1, 14)).tilt_rocking_deg[0] - truth)[good].max() > 1e-3


def test_the_noise_of_registration_is_smoothed_and_a_leap_is_not():
    number = np.arange(31.0)
    line = np.stack([0.03 * number, 1e-3 * number**2], axis=1)
    noisy = line + np.random.default_rng(3).normal(0.0, 0.05, line.shape)
    assert np.std(smooth_drift(noisy) - line) < 0.6 * np.std(noisy - line)
    leap = line + 4.0 * (number > 15)[:, None]
    assert (smooth_drift(leap) == leap).all()
    assert (smooth_drift(noisy[:5]) == noisy[:5]).all()


def test_what_moves_more_than_the_noise_of_registration_is_kept():
    rng = np.random.default_rng(4)
    jolts = np.stack([np.linspace(0, 1, 41), np.linspace(0, 2, 41)], axis=1) + rng.normal(0, 0.05, (41, 2))
    known = np.full(jolts.shape, 0.004)
    found = jolts + known * rng.normal(size=jolts.shape)
    assert np.std(smooth_drift(found, known) - jolts) < 0.005
    assert np.std(smooth_drift(found) - jolts) > 0.03
    unsure = smooth_drift(found, np.full(jolts.shape, 0.1))
    np.testing.assert_allclose(unsure, smooth_drift(found))


def test_a_peak_at_the_end_of_the_scan_is_cut_and_an_empty_position_weak():
    frames = np.stack(
        [
            scan(Crystal(), ANGLES),
            scan(Crystal(rocking_deg=-0.06), ANGLES),
            np.zeros((len(ANGLES), SIZE, SIZE)),
        ]
    )
    found = measured(frames, (1, 3))
    assert list(found.verdict[0]) == ["good", "cut by the scan", "weak"]
    assert "rock further" in found.reason[0, 1]
    assert np.isnan(found.strain[0, 2])


def test_what_is_not_a_number_is_never_good(clean):
    broken = clean[:6].astype(float)
    broken[1, 5, 10, 10] = np.nan
    assert measured(broken, (2, 3)).verdict.ravel()[[0, 1, 2]].tolist() == ["good", "weak", "good"]
    lost = [(np.nan, 0.0)] * len(ANGLES)
    assert set(measured(clean[:6], (2, 3), shifts=lost).verdict.ravel()) == {"outside"}


@pytest.mark.parametrize(
    ("shift", "verdicts"),
    [((0.0, 0.0), ["good", "saturated", "good"]), ((0.0, 0.5), ["saturated", "saturated", "outside"])],
)
def test_a_position_whose_frame_was_saturated_at_some_angle_is_not_good(clean, shift, verdicts):
    counts = np.minimum(clean[:6], 65534).astype(np.uint16)
    counts[1, 5, 10, 10] = 65535
    shifts = [shift if index == 5 else (0.0, 0.0) for index in range(len(ANGLES))]
    found = measured(counts, (2, 3), shifts=shifts)
    assert found.verdict[0].tolist() == verdicts
    assert "attenuate" in found.reason[0, 1]


@pytest.mark.parametrize("reference", [np.zeros(3), np.ones(2), np.full(3, np.nan)])
def test_a_reference_that_is_no_vector_is_refused(clean, reference):
    with pytest.raises(ValueError, match="give Q in 1/A"):
        measured(clean[:6], (2, 3), reference=reference)


def test_masked_pixels_do_not_count():
    offsets = GEOMETRY.k_out - GEOMETRY.centre
    frames = np.ones((1, SIZE, SIZE), dtype=np.uint32)
    frames[0, 3, 4] = 2**32 - 1
    offsets[3, 4] = np.nan
    assert frame_moments(frames, offsets)[0, 0] == SIZE**2 - 1


def test_steps_that_are_uneven_are_refused():
    moments = RockingMoments(GEOMETRY, (1, 1))
    for angle in (0.0, 0.01, 0.05):
        moments.add(angle, np.ones((1, SIZE, SIZE)))
    with pytest.raises(ValueError, match="even within 10%"):
        moments.strain_tilt(NOMINAL)


def test_a_map_with_a_frame_too_few_is_refused():
    with pytest.raises(ValueError, match=r"a map of \(2, 2\) needs 4"):
        RockingMoments(GEOMETRY, (2, 2)).add(0.0, np.ones((3, SIZE, SIZE)))


def test_opposite_tilts_have_complementary_colours_and_missing_ones_are_grey():
    colours = orientation_colours([[0.05, -0.05, np.nan]], [[0.0, 0.0, 0.0]], limit_deg=0.05)
    assert colours[0, 0] + colours[0, 1] == pytest.approx([1.0, 1.0, 1.0])
    assert colours[0, 2] == pytest.approx([0.5, 0.5, 0.5])
