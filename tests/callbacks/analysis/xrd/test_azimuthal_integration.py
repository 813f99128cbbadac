"""Integration equals pyFAI's exact splitting with every correction, and leaves bad pixels out."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from operando.callbacks.analysis.xrd import Geometry, Integrator
from operando.callbacks.analysis.xrd.pyfai import pyfai_module
from ring_frame import LATTICE, cubic_q, geometry, ring_frame

SIDE = 256
COARSE = geometry(shape=(SIDE, SIDE), pixel_mm=(0.3, 0.3))
BINS = 200
SATURATION = 900
TOLERANCE = 1e-5
RINGS = cubic_q(LATTICE["LaB6"], (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16))
CORRECTED = {"polarization_factor": 0.95}


@cache
def counts():
    return ring_frame(COARSE, RINGS, np.random.default_rng(1), width_per_angstrom=0.04)


@cache
def corrections():
    rng = np.random.default_rng(2)
    shape = (SIDE, SIDE)
    mask = np.zeros(shape, bool)
    mask[100:106] = True
    mask[rng.integers(0, SIDE, 200), rng.integers(0, SIDE, 200)] = True
    flat = rng.normal(1.0, 0.05, shape).astype(np.float32)
    flat[17, 30:40] = 0.0
    return {"mask": mask, "dark": rng.uniform(0.5, 3.0, shape).astype(np.float32), "flat": flat}


def bad_pixels():
    rng = np.random.default_rng(3)
    bad = np.zeros((SIDE, SIDE), bool)
    bad[rng.integers(0, SIDE, 300), rng.integers(0, SIDE, 300)] = True
    bad[150:155, 50:130] = True
    return bad


def reference(frame, mask, bins=BINS, **options):
    """pyFAI's full split of a frame whose bad pixels are in the mask."""
    return COARSE.pyfai().integrate1d(
        np.where(mask, 0, frame).astype(float),
        bins,
        mask=mask.astype(np.int8),
        unit="q_A^-1",
        method=("full", "csr", "cython"),
        error_model="poisson",
        **options,
    )


def assert_equal(pattern, expected, tolerance=TOLERANCE):
    seen = expected.count > 0
    assert np.allclose(pattern.q_per_angstrom, expected.radial, rtol=1e-6)
    for ours, theirs in ((pattern.intensity, expected.intensity), (pattern.sigma, expected.sigma)):
        assert np.abs(ours - theirs)[seen].max() < tolerance * np.abs(theirs).max()
    assert np.isnan(pattern.intensity[~seen]).all()


@pytest.mark.parametrize("kind", [np.uint16, np.uint32, np.int32, np.float32, np.float64])
def test_pattern_and_sigma_equal_pyfai_with_all_corrections_and_saturated_pixels(kind):
    frame, bad = counts().astype(kind), bad_pixels()
    frame[bad] = 60000
    fixed = corrections()
    pattern = Integrator(COARSE, bins=BINS, saturation=SATURATION, **fixed, **CORRECTED).integrate(frame)
    expected = reference(
        frame, fixed["mask"] | (frame >= SATURATION), dark=fixed["dark"], flat=fixed["flat"], **CORRECTED
    )
    assert_equal(pattern, expected)
    good = bad & ~fixed["mask"] & (fixed["flat"] > 0)
    assert (pattern.saturated_pixels, pattern.dead_pixels) == (good.sum(), 0)


@pytest.mark.parametrize("bins", [40, 90, 700])
def test_pattern_equals_pyfai_for_coarse_and_fine_bins(bins):
    pattern = Integrator(COARSE, bins=bins).integrate(counts())
    assert_equal(pattern, reference(counts(), np.zeros((SIDE, SIDE), bool), bins))


def test_pattern_equals_pyfai_within_a_range_of_q():
    pattern = Integrator(COARSE, bins=BINS, q_range_per_angstrom=(1.0, 4.0)).integrate(counts())
    expected = reference(counts(), np.zeros((SIDE, SIDE), bool), radial_range=(1.0, 4.0))
    assert_equal(pattern, expected)


def test_monitor_divides_intensity_and_sigma():
    integrator = Integrator(COARSE, bins=BINS)
    plain, divided = integrator.integrate(counts()), integrator.integrate(counts(), monitor=4.0)
    assert np.allclose(divided.intensity, plain.intensity / 4, equal_nan=True)
    assert np.allclose(divided.sigma, plain.sigma / 4, equal_nan=True)


@pytest.mark.parametrize("value", [np.nan, -1.0, -2.0, np.inf])
def test_dead_pixels_of_a_frame_leave_counts_and_normalisation(value):
    frame, bad = counts().astype(np.float32), bad_pixels()
    frame[bad] = value
    pattern = Integrator(COARSE, bins=BINS, **corrections(), **CORRECTED).integrate(frame)
    masked = corrections() | {"mask": corrections()["mask"] | bad}
    expected = Integrator(COARSE, bins=BINS, **masked, **CORRECTED).integrate(counts().astype(np.float32))
    assert np.allclose(pattern.intensity, expected.intensity, rtol=1e-6, equal_nan=True)
    assert np.allclose(pattern.sigma, expected.sigma, rtol=1e-6, equal_nan=True)
    assert np.allclose(pattern.pixels, expected.pixels, atol=1e-3)
    assert pattern.dead_pixels + pattern.saturated_pixels > 300


def test_bad_pixels_are_forgotten_with_the_next_frame():
    integrator = Integrator(COARSE, bins=BINS)
    before = integrator.integrate(counts())
    spoiled = np.full((SIDE, SIDE), 2**32 - 1, np.uint32)
    assert np.isnan(integrator.integrate(spoiled).intensity).all()
    after = integrator.integrate(counts())
    assert np.array_equal(before.intensity, after.intensity, equal_nan=True)


def test_threads_share_an_integrator():
    integrator = Integrator(COARSE, bins=BINS)
    frames = [counts() + each for each in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(integrator.integrate, frames))
    for frame, pattern in zip(frames, together, strict=True):
        assert np.array_equal(pattern.intensity, integrator.integrate(frame).intensity)


def test_error_of_the_dark_counts_where_it_is_given():
    dark = np.full((SIDE, SIDE), 40.0, np.float32)
    plain, noisy = (
        Integrator(COARSE, bins=BINS, dark=dark, dark_variance=variance).integrate(
            np.full((SIDE, SIDE), 120, np.uint16)
        )
        for variance in (None, dark)
    )
    assert np.allclose(noisy.intensity, plain.intensity)
    assert np.allclose(noisy.sigma / plain.sigma, np.sqrt(160 / 120), rtol=1e-5)


def test_largest_value_of_the_type_marks_a_dead_pixel():
    frame = counts().copy()
    frame[5:9] = 2**32 - 1
    assert Integrator(COARSE, bins=BINS).integrate(frame).saturated_pixels == 4 * SIDE


def test_negative_counts_stay_where_they_are_allowed():
    frame = counts() - 60.0
    shifted = Integrator(COARSE, bins=BINS, minimum=-np.inf, solid_angle=False).integrate(frame)
    plain = Integrator(COARSE, bins=BINS, solid_angle=False).integrate(counts())
    assert np.allclose(shifted.intensity, plain.intensity - 60.0, atol=1e-4, equal_nan=True)


def test_a_uniform_frame_gives_a_flat_pattern_whatever_is_masked():
    pattern = Integrator(COARSE, corrections()["mask"], bins=BINS, solid_angle=False).integrate(
        np.full((SIDE, SIDE), 7, np.uint16)
    )
    seen = pattern.pixels > 0
    assert np.allclose(pattern.intensity[seen], 7.0, rtol=1e-6)
    assert pattern.pixels.sum() == pytest.approx((~corrections()["mask"]).sum(), rel=1e-6)


def test_sigma_is_the_scatter_of_repeated_frames():
    rng = np.random.default_rng(4)
    integrator = Integrator(COARSE, bins=BINS)
    patterns = [integrator.integrate(rng.poisson(50, (SIDE, SIDE)).astype(np.uint16)) for _ in range(40)]
    scatter = np.std([each.intensity for each in patterns], axis=0, ddof=1)
    seen = patterns[0].pixels > 5
    # Split pixels correlate neighbouring bins, not the points of one bin: the ratio is 1.
    assert np.mean(scatter[seen] / patterns[0].sigma[seen]) == pytest.approx(1.0, abs=0.05)


def test_each_sector_equals_the_pattern_with_the_others_masked():
    bounds = [(170.0, 190.0), (-40.0, 10.0)]
    sectors = Integrator(COARSE, bins=BINS, sectors=bounds).integrate(counts()).sectors
    azimuth_deg = np.degrees(COARSE.pyfai().center_array((SIDE, SIDE), unit="chi_rad", scale=False))
    assert sectors.intensity.shape == (2, BINS)
    for row, (begin, end) in enumerate(bounds):
        outside = (azimuth_deg - begin) % 360 >= end - begin
        expected = Integrator(COARSE, outside, bins=BINS, q_range_per_angstrom=reach()).integrate(counts())
        assert np.allclose(sectors.intensity[row], expected.intensity, rtol=1e-3, equal_nan=True)


def reach():
    """Lower and upper end of the pattern of the whole detector, 1/angstrom."""
    q = Integrator(COARSE, bins=BINS).integrate(counts()).q_per_angstrom
    step = q[1] - q[0]
    return float(q[0] - step / 2), float(q[-1] + step / 2)


def test_sectors_do_not_change_the_pattern_of_the_whole():
    whole = Integrator(COARSE, bins=BINS).integrate(counts())
    parted = Integrator(COARSE, bins=BINS, sectors=12).integrate(counts())
    assert np.allclose(parted.intensity, whole.intensity, rtol=1e-9, equal_nan=True)
    assert np.allclose(parted.sectors.pixels.sum(axis=0), whole.pixels, atol=1e-6)


@pytest.mark.parametrize(
    ("sectors", "told"),
    [
        (0, "at least 1"),
        ([(10, 5)], "-5 wide"),
        ([(0, 90), (350, 370)], "overlap"),
        ([(0, 90), (45, 100)], "overlap"),
    ],
)
def test_sectors_that_cannot_be_are_refused(sectors, told):
    with pytest.raises(ValueError, match=told):
        Integrator(COARSE, sectors=sectors)


def test_a_texture_shows_in_the_sectors():
    azimuth_deg = np.degrees(COARSE.pyfai().center_array((SIDE, SIDE), unit="chi_rad", scale=False))
    frame = np.where(np.abs(azimuth_deg) < 45, 900, 100).astype(np.uint16)
    pattern = Integrator(COARSE, bins=BINS, solid_angle=False, sectors=[(-45, 45), (45, 135)]).integrate(
        frame
    )
    assert np.nanmedian(pattern.sectors.intensity, axis=1).tolist() == pytest.approx([900, 100])


def test_peaks_stand_where_the_lattice_puts_them():
    pattern = Integrator(COARSE, bins=BINS).integrate(counts())
    for ring in RINGS[:5]:
        near = np.abs(pattern.q_per_angstrom - ring) < 0.16
        above = pattern.intensity[near] - 30.0
        centre = np.average(pattern.q_per_angstrom[near], weights=above)
        assert centre == pytest.approx(ring, abs=0.003)
    two_theta_deg = np.interp(RINGS[0], pattern.q_per_angstrom, pattern.two_theta_deg)
    assert two_theta_deg == pytest.approx(2 * np.degrees(np.arcsin(0.4 / 2 / LATTICE["LaB6"])), abs=0.01)


def test_frames_of_other_byte_order_and_views_are_read_right():
    frame = np.repeat(counts(), 2, axis=1)[:, ::2].astype(">u4")
    integrator = Integrator(COARSE, bins=BINS)
    expected = integrator.integrate(counts())
    assert np.array_equal(integrator.integrate(frame).intensity, expected.intensity, equal_nan=True)


def test_a_frame_of_another_detector_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"frame has \(10, 20\) pixels, the detector \(256, 256\)"):
        Integrator(COARSE, bins=BINS).integrate(np.zeros((10, 20)))


def test_a_wrong_monitor_or_type_is_refused():
    integrator = Integrator(COARSE, bins=BINS)
    with pytest.raises(ValueError, match="monitor is 0"):
        integrator.integrate(counts(), monitor=0.0)
    with pytest.raises(ValueError, match="type bool"):
        integrator.integrate(counts() > 3)


def test_nothing_left_to_integrate_is_told():
    with pytest.raises(ValueError, match="masked"):
        Integrator(COARSE, np.ones((SIDE, SIDE), bool))
    with pytest.raises(ValueError, match="no pixel within q"):
        Integrator(COARSE, q_range_per_angstrom=(100.0, 110.0))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"q_range_per_angstrom": (5.0, 1.0)}, "lower end first"),
        ({"q_range_per_angstrom": (2.0, 2.0)}, "lower end first"),
        ({"q_range_per_angstrom": (np.nan, 2.0)}, "both finite"),
        ({"q_range_per_angstrom": (1.0, np.inf)}, "both finite"),
        ({"polarization_factor": 99.0}, "polarization_factor is 99, must be -1 to 1"),
    ],
)
def test_ranges_and_factors_that_cannot_be_are_refused(option, told):
    with pytest.raises(ValueError, match=told):
        Integrator(COARSE, **option)


def test_geometry_goes_through_a_poni_file(tmp_path):
    path = tmp_path / "detector.poni"
    COARSE.pyfai().save(str(path))
    read = Geometry.read(path)
    assert replace(read, shape=(0 + SIDE, SIDE)) == read
    for name, value in COARSE.metadata().items():
        assert read.metadata()[name] == pytest.approx(value), name
    of_file, of_numbers = (Integrator(each, bins=BINS).integrate(counts()) for each in (path, COARSE))
    assert np.allclose(of_file.intensity, of_numbers.intensity, rtol=1e-6, equal_nan=True)


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyFAI", None)
    with pytest.raises(ModuleNotFoundError, match=r"operando\[diffraction\]"):
        pyfai_module()


def test_a_missing_poni_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no PONI file at .*lost\.poni"):
        Integrator(tmp_path / "lost.poni")


def test_gaps_of_a_known_detector_are_masked():
    known = replace(
        COARSE, detector="Eiger2 CdTe 500k", shape=(512, 1028), pixel_mm=(0.075, 0.075), distance_mm=50.0
    )
    gaps = known.pyfai().detector.mask
    pattern = Integrator(known, bins=BINS).integrate(np.ones((512, 1028), np.uint16))
    assert pattern.pixels.sum() == pytest.approx(gaps.size - (gaps != 0).sum(), rel=1e-4)


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_beam_centre_is_where_pyfai_sees_no_scattering(orientation):
    flipped = geometry(orientation=orientation, poni2_mm=30.0)
    two_theta = flipped.pyfai().center_array(flipped.shape, unit="2th_rad", scale=False)
    darkest = np.unravel_index(two_theta.argmin(), flipped.shape)
    assert flipped.beam_centre_px == pytest.approx(np.array(darkest) + 0.5, abs=0.5)
    for name, value in Geometry.of(flipped.pyfai()).metadata().items():
        assert value == (pytest.approx(getattr(flipped, name)) if name != "detector" else ""), name


def test_an_orientation_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="orientation is 5, must be 1 to 4"):
        geometry(orientation=5)


@pytest.mark.parametrize("name", ["distance_mm", "wavelength_angstrom"])
def test_lengths_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is -1, must be above 0"):
        replace(COARSE, **{name: -1.0})
