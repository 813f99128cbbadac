"""Particles of generated electrodes told apart, their cracks measured, and tables of them."""

import electrode_truth
import numpy as np
import pandas as pd
import pytest
from electrode_truth import Electrode, electrode, matched
from operando.callbacks.analysis.imaging import (
    GreyLevels,
    Segmentation,
    calibrate_damage,
    depth_profile,
    grey_levels,
    particle_damage,
    particle_table,
    segment_particles,
)
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

pytestmark = pytest.mark.slow
PIXEL_UM = 0.2


@pytest.fixture(scope="module")
def truth() -> Electrode:
    return electrode()


@pytest.fixture(scope="module")
def found(truth) -> Segmentation:
    """Cracks are up to 0.36 radii wide; to be told so saves the search."""
    return segment_particles(truth.image, crack_px=2.0)


@pytest.fixture(scope="module")
def pairs(truth, found) -> tuple[np.ndarray, np.ndarray]:
    """Best overlap of each true particle, and the label that has it."""
    return matched(truth.labels, found.labels)


@pytest.fixture(scope="module")
def table(truth, found) -> pd.DataFrame:
    return particle_table(truth.image, found.labels, pixel_um=PIXEL_UM)


@pytest.fixture(scope="module")
def seen(truth, pairs, table) -> pd.DataFrame:
    """Lines of the particles that were found, with their truth."""
    overlap, label = pairs
    hit = overlap > 0.5
    return table.loc[label[hit]].assign(
        true_damage=truth.damage[hit], true_detached=truth.detached[hit], true_radius=truth.radius_px[hit]
    )


def test_five_hundred_particles_are_counted_to_five_percent(truth, found):
    assert truth.damage.size >= 500
    assert found.count == pytest.approx(truth.damage.size, rel=0.05)
    assert found.labels.max() == found.count


def test_particles_are_found_whole(pairs):
    overlap, _ = pairs
    assert (overlap > 0.5).mean() >= 0.93
    assert overlap[overlap > 0.5].mean() >= 0.85


def test_cracks_rank_particles_as_in_truth_and_hardly_biased(seen):
    told = calibrate_damage(seen["crack_fraction"], seen["true_damage"])
    assert spearmanr(seen["crack_fraction"], seen["true_damage"]).statistic >= 0.9
    assert told.slope == pytest.approx(1.0, abs=0.3)
    assert abs(told.bias) < 0.03
    naive = calibrate_damage(seen["void_fraction"], seen["true_damage"])
    assert abs(naive.bias) > 1.5 * abs(told.bias)


def test_a_calibration_made_with_half_of_the_particles_holds_for_the_others(seen):
    told = calibrate_damage(seen["crack_fraction"][::2], seen["true_damage"][::2])
    error = told.applied(seen["crack_fraction"][1::2]) - seen["true_damage"][1::2]
    assert abs(error.mean()) < 0.01
    assert error.std() < 1.3 * told.scatter


def test_a_hollow_core_is_not_among_the_cracks():
    z, y, x = np.indices((40, 40, 80)) - 19.5
    rng, radius_px = np.random.default_rng(3), 14.0
    volume, labels = np.full(z.shape, 0.08), np.zeros(z.shape, dtype=np.int32)
    for number, (core_px, crack_px) in enumerate([(5.0, 0.0), (0.0, 1.0)], start=1):
        away = np.sqrt(z**2 + y**2 + (x - 40 * (number - 1)) ** 2)
        labels[away < radius_px] = number
        volume[(away < radius_px) & (away >= core_px) & (np.abs(y) >= crack_px)] = 1.0
    volume = gaussian_filter(volume, 0.8) + 0.05 * rng.normal(size=z.shape)
    told = particle_damage(volume, labels, GreyLevels(1.0, 0.08, 0.35, 0.05))
    assert told.core_fraction[0] == pytest.approx((5.0 / radius_px) ** 3, rel=0.1)
    assert told.crack_fraction[0] == pytest.approx(0.0, abs=0.005)
    assert told.core_fraction[1] == 0.0
    assert told.crack_fraction[1] == pytest.approx(1.5 / radius_px, rel=0.15)


def test_particles_with_an_open_core_are_found_whole():
    z, y, x = np.indices((32, 32, 32)) - 15.5
    away = np.sqrt(z**2 + y**2 + x**2)
    volume = np.where((away < 12) & (away >= 4.5), 1.0, 0.08) + 0.05 * np.random.default_rng(4).normal(
        size=z.shape
    )
    found = segment_particles(gaussian_filter(volume, 0.5))
    assert found.count == 1
    assert (found.labels[away < 10] == 1).all()


def test_sizes_are_right_within_their_sigma(seen):
    error = seen["diameter_um"] - 2 * PIXEL_UM * seen["true_radius"]
    assert abs(error.mean()) < 0.5 * PIXEL_UM
    assert error.std() < 1.3 * seen["diameter_um_sigma"].mean()


def test_particles_that_nothing_holds_are_detached(seen):
    assert (seen["detached"] == seen["true_detached"]).mean() > 0.95
    assert seen["true_detached"].sum() > 20


def test_grey_levels_and_noise_are_those_of_the_electrode(truth, found):
    levels = grey_levels(truth.image, found.labels)
    assert levels.active == pytest.approx(1.0, abs=0.03)
    assert levels.pore == pytest.approx(0.08, abs=0.05)
    assert levels.binder == pytest.approx(0.35, abs=0.05)
    assert levels.noise == pytest.approx(0.1, rel=0.1)


def test_a_depth_profile_shows_what_grows_towards_the_collector(table):
    rising = table.assign(made=0.1 + 0.002 * table["z_um"])
    end = float(table["z_um"].max()) + 1e-6
    told = depth_profile(rising, "made", separator_um=end, collector_um=0.0, bins=5)
    assert told["particles"].sum() == len(table)
    assert (np.diff(told["mean"]) < 0).all()
    assert told["mean"].to_numpy() == pytest.approx(0.1 + 0.002 * end * (1 - told["depth"]), abs=0.005)
    assert (told["sigma"] > 0).all()


def test_particles_without_inside_have_no_crack_fraction():
    labels = np.zeros((12, 12, 12), dtype=np.int32)
    labels[2:4, 2:4, 2:4] = 1
    labels[4:11, 4:11, 4:11] = 2
    volume = (labels > 0).astype(float)
    levels = grey_levels(*_half_and_half())
    told = particle_damage(volume, labels, levels)
    assert np.isnan(told.crack_fraction[0])
    assert told.crack_fraction[1] == pytest.approx(0.0, abs=0.05)


def _half_and_half() -> tuple[np.ndarray, np.ndarray]:
    """A slab of active material with binder and pores above it."""
    rng = np.random.default_rng(1)
    labels = np.zeros((30, 24, 24), dtype=np.int32)
    labels[15:] = 1
    volume = np.where(labels > 0, 1.0, 0.0)
    volume[:15, :, 12:] = 0.3
    return volume + 0.03 * rng.normal(size=volume.shape), labels


def test_a_volume_with_nothing_in_it_is_refused():
    with pytest.raises(ValueError, match="lower threshold"):
        segment_particles(np.random.default_rng(1).normal(size=(20, 20, 20)), threshold=50.0)


def test_voxels_that_are_not_finite_are_refused():
    volume = np.zeros((16, 16, 16))
    volume[3, 3, 3] = np.nan
    with pytest.raises(ValueError, match="1 voxels are not finite"):
        segment_particles(volume)


def test_a_calibration_needs_cracks_that_differ():
    with pytest.raises(ValueError, match="whose cracks differ"):
        calibrate_damage(np.full(20, 0.1), np.linspace(0.0, 0.2, 20))


def test_particles_with_wide_cracks_are_put_together_without_being_told_their_width(monkeypatch):
    narrow = electrode_truth.cracked

    def wide(rng, offset, radius, sheets, _):
        return narrow(rng, offset, radius, sheets, rng.uniform(0.27, 0.45) * radius)

    monkeypatch.setattr(electrode_truth, "cracked", wide)
    truth = electrode((72, 84, 84), 90, seed=7202, radius_px=(6.0, 9.0))
    found = segment_particles(truth.image)
    overlap, _ = matched(truth.labels, found.labels)
    assert (overlap > 0.5).mean() >= 0.93
    assert found.count == pytest.approx(overlap.size, rel=0.08)
    narrower = segment_particles(truth.image, crack_px=1.1)
    assert (matched(truth.labels, narrower.labels)[0] > 0.5).mean() < 0.8
