"""Ptychography and Bragg CDI in an experiment file: accepted, converted, or refused with a remedy."""

from pathlib import Path

import numpy as np
import operando.experiment
import pytest
from bluesky import RunEngine
from coherent_station import CoherentStation
from operando.devices.beamline import read_settings
from operando.experiment.conversion import measurements_of
from operando.experiment.estimate import measurement_estimates
from operando.experiment.instrument import check_instruments, wanted_devices
from operando.experiment.reading import read_experiment
from operando.experiment.rehearsal import simulated_settings
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.duration import Timing
from soft_station import of_stream

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811-map.toml"
TIMING = Timing(start_s=2.0)
TABLES = """[[measurements]]
name = "phase"
technique = "ptychography"
x_um = [0.0, 0.7]
y_um = [0.0, 0.35]
step_um = 0.35
beam_um = 1.0
dwell_s = 0.01
energy_ev = 8333.0
trigger.every_lithium_content = 0.2

[[measurements]]
name = "grain"
technique = "bcdi"
angles_deg = [-0.02, 0.02]
angle_step_deg = 0.01
exposure_s = 0.01
frames = 2
energy_ev = 8333.0
trigger.every_lithium_content = 0.2

"""


def written(tmp_path, *changes):
    text = TABLES
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path, whole, before = tmp_path / "coherent.toml", DEFAULT.read_text(), "\n[rehearsal]"
    path.write_text(whole.replace(before, f"\n{text}{before}", 1))
    return path


def test_both_become_measurements_that_are_smeared_over_all_of_their_frames(tmp_path):
    experiment = read_experiment(written(tmp_path))
    phase, grain = measurements_of(experiment, None, TIMING)[-2:]
    assert (phase.what, grain.what) == ("ptychographic scan", "rocking scan")
    assert phase.blur_s == phase.duration_s > 6 * 0.01
    assert grain.blur_s > 10 * 0.01
    phase, grain = measurement_estimates(experiment, TIMING)[-2:]
    assert (phase.points, grain.points) == (6, 5)
    assert "6 places" in phase.dead_time
    assert "5 angles" in grain.dead_time
    assert phase.frames_bytes > 0
    assert grain.frames_bytes > 0


def test_the_nanoprobe_and_its_camera_are_built_for_them(tmp_path):
    experiment = read_experiment(written(tmp_path))
    wanted = wanted_devices(experiment)
    assert wanted.camera
    assert wanted.nanoprobe
    check_instruments(experiment, read_settings(simulated_settings(nanoprobe=True)))
    with pytest.raises(ExperimentFileError, match=r"needs? .*(nanostage|camera)"):
        check_instruments(experiment, read_settings(simulated_settings()))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("step_um = 0.35", "step_um = 0.6"), "give 0.5 um or less"),
        (("beam_um = 1.0\n", ""), "beam_um"),
        (("angle_step_deg = 0.01", "angle_step_deg = 0.04"), "three or more"),
        (("dwell_s = 0.01", 'dwell_s = 0.01\nelements = ["Ni"]'), "no fluorescence is counted"),
    ],
)
def test_what_could_not_be_reconstructed_is_refused(change, told, tmp_path):
    with pytest.raises(ExperimentFileError, match=told):
        read_experiment(written(tmp_path, change))


def test_a_table_is_measured_with_the_cell_in_every_event(tmp_path):
    station = CoherentStation(tmp_path / "frames")
    station.rock(np.ones((5, 64, 64), complex), 1e5, 0.01)
    documents = []
    engine = RunEngine({}, call_returns_result=False)
    for measurement in measurements_of(read_experiment(written(tmp_path)), station, TIMING)[-2:]:
        engine(measurement.plan(md={"measurement": measurement.name}), lambda *one: documents.append(one))
    starts = [doc for name, doc in documents if name == "start"]
    assert [(doc["technique"], doc["measurement"]) for doc in starts] == [
        ("ptychography", "phase"),
        ("bcdi", "grain"),
    ]
    assert starts[0]["ptychography"]["overlap"] == pytest.approx(0.65)
    assert starts[1]["rocking_deg"] == pytest.approx([-0.02, -0.01, 0.0, 0.01, 0.02])
    events = of_stream(documents, "primary")
    assert len(events) == 6 + 5
    assert all("cell_lithium_content" in event or "cell_voltage" in event for event in events)
