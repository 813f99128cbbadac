"""A map of another kind and a slice of a tomogram are put over one another from what is stored alone."""

import numpy as np
import pytest
from event_model import compose_run
from operando.callbacks.analysis.imaging import SampleFrame, register, resample_map
from operando.callbacks.analysis.imaging.angle import sequential_angles
from operando.callbacks.live.sample_place import store_sample_frame
from operando.callbacks.live.tomogram_volume import tomogram_volume
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.plans.duration import Timing
from operando.plans.raster import Raster, Region, raster_metadata
from told_tomogram import AXIS_PX, COLUMNS, COUNT, PIXEL_UM, ROWS, ToldTomogram

STAGES_UM = [1.0, 0.0, 3.0]
"""Where the stages stood for the tomogram: z, y, x."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A tomogram with its volume, and a map of the same sample on another instrument."""
    told = ToldTomogram(tmp_path_factory.mktemp("sample"))
    told.begin(sequential_angles(COUNT), sample_um=STAGES_UM)
    told.take(0, COUNT)
    told.end()
    tomogram_volume(told.folder / "journal", told.journal, told.uid, centre_px=AXIS_PX, workers=1)
    raster = Raster(Region((-12.0, 12.0), (-6.0, 6.0)), 0.4, 0.01)
    standing = raster_metadata(raster, Timing(), ("fluorescence",))
    run = compose_run(metadata={**standing, "experiment": told.experiment, "measurement": "map"})
    told.journal("start", dict(run.start_doc))
    told.journal("stop", dict(run.compose_stop()))
    told.map = run.start_doc
    yield told
    told.slices.close()
    told.journal.close()


@pytest.fixture
def experiment(told):
    return experiment_from_journal(told.folder / "journal", told.experiment["uid"], roots=(told.folder,))


def test_a_volume_lies_about_its_axis_as_the_stages_stood(told, experiment):
    frame = experiment.sample_frames[told.uid]
    middle = [0.5 * (ROWS - 1), AXIS_PX, AXIS_PX]
    np.testing.assert_allclose(frame.position_um(middle), np.negative(STAGES_UM), atol=1e-9)
    assert frame.pixel_um == (PIXEL_UM,) * 3


def test_a_map_lies_where_its_start_document_says(told, experiment):
    frame = experiment.sample_frames[told.map["uid"]]
    rows, columns = told.map["shape"]
    last = [told.map["map"]["y_um"][-1], 0.0, told.map["map"]["x_um"][-1]]
    np.testing.assert_allclose(frame.position_um([rows - 1, 0, columns - 1]), last, atol=1e-9)


def test_a_map_that_was_registered_lies_over_the_tomogram(told, experiment):
    frames = experiment.sample_frames
    (tomogram,) = experiment.tomograms
    through = tomogram["attenuation"].sum("y").to_numpy()
    # What the other instrument shows: the same sample, 1.7 and 2.3 um off from where it is believed.
    nominal = frames[told.map["uid"]]
    true = SampleFrame(tuple(np.add(nominal.origin_um, (1.7, 0.0, -2.3))), nominal.pixel_um)
    seen = np.nan_to_num(resample_map(through, frames[told.uid], true, tuple(told.map["shape"])))
    frame, found = register(through, frames[told.uid], seen, nominal)
    store_sample_frame(told.journal, told.map, frame, found, onto=told.uid)
    again = experiment_from_journal(told.folder / "journal", told.experiment["uid"]).sample_frames
    np.testing.assert_allclose(again[told.map["uid"]].origin_um, true.origin_um, atol=0.5 * PIXEL_UM)
    over = resample_map(seen, again[told.map["uid"]], again[told.uid], (ROWS, COLUMNS))
    both = np.isfinite(over)
    assert np.corrcoef(over[both], through[both])[0, 1] > 0.95


def test_a_shift_that_is_not_to_be_used_is_not_stored(told, experiment):
    frame = experiment.sample_frames[told.map["uid"]]
    noise = np.random.default_rng(3).standard_normal((2, 32, 32))
    _, found = register(noise[0], frame, noise[1], frame)
    with pytest.raises(ValueError, match="keep the frame that it has"):
        store_sample_frame(told.journal, told.map, frame, found, onto=told.uid)
