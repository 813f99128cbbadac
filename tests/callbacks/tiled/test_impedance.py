"""Impedance spectra read back: on one axis of frequencies, with the state of the cell, and as a picture."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from documents import FREQUENCIES_HZ, IMPEDANCE_KEYS, ExperimentDocuments, whole_experiment
from operando.callbacks.tiled.impedance import impedance_dataset
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal

mpl.use("Agg")


def journalled(folder, documents):
    with Journal(folder, minimum_free_bytes=0, reserve_bytes=0) as journal:
        for record in documents:
            journal(*record)
    return experiment_from_journal(folder, "demo")


def rows(spectrum, frequencies, *, first_point=0, first_time=0.0, lithium_content=0.5):
    count = len(frequencies)
    frame = pd.DataFrame(
        {
            "point": first_point + np.arange(count),
            "time": first_time + np.arange(count),
            "spectrum": spectrum,
            "frequency": frequencies,
            "real": 10.0,
            "imaginary": -np.asarray(frequencies),
            "lithium_content": lithium_content - 0.01 * np.arange(count),
        }
    )
    others = set(IMPEDANCE_KEYS) - set(frame.columns)
    return frame.assign(**dict.fromkeys(others, 1.0))


def test_spectra_are_read_back_with_the_state_of_the_cell(tmp_path):
    spectra = journalled(tmp_path, whole_experiment(spectra=1, points=5, impedance=3)).impedance
    assert dict(spectra.sizes) == {"spectrum": 3, "frequency": 9}
    assert spectra["frequency"].to_numpy() == pytest.approx(FREQUENCIES_HZ)
    expected = 10.0 + 20.0 / (1.0 + 2j * np.pi * FREQUENCIES_HZ * 20.0 * 1e-3)
    assert np.abs(spectra["impedance"] - expected).max() < 1e-12
    content = spectra["lithium_content"].to_numpy()
    assert np.all(np.diff(content) < 0)
    assert np.all((spectra["lithium_content_start"] > content) & (content > spectra["lithium_content_end"]))
    assert spectra["impedance"].attrs["units"] == "ohm"


def test_spectra_of_a_process_that_took_over_are_joined_without_doubles(tmp_path):
    writer = ExperimentDocuments()
    first = [*writer.begin(), *writer.begin_impedance(), *writer.measure_impedance(0)]
    again, dead = first[-1][1], writer.cycling.start_doc["uid"]
    more = [*writer.begin(resumes=dead), *writer.begin_impedance()]
    more.append(("event", again | {"descriptor": writer.impedance.descriptor_doc["uid"], "seq_num": 1}))
    writer.point = len(FREQUENCIES_HZ)
    rest = [("event", doc | {"seq_num": doc["seq_num"] + 1}) for _, doc in writer.measure_impedance(1)]
    spectra = journalled(tmp_path, [*first, *more, *rest]).impedance
    assert dict(spectra.sizes) == {"spectrum": 2, "frequency": 9}
    assert np.isfinite(spectra["impedance"].to_numpy()).all()


def test_an_experiment_without_spectra_says_what_it_needs(tmp_path):
    experiment = journalled(tmp_path, whole_experiment(spectra=1, points=5))
    with pytest.raises(KeyError, match="its protocol needs an impedance step"):
        _ = experiment.impedance


def test_other_frequencies_leave_gaps():
    points = pd.concat([rows(0, [100.0, 10.0, 1.0]), rows(1, [100.0, 5.0], first_point=3, first_time=9.0)])
    spectra = impedance_dataset(points)
    assert spectra["frequency"].to_numpy().tolist() == [100.0, 10.0, 5.0, 1.0]
    known = np.isfinite(spectra["impedance"].to_numpy())
    assert known.tolist() == [[True, True, False, True], [True, False, True, False]]
    assert spectra["impedance"].sel(spectrum=1, frequency=5.0).item() == 10.0 - 5.0j


def test_the_same_number_after_a_restart_of_the_instrument_is_another_spectrum():
    points = pd.concat([rows(0, [100.0, 10.0]), rows(0, [100.0, 10.0], first_time=50.0, lithium_content=0.4)])
    spectra = impedance_dataset(points)
    assert spectra.sizes["spectrum"] == 2
    assert spectra["lithium_content"].to_numpy() == pytest.approx([0.495, 0.395])


def test_points_out_of_order_and_twice_are_put_in_place():
    points = rows(0, [100.0, 10.0, 1.0])
    shuffled = pd.concat([points.iloc[[2, 0]], points]).reset_index(drop=True)
    assert impedance_dataset(shuffled).identical(impedance_dataset(points))


def test_the_picture_shows_each_spectrum_in_the_plane(tmp_path):
    experiment = journalled(tmp_path, whole_experiment(spectra=1, points=5, impedance=2))
    figure = experiment.plot_impedance()
    plane = next(axes for axes in figure.axes if axes.get_xlabel() == "Re Z (ohm)")
    curves = [line for line in plane.lines if len(line.get_xdata()) == len(FREQUENCIES_HZ)]
    assert len(curves) == 2
    assert curves[0].get_ydata().max() == pytest.approx(10.0, rel=0.1)
    marked = [line for line in plane.lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in marked] == [5, 5]
    assert "2 impedance spectra" in figure.get_suptitle()
