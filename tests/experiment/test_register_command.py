"""The command ``operando register``: a map of fluorescence is put over a tomogram of the same sample."""

import numpy as np
import pytest
from event_model import compose_run
from operando.callbacks.analysis.imaging import SampleFrame, resample_map
from operando.callbacks.analysis.imaging.angle import sequential_angles
from operando.callbacks.live.result import ResultRun
from operando.callbacks.live.tomogram_volume import tomogram_volume
from operando.callbacks.tiled.element_map import PIXELS
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.callbacks.tiled.run_source import JournalSource
from operando.experiment.cli import app
from operando.plans.duration import Timing
from operando.plans.raster import Raster, Region, raster_metadata
from told_tomogram import AXIS_PX, COUNT, ToldTomogram
from typer.testing import CliRunner

RASTER = Raster(Region((-12.0, 12.0), (-6.0, 6.0)), 0.4, 0.01)
BELIEVED = SampleFrame((-6.0, 0.0, -12.0), (0.4, 0.4, 0.4))
OFF_UM = (1.7, 0.0, -2.3)
"""From where the map is believed: z, y, x."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A tomogram with its volume, one without, and two maps: one shows the sample, one something else."""
    told = ToldTomogram(tmp_path_factory.mktemp("sample"))
    told.begin(sequential_angles(COUNT), sample_um=[1.0, 0.0, 3.0])
    told.take(0, COUNT)
    told.end()
    told.tomogram = told.uid
    tomogram_volume(told.folder / "journal", told.journal, told.uid, centre_px=AXIS_PX, workers=1)
    (tomogram,) = opened(told).tomograms
    through = tomogram["attenuation"].sum("y").to_numpy()
    true = SampleFrame((-6.0 + OFF_UM[0], 0.0, -12.0 + OFF_UM[2]), (0.4,) * 3)
    over = opened(told).sample_frames[told.tomogram]
    seen = np.nan_to_num(resample_map(through, over, true, RASTER.shape))
    noise = np.random.default_rng(3).standard_normal((2, *RASTER.shape))
    told.map = tell_map(told, seen / seen.max() * 1000.0 + noise[0])
    told.true = BELIEVED.placed((0.8, -1.1), 6.0, 1.03, (0.0, 0.0)).mirrored("x", RASTER.shape)
    askew = np.nan_to_num(resample_map(through, over, told.true, RASTER.shape))
    told.askew = tell_map(told, askew / askew.max() * 1000.0 + noise[0])
    told.other = tell_map(told, 1000.0 + 100.0 * noise[1])
    told.begin(sequential_angles(COUNT))
    told.end("abort")
    yield told
    told.slices.close()
    told.journal.close()


def opened(told):
    return experiment_from_journal(told.folder / "journal", told.experiment["uid"], roots=(told.folder,))


def tell_map(told, nickel):
    """A map as plan and live analysis tell it; cobalt is nowhere."""
    standing = raster_metadata(RASTER, Timing(), ("fluorescence",))
    run = compose_run(metadata={**standing, "experiment": told.experiment, "measurement": "map"})
    told.journal("start", dict(run.start_doc))
    told.journal("stop", dict(run.compose_stop()))
    uid = run.start_doc["uid"]
    parameters = {
        "measurement": "map",
        "measurement_run": uid,
        "elements": ["Ni", "Co"],
        "verdicts": ["good"],
    }
    parameters |= {"x_um": RASTER.x_um, "y_um": RASTER.y_um}
    results = ResultRun(told.journal, told.experiment, {}, uid, parameters, name="map_fit")
    state = dict.fromkeys(("time", "voltage", "current", "capacity", "lithium_content"), 0.0)
    for row, counts in enumerate(nickel):
        both = np.stack([counts, 0.0 * counts])
        pixels = {key: np.ones(counts.size) for key in PIXELS}
        place = {"row": row, "attempt": 1, "begin_s": float(row), "end_s": row + 1.0}
        results.add({**state, **place, **pixels, "counts": both, "counts_sigma": 0.0 * both})
    results.close()
    return uid


@pytest.fixture
def run_command(told, monkeypatch):
    monkeypatch.setenv("OPERANDO_DATA", str(told.folder))
    return lambda *words: CliRunner().invoke(app, ["register", "--no-tiled", *words])


def test_a_map_is_put_over_the_tomogram_and_stays_there(told, run_command):
    believed = opened(told).sample_frames[told.map]
    done = run_command(told.map[:8], told.tomogram[:8], "--element", "Ni")
    assert done.exit_code == 0, done.output
    placed = opened(told).sample_frames[told.map]
    np.testing.assert_allclose(np.subtract(placed.origin_um, believed.origin_um), OFF_UM, atol=0.2)
    assert "um along x" in done.output
    assert placed.roll_deg == pytest.approx(0.0, abs=0.5)
    assert f"turned by {placed.roll_deg:+.2f} degree" in done.output
    assert f"pixels {placed.pixel_um[2] / believed.pixel_um[2]:.4f} times" in done.output
    assert "standard deviations above chance" in done.output
    run_command(told.map, told.tomogram)
    again = opened(told).sample_frames[told.map]
    np.testing.assert_allclose(again.origin_um, placed.origin_um, atol=0.1)


def test_a_map_of_a_stage_that_stands_askew_is_put_right_once_its_mirror_is_told(told, run_command):
    refused = run_command(told.askew, told.tomogram)
    assert refused.exit_code == 1, refused.output
    assert "the mirror image" in " ".join(refused.output.split())
    for _ in range(2):
        # The second time it is mirrored already.
        done = run_command(told.askew, told.tomogram, "--mirror", "x")
        assert done.exit_code == 0, done.output
    placed = opened(told).sample_frames[told.askew]
    ends = [[0, 0, 0], [30, 0, 60], [0, 0, 60], [30, 0, 0]]
    np.testing.assert_allclose(placed.position_um(ends), told.true.position_um(ends), atol=0.3)
    assert placed.pixel_um[2] == pytest.approx(-0.4 * 1.03, rel=0.01)
    assert placed.roll_deg == pytest.approx(6.0, abs=0.5)
    results = opened(told).runs("analysis")[-1]
    affine = JournalSource(told.folder / "journal").array(results["uid"], "primary", "affine")[-1]
    np.testing.assert_allclose(affine, placed.affine)
    assert "give 'z' (rows) or 'x'" in run_command(told.askew, told.tomogram, "--mirror", "y").output


def test_what_shows_something_else_is_refused_and_keeps_its_place(told, run_command):
    before = opened(told).sample_frames[told.other]
    done = run_command(told.other, told.tomogram)
    assert done.exit_code == 1
    assert "keep the frame that it has" in done.output
    assert opened(told).sample_frames[told.other] == before


def test_each_refusal_says_what_to_do(told, run_command):
    assert (
        "has no element 'Fe'; give one of Ni, Co"
        in run_command(told.map, told.tomogram, "--element", "Fe").output
    )
    said = run_command("nobody", told.tomogram).output
    assert "'nobody' is no uid of a tomogram or map here" in said
    assert f"{told.map[:8]} (map)" in said
    assert f"operando reconstruct {told.uid[:8]}" in run_command(told.map, told.uid).output
