"""Tomograms in an experiment file: accepted, estimated, converted, or refused with line and remedy."""

from pathlib import Path
from types import SimpleNamespace

import operando.experiment
import pytest
from bluesky import RunEngine
from operando.devices.beamline import read_settings
from operando.experiment import cli
from operando.experiment.check import problems
from operando.experiment.conversion import measurements_of
from operando.experiment.dead_time import expected_settings
from operando.experiment.estimate import measurement_estimates
from operando.experiment.instrument import check_instruments, has_microscope, picture_mb, wanted_devices
from operando.experiment.measurement_file import measured_tables
from operando.experiment.progress import Progress
from operando.experiment.reading import read_experiment, read_file
from operando.experiment.rehearsal import simulated_settings
from operando.experiment.table_plan import measurement_by_hand
from operando.experiment.toml_source import ExperimentFileError
from operando.experiment.tomogram_file import TomographyFile
from operando.experiment.wanted_devices import WantedDevices
from operando.plans.duration import Timing
from operando.plans.multi_position import PositionsFailedError
from operando.plans.turn_time import SWEEP_S
from soft_station import collected
from soft_turn import MicroscopeStation
from typer.testing import CliRunner

FOLDER = Path(operando.experiment.__file__).parent
DEFAULT, CELLS = FOLDER / "nmc811.toml", FOLDER / "nmc811-two-cells.toml"
TIMING = Timing(start_s=2.0)
TOMOGRAM = """[[measurements]]
name = "tomogram"
technique = "tomography"
projections = 180
mode = "fly"
exposure_s = 0.05
energy_ev = 8400.0
trigger.every_lithium_content = 0.2

"""


def written(tmp_path, measurement=TOMOGRAM, shipped=DEFAULT):
    path, text, before = tmp_path / "tomogram.toml", shipped.read_text(), "\n[rehearsal]"
    assert before in text
    path.write_text(text.replace(before, f"\n{measurement}{before}", 1))
    return path


def changed(*pairs):
    text = TOMOGRAM
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_tomogram_becomes_a_measurement_that_is_smeared_over_its_rotation(tmp_path):
    experiment = read_experiment(written(tmp_path))
    entry = experiment.measurements[1]
    assert isinstance(entry, TomographyFile)
    assert (entry.range_deg, entry.order, entry.flats, entry.darks) == (180, "sequential", 10, 10)
    assert entry.turn().step_deg == pytest.approx(1.0)
    measurement = measurements_of(experiment, None, TIMING)[1]
    assert measurement.blur_s == pytest.approx(180 * 0.05 / 0.95 + SWEEP_S)
    assert measurement.duration_s > measurement.blur_s + 20 * 0.05
    assert (measurement.what, measurement.energy_ev) == ("tomogram", 8400.0)


def test_half_turns_without_a_stop_and_a_constant_dose_are_asked_for_in_the_file(tmp_path):
    text = changed(
        ('mode = "fly"\n', 'mode = "fly"\ntomograms = 3\nfull_dose_ma = 400.0\nflats = 1\ndarks = 1\n')
    )
    experiment = read_experiment(written(tmp_path, text.replace("projections = 180", "projections = 8")))
    assert measurement_estimates(experiment, TIMING, picture_mb=2.0)[1].points == 24
    station, engine = MicroscopeStation(tmp_path), RunEngine({})
    documents = collected(engine)
    entry = experiment.measurements[1].model_copy(update={"energy_ev": None})
    engine(entry.planned(station, TIMING, None)(md={}))
    (start,) = [doc for name, doc in documents if name == "start"]
    assert start["plan_name"] == "fast_tomography"
    assert (start["tomograms"]["count"], start["num_points"]) == (3, 24)
    assert start["turn"]["exposure_s"] == pytest.approx(0.05 * 400.0 / 300.0)


def test_the_estimate_tells_projections_bytes_and_how_much_of_the_rotation_is_exposed(tmp_path):
    fly = measurement_estimates(read_experiment(written(tmp_path)), TIMING, picture_mb=2.0)[1]
    stepped = read_experiment(written(tmp_path, changed(('"fly"', '"step"'))))
    step = measurement_estimates(stepped, TIMING, picture_mb=2.0)[1]
    assert fly.points == step.points == 180
    assert fly.duration_s < 0.6 * step.duration_s
    assert fly.frames_bytes == fly.count * 200 * 2_000_000
    assert "180 projections in 9 s of rotation, exposed for 95% of it" in fly.dead_time
    assert fly.dose_mgy > 0.0


def test_check_tells_where_the_time_goes(tmp_path):
    file = written(tmp_path)
    done = CliRunner().invoke(cli.app, ["check", str(file)])
    assert done.exit_code == 0, done.output
    assert "tomogram: 180 projections" in done.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("order", "first", "whole"),
    [
        ('order = "golden"', 111.246, 180.0),
        ('order = "interlaced"\nturns = 4', 4.0, 720.0),
        ('order = "golden_turns"\nturns = 5', 5.0, 900.0),
        ("range_deg = 360", 2.0, 360.0),
    ],
)
def test_angles_come_in_the_order_that_is_asked_for(tmp_path, order, first, whole):
    entry = read_experiment(written(tmp_path, changed(('mode = "fly"', order)))).measurements[1]
    assert entry.angles()[1] == pytest.approx(first, abs=1e-3)
    assert max(entry.angles()) < whole


def test_golden_turns_are_taken_on_the_fly_in_one_pass_each(tmp_path):
    text = changed(('mode = "fly"', 'mode = "fly"\norder = "golden_turns"\nturns = 5'))
    passes = read_experiment(written(tmp_path, text)).measurements[1].turn().passes
    assert [one.count for one in passes] == [36] * 5
    assert [one.start_deg for one in passes[:2]] == pytest.approx([0.0, 183.090], abs=1e-3)


def test_angles_may_be_given_one_by_one(tmp_path):
    text = changed(("projections = 180", "angles_deg = [0.0, 30.0, 90.0]"), ('mode = "fly"\n', ""))
    entry = read_experiment(written(tmp_path, text)).measurements[1]
    assert entry.turn().angles_deg == (0.0, 30.0, 90.0)
    assert measurement_estimates(read_experiment(written(tmp_path, text)), TIMING)[1].points == 3


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("projections = 180\n", "", "needs projections = 181 (a count), or angles_deg = [...]"),
        ("projections = 180", "projections = 180\nangles_deg = [0.0, 1.0]", "and not both"),
        (
            "projections = 180",
            "angles_deg = [0.0, 1.0]\nrange_deg = 180",
            "remove range_deg, order",
        ),
        ("projections = 180", "projections = 1", "greater than or equal to 2"),
        ("projections = 180", "projections = 180\nturns = 4", 'turns belongs to order = "interlaced"'),
        ('mode = "fly"', 'order = "interlaced"\nturns = 8', "power of two that divides"),
        ('mode = "fly"', 'order = "golden_turns"\nturns = 7', "turns must divide the number of projections"),
        ('mode = "fly"', 'mode = "fly"\norder = "golden_turns"\nturns = 90', "three angles or more in each"),
        ('mode = "fly"', 'mode = "fly"\norder = "golden"', "a fly scan needs even ones"),
        ('mode = "fly"', 'mode = "spin"', "'step' or 'fly'"),
        ("exposure_s = 0.05", "exposure = 0.05", "did you mean 'exposure_s'"),
        ("energy_ev = 8400.0\n", "", "energy_ev: is missing, and scans of this file"),
        ("projections = 180", "projections = 180\nrange_deg = 270", "180 or 360"),
        ('mode = "fly"', "tomograms = 3", 'give mode = "fly"'),
        ('mode = "fly"', 'mode = "fly"\ntomograms = 3\nvolume = true', 'give mode = "fly"; remove volume'),
        ("exposure_s", "flats = 0\nvolume = true\nexposure_s", "flats: is 0, and volume asks for"),
        (
            "exposure_s",
            'positions = [{ name = "grain", x_um = 100.0 }]\nexposure_s',
            "flat_x_um: position 'grain': flat_x_um is 100 um, and the specimen stands there",
        ),
        (
            "exposure_s",
            'flats_when = "after"\nflats_max_age_s = 600\nexposure_s',
            "flats before the projections",
        ),
    ],
)
def test_a_bad_tomogram_is_refused_with_its_line_and_a_remedy(tmp_path, old, new, says):
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(written(tmp_path, changed((old, new))))
    assert says in str(caught.value)
    assert "tomogram.toml:" in str(caught.value)


def test_a_tomogram_without_flats_is_warned_of(tmp_path):
    found = problems(read_experiment(written(tmp_path, changed(("exposure_s", "flats = 0\nexposure_s")))))
    assert [problem.text.split(",")[0] for problem in found] == ["tomogram: flats is 0"]


def test_a_beamline_without_a_microscope_is_told_what_to_add(tmp_path):
    experiment = read_experiment(written(tmp_path))
    with pytest.raises(ExperimentFileError, match=r"add \[devices\.microscope\], \[devices\.microscope_cam"):
        check_instruments(experiment, read_settings(simulated_settings()))
    settings = expected_settings(experiment)
    assert settings.name == "simulated microscope"
    check_instruments(experiment, settings)
    assert picture_mb(settings) == settings.devices.microscope_camera.frame_mb


def test_only_what_a_file_asks_for_is_wanted(tmp_path):
    fly = wanted_devices(read_experiment(written(tmp_path)))
    assert fly == WantedDevices(trigger_box=True, microscope=True)
    step = wanted_devices(read_experiment(written(tmp_path, changed(('"fly"', '"step"')))))
    assert step == WantedDevices(microscope=True)
    assert wanted_devices(read_experiment(DEFAULT)) == WantedDevices()


def test_several_cells_are_told_to_image_one_in_a_file_of_its_own(tmp_path):
    with pytest.raises(ExperimentFileError, match="holds one specimen, of one cell; measure that cell in a"):
        read_file(written(tmp_path, shipped=CELLS))


def test_a_scenario_says_whether_it_has_a_microscope():
    assert has_microscope("nmc811-electrode")
    assert not has_microscope("nmc811-first-charge")


def test_every_technique_is_known_by_its_name():
    tables = measured_tables()
    assert tables["tomography"] is TomographyFile
    assert set(tables) >= {"xanes", "fly_xanes", "xrd", "pdf", "map", "rocking"}


def test_progress_counts_projections_and_waits_for_the_slices_of_a_tomogram_not_for_a_fit():
    progress = Progress("e", 10.0)
    experiment = {"uid": "abcdef", "name": "e"}
    start = {"uid": "m", "time": 1.0, "experiment": experiment, "purpose": "measurement", "num_points": 180}
    progress("start", {**start, "technique": "tomography", "measurement": "tomogram"})
    progress("descriptor", {"uid": "d", "run_start": "m", "name": "projections"})
    progress("descriptor", {"uid": "f", "run_start": "m", "name": "flat"})
    progress("stream_datum", {"descriptor": "f", "indices": {"start": 0, "stop": 10}})
    progress("stream_datum", {"descriptor": "d", "indices": {"start": 0, "stop": 90}})
    assert progress.now() == "scanning tomogram, point 90 of 180"
    progress("stop", {"run_start": "m", "exit_status": "success"})
    progress("start", {"uid": "c", "time": 0.5, "experiment": experiment, "purpose": "cycling"})
    progress("descriptor", {"uid": "l", "run_start": "c"})
    entry = {"ledger_status": "done", "ledger_run": "m", "ledger_measurement": "tomogram"}
    progress("event", {"descriptor": "l", "time": 2.0, "data": entry})
    assert not progress.awaits_fits
    assert progress.awaits_patterns
    slices = {"uid": "s", "time": 1.5, "experiment": experiment, "purpose": "analysis"}
    progress("start", {**slices, "analysis": {"name": "slices"}})
    progress("descriptor", {"uid": "looks", "run_start": "s"})
    for stage in ("growing", "final"):
        progress("event", {"descriptor": "looks", "time": 3.0, "data": {"stage": stage, "latency_s": 0.1}})
    assert not progress.awaits_patterns
    assert not progress.fit


def test_a_table_measured_by_hand_is_refused_like_one_of_a_file():
    class Bare:
        name, microscope, microscope_camera = "hall", None, None

    table = {"technique": "tomography", "projections": 180, "exposure_s": 0.1}
    with pytest.raises(ExperimentFileError, match=r"beamline hall lacks; add \[devices.microscope\]"):
        next(measurement_by_hand(table, Bare()))
    with pytest.raises(ValueError, match="exposure_s: Field required"):
        next(measurement_by_hand({"technique": "tomography", "projections": 180}, Bare()))
    there = SimpleNamespace(name="hall", microscope=1, microscope_camera=1)
    with pytest.raises(ValueError, match="projections: interlaced order"):
        next(measurement_by_hand({**table, "order": "interlaced", "turns": 16}, there))


def test_a_volume_is_asked_for_in_the_start_document_of_each_tomogram(tmp_path):
    asked = read_experiment(written(tmp_path, changed(("mode =", "volume = true\nmode ="))))
    (entry,) = (one for one in asked.measurements if isinstance(one, TomographyFile))
    assert entry.metadata() == {"volume": {"centre_px": None, "rings": "none", "particles": False}}
    # 16 bits per pixel of a frame, 32 per voxel.
    bytes_of = [
        one.reckoning(TIMING, 2.0).frames_bytes for one in (entry, entry.model_copy(update={"volume": None}))
    ]
    assert bytes_of[0] - bytes_of[1] == 4 * 1000**3


def test_a_volume_of_unknown_making_is_refused_with_its_line(tmp_path):
    path = written(tmp_path, changed(("mode =", 'volume = {rings = "away"}\nmode =')))
    with pytest.raises(ExperimentFileError, match=r"volume.*rings"):
        read_experiment(path)


PLACES = """positions = [
    {name = "grain", x_um = 10.0},
    {name = "pore", x_um = -20.0, z_um = 5.0},
]
trigger.every"""


def test_a_tomogram_at_each_of_several_positions_takes_its_time_and_room(tmp_path):
    one = measurement_estimates(read_experiment(written(tmp_path)), TIMING, picture_mb=2.0)[1]
    several = read_experiment(written(tmp_path, changed(("trigger.every", PLACES))))
    both = measurement_estimates(several, TIMING, picture_mb=2.0)[1]
    assert (both.points, both.frames_bytes) == (2 * one.points, 2 * one.frames_bytes)
    assert both.duration_s > 2 * one.duration_s
    assert both.dose_mgy == pytest.approx(one.dose_mgy)
    assert "at each of 2 positions 180 projections" in both.dead_time


def test_positions_of_one_name_are_refused(tmp_path):
    twice = PLACES.replace("pore", "grain")
    with pytest.raises(ExperimentFileError, match="positions: have grain more than once"):
        read_experiment(written(tmp_path, changed(("trigger.every", twice))))


def test_a_further_attempt_of_a_file_takes_the_positions_that_failed(tmp_path):
    engine = RunEngine(call_returns_result=True)
    station, documents = MicroscopeStation(tmp_path), collected(engine)
    entry = read_experiment(written(tmp_path, changed(("trigger.every", PLACES)))).measurements[1]
    few = entry.model_copy(
        update={"projections": 6, "mode": "step", "flats": 0, "darks": 0, "energy_ev": None}
    )
    planned = few.planned(station, TIMING, None)
    station.microscope_camera.faults_of_id({2, 3})
    with pytest.raises(PositionsFailedError, match="grain"):
        engine(planned(md={"attempt": 1}))
    uid = engine(planned(md={"attempt": 2})).plan_result
    starts = [doc for name, doc in documents if name == "start"]
    assert [start["position"]["name"] for start in starts] == ["grain", "pore", "grain"]
    assert uid == starts[1]["uid"]
