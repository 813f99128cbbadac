"""Bursts of radiographs in an experiment file: accepted, estimated, or refused with line and remedy."""

from pathlib import Path

import operando.experiment
import pytest
from operando.experiment.burst_file import RadiographyFile
from operando.experiment.conversion import measurements_of
from operando.experiment.estimate import measurement_estimates
from operando.experiment.instrument import wanted_devices
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.duration import Timing

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
TIMING = Timing(start_s=2.0)
BURST = """[[measurements]]
name = "runaway"
technique = "radiography"
keep_at = "dT/dt > 5 K/s"
heat_to_degc = 290.0
ramp_k_min = 53.0
energy_ev = 8400.0
trigger.every_lithium_content = 0.2

"""


def written(tmp_path, *pairs):
    path, text, before = tmp_path / "burst.toml", DEFAULT.read_text(), "\n[rehearsal]"
    measurement = BURST
    for old, new in pairs:
        assert old in measurement
        measurement = measurement.replace(old, new)
    path.write_text(text.replace(before, f"\n{measurement}{before}", 1))
    return path


def test_a_burst_becomes_a_measurement(tmp_path):
    experiment = read_experiment(written(tmp_path))
    entry = experiment.measurements[1]
    assert isinstance(entry, RadiographyFile)
    assert entry.burst().frames == 7500
    assert (entry.kept_at().attribute, entry.kept_at().condition) == ("HeaterRate", "A>5")
    assert entry.heating().ramp_k_min == 53.0
    measurement = measurements_of(experiment, None, TIMING)[1]
    assert measurement.blur_s == pytest.approx(6.0)
    assert measurement.duration_s == pytest.approx(2.0 + 1.0 + 6.0 + 300.0)


def test_the_estimate_tells_frames_and_bytes(tmp_path):
    burst = measurement_estimates(read_experiment(written(tmp_path)), TIMING, picture_mb=2.0)[1]
    assert burst.points == 7500
    assert burst.frames_bytes == burst.count * 7500 * 125_000
    assert "1,250 frames/s, 1 s before and 5 s after dT/dt > 5 K/s" in burst.dead_time


def test_a_burst_needs_microscope_and_heater(tmp_path):
    experiment = read_experiment(written(tmp_path))
    assert experiment.measurements[1].devices() == ("microscope", "microscope_camera", "heater")
    assert wanted_devices(experiment).microscope


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("dT/dt > 5 K/s", "pressure > 5 bar", "no frame carries 'pressure'"),
        ("dT/dt > 5 K/s", "dT/dt > 5 degC", "dT/dt is in K/s, not in degC"),
        ("dT/dt > 5 K/s", "runaway", "is no trigger; write e.g."),
        ('keep_at = "dT/dt > 5 K/s"\n', "", 'use if_not_triggered = "fire"'),
        ("heat_to_degc = 290.0", "heat_to_degc = 290.0\nframes_before = 100", "take more"),
        ("heat_to_degc = 290.0", "heat_to_degc = 290.0\nexposure_s = 0.001", "a period not below it"),
        ("heat_to_degc", "heat_to_deg", "did you mean 'heat_to_degc'"),
    ],
)
def test_a_bad_burst_is_refused_with_its_line_and_a_remedy(tmp_path, old, new, says):
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(written(tmp_path, (old, new)))
    assert says in str(caught.value)
    assert "burst.toml:" in str(caught.value)
