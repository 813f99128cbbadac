"""A geometry is refined from the rings of a calibrant, or refused with the reason."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from operando.callbacks.analysis.xrd import calibrate_geometry
from ring_frame import LATTICE, SIDE, cubic_q, geometry, ring_frame

LINES = {
    "LaB6": (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16),
    "CeO2": (3, 4, 8, 11, 12, 16, 19, 20, 24, 27, 32, 35, 36),
    "Si": (3, 8, 11, 16, 19, 24, 27, 32, 35, 40),
}


@cache
def frame(calibrant):
    return ring_frame(geometry(), cubic_q(LATTICE[calibrant], LINES[calibrant]), np.random.default_rng(1))


def rough(row_px=4.0, column_px=-3.0, distance_mm=101.0):
    """Untilted guess with the centre 5 pixels and the distance 1 % off."""
    row, column = geometry().beam_centre_px
    return geometry(
        distance_mm=distance_mm,
        poni1_mm=(row + row_px) * 0.15,
        poni2_mm=(column + column_px) * 0.15,
        rot1_deg=0.0,
        rot2_deg=0.0,
    )


@pytest.mark.parametrize("calibrant", ["LaB6", "CeO2", "Si"])
@pytest.mark.parametrize("guess", [rough(), rough(-6.0, 8.0, 98.0)], ids=["1 %, 5 px", "2 %, 10 px"])
def test_rough_geometry_is_refined(calibrant, guess):
    fit = calibrate_geometry(frame(calibrant), guess, calibrant)
    found, true = fit.geometry, geometry()
    assert found.distance_mm == pytest.approx(true.distance_mm, abs=0.01)
    assert found.beam_centre_px == pytest.approx(true.beam_centre_px, abs=0.02)
    assert (found.rot1_deg, found.rot2_deg) == pytest.approx((true.rot1_deg, true.rot2_deg), abs=0.02)
    assert fit.residual_px < 0.05
    assert fit.rings >= 6


def test_true_values_lie_within_five_standard_deviations():
    fit = calibrate_geometry(frame("LaB6"), rough(), "LaB6")
    for name in ("distance_mm", "poni1_mm", "poni2_mm", "rot1_deg", "rot2_deg"):
        sigma = getattr(fit.sigma, name)
        assert 0 < sigma < 0.02
        assert abs(getattr(fit.geometry, name) - getattr(geometry(), name)) < 5 * sigma, name


def test_wavelength_of_the_call_counts():
    fit = calibrate_geometry(frame("LaB6"), replace(rough(), wavelength_angstrom=1.0), "LaB6", 0.4)
    assert fit.geometry.wavelength_angstrom == 0.4
    assert fit.geometry.distance_mm == pytest.approx(100.0, abs=0.01)


def test_held_tilts_stay():
    fit = calibrate_geometry(frame("LaB6"), rough(), "LaB6", held=("rot1_deg", "rot2_deg"))
    assert (fit.geometry.rot1_deg, fit.geometry.rot2_deg) == (0.0, 0.0)
    assert (fit.sigma.rot1_deg, fit.sigma.rot2_deg) == (0.0, 0.0)


def test_mask_and_bad_pixels_do_not_disturb():
    spoiled, mask = frame("LaB6").copy(), np.zeros((SIDE, SIDE), bool)
    spoiled[100:130] = 1_000_000
    mask[100:130] = True
    mask[::, 40::64] = True
    spoiled[:, 200:204] = 2**32 - 1
    fit = calibrate_geometry(spoiled, rough(), "LaB6", mask=mask)
    assert fit.geometry.distance_mm == pytest.approx(100.0, abs=0.01)
    assert fit.geometry.beam_centre_px == pytest.approx(geometry().beam_centre_px, abs=0.02)


def test_a_strong_tilt_is_refined():
    true = geometry(rot1_deg=8.0, poni2_mm=50.0)
    counts = ring_frame(true, cubic_q(LATTICE["LaB6"], LINES["LaB6"]), np.random.default_rng(2))
    fit = calibrate_geometry(counts, replace(true, distance_mm=100.5, rot1_deg=7.5, poni2_mm=49.5), "LaB6")
    assert fit.geometry.distance_mm == pytest.approx(100.0, abs=0.01)
    assert fit.geometry.rot1_deg == pytest.approx(8.0, abs=0.01)


def test_a_frame_that_is_stored_flipped_and_a_beam_beside_the_detector_are_refined():
    true = geometry(orientation=2, poni1_mm=-6.0)
    counts = ring_frame(true, cubic_q(LATTICE["LaB6"], LINES["LaB6"]), np.random.default_rng(5))
    guess = replace(true, distance_mm=100.4, poni1_mm=-6.3, rot1_deg=0.4)
    found = calibrate_geometry(counts, guess, "LaB6").geometry
    assert found.distance_mm == pytest.approx(100.0, abs=0.05)
    assert found.beam_centre_px == pytest.approx(true.beam_centre_px, abs=0.1)


def test_a_frame_without_rings_is_refused():
    counts = np.random.default_rng(3).poisson(50, (SIDE, SIDE)).astype(np.uint32)
    with pytest.raises(ValueError, match=r"0 of \d+ rings of LaB6 found within 12 pixels"):
        calibrate_geometry(counts, rough(), "LaB6")


@pytest.mark.parametrize(
    ("guess", "calibrant"),
    [(rough(row_px=60.0), "LaB6"), (rough(distance_mm=140.0), "LaB6"), (rough(), "Si"), (rough(), "CeO2")],
)
def test_rings_that_do_not_fit_are_refused(guess, calibrant):
    with pytest.raises(ValueError, match="check calibrant"):
        calibrate_geometry(frame("LaB6"), guess, calibrant)


def test_an_unknown_calibrant_is_refused_with_those_known():
    with pytest.raises(ValueError, match=r"no calibrant 'salt'; pyFAI knows .*LaB6"):
        calibrate_geometry(frame("LaB6"), rough(), "salt")


def test_an_unknown_parameter_cannot_be_held():
    with pytest.raises(ValueError, match="cannot hold tilt; only distance_mm"):
        calibrate_geometry(frame("LaB6"), rough(), held=("tilt",))


def test_a_frame_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"frame has \(3, 4\) pixels, the geometry \(512, 512\)"):
        calibrate_geometry(np.ones((3, 4)), rough())


def test_a_fit_is_plain_numbers_for_documents():
    told = json.loads(json.dumps(calibrate_geometry(frame("LaB6"), rough()).metadata()))
    assert told["geometry"]["shape"] == [SIDE, SIDE]
    assert set(told["sigma"]) == {"distance_mm", "poni1_mm", "poni2_mm", "rot1_deg", "rot2_deg"}
