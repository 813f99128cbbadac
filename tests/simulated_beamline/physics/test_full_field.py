"""Distances of a full-field optic against numbers of a textbook, and what defocus does."""

import pytest
from operando.simulated_beamline.physics.full_field import FullFieldOptic

OPTIC = FullFieldOptic()


def test_plate_and_detector_stand_where_the_thin_lens_has_them():
    plate_mm, detector_mm = OPTIC.in_focus_mm(8333.0, 32.5)
    assert OPTIC.plate.focal_length_mm(8333.0) == pytest.approx(49.198, abs=1e-3)
    assert plate_mm == pytest.approx(50.712, abs=1e-3)
    assert detector_mm == pytest.approx(1698.84, abs=1e-2)


def test_an_energy_scan_moves_both_at_constant_magnification():
    low, high = (OPTIC.in_focus_mm(energy_ev, 32.5) for energy_ev in (8250.0, 8450.0))
    assert high[0] - low[0] == pytest.approx(1.217, abs=1e-3)
    assert high[1] - low[1] == pytest.approx(40.77, abs=1e-2)
    assert OPTIC.magnification(*low) == pytest.approx(OPTIC.magnification(*high))


def test_an_image_in_focus_is_sharp_and_one_beside_it_is_not():
    plate_mm, detector_mm = OPTIC.in_focus_mm(8333.0, 32.5)
    assert OPTIC.blur_um(8333.0, plate_mm, detector_mm) == pytest.approx(0.0, abs=1e-9)
    # A cone of 244 um at 50 mm: 10 um off focus are 0.05 um at the specimen.
    beside = OPTIC.blur_um(8333.0, plate_mm + 0.01, detector_mm)
    assert beside == pytest.approx(0.01 / plate_mm * 244.0, rel=0.01)


def test_a_plate_behind_the_detector_is_refused():
    with pytest.raises(ValueError, match="between the two"):
        OPTIC.magnification(1700.0, 1698.0)
