"""Onset and front in a burst of radiographs, against a front that is known and against the simulated cell."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging.burst import burst_onset, runaway_front
from operando.simulated_beamline.physics.imaged_specimen import SpecimenState, View
from operando.simulated_beamline.physics.specimen.imaged_jelly_roll import ImagedJellyRoll
from operando.simulated_beamline.physics.specimen.jelly_roll import JellyRoll
from operando.simulated_beamline.physics.specimen.thermal_runaway import RunawayLaw

PERIOD_S, REFERENCE = 8e-4, 40


def counted(clean, seed=5):
    """Frames of camera counts: 0.4 counts per photon, flicker of the light."""
    rng = np.random.default_rng(seed)
    flicker = 1.0 + 0.003 * rng.standard_normal((len(clean), 1, 1))
    return clean * flicker + np.sqrt(0.4 * clean) * rng.standard_normal(clean.shape)


def front(speed_mm_s=300.0, at=(40.0, 95.0), pixel_mm=0.05, frames=70):
    """Frames of 96 x 192 that become darker behind a circle which grows from frame 45 on, in a cell."""
    rows, columns = np.indices((96, 192))
    away_mm = pixel_mm * np.hypot(rows - at[0], columns - at[1])
    time_s = PERIOD_S * (np.arange(frames) - 45.0)
    reached = (away_mm <= speed_mm_s * time_s[:, None, None]) & (np.abs(columns - 95.5) < 45.0)
    return counted(np.where(reached, 850.0, 1000.0)), time_s


def test_the_first_frame_that_differs_is_found():
    frames, _ = front()
    onset = burst_onset(frames, reference=REFERENCE, block=4)
    assert onset.frame in (46, 47)
    assert onset.changed_part[:45].max() < 0.01
    assert onset.arrival_frame.shape == (24, 48)


def test_nothing_is_found_where_nothing_happens():
    quiet = counted(np.full((80, 64, 64), 500.0))
    assert burst_onset(quiet, reference=REFERENCE).frame is None
    with pytest.raises(ValueError, match="no frame differs"):
        runaway_front(quiet, PERIOD_S * np.arange(80), pixel_mm=0.05, reference=REFERENCE)


def test_a_hit_in_one_frame_is_no_onset():
    quiet = counted(np.full((80, 64, 64), 500.0))
    quiet[60, 10:30, 10:30] += 5000.0
    assert burst_onset(quiet, reference=REFERENCE).frame is None


def test_speed_and_place_of_a_known_front_are_found():
    frames, time_s = front()
    found = runaway_front(frames, time_s, pixel_mm=0.05, reference=REFERENCE, block=4)
    assert found.speed_mm_s == pytest.approx(300.0, rel=0.04)
    assert (found.origin_row, found.origin_column) == pytest.approx((40.0, 95.0), abs=2.0)
    assert found.onset_s == pytest.approx(0.5 * PERIOD_S, abs=PERIOD_S)
    assert found.speed_error_mm_s < 10.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [811, 4])
def test_the_simulated_cell_gives_way_where_and_as_fast_as_it_does(seed):
    law = RunawayLaw()
    cell = ImagedJellyRoll(JellyRoll(seed=seed), law)
    view = View((128, 96), 80.0, 47.5, 63.5)
    time_s = PERIOD_S * (np.arange(70) - 45.0)

    def clean(since_s):
        state = SpecimenState(runaway_s=since_s if since_s > 0.0 else -1.0)
        return 16000.0 * np.exp(-cell.attenuation(view, angle_deg=0.0, energy_ev=8400.0, state=state))

    before = clean(-1.0)
    frames = counted(np.stack([clean(since) if since > 0.0 else before for since in time_s]).astype(float))
    found = runaway_front(frames, time_s, pixel_mm=0.08, reference=REFERENCE, block=4)
    z_mm, _, x_mm = cell.cell.hot_spot_mm
    assert found.origin_row == pytest.approx(63.5 + z_mm / 0.08, abs=4.0)
    assert found.origin_column == pytest.approx(47.5 + x_mm / 0.08, abs=4.0)
    # Further out the beam goes through more of the front, which is then seen earlier: some per cent.
    assert 0.0 <= found.onset_s < 3e-3
    assert found.speed_mm_s == pytest.approx(law.spread_mm_s, rel=0.1)


def test_too_few_frames_of_the_beginning_are_refused():
    with pytest.raises(ValueError, match="give ten or more"):
        burst_onset(np.ones((20, 16, 16)), reference=5)
