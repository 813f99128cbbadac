"""Live patterns of a series whose file grows: soon, complete, and honest about what waits or failed."""

import h5py
import numpy as np
import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")
from operando.callbacks.analysis.xrd.phase_result import PhaseResult, State
from operando.callbacks.live import pattern_record, pattern_work
from operando.callbacks.live.frame_file import EPICS_EPOCH_S, TIME_STAMPS
from operando.callbacks.live.frame_queue import FrameQueue
from operando.callbacks.live.patterns import Patterns, recall
from operando.callbacks.tiled.frame import begin_reading, decode, read_payload
from told_series import (
    A_ANGSTROM,
    BEGIN_S,
    ENERGY_EV,
    SHAPE,
    Told,
    of_stream,
    read_whole,
    rings,
    write_frames,
)


@pytest.fixture
def told(tmp_path):
    made = Told(tmp_path)
    yield made
    made.close()


@pytest.fixture
def quick(monkeypatch):
    """Phases are not looked for; gives the numbers of the frames before, as they were asked for."""
    befores = []

    def weak(q_per_a, intensity, sigma, *, previous=None, **_):
        befores.append(previous and previous.frame)
        frame, empty = 0 if previous is None else previous.frame + 1, np.empty(0)
        return PhaseResult(State.WEAK, "stub", (), (), float("nan"), frame, empty, empty, None)

    monkeypatch.setattr("operando.callbacks.live.pattern_analysis.identify_phases", weak)
    return befores


@pytest.fixture
def unhurried(monkeypatch):
    """All that waits is done in one step, however slow the machine."""
    monkeypatch.setattr(pattern_work, "PATTERNS_S", 60.0)
    monkeypatch.setattr(pattern_work, "PHASES_S", 60.0)


class GrowingFile:
    """Written frame by frame in SWMR mode, `time_s` after the first one each."""

    def __init__(self, path, step_s=1.0):
        self.path, self.step_s = path, step_s
        self.file = h5py.File(path, "w", libver="latest", locking=False)
        layout = {"maxshape": (None, *SHAPE), "chunks": (1, *SHAPE)}
        self.frames = self.file.create_dataset("/entry/data/data", (0, *SHAPE), "<u4", **layout)
        self.times = self.file.create_dataset(TIME_STAMPS, (0,), "f8", maxshape=(None,))
        self.file.swmr_mode = True

    def grow(self, *frames):
        for frame in frames:
            count = len(self.frames) + 1
            self.frames.resize(count, axis=0)
            self.times.resize(count, axis=0)
            self.frames[-1] = frame
            self.times[-1] = BEGIN_S - EPICS_EPOCH_S + self.step_s * (count - 1)
        for dataset in (self.times, self.frames):
            dataset.flush()


@pytest.fixture
def growing(told):
    made = GrowingFile(told.frames / "a.h5")
    yield made
    made.file.close()


def flat(level=50):
    return np.full(SHAPE, level, np.uint32)


def documents(told, kind):
    """Documents of a kind in the journal, pages as they were written."""
    found = []
    for path in sorted((told.folder / "journal").glob("*.journal")):
        with path.open("rb") as file:
            begin_reading(file)
            while (payload := read_payload(file)) is not None:
                name, doc = decode(payload)
                if name == kind:
                    found.append(doc)
    return found


def test_a_frame_has_its_lattice_while_the_series_goes_on(told, growing):
    series = told.begin(growing.path)
    growing.grow(rings(A_ANGSTROM[0]))
    series.frames(1)
    told.advance()
    assert told.result().lattice["a_angstrom"].to_numpy() == pytest.approx(A_ANGSTROM[:1], abs=5e-3)
    growing.grow(rings(A_ANGSTROM[1]))
    series.frames(1)
    told.advance()
    assert list(told.result().lattice.index) == [(series.uid, 0), (series.uid, 1)]
    assert told.result().lattice["run_status"].tolist() == ["", ""]
    series.end()


def test_what_frames_need_is_made_ready_before_the_first_of_them(told, growing, quick):
    made = []
    analysis = next(iter(told.patterns._experiments.values())).analysis
    real = analysis.prepare
    analysis.prepare = lambda run: made.append((run.dtype, run.energy_ev)) or real(run)
    series = told.begin(growing.path, energy_ev=ENERGY_EV + 0.5)
    assert made == [("<u4", ENERGY_EV + 0.5)]
    assert len(analysis._integrations) == 1
    growing.grow(flat())
    series.frames(1)
    told.advance()
    assert len(analysis._integrations) == 1
    series.end()


def test_the_run_of_results_is_described_before_its_first_frame_and_not_again(told, growing):
    series = told.begin(growing.path)
    before = [doc["name"] for doc in documents(told, "descriptor") if "verdict" in doc["data_keys"]]
    made = len(documents(told, "descriptor"))
    assert before == ["primary"]
    assert len(of_stream(told, "axis")) == 1
    growing.grow(rings(A_ANGSTROM[0]))
    series.frames(1)
    told.advance()
    assert len(documents(told, "descriptor")) == made
    keys = {doc["name"]: set(doc["data_keys"]) for doc in documents(told, "descriptor")}
    for stream in ("axis", "patterns", "primary", "phases"):
        rows = of_stream(told, stream)
        assert rows
        assert all(set(row) == keys[stream] for row in rows)
    series.end()


def test_a_frame_that_is_announced_before_it_can_be_read_is_waited_for(told, growing, quick, monkeypatch):
    series = told.begin(growing.path)
    growing.grow(flat())
    told.advance()
    looks = []

    def wait(self, timeout):
        looks.append(timeout)
        growing.grow(flat())

    monkeypatch.setattr("operando.callbacks.live.frame_file.threading.Event.wait", wait)
    series.frames(2)
    told.advance()
    monkeypatch.undo()
    assert looks
    assert [row["frame"] for row in of_stream(told, "patterns")] == [0, 1]
    series.end()


def test_results_of_a_failed_run_are_marked_as_such(told, growing, quick):
    series = told.begin(growing.path)
    growing.grow(flat(), flat())
    series.frames(2)
    told.advance()
    series.end("fail", "camera: 3 frames expected, 2 written")
    told.analyse()
    assert told.result().lattice["run_status"].tolist() == ["fail", "fail"]
    (row,) = of_stream(told, "runs")
    assert (row["exit_status"], row["frames"], row["frames_waiting"]) == ("fail", 2, 0)
    assert row["reason"].startswith("camera: 3 frames expected")


def test_a_run_that_ends_before_its_analysis_is_told_of_twice_and_completed(told, growing, quick):
    series = told.begin(growing.path)
    growing.grow(*[flat()] * 4)
    series.frames(4)
    series.end()
    told.analyse()
    assert [row["frames_waiting"] for row in of_stream(told, "runs")] == [4, 0]
    assert len(told.result().lattice) == 4


def test_every_frame_is_integrated_at_once_where_phases_cannot_keep_up(
    told, growing, quick, unhurried, monkeypatch, caplog
):
    monkeypatch.setattr(pattern_work, "PHASES_S", 0.0)
    told.patterns._work._phases = FrameQueue(most_waiting=5)
    series = told.begin(growing.path)
    growing.grow(*[flat(50 + number) for number in range(20)])
    series.frames(20)
    told.patterns.step()
    assert sorted(row["frame"] for row in of_stream(told, "patterns")) == list(range(20))
    lattice = told.result().lattice
    assert len(lattice) == 20
    assert set(lattice["verdict"]) == {"analysis_pending"}
    monkeypatch.setattr(pattern_work, "PHASES_S", 60.0)
    told.advance()
    assert "cannot keep up: analyse one frame of 4 now, the others later" in caplog.text
    rows = of_stream(told, "primary")
    assert sorted(row["frame"] for row in rows) == list(range(20))
    assert [row["frame"] for row in rows[:3]] == [3, 7, 10]
    assert rows[0]["skipped_before"] == 3
    assert rows[-1]["frames_waiting"] == 0
    assert set(told.result().lattice["verdict"]) == {"too weak"}
    series.end()


def test_a_frame_that_was_put_off_starts_from_the_nearest_one_before_it(told, growing, quick, unhurried):
    told.patterns._work._phases = FrameQueue(most_waiting=2)
    series = told.begin(growing.path)
    growing.grow(*[flat()] * 6)
    series.frames(6)
    told.advance()
    frames = [row["frame"] for row in of_stream(told, "primary")]
    assert frames == [2, 4, 5, 0, 1, 3]
    # The stub counts from the frame it started from: 4 from 2, 5 from 4, 1 from 0, 3 from 2.
    assert quick == [None, 0, 1, None, 0, 0]
    series.end()


def test_many_results_at_once_are_pages(told, growing, quick, unhurried):
    series = told.begin(growing.path)
    growing.grow(*[flat()] * 6)
    series.frames(6)
    told.advance()
    series.end()
    pages = documents(told, "event_page")
    assert pages
    assert sum(len(page["seq_num"]) for page in pages if "intensity" in page["data"]) == 6
    assert told.result().patterns["intensity"].shape[0] == 6


def test_a_result_waits_for_the_state_of_its_cell_but_not_for_ever(told, growing, quick, monkeypatch):
    monkeypatch.setattr(pattern_record, "STATE_WAIT_S", 60.0)
    growing.step_s = 800.0
    series = told.begin(growing.path)
    growing.grow(flat(), flat())
    series.frames(2)
    told.advance()
    assert [row["frame"] for row in of_stream(told, "primary")] == [0]
    told.sample(1200.0, 4.2, 0.3)
    told.advance()
    told.patterns.settle()
    rows = of_stream(told, "primary")
    assert [row["frame"] for row in rows] == [0, 1]
    assert rows[1]["lithium_content"] == pytest.approx(0.4)
    growing.grow(flat())
    series.frames(1)
    told.advance()
    monkeypatch.setattr(pattern_record, "STATE_WAIT_S", 0.0)
    told.patterns.settle()
    assert len(of_stream(told, "primary")) == 3
    series.end()


def test_on_a_full_disk_results_are_closed_and_the_successor_goes_on(told, growing, quick):
    record = told.patterns._experiments[told.experiment["uid"]].record
    record.publish = full_after(told.journal, 6)
    series = told.begin(growing.path)
    growing.grow(flat(), flat())
    series.frames(2)
    with pytest.raises(OSError, match="disk is full"):
        told.advance()
    told.patterns.close()
    (stop,) = documents(told, "stop")
    assert (stop["exit_status"], stop["num_events"]["axis"]) == ("success", 1)
    told.patterns = Patterns(told.journal, (told.folder,))
    recall(told.folder / "journal", told.patterns)
    for name, doc in read_whole(told.folder / "journal"):
        told.patterns(name, doc)
    series.end()
    told.analyse()
    assert len(told.result().lattice) == 2


def full_after(publish, count):
    """A journal that is full after so many documents, but for those that end a run."""
    told = []

    def write(name, doc):
        told.append(name)
        if len(told) > count and name != "stop":
            raise OSError(28, "the journal's disk is full")
        publish(name, doc)

    return write


def test_flat_and_dark_of_the_camera_correct_its_patterns(told, growing, quick):
    response = np.ones(SHAPE)
    response[:, :128] = 2.0
    np.save(told.frames / "flat.npy", response)
    write_frames(told.frames / "dark.h5", [flat(9), flat(11)])
    corrections = {name: f"file://localhost{told.frames / file}" for name, file in FILES.items()}
    corrections["dark_exposure_s"] = 2.0
    told.series(write_frames(told.frames / "even.h5", [flat(100)]), 1)
    series = told.begin(growing.path, corrections=corrections, series={"exposure_s": 2.0})
    growing.grow((10 + 100 * response).astype(np.uint32))
    series.frames(1)
    told.advance()
    series.end()
    even, corrected = of_stream(told, "patterns")
    assert (even["corrections"], corrected["corrections"]) == ("", "flat, dark")
    assert corrected["intensity"] == pytest.approx(even["intensity"], rel=1e-4, nan_ok=True)


FILES = {"flat": "flat.npy", "dark": "dark.h5"}


@pytest.mark.parametrize(
    ("file", "says"),
    [("outside", "outside"), ("missing", "missing.npy"), ("small", "it has (4, 4) pixels")],
)
def test_a_flat_that_cannot_be_used_is_told_by_its_field_and_patterns_go_on(
    told, growing, quick, caplog, file, says, tmp_path_factory
):
    np.save(told.frames / "small.npy", np.ones((4, 4)))
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "outside.npy"
    np.save(elsewhere, np.ones(SHAPE))
    path = elsewhere if file == "outside" else told.frames / f"{file}.npy"
    series = told.begin(growing.path, corrections={"flat": f"file://localhost{path}"})
    growing.grow(flat())
    series.frames(1)
    told.advance()
    series.end()
    assert [row["corrections"] for row in of_stream(told, "patterns")] == [""]
    message = next(each for each in caplog.messages if "[devices.camera] flat" in each)
    assert "correct it in the beamline settings" in message
    assert says in message


def test_bad_pixels_and_the_mask_of_the_file_leave_no_mark_in_a_pattern(told, quick):
    hot = rings(A_ANGSTROM[0])
    hot[40, 40] = 100_000
    path = write_frames(told.frames / "b.h5", [hot, rings(A_ANGSTROM[0])])
    told.series(path, 2)
    told.advance()
    rows = of_stream(told, "patterns")
    assert [(row["dead_pixels"], row["saturated_pixels"]) for row in rows] == [(0, 0)] * 2
    first, second = (np.asarray(row["intensity"]) for row in rows)
    assert np.nanmax(np.abs(first - second)) < 0.5
