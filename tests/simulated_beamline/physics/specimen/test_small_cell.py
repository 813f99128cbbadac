"""A small cell: its projections are those of the truth, and it runs away in milliseconds, never back."""

from itertools import pairwise

import numpy as np
import pytest
from operando.simulated_beamline.microscope_scenario import build_imaged_jelly_roll
from operando.simulated_beamline.physics.phase_ring import PhaseRing
from operando.simulated_beamline.physics.specimen.jelly_roll import JellyRoll
from operando.simulated_beamline.physics.specimen.thermal_runaway import RunawayLaw
from operando.simulated_beamline.scenario import load_scenario
from operando.simulated_beamline.specimen_section import JellyRollSection

SECTION = JellyRollSection(diameter_mm=3.0, height_mm=4.0, steps=4)
SCENARIO = load_scenario("nmc811-first-charge").model_copy(update={"jelly_roll": SECTION})
CELL = build_imaged_jelly_roll(SCENARIO)


class View:
    """What a server knows of the camera."""

    def __init__(self, tilt_deg=0.0):
        self.shape, self.pixel_um, self.tilt_deg = (128, 128), 40.0, tilt_deg
        self.axis_column, self.origin_row = 63.5, 63.5


class Cell:
    """What a server knows of the cell."""

    def __init__(self, runaway_s=-1.0):
        self.runaway_s, self.lithium_content, self.cycles = runaway_s, 0.5, 0.0


def seen(runaway_s=-1.0, angle_deg=0.0, tilt_deg=0.0):
    return CELL.attenuation(View(tilt_deg), angle_deg=angle_deg, energy_ev=8333.0, state=Cell(runaway_s))


@pytest.mark.parametrize("runaway_s", [-1.0, 0.004, 0.3])
def test_projections_are_line_integrals_of_the_truth(runaway_s):
    axis_mm = (np.arange(256) - 127.5) * 0.02
    rows_mm = (np.arange(30, 98, 4) - 63.5) * 0.04
    inside = np.abs(np.abs(rows_mm) - 2.0) > 0.3
    rows_mm = rows_mm[inside]
    truth = CELL.truth_per_mm(
        runaway_s, rows_mm[:, None, None], axis_mm[None, :, None], axis_mm[None, None, :]
    )
    summed = truth.sum(axis=1) * 0.02
    across = np.stack([np.interp((np.arange(128) - 63.5) * 0.04, axis_mm, row) for row in summed])
    image = seen(runaway_s)[30:98:4][inside]
    assert np.sqrt(np.mean((image - across) ** 2)) < 0.03 * across.max()
    assert image.sum() == pytest.approx(across.sum(), rel=0.01)


def test_mass_is_the_same_at_all_angles():
    sums = [float(seen(0.01, angle_deg).sum()) for angle_deg in (0.0, 33.0, 90.0, 201.5)]
    np.testing.assert_allclose(sums, sums[0], rtol=2e-3)


def test_tilt_leans_high_rows_to_high_columns():
    image = seen(tilt_deg=5.0)
    columns = np.arange(128)
    upper, lower = (float(image[row] @ columns / image[row].sum()) for row in (34, 94))
    assert lower - upper == pytest.approx(60.0 * np.sin(np.radians(5.0)), abs=0.5)


def test_nothing_moves_before_the_onset():
    np.testing.assert_array_equal(seen(-1.0), seen(-1e-6))


def test_gas_gathers_the_lid_opens_and_the_core_leaves():
    before, gassed, gone = seen(), seen(0.012), seen(0.5)
    assert gassed.sum() < 0.99 * before.sum()
    middle = slice(50, 78), slice(56, 72)
    assert gone[middle].mean() < 0.75 * gassed[middle].mean()


def test_the_core_is_seen_on_its_way_out():
    law = CELL.law
    flying = seen(law.vent_s + 0.004)
    assert 0.0 < law.stage(law.vent_s + 0.004).ejected_mm < 4.0
    above = slice(115, 128), slice(52, 76)
    assert flying[above].mean() > seen()[above].mean() + 0.1


def test_runaway_never_goes_back():
    law = RunawayLaw()
    stages = [law.stage(since_s) for since_s in np.linspace(-0.01, 0.1, 40)]
    for earlier, later in pairwise(stages):
        assert later.reach_mm >= earlier.reach_mm
        assert later.ejected_mm >= earlier.ejected_mm
        assert later.is_vented or not earlier.is_vented
    assert stages[0].reach_mm == 0.0


def test_frames_change_from_one_to_the_next_in_runaway():
    frames = np.stack([seen(0.0008 * index) for index in range(12)])
    moved = np.abs(np.diff(frames, axis=0)).max(axis=(1, 2))
    assert np.all(moved[1:] > 1e-3)


def test_the_same_seed_gives_the_same_runaway():
    again = build_imaged_jelly_roll(SCENARIO)
    image = again.attenuation(View(), angle_deg=0.0, energy_ev=8333.0, state=Cell(0.01))
    np.testing.assert_array_equal(image, seen(0.01))


def test_behind_a_phase_ring_a_cell_is_dimmer_and_nothing_else():
    ring = PhaseRing()
    passed = CELL.passed(View(), angle_deg=0.0, energy_ev=8333.0, state=Cell())
    light = abs(ring.amplitude(8333.0)) ** 2 * np.exp(-seen())
    np.testing.assert_allclose(ring.picture(passed, View().pixel_um, 8333.0), light, rtol=0.02)


def test_a_roll_without_room_is_refused():
    with pytest.raises(ValueError, match="no turn of"):
        JellyRoll(diameter_mm=1.0)


def test_a_scenario_without_a_cell_is_told():
    with pytest.raises(ValueError, match=r"no section \[jelly_roll\]"):
        build_imaged_jelly_roll(SCENARIO.model_copy(update={"jelly_roll": None}))
