"""Stacks and maps of other kinds put on each other: known shifts, and a measured pair."""

from pathlib import Path

import numpy as np
import pytest
from chemical_stack import ENERGY, spectra
from operando.callbacks.analysis.imaging import (
    SampleFrame,
    align_stack,
    aligned,
    register,
    resample_map,
)

SIZE = (120, 130)
IMAGES = 12


def particles(shift=(0.0, 0.0), seed: int = 1, thin: bool = False) -> np.ndarray:
    """Thickness of round particles with sharp rims, exact at any shift."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(float)
    image = np.zeros(SIZE)
    for row, column, radius in zip(*rng.uniform((10, 10, 5), (110, 120, 13), (12, 3)).T, strict=True):
        distance = np.hypot(rows - row - shift[0], columns - column - shift[1])
        image += (0.4 if thin else 1.0) / (1 + np.exp((distance - radius) / 0.8))
    return image


def energy_series(levels=(1.0,) * IMAGES, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Images, moved and with noise that stays on the detector; and their shifts."""
    rng = np.random.default_rng(seed)
    shifts = np.cumsum(rng.normal(0, 1.2, (IMAGES, 2)), axis=0)
    pattern = 0.1 * rng.normal(size=SIZE) + 0.03 * rng.normal(size=(SIZE[0], 1))
    return np.stack(
        [
            level * particles(shift) + 0.3 * particles(shift, seed=9) + pattern + 0.03 * rng.normal(size=SIZE)
            for level, shift in zip(levels, shifts, strict=True)
        ]
    ), shifts


def test_a_stack_is_aligned_to_a_tenth_of_a_pixel_in_fixed_pattern_noise():
    stack, shifts = energy_series()
    found = align_stack(stack)
    assert set(found.verdict) == {"good"}
    assert found.reference == IMAGES - 1
    assert found.shift_px == pytest.approx(shifts - shifts[-1], abs=0.1)


@pytest.mark.parametrize("seed", [5, 6])
def test_a_stack_over_an_edge_that_changes_overlapping_structure_fivefold_is_aligned_to_a_tenth_of_a_pixel(
    seed,
):
    levels = 0.25 + 1 / (1 + np.exp(-(np.arange(IMAGES) - 5.5)))
    stack, shifts = energy_series(levels, seed)
    found = align_stack(stack).shift_px
    assert found == pytest.approx(shifts - shifts[-1], abs=0.1)


@pytest.mark.parametrize("pattern", [0.0, 0.05])
def test_a_stack_of_one_image_at_changing_contrast_is_aligned_to_a_tenth_of_a_pixel(pattern):
    rng = np.random.default_rng(41)
    levels = 0.25 + 1 / (1 + np.exp(-(np.arange(IMAGES) - 5.5)))
    shifts = np.cumsum(rng.normal(0, 1.2, (IMAGES, 2)), axis=0)
    on_detector = pattern * rng.normal(size=SIZE)
    stack = [
        level * particles(shift) + on_detector + 0.03 * rng.normal(size=SIZE)
        for level, shift in zip(levels, shifts, strict=True)
    ]
    assert align_stack(stack).shift_px == pytest.approx(shifts - shifts[-1], abs=0.1)


@pytest.mark.parametrize("second", [0.05, 0.1, 0.2])
def test_faint_structure_of_other_contrast_and_a_pattern_on_the_detector_move_nothing(second):
    # Correlation is drawn to both, 0.2 pixel off.
    rng = np.random.default_rng(61)
    levels = 0.25 + 1 / (1 + np.exp(-(np.arange(IMAGES) - 5.5)))
    shifts = np.cumsum(rng.normal(0, 1.2, (IMAGES, 2)), axis=0)
    pattern = 0.1 * rng.normal(size=SIZE)
    stack = [
        level * particles(shift) + second * particles(shift, 9) + pattern + 0.03 * rng.normal(size=SIZE)
        for level, shift in zip(levels, shifts, strict=True)
    ]
    assert align_stack(stack).shift_px == pytest.approx(shifts - shifts[-1], abs=0.1)


def test_a_gradient_of_valence_across_a_grain_is_not_taken_for_a_shift():
    # Correlation is 0.13 pixel off, and two images of any kind would follow shifts that go as their shares.
    rng = np.random.default_rng(62)
    energy = ENERGY[10:60:2]
    shifts = np.cumsum(rng.normal(0, 0.7, (energy.size, 2)), axis=0)
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(float)
    stack = []
    for energy_ev, (row, column) in zip(energy, shifts, strict=True):
        along, distance = columns - 65 - column, np.hypot(rows - 60 - row, columns - 65 - column)
        grain = spectra(8343.0 + np.clip(along / 15, -2, 2), energy=np.array([energy_ev]))[0]
        stack.append(grain / (1 + np.exp((distance - 30) / 0.8)) + 0.02 * rng.normal(size=SIZE))
    assert align_stack(stack).shift_px == pytest.approx(shifts - shifts[-1], abs=0.1)


def test_aligned_images_lie_on_the_reference():
    stack = np.stack([particles(shift) for shift in ((0.0, 0.0), (2.3, -1.6), (-1.2, 0.4))])
    moved = aligned(stack, align_stack(stack, reference=0))
    inside = np.isfinite(moved).all(axis=0)
    assert inside.mean() > 0.9
    assert np.abs(moved - stack[0])[:, inside].max() < 0.1


def test_an_image_without_structure_gets_the_shift_between_its_neighbours():
    stack, _ = energy_series()
    stack[6] = np.random.default_rng(1).normal(size=SIZE)
    found = align_stack(stack)
    assert found.verdict[6] != "good"
    assert found.reason[6]
    assert found.shift_px[6] == pytest.approx((found.shift_px[5] + found.shift_px[7]) / 2)


def test_a_stack_without_its_reference_is_refused():
    with pytest.raises(ValueError, match="reference 7"):
        align_stack(np.zeros((3, 20, 20)), reference=7)


def test_pixels_and_positions_are_inverse_to_each_other():
    frame = SampleFrame((10.0, -3.0, 2.5), (0.5, 0.4, -0.4), rotation_deg=37.0)
    index = np.random.default_rng(1).uniform(0, 100, (20, 3))
    assert frame.index(frame.position_um(index)) == pytest.approx(index)


def test_a_quarter_turn_takes_the_row_across_the_beam_into_the_beam():
    turned = SampleFrame((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), rotation_deg=90.0)
    assert turned.position_um([2, 0, 5]) == pytest.approx([2.0, -5.0, 0.0])


def test_a_frame_survives_the_metadata_of_a_sample():
    frame = SampleFrame((10.0, -3.0, 2.5), (0.5, 0.4, 0.4), rotation_deg=37.0)
    assert SampleFrame.from_metadata(frame.to_metadata()) == frame


def test_a_frame_that_cannot_be_inverted_is_refused():
    with pytest.raises(ValueError, match="other than zero"):
        SampleFrame((0.0, 0.0, 0.0), (0.0, 1.0, 1.0))


def test_a_map_of_other_pixels_and_contrast_is_found_on_a_slice_to_a_pixel():
    rng = np.random.default_rng(4)
    slice_frame = SampleFrame((0.0, 0.0, 0.0), (0.1, 0.1, 0.1))
    believed = SampleFrame((0.3, 0.0, -0.2), (0.2, 0.2, 0.2))
    true = believed.moved(3.0, -2.5)
    attenuation = particles() + 0.05 * rng.normal(size=SIZE)
    shape = (SIZE[0] // 2, SIZE[1] // 2)
    fluorescence = 40 * np.nan_to_num(resample_map(particles(thin=True), slice_frame, true, shape))
    found, shift = register(attenuation, slice_frame, rng.poisson(fluorescence + 1), believed)
    assert shift.verdict == "good"
    assert np.array(found.origin_um) == pytest.approx(np.array(true.origin_um), abs=0.05)


def test_a_chemical_map_and_fluorescence_have_the_published_offset_and_correlations(shared_data: Path):
    image = pytest.importorskip("PIL.Image")
    folder = shared_data / "imaging/hxn_nanoxanes_Fe/HXN_XANES"
    if not folder.is_dir():
        pytest.skip("no measured maps")
    fluorescence, chemical = {}, {}
    for element in ("Fe", "S", "Cr", "P"):
        with image.open(folder / f"XRF_Images/SUM_maps_XRF_{element}_K.tiff") as page:
            fluorescence[element] = np.array(page, dtype=float)
    with image.open(folder / "chemical_map.tiff") as pages:
        for number, name in enumerate(("LFP", "pyrite", "steel", "hematite")):
            pages.seek(number)
            chemical[name] = np.array(pages, dtype=float)
    chemical["sum"] = sum(chemical.values())
    base = SampleFrame((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    found, shift = register(chemical["sum"], base, fluorescence["Fe"], base)
    assert (shift.rows, shift.columns) == pytest.approx((5.0, 0.0), abs=0.5)
    published = {("Fe", "sum"): 0.9998, ("S", "pyrite"): 0.962, ("Cr", "steel"): 0.983, ("P", "LFP"): 0.948}
    for (element, compound), wanted in published.items():
        seen = resample_map(fluorescence[element], found, base, (155, 160))
        both = np.isfinite(seen)
        correlation = np.corrcoef(seen[both], chemical[compound][both])[0, 1]
        assert correlation == pytest.approx(wanted, abs=0.02), element


def test_images_without_any_structure_stay_where_they_are_and_say_so():
    found = align_stack(np.zeros((4, 32, 32)))
    assert not found.shift_px.any()
    assert "good" not in found.verdict
