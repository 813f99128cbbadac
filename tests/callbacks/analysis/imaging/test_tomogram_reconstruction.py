"""Volumes from projections of balls with exact line integrals, and from measured ones."""

from pathlib import Path

import ball_phantom as balls
import numpy as np
import pytest
from operando.callbacks.analysis.imaging import (
    Recipe,
    axis_tilt,
    golden_angles,
    line_integral,
    normalise,
    reconstruct,
    rings_removed,
    rotation_centre,
    sequential_angles,
)

pytest.importorskip("numba", reason="extra imaging")
pytest.importorskip("algotom", reason="extra imaging")

WIDTH, ROWS, ANGLES = 96, 6, 181
CENTRE = 49.3
MEASURED = Path(__file__).parents[5] / "shared" / "data" / "imaging" / "tomopy"


@pytest.fixture(scope="module")
def truth():
    return balls.volume(ROWS, WIDTH)


@pytest.fixture(scope="module")
def integrals():
    return balls.projections(sequential_angles(ANGLES), ROWS, WIDTH, CENTRE)


def volume_of(integrals, angle_deg, **options):
    return reconstruct(np.exp(-integrals), angle_deg, **options).attenuation_per_um


def test_a_volume_is_the_attenuation_in_its_place(integrals, truth):
    found = volume_of(integrals, sequential_angles(ANGLES), centre=CENTRE)
    assert found.shape == (ROWS, WIDTH, WIDTH)
    assert balls.nrmse(found, truth) < 0.03
    assert found[truth == balls.BALLS[0][-1]].mean() == pytest.approx(balls.BALLS[0][-1], rel=0.01)


def test_attenuation_is_per_micrometre(integrals):
    whole = volume_of(integrals, sequential_angles(ANGLES), centre=CENTRE)
    fine = volume_of(integrals, sequential_angles(ANGLES), centre=CENTRE, pixel_um=0.5)
    assert np.allclose(fine, 2 * whole, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("window", ["ramp", "hann"])
def test_the_kernel_is_as_good_as_algotom_with_the_true_centre(integrals, truth, window):
    ours, theirs = (
        balls.nrmse(
            volume_of(integrals, sequential_angles(ANGLES), centre=CENTRE, window=window, back_end=each),
            truth,
        )
        for each in ("kernel", "algotom")
    )
    assert ours <= 1.02 * theirs


def test_few_rows_and_many_are_the_same(integrals):
    whole = volume_of(integrals, sequential_angles(ANGLES), centre=CENTRE)
    alone = volume_of(integrals[:, 2:3], sequential_angles(ANGLES), centre=CENTRE)
    assert np.allclose(alone[0], whole[2], atol=2e-5 * whole.max() * ANGLES)


def test_threads_change_nothing(integrals):
    one, two = (
        volume_of(integrals, sequential_angles(ANGLES), centre=CENTRE, threads=threads) for threads in (1, 2)
    )
    assert np.allclose(one, two, atol=1e-6)


def test_full_turns_and_golden_angles_are_as_good_as_half_turns(truth):
    half = balls.nrmse(
        volume_of(
            balls.projections(sequential_angles(ANGLES), ROWS, WIDTH, CENTRE),
            sequential_angles(ANGLES),
            centre=CENTRE,
        ),
        truth,
    )
    for angles in (sequential_angles(2 * ANGLES, span_deg=360), golden_angles(233)):
        found = volume_of(balls.projections(angles, ROWS, WIDTH, CENTRE), angles, centre=CENTRE)
        assert balls.nrmse(found, truth) < 1.1 * half


def test_counts_with_dead_pixels_and_an_unknown_centre_become_a_volume(integrals, truth):
    frames, flats, darks = balls.counts(integrals, np.random.default_rng(3))
    found = reconstruct(frames, sequential_angles(ANGLES), flats=flats, darks=darks, rings="sorting")
    assert found.dead[ROWS // 2, WIDTH // 3]
    assert found.dead.sum() == 1
    assert found.centre_px == pytest.approx(CENTRE, abs=0.25)
    assert found.centre.verdict == "agreed"
    assert balls.nrmse(found.attenuation_per_um, truth) < 0.1


@pytest.mark.parametrize(("tilt_deg", "centre"), [(1.5, CENTRE), (-1.0, 40.0), (0.4, 55.0)])
def test_the_tilt_of_an_axis_that_is_not_in_the_middle_is_measured_to_two_hundredths_of_a_degree(
    tilt_deg, centre
):
    angles = sequential_angles(20, span_deg=360)
    found = axis_tilt(balls.projections(angles, 60, WIDTH, centre, tilt_deg=tilt_deg), angles)
    assert found.tilt_deg == pytest.approx(tilt_deg, abs=0.02)
    assert found.column_px == pytest.approx(centre, abs=0.02)


def test_a_tilted_axis_is_put_upright(truth):
    angles = sequential_angles(ANGLES)
    tilted = balls.projections(angles, 40, WIDTH, CENTRE, tilt_deg=2.0)
    upright = balls.volume(40, WIDTH)
    crooked, straight = (
        volume_of(tilted, angles, centre=CENTRE, tilt_deg=tilt)[10:30] for tilt in (0.0, 2.0)
    )
    assert balls.nrmse(straight, upright[10:30]) < 0.02
    assert balls.nrmse(straight, upright[10:30]) < 0.75 * balls.nrmse(crooked, upright[10:30])


@pytest.mark.parametrize(("method", "left"), [("sorting", 0.55), ("combined", 0.65)])
def test_rings_of_bad_pixels_are_taken_out(method, left):
    rng, angles, width = np.random.default_rng(2), sequential_angles(361), 256
    clean = balls.projections(angles, 1, width, 128.0)
    clean += rng.normal(0, 0.01, clean.shape).astype(np.float32)
    answer = np.where(rng.uniform(size=width) < 0.04, 0.1, 0.0).astype(np.float32)
    plain, with_rings, without = (
        volume_of(each, angles, centre=128.0)
        for each in (clean, clean + answer, rings_removed(clean + answer, method=method))
    )
    assert np.std(without - plain) < left * np.std(with_rings - plain)


def test_sorting_is_algotoms(integrals):
    removal = pytest.importorskip("algotom.prep.removal")
    untied = integrals[:, 2] + np.random.default_rng(1).normal(0, 1e-3, integrals[:, 2].shape).astype(
        np.float32
    )
    theirs = removal.remove_stripe_based_sorting(untied.copy(), 21)
    assert np.allclose(rings_removed(untied[:, None], size_px=21)[:, 0], theirs, atol=1e-6)


def test_angles_must_match_projections(integrals):
    with pytest.raises(ValueError, match=r"reconstruct: .*one angle each"):
        reconstruct(integrals, sequential_angles(ANGLES - 1), centre=CENTRE)


def test_an_unknown_window_of_algotom_is_told(integrals):
    with pytest.raises(ValueError, match="window 'cosine' is not algotom's"):
        reconstruct(
            integrals,
            sequential_angles(ANGLES),
            centre=CENTRE,
            recipe=Recipe(window="cosine", back_end="algotom"),
        )


@pytest.mark.skipif(not MEASURED.is_dir(), reason="measured images are not here")
def test_the_axis_of_the_measured_tooth_is_found():
    h5py = pytest.importorskip("h5py")
    with h5py.File(MEASURED / "tooth.h5") as file:
        exchange = file["exchange"]
        passed = normalise(exchange["data"][:], exchange["data_white"][:], exchange["data_dark"][:])
        found = rotation_centre(line_integral(passed.values)[:, :1], exchange["theta"][:])
    assert found.column_px == pytest.approx(296.0, abs=0.5)
    assert found.verdict == "agreed"


def test_the_axis_is_found_in_any_order_of_angles():
    angles = golden_angles(144)
    sinogram = balls.projections(angles, 1, 160, 83.4)[:, 0]
    noisy = sinogram + np.random.default_rng(1).normal(0, 0.01, sinogram.shape)
    assert rotation_centre(noisy, angles).column_px == pytest.approx(83.4, abs=0.2)


def test_the_axis_of_a_full_turn_is_found():
    """A wrong centre smears a full turn to rings without negative values, which sharpness does not see."""
    angles = sequential_angles(180, span_deg=360.0)
    sinogram = balls.projections(angles, 1, 128, 67.05)[:, 0]
    noisy = sinogram + np.random.default_rng(1).normal(0, 0.01, sinogram.shape)
    found = rotation_centre(noisy, angles)
    assert found.column_px == pytest.approx(67.05, abs=0.2)
    assert found.verdict == "agreed"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"centre": float("nan")}, "outside of the"),
        ({"centre": 1000.0}, "outside of the"),
        ({"pixel_um": 0.0}, "edge of a pixel"),
    ],
)
def test_numbers_that_would_give_an_empty_volume_are_refused(integrals, change, told):
    given = {"centre": CENTRE, **change}
    with pytest.raises(ValueError, match=told):
        reconstruct(integrals, sequential_angles(ANGLES), **given)


def test_an_angle_that_is_not_known_is_told_by_name(integrals):
    angles = sequential_angles(ANGLES)
    angles[5] = np.nan
    with pytest.raises(ValueError, match=r"reconstruct: 1 of .* angles are not finite"):
        reconstruct(integrals, angles)
    with pytest.raises(ValueError, match=r"rotation centre: .* not finite"):
        rotation_centre(integrals, angles)
