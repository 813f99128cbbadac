"""Frames that documents tell of become patterns, lattices and phases; what is wrong costs its frame only."""

import errno
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")
from operando.callbacks.live.patterns import Patterns, recall
from operando.callbacks.plots.patterns import pattern_figure
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import JournalFullError, JournalTail
from operando.callbacks.tiled.pattern import PHASES
from told_series import A_ANGSTROM, Told, of_stream, read_whole, rings, write_frames


@pytest.fixture
def told(tmp_path):
    made = Told(tmp_path)
    yield made
    made.close()


def test_every_frame_has_its_pattern_its_lattice_and_the_state_of_the_cell(told):
    path = write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM])
    run = told.series(path, len(A_ANGSTROM))
    told.analyse()
    lattice = told.result().lattice
    assert list(lattice.index) == [(run, 0), (run, 1), (run, 2)]
    assert lattice["a_angstrom"].to_numpy() == pytest.approx(A_ANGSTROM, abs=5e-3)
    assert lattice["c_angstrom"].to_numpy() == pytest.approx([14.3] * 3, abs=0.02)
    assert lattice["lithium_content"].to_numpy() == pytest.approx([0.9, 0.8, 0.7])
    patterns = told.result().patterns
    assert patterns["intensity"].dims == ("pattern", "q")
    assert patterns.sizes["pattern"] == 3
    strongest = patterns["intensity"].isel(pattern=0).sel(q=slice(1.2, 1.45)).idxmax("q")
    assert float(strongest) == pytest.approx(2 * np.pi * 3 / 14.3, abs=0.02)
    phases = told.result().phases
    assert set(phases["family"]) == {"layered"}
    assert set(PHASES) <= set(phases.columns)


def test_a_frame_that_is_not_there_costs_itself_only(told):
    path = write_frames(told.frames / "a.h5", [rings(A_ANGSTROM[0])])
    run = told.series(path, 2)
    told.analyse()
    lattice = told.result().lattice
    assert list(lattice.index) == [(run, 0)]
    assert lattice.attrs["frames_left_out"] == 1
    assert "1 patterns, frames left out: 1" in told.result().plot_patterns().get_suptitle()


def test_a_file_outside_of_the_roots_is_never_opened(told, tmp_path_factory, caplog):
    path = write_frames(tmp_path_factory.mktemp("elsewhere") / "a.h5", [rings(A_ANGSTROM[0])])
    told.series(path, 1)
    told.analyse()
    assert told.result().lattice.empty
    assert "outside" in caplog.text


def test_a_run_that_does_not_say_where_its_detector_stands_is_told_with_the_remedy(told, caplog):
    told.series(write_frames(told.frames / "a.h5", [rings(A_ANGSTROM[0])]), 1, geometry=None)
    told.analyse()
    assert told.result().lattice.empty
    assert "[devices.camera.geometry]" in caplog.text


def test_what_a_predecessor_has_analysed_is_not_analysed_again(told):
    path = write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM[:2]])
    run = told.series(path, 2)
    told.analyse()
    told.patterns.close()
    assert len(told.result().lattice) == 2
    successor = Patterns(told.journal, (told.folder,))
    recall(told.folder / "journal", successor)
    for name, doc in read_whole(told.folder / "journal"):
        successor(name, doc)
    assert not successor.step()
    successor.close()
    assert len([doc for doc in of_stream(told, "primary") if doc["measurement_run"] == run]) == 2


def full_after(publish, count):
    """A journal whose disk is told to be full at the n-th document."""
    numbers = iter(range(1, 10_000))

    def full(name, doc):
        publish(name, doc)
        if next(numbers) == count:
            raise JournalFullError(errno.ENOSPC, "the journal's disk is full")

    return full


def go_on(told, patterns):
    """What the process does that goes on after one that ended."""
    recall(told.folder / "journal", patterns)
    for name, doc in JournalTail(told.folder / "journal").poll():
        patterns(name, doc)
    while patterns.step():
        pass


def assert_each_frame_once(told, run, count):
    result = told.result()
    assert sorted(result.lattice.index) == [(run, frame) for frame in range(count)]
    keys = [tuple(key) for key in result.phases[["measurement_run", "frame", "phase"]].to_numpy()]
    assert len(keys) == len(set(keys))
    assert {frame for _, frame, _ in keys} == set(range(count))


def test_an_analysis_that_is_killed_within_a_series_is_completed_by_the_next_and_nothing_is_doubled(told):
    path = write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM])
    run = told.series(path, len(A_ANGSTROM))
    told.patterns.step()
    further = Patterns(told.journal, (told.folder,))
    go_on(told, further)
    further.close()
    assert_each_frame_once(told, run, len(A_ANGSTROM))


@pytest.mark.parametrize("fails_at", [1, 5, 8, 9, 10])
def test_a_full_disk_ends_the_analysis_and_leaves_no_frame_half_or_double(told, fails_at):
    path = write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM[:2]])
    run = told.series(path, 2)
    full = Patterns(full_after(told.journal, fails_at), (told.folder,))
    with pytest.raises(JournalFullError):
        go_on(told, full)
    full.close()
    further = Patterns(told.journal, (told.folder,))
    go_on(told, further)
    further.close()
    assert_each_frame_once(told, run, 2)


def test_the_picture_shows_patterns_and_lattice_and_is_refused_where_there_are_none(told):
    with pytest.raises(ValueError, match=r"no frame has a pattern; they come once a camera"):
        told.result().plot_patterns()
    told.series(write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM]), 3)
    told.analyse()
    figure = told.result().plot_patterns()
    titles = [axes.get_ylabel() for axes in figure.axes]
    assert {"a (Å)", "c (Å)", "time (min)"} <= set(titles)
    figure.canvas.draw()


def test_beside_the_patterns_stands_the_lithium_content_at_the_same_time(told):
    told.series(write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM]), 3)
    told.analyse()
    figure = told.result().plot_patterns()
    figure.canvas.draw()
    voltage = next(axes for axes in figure.axes if "voltage" in axes.get_xlabel())
    beside = voltage.child_axes[0]
    record = told.result().electrochemistry
    minutes = (record["time"] - record["time"].iloc[0]) / 60.0
    expected = np.interp(beside.get_yticks(), minutes, record["lithium_content"])
    written = [float(label.get_text()) for label in beside.get_yticklabels()]
    assert beside.get_ylabel() == "lithium content x"
    assert len(written) > 2
    assert written == pytest.approx(expected, abs=0.006)


def test_what_is_missing_beside_the_patterns_gets_no_axes(told):
    told.series(write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM]), 3)
    told.analyse()
    result = told.result()
    whole = {"patterns": result.patterns, "lattice": result.lattice, "name": "", "cell": {}}
    whole["electrochemistry"] = result.electrochemistry
    unknown = result.lattice.assign(a_angstrom=np.nan, c_angstrom=np.nan)
    for without, labels in (
        ({}, ["time (min)", "", "a (Å)", "c (Å)"]),
        ({"electrochemistry": result.electrochemistry.iloc[:0]}, ["time (min)", "a (Å)", "c (Å)"]),
        ({"lattice": unknown}, ["time (min)", ""]),
        ({"patterns": xr.Dataset()}, ["a (Å)", "c (Å)"]),
    ):
        figure = pattern_figure(cast("Experiment", SimpleNamespace(**{**whole, **without})))
        assert [axes.get_ylabel() for axes in figure.axes] == labels


@pytest.mark.parametrize("lost", ["intensity", "time"])
def test_a_pattern_without_counts_or_time_is_left_out_of_the_picture(told, lost):
    told.series(write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM]), 3)
    told.analyse()
    result = told.result()
    patterns = result.patterns.load()
    for gone, meshes in ((patterns["pattern"] < 1, 1), (patterns["pattern"] < 3, 0)):
        seen = SimpleNamespace(
            patterns=patterns.assign({lost: patterns[lost].where(~gone)}),
            lattice=result.lattice,
            electrochemistry=result.electrochemistry,
            name="",
            cell={},
        )
        figure = pattern_figure(cast("Experiment", seen))
        figure.canvas.draw()
        assert sum(isinstance(each, QuadMesh) for each in figure.axes[0].collections) == meshes
