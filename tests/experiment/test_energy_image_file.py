"""Images and tomograms at the energies of an edge in an experiment file: accepted, reckoned, or refused."""

from pathlib import Path

import operando.experiment
import pytest
from operando.experiment import energy_image_file
from operando.experiment.conversion import measurements_of
from operando.experiment.energy_image_file import SpectroTomographyFile, XanesImagingFile
from operando.experiment.estimate import measurement_estimates
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.beam_guard import BeamLostError
from operando.plans.duration import Timing

SHIPPED = Path(operando.experiment.__file__).parent / "nmc811.toml"
TIMING = Timing(start_s=2.0)
IMAGES = """[[measurements]]
name = "valence_map"
technique = "xanes_imaging"
element = "Ni"
grid.regions = [[-80, -20, 20, 0.2], [-5, 25, 1, 0.2], [40, 130, 15, 0.2]]
flat_every = 2
trigger.every_lithium_content = 0.2

"""
TOMOGRAMS = """[[measurements]]
name = "valence_volume"
technique = "spectro_tomography"
element = "Ni"
energies_ev = [8280.0, 8340.0, 8350.0, 8420.0]
projections = 90
mode = "fly"
exposure_s = 0.1
trigger.every_lithium_content = 0.5

"""


def written(tmp_path, measurement, *pairs):
    for old, new in pairs:
        assert old in measurement
        measurement = measurement.replace(old, new)
    path, text, before = tmp_path / "images.toml", SHIPPED.read_text(), "\n[rehearsal]"
    assert before in text
    path.write_text(text.replace(before, f"\n{measurement}{before}", 1))
    return path


def test_images_become_a_measurement_that_is_smeared_over_its_energies(tmp_path):
    experiment = read_experiment(written(tmp_path, IMAGES))
    entry = experiment.measurements[1]
    assert isinstance(entry, XanesImagingFile)
    assert entry.options().flat_every == 2
    measurement = measurements_of(experiment, None, TIMING)[1]
    assert measurement.blur_s == measurement.duration_s > 0.2 * len(entry.energies())
    assert measurement.what == "series of images"


def test_the_estimate_tells_energies_bytes_and_dead_time(tmp_path):
    found = measurement_estimates(read_experiment(written(tmp_path, IMAGES)), TIMING, picture_mb=2.0)[1]
    assert found.points == 42
    # An image at each energy, three flats for two of them, and darks.
    assert found.frames_bytes == found.count * (42 + 21 * 3 + 10) * 2_000_000
    assert "42 energies in" in found.dead_time


def test_energy_tomograms_are_reckoned_as_so_many_tomograms(tmp_path):
    experiment = read_experiment(written(tmp_path, TOMOGRAMS))
    assert isinstance(experiment.measurements[1], SpectroTomographyFile)
    found = measurement_estimates(experiment, TIMING, picture_mb=2.0)[1]
    assert found.points == 4 * 90
    assert found.duration_s > 4 * 90 * 0.1
    assert found.frames_bytes == found.count * 4 * 110 * 2_000_000


@pytest.mark.parametrize("text", [IMAGES, TOMOGRAMS])
def test_a_second_attempt_goes_on_with_the_first_and_another_request_begins_anew(tmp_path, monkeypatch, text):
    begun = []

    def cut_short(*_, unfinished, **__):
        begun.append(unfinished.uid)
        unfinished.uid = "of the run that was cut short"
        raise BeamLostError("beam lost")
        yield

    for name in ("xanes_imaging", "spectro_tomography"):
        monkeypatch.setattr(energy_image_file, name, cut_short)
    plan = read_experiment(written(tmp_path, text)).measurements[1].planned(None, TIMING, None)
    for attempt in (1, 2, 1):
        with pytest.raises(BeamLostError):
            next(plan(md={"attempt": attempt}))
    assert begun == ["", "of the run that was cut short", ""]


@pytest.mark.parametrize(
    ("measurement", "pairs", "told"),
    [
        (IMAGES, ("[-5, 25, 1, 0.2]", "[-30, 25, 1, 0.2]"), "below the stop of the region before"),
        (IMAGES, ('"Ni"', '"Xx"'), "is not a known edge"),
        (IMAGES, ('"Ni"', '"O"'), "images are taken at 2000 to 80000 eV"),
        (IMAGES, ("flat_every = 2", "energy_ev = 8400.0"), "grid says the energies"),
        (TOMOGRAMS, ("8340.0, 8350.0", "8340.0, 8340.0"), "each once"),
        (
            TOMOGRAMS,
            ("projections = 90", "projections = 90\nflats = 0"),
            "flats: is 0, and each energy",
        ),
        (TOMOGRAMS, ("projections = 90", "projections = 90\nenergy_ev = 8400.0"), "energies_ev says them"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path, measurement, pairs, told):
    with pytest.raises(ExperimentFileError, match=told):
        read_experiment(written(tmp_path, measurement, pairs))
