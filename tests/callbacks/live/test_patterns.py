"""Frames that documents tell of become patterns, lattices and phases; what is wrong costs its frame only."""

import errno
import uuid

import h5py
import numpy as np
import pytest
from event_model import compose_run

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")
from operando.callbacks.live.frame_file import EPICS_EPOCH_S, PIXEL_MASK, TIME_STAMPS
from operando.callbacks.live.patterns import Patterns, recall
from operando.callbacks.tiled.journal import Journal, JournalFullError, JournalTail
from operando.callbacks.tiled.open_experiment import experiment_from_journal

SHAPE, PIXEL_MM, DISTANCE_MM, ENERGY_EV = (256, 256), 0.5, 120.0, 17000.0
GEOMETRY = {
    "distance_mm": DISTANCE_MM,
    "poni1_mm": 64.0,
    "poni2_mm": 64.0,
    "shape": SHAPE,
    "pixel_mm": [PIXEL_MM, PIXEL_MM],
}
BEGIN_S = 1.8e9
A_ANGSTROM = (2.86, 2.85, 2.84)


def rings(a, c=14.3, counts=400.0):
    """Frame of a layered oxide's strong lines, from Bragg's law and the hexagonal cell by hand."""
    rows, columns = np.indices(SHAPE)
    radius_mm = np.hypot(rows - 127.5, columns - 127.5) * PIXEL_MM
    q = 4 * np.pi * ENERGY_EV / 12398.42 * np.sin(0.5 * np.arctan(radius_mm / DISTANCE_MM))
    frame = np.full(SHAPE, 20.0)
    lines = {(0, 0, 3): 1.0, (1, 0, 1): 0.5, (1, 0, 4): 0.9, (0, 1, 5): 0.2, (1, 0, 7): 0.2, (1, 1, 0): 0.3}
    for (h, k, m), strength in lines.items():
        at = 2 * np.pi * np.sqrt(4 / 3 * (h * h + h * k + k * k) / a**2 + (m / c) ** 2)
        frame += counts * strength * np.exp(-0.5 * ((q - at) / 0.02) ** 2)
    return np.random.default_rng(7).poisson(frame).astype(np.uint32)


def write_frames(path, frames):
    with h5py.File(path, "w", libver="latest") as file:
        file["/entry/data/data"] = np.stack(frames)
        file[TIME_STAMPS] = BEGIN_S - EPICS_EPOCH_S + 100.0 * np.arange(len(frames))
        file[PIXEL_MASK] = np.zeros(SHAPE, np.uint32)
    return path


class Told:
    """A cycling run and a series of frames, told to the journal and to the router alike."""

    def __init__(self, folder):
        self.folder, self.frames = folder, folder / "frames"
        self.frames.mkdir()
        self.journal = Journal(folder / "journal")
        self.patterns = Patterns(self.journal, (folder,))
        self.experiment = {"uid": str(uuid.uuid4()), "name": "e"}
        self.cycling = compose_run(
            metadata={
                "purpose": "cycling",
                "experiment": self.experiment,
                "clock_offset_s": 0.0,
                "cell": {"chemistry": "NMC811"},
            }
        )
        self.tell("start", self.cycling.start_doc)
        samples = {"cell_time": "s", "cell_voltage": "V", "cell_lithium_content": ""}
        stream = self.cycling.compose_descriptor(
            name="electrochemistry",
            data_keys={
                key: {"source": "cycler", "dtype": "number", "shape": [], "units": unit}
                for key, unit in samples.items()
            },
        )
        self.tell("descriptor", stream.descriptor_doc)
        for time_s, volt, content in ((0.0, 3.6, 0.9), (400.0, 4.0, 0.5)):
            values = dict(zip(samples, (BEGIN_S + time_s, volt, content), strict=True))
            self.tell("event", stream.compose_event(data=values, timestamps=dict.fromkeys(values, 0.0)))

    def tell(self, name, doc):
        self.journal(name, dict(doc))
        self.patterns(name, dict(doc))

    def series(self, path, count, geometry=GEOMETRY):
        run = compose_run(
            metadata={
                "purpose": "measurement",
                "technique": "xrd",
                "measurement": "diffraction",
                "experiment": self.experiment,
                "cell": {"chemistry": "NMC811"},
                "cycling_run": self.cycling.start_doc["uid"],
                **({"geometry": geometry} if geometry else {}),
            }
        )
        self.tell("start", run.start_doc)
        number = {"source": "x", "dtype": "number", "shape": []}
        primary = run.compose_descriptor(name="primary", data_keys={"mono_energy": number})
        self.tell("descriptor", primary.descriptor_doc)
        energy, stamp = {"mono_energy": ENERGY_EV}, {"mono_energy": 0.0}
        self.tell("event", primary.compose_event(data=energy, timestamps=stamp))
        key = {"source": "x", "dtype": "array", "shape": list(SHAPE), "external": "STREAM:"}
        frames = run.compose_descriptor(name="frames", data_keys={"camera_image": key})
        self.tell("descriptor", frames.descriptor_doc)
        resource = run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{path}",
            data_key="camera_image",
            parameters={"dataset": "/entry/data/data"},
        )
        self.tell("stream_resource", resource.stream_resource_doc)
        datum = resource.compose_stream_datum({"start": 0, "stop": count})
        self.tell("stream_datum", {**datum, "descriptor": frames.descriptor_doc["uid"]})
        self.tell("stop", run.compose_stop())
        return run.start_doc["uid"]

    def analyse(self):
        while self.patterns.step():
            pass
        self.patterns.settle()

    def result(self):
        return experiment_from_journal(self.folder / "journal", self.experiment["uid"])

    def close(self):
        self.tell("stop", self.cycling.compose_stop())
        self.patterns.close()
        self.journal.close()


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
    assert set(told.result().phases["family"]) == {"layered"}


def test_a_frame_that_is_not_there_costs_itself_only(told):
    path = write_frames(told.frames / "a.h5", [rings(A_ANGSTROM[0])])
    run = told.series(path, 2)
    told.analyse()
    assert list(told.result().lattice.index) == [(run, 0)]


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
    told.patterns.step()
    told.patterns.close()
    further = []
    successor = Patterns(lambda name, doc: further.append((name, doc)), (told.folder,))
    recall(told.folder / "journal", successor)
    assert successor._done == {(run, 0)}


def successor(told, fails_at=None):
    """The process that goes on after one that ended; its disk is told to be full at the n-th document."""
    count, tail = iter(range(1, 10_000)), JournalTail(told.folder / "journal")

    def publish(name, doc):
        told.journal(name, doc)
        if next(count) == fails_at:
            raise JournalFullError(errno.ENOSPC, "the journal's disk is full")

    patterns = Patterns(publish, (told.folder,))
    recall(told.folder / "journal", patterns)
    for name, doc in tail.poll():
        patterns(name, doc)
    return patterns


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
    further = successor(told)
    while further.step():
        pass
    further.close()
    assert_each_frame_once(told, run, len(A_ANGSTROM))


@pytest.mark.parametrize("fails_at", [1, 4, 5, 6])
def test_a_full_disk_ends_the_analysis_and_leaves_no_frame_half_or_double(told, fails_at):
    path = write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM[:2]])
    run = told.series(path, 2)
    full = successor(told, fails_at)
    with pytest.raises(JournalFullError):
        all(iter(full.step, False))
    full.close()
    further = successor(told)
    while further.step():
        pass
    further.close()
    assert_each_frame_once(told, run, 2)


def test_the_picture_shows_patterns_and_lattice_and_says_what_is_missing(told):
    assert told.result().plot_patterns() is not None
    told.series(write_frames(told.frames / "a.h5", [rings(a) for a in A_ANGSTROM]), 3)
    told.analyse()
    figure = told.result().plot_patterns()
    titles = [axes.get_ylabel() for axes in figure.axes]
    assert {"a (Å)", "c (Å)", "time (h)"} <= set(titles)
    figure.canvas.draw()
