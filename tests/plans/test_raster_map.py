"""Raster maps through a real RunEngine, with a fluorescence detector that writes true HDF5 files."""

import importlib
import threading
from collections.abc import Callable
from typing import ClassVar
from unittest.mock import MagicMock

import h5py
import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky.utils import RunEngineInterrupted
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.callbacks.analysis.mapping import Region, region_above
from operando.devices.reach import UnreachableError
from operando.plans import map_rows
from operando.plans.beam_guard import BeamGuard
from operando.plans.duration import Timing
from operando.plans.fly_rows import FlyRows
from operando.plans.map_rows import MapFailedError
from operando.plans.raster import Raster
from operando.plans.raster_map import NoMapError, raster_map
from operando.simulated_beamline.physics.nanostage import PiezoAxis
from ophyd.status import Status
from soft_camera import SoftCamera
from soft_nanoprobe import CHANNELS, ELEMENTS, NanoStation, SoftBox
from soft_station import collected, events, of_kind

raster_map_module = importlib.import_module("operando.plans.raster_map")
REGION = Region((-0.1, 0.1), (0.0, 0.2))
"""Three rows of three pixels in steps of 0.1 um."""
MD = {"experiment": {"uid": "0123456789abcdef", "name": "first"}, "measurement": "one particle"}
WHERE = {"region": REGION, "step_um": 0.1, "dwell_s": 0.01}


def mapped(station, *, mode="step", snake=True, **options):
    return raster_map(station, Raster(**WHERE, mode=mode, snake=snake), **options)


@pytest.fixture
def station(tmp_path):
    return NanoStation(tmp_path)


def frames_told(documents, key="fluorescence_spectra"):
    """Numbers in the frames that documents tell of, in their order, read from the files."""
    resources = {doc["uid"]: doc for doc in of_kind(documents, "stream_resource") if doc["data_key"] == key}
    numbers = []
    for datum in of_kind(documents, "stream_datum"):
        if datum["stream_resource"] in resources:
            resource = resources[datum["stream_resource"]]
            with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
                indices = slice(datum["indices"]["start"], datum["indices"]["stop"])
                numbers += file[resource["parameters"]["dataset"]][indices, 0, 0].tolist()
    return numbers


def test_a_step_map_is_one_run_with_an_event_per_pixel_and_one_per_row(station, engine, tmp_path):
    documents = collected(engine)
    uid = engine(mapped(station, elements=("Ni",), md=MD)).plan_result
    (start,), (stop,) = of_kind(documents, "start"), of_kind(documents, "stop")
    assert (uid, stop["exit_status"]) == (start["uid"], "success")
    assert (start["technique"], start["shape"], start["snaking"]) == ("map", [3, 3], [False, True])
    assert start["extents"] == [[0.0, 0.2], [-0.1, 0.1]]
    assert start["motors"] == ["nanostage_y", "nanostage_x"]
    assert stop["num_events"] == {"primary": 9, "rows": 3, "fluorescence": 9}
    rows = events(documents, "map_row")
    assert [row["map_first_frame"] for row in rows] == [0, 3, 6]
    assert {row["map_status"] for row in rows} == {"good"}
    assert {"cell_voltage", "ring_current", "mono_energy"} <= set(rows[0])
    assert frames_told(documents) == list(range(9))
    (file,) = (tmp_path / "first_01234567").glob("oneparticle_*_fluorescence_000_000000.h5")
    with h5py.File(file) as opened:
        assert opened["entry/data/data"].shape == (9, ELEMENTS, CHANNELS)


@pytest.mark.parametrize("snake", [True, False])
def test_pixels_are_measured_in_their_order_with_the_shutter_open(station, engine, snake):
    documents = collected(engine)
    engine(mapped(station, snake=snake))
    xs = [round(x, 3) for x, _, _ in station.places]
    assert xs == [-0.1, 0.0, 0.1, *((0.1, 0.0, -0.1) if snake else (-0.1, 0.0, 0.1)), -0.1, 0.0, 0.1]
    assert [round(y, 3) for _, y, _ in station.places[::3]] == [0.0, 0.1, 0.2]
    assert {shutter for *_, shutter in station.places} == {"open"}
    assert station.photon_shutter.get() == "closed"
    pixels = events(documents, "pixel_row")
    assert [pixel["pixel_column"] for pixel in pixels][3:6] == ([2, 1, 0] if snake else [0, 1, 2])
    assert [pixel["pixel_frame"] for pixel in pixels] == [0, 1, 2] * 3
    (span,) = station.nanostage.x.spans
    assert (span.low_um, span.high_um) == (-0.1, 0.1)


def drop_once(*numbers):
    """Frames with these numbers never come into the file."""
    return lambda taken: [number for number in taken if number not in numbers]


def test_a_row_that_lost_a_frame_is_taken_again_and_its_frames_are_not_told_of(station, engine):
    documents = collected(engine)
    station.fluorescence_detector.faults = drop_once(4)
    engine(mapped(station))
    rows = [(row["map_row"], row["map_attempt"], row["map_status"]) for row in events(documents, "map_row")]
    assert rows == [(0, 1, "good"), (1, 1, "redone"), (1, 2, "good"), (2, 1, "good")]
    bad = events(documents, "map_row")[1]
    assert (bad["map_frames"], bad["map_expected"], bad["map_first_frame"]) == (1, 3, -1)
    assert "frames expected" in bad["map_reason"]
    assert frames_told(documents) == [0, 1, 2, 5, 6, 7, 8, 9, 10]
    assert of_kind(documents, "stop")[0]["num_events"]["fluorescence"] == 9


def test_a_frame_that_comes_twice_makes_its_row_bad(station, engine):
    documents = collected(engine)
    station.fluorescence_detector.faults = lambda numbers: numbers * 2 if 5 in numbers else numbers
    engine(mapped(station))
    assert [row["map_status"] for row in events(documents, "map_row")].count("redone") == 1
    assert frames_told(documents) == [0, 1, 2, 6, 7, 8, 9, 10, 11]


def test_a_row_that_is_bad_again_is_marked_and_the_map_goes_on(station, engine):
    documents = collected(engine)
    station.fluorescence_detector.faults = drop_once(4, 5)
    engine(mapped(station))
    rows = events(documents, "map_row")
    assert [row["map_status"] for row in rows] == ["good", "redone", "failed", "good"]
    assert frames_told(documents) == [0, 1, 2, 6, 7, 8]
    assert of_kind(documents, "stop")[0]["exit_status"] == "success"


def test_a_map_of_which_every_row_is_bad_is_given_up_with_the_reason(station, engine):
    documents = collected(engine)
    station.fluorescence_detector.faults = lambda numbers: []
    with pytest.raises(MapFailedError, match="3 rows in a row were bad, the last because: fluorescence:"):
        engine(mapped(station, redo=0))
    assert of_kind(documents, "stop")[0]["exit_status"] == "fail"
    assert station.photon_shutter.get() == "closed"
    assert frames_told(documents) == []


def test_a_map_without_a_single_good_row_fails_however_few_they_are(station, engine):
    documents = collected(engine)
    station.fluorescence_detector.faults = lambda numbers: []
    with pytest.raises(MapFailedError, match="1 rows in a row were bad"):
        engine(raster_map(station, Raster(Region((0.0, 0.2), (0.0, 0.0)), 0.1, 0.01), redo=0))
    assert of_kind(documents, "stop")[0]["exit_status"] == "fail"


def test_a_box_that_does_not_answer_leaves_no_sweep_running(engine):
    box, sweep = SoftBox(name="trigger_box"), MagicMock(parent=None)
    box.stop = MagicMock(side_effect=UnreachableError("its server is gone"))
    with pytest.raises(UnreachableError):
        engine(FlyRows(box, sweep).leave())
    sweep.stop.assert_called()


def test_a_beam_dump_within_a_row_has_it_redone_once_the_beam_is_back(station, engine, monkeypatch):
    documents = collected(engine)
    station.events[5] = lambda: station.ring.put(0.0)
    waited = []

    def beam_is_back(ring, least_ma, *_, **__):
        waited.append(least_ma)
        station.ring.put(300.0)
        yield from bps.null()

    monkeypatch.setattr(map_rows, "wait_for_first_beam", beam_is_back)
    engine(mapped(station, guard=BeamGuard()))
    rows = [(row["map_row"], row["map_status"]) for row in events(documents, "map_row")]
    assert rows == [(0, "good"), (1, "redone"), (1, "good"), (2, "good")]
    assert "beam lost" in events(documents, "map_row")[1]["map_reason"]
    assert waited == [10.0]
    assert frames_told(documents) == [0, 1, 2, 5, 6, 7, 8, 9, 10]


def test_a_row_repeated_after_a_pause_is_not_counted_twice(station, engine):
    documents = collected(engine)
    station.fluorescence_detector.overhead_limit_s = 5.0
    pause = threading.Thread(target=engine.request_pause)
    station.events[5] = pause.start
    with pytest.raises(RunEngineInterrupted):
        engine(mapped(station))
    pause.join(5)
    engine.resume()
    assert [row["map_row"] for row in events(documents, "map_row") if row["map_status"] == "good"] == [
        0,
        1,
        2,
    ]
    assert len(frames_told(documents)) == 9
    assert len(set(frames_told(documents))) == 9
    last = {(p["pixel_row"], p["pixel_column"]): p["pixel_attempt"] for p in events(documents, "pixel_row")}
    assert len(last) == 9


def test_several_detectors_count_at_each_pixel(station, engine, tmp_path):
    documents = collected(engine)
    station.camera = SoftCamera(folder=tmp_path)
    engine(mapped(station, detectors=("fluorescence_detector", "camera")))
    assert frames_told(documents) == frames_told(documents, "camera_image") == list(range(9))
    keys = {doc["data_key"] for doc in of_kind(documents, "stream_resource")}
    assert keys == {"fluorescence_spectra", "fluorescence_scalers", "camera_image"}


def test_a_row_that_is_bad_in_one_detector_is_taken_again_with_all(station, engine, tmp_path):
    documents = collected(engine)
    station.camera = SoftCamera(folder=tmp_path)
    station.camera.faults = drop_once(2)
    engine(mapped(station, detectors=("fluorescence_detector", "camera")))
    assert len(frames_told(documents)) == len(frames_told(documents, "camera_image")) == 9
    assert events(documents, "map_row")[0]["map_status"] == "redone"


def test_a_stub_is_run_at_each_pixel(station, engine):
    seen = []

    def inside(place):
        seen.append((place.row, place.column))
        yield from bps.null()

    engine(mapped(station, inside=inside))
    assert seen == [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (2, 0), (2, 1), (2, 2)]


def test_a_beamline_without_what_a_map_needs_is_told_what_to_add(station, engine):
    station.fluorescence_detector = None
    with pytest.raises(NoMapError, match=r"lacks \[devices\.fluorescence_detector\]; add it"):
        engine(mapped(station))
    station.nanostage = None
    with pytest.raises(NoMapError, match=r"\[devices\.nanostage\].*\[devices\.trigger_box\]"):
        engine(mapped(station, mode="fly"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mode": "fly", "inside": lambda place: bps.null()}, 'take mode = "step"'),
        ({"detectors": ["fluorescence_detector"] * 2}, "detectors = .* each once"),
        ({"detectors": "fluorescence_detector"}, "detectors = 'fluorescence_detector'; give a list"),
        ({"elements": ("Ni", "Co", "Ni")}, "elements = .* each once"),
    ],
)
def test_what_a_map_would_not_do_as_asked_is_refused(station, engine, options, says):
    documents = collected(engine)
    with pytest.raises(ValueError, match=says):
        engine(mapped(station, **options))
    assert not documents


def test_the_piezo_is_brought_where_it_reaches_the_pixels_that_a_region_holds(station, engine):
    engine(raster_map(station, Raster(Region((0.0, 0.16), (0.0, 0.0)), 0.1, 0.01)))
    (span,) = station.nanostage.x.spans
    assert (span.low_um, span.high_um) == (0.0, 0.2)


class SoftSweep:
    """Stands for `AxisSweep`: after each sweep the detector has a frame for each gate but those lost."""

    parent, name = None, "nanostage_x_sweep"
    lost: ClassVar[list[int]] = []
    events: ClassVar[dict[int, Callable[[], None]]] = {}
    practised: ClassVar[list[tuple[float, float, int]]] = []
    station: ClassVar[NanoStation]

    def __init__(self, axis):
        self.count = 0

    def set(self, sweep):
        self.practised.append((sweep.begin_um, sweep.end_um, len(self.station.trigger_box.passes)))
        return self._done()

    def prepare(self, sweep):
        self.sweep = sweep
        return self._done()

    def trigger(self):
        self.count += 1
        self.events.get(self.count, lambda: None)()
        detector, gates = self.station.fluorescence_detector, self.station.trigger_box.passes[-1].gates
        self.station.trigger_box.sweep_is_over(gates)
        numbers = range(detector.taken, detector.taken + gates)
        detector.taken += gates
        if detector.hdf.capture.get():
            detector.written += [number for number in numbers if number not in self.lost]
        detector.hdf.captured.sim_put(len(detector.written))
        self.station.places.append((self.sweep.begin_um, self.sweep.end_um))
        return self._done()

    def stop(self, *, success=False):
        pass

    def _done(self):
        status = Status()
        status.set_finished()
        return status


@pytest.fixture
def flying(station, monkeypatch, tmp_path):
    station.trigger_box = SoftBox(name="trigger_box", folder=tmp_path)
    station.fluorescence_detector.holds = True
    monkeypatch.setattr(SoftSweep, "station", station, raising=False)
    monkeypatch.setattr(SoftSweep, "lost", [])
    monkeypatch.setattr(SoftSweep, "events", {})
    monkeypatch.setattr(SoftSweep, "practised", [])
    monkeypatch.setattr(raster_map_module, "AxisSweep", SoftSweep)
    return station


def test_rows_on_the_fly_are_swept_back_and_forth_between_the_edges_of_their_pixels(flying, engine):
    documents = collected(engine)
    engine(mapped(flying, mode="fly"))
    ends = [tuple(round(end, 3) for end in place) for place in flying.places]
    assert ends == [(-0.15, 0.15), (0.15, -0.15), (-0.15, 0.15)]
    steps = [gates.step for gates in flying.trigger_box.passes]
    assert steps == pytest.approx([0.1, -0.1, 0.1])
    centres = [gates.start + gates.step * gates.open_fraction / 2 for gates in flying.trigger_box.passes]
    assert centres == pytest.approx([-0.1, 0.1, -0.1])
    assert flying.fluorescence_detector.cam.trigger_mode.get() == "TTL Veto Only"
    assert of_kind(documents, "stop")[0]["num_events"] == {
        "primary": 3,
        "fluorescence": 9,
        "trigger_box": 9,
    }
    assert {"i0", "nanostage_y", "cell_voltage"} <= set(events(documents, "map_row")[0])
    assert flying.trigger_box.completed == 9


def test_gates_on_the_fly_leave_the_slowest_detector_time_to_read_out(flying, engine):
    flying.fluorescence_detector.readout_s = 1e-3
    engine(mapped(flying, mode="fly"))
    opened = [gates.open_fraction for gates in flying.trigger_box.passes]
    assert opened == pytest.approx([0.705, 0.705, 0.705])
    assert flying.fluorescence_detector.cam.exposure.get() == pytest.approx(0.705 * WHERE["dwell_s"])
    centres = [gates.start + gates.step * gates.open_fraction / 2 for gates in flying.trigger_box.passes]
    assert centres == pytest.approx([-0.1, 0.1, -0.1])


def test_the_way_of_a_row_is_practised_once_and_before_the_box_waits_for_gates(flying, engine):
    documents = collected(engine)
    engine(mapped(flying, mode="fly"))
    assert SoftSweep.practised == [(pytest.approx(-0.15), pytest.approx(0.15), 0)]
    start = of_kind(documents, "start")[0]
    assert start["map"]["exposure_s"] == flying.fluorescence_detector.cam.exposure.get()


@pytest.mark.parametrize("half_um", [0.5, 2.2, 6.0, 12.0])
def test_a_frame_and_its_readout_fit_between_gates_where_hysteresis_lets_the_piezo_run_ahead(half_um):
    # At 9 % above its mean speed the camera lost the last frames of each row, and the map was given up.
    piezo, raster = PiezoAxis(15.0, 0.04), Raster(Region((-half_um, half_um), (0.0, 0.0)), 0.1, 0.05, "fly")
    there = np.linspace(-half_um, half_um, 2001)
    _, _, place_um = (np.array([piezo.move(um) for um in way]) for way in (there, there[::-1], there))
    fastest = np.diff(place_um).max() / np.diff(place_um).mean()
    assert raster.exposure_s(1e-3) + 1e-3 < raster.dwell_s / fastest


def test_pixels_too_short_for_the_readout_are_refused_before_anything_moves(flying, engine):
    flying.fluorescence_detector.readout_s = 5e-3
    with pytest.raises(ValueError, match=r"fluorescence needs 0\.005 s .* longer dwell_s"):
        engine(mapped(flying, mode="fly"))
    assert not flying.trigger_box.passes


def test_a_row_in_which_several_devices_fail_one_after_the_other_is_swept_again(flying, engine, monkeypatch):
    documents, box = collected(engine), flying.trigger_box

    def failing(order, number, after_s):
        """Let the order of this number fail some time after it."""
        calls = iter(range(1, 100))

        def call(*args):
            status = order(*args)
            if next(calls) == number:
                status = Status()
                threading.Timer(after_s, status.set_exception, [RuntimeError("gates are missing")]).start()
            return status

        return call

    # The second row lacks gates, for which the box then cannot wait in the third.
    monkeypatch.setattr(box, "trigger", failing(box.trigger, 2, 0.05))
    monkeypatch.setattr(box, "set", failing(box.set, 3, 0.065))
    engine(mapped(flying, mode="fly"))
    assert of_kind(documents, "stop")[0]["exit_status"] == "success"
    rows = [(row["map_row"], row["map_status"]) for row in events(documents, "map_row")]
    assert rows == [(0, "good"), (1, "redone"), (1, "good"), (2, "good")]


def test_a_row_on_the_fly_that_lost_a_gate_is_swept_again(flying, engine):
    documents = collected(engine)
    SoftSweep.lost.append(4)
    engine(mapped(flying, mode="fly"))
    rows = [(row["map_row"], row["map_status"]) for row in events(documents, "map_row")]
    assert rows == [(0, "good"), (1, "redone"), (1, "good"), (2, "good")]
    assert frames_told(documents) == [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert i0_told(documents) == [1000, 1001, 1002, 1006, 1007, 1008, 1009, 1010, 1011]
    assert flying.photon_shutter.get() == "closed"


def i0_told(documents):
    """Counts of I0 in the gates that documents tell of, in their order."""
    resources = {doc["uid"]: doc for doc in of_kind(documents, "stream_resource")}
    counts = []
    for datum in of_kind(documents, "stream_datum"):
        resource = resources[datum["stream_resource"]]
        if resource["data_key"] == "trigger_box_i0_counts":
            with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
                indices = slice(datum["indices"]["start"], datum["indices"]["stop"])
                counts += file[resource["parameters"]["dataset"]][indices].astype(int).tolist()
    return counts


def outcomes(documents):
    return [(row["map_row"], row["map_status"]) for row in events(documents, "map_row")]


REDONE = [(0, "good"), (1, "redone"), (1, "good"), (2, "good")]


def test_a_beam_dump_in_a_row_on_the_fly_has_it_swept_again_once_the_beam_is_back(
    flying, engine, monkeypatch
):
    documents = collected(engine)
    SoftSweep.events[2] = lambda: flying.ring.put(0.0)

    def beam_is_back(*_, **__):
        flying.ring.put(300.0)
        yield from bps.null()

    monkeypatch.setattr(map_rows, "wait_for_first_beam", beam_is_back)
    engine(mapped(flying, mode="fly", guard=BeamGuard()))
    assert outcomes(documents) == REDONE
    assert "beam lost" in events(documents, "map_row")[1]["map_reason"]
    assert frames_told(documents) == [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert len(i0_told(documents)) == 9


def test_a_file_writer_that_dies_in_a_map_loses_no_good_row_and_its_row_is_swept_again(flying, engine):
    documents = collected(engine)
    detector = flying.fluorescence_detector

    def writer_dies():
        detector._close()
        detector.hdf.capture.sim_put(0)

    SoftSweep.events[2] = writer_dies
    engine(mapped(flying, mode="fly"))
    assert outcomes(documents) == REDONE
    assert frames_told(documents) == [0, 1, 2, 6, 7, 8, 9, 10, 11]


def test_a_pause_in_a_row_on_the_fly_counts_no_row_twice(flying, engine):
    documents = collected(engine)
    pause = threading.Thread(target=engine.request_pause)
    SoftSweep.events[2] = pause.start
    with pytest.raises(RunEngineInterrupted):
        engine(mapped(flying, mode="fly"))
    pause.join(5)
    engine.resume()
    good = [row for row, status in outcomes(documents) if status == "good"]
    assert good == [0, 1, 2]
    told = frames_told(documents)
    assert len(told) == len(set(told)) == len(i0_told(documents)) == 9


def test_a_row_is_told_of_while_the_next_one_moves_with_what_was_read_of_it(flying, engine):
    documents = collected(engine)
    at_sweep = []
    SoftSweep.events.update(dict.fromkeys((1, 2, 3), lambda: at_sweep.append(len(outcomes(documents)))))
    engine(mapped(flying, mode="fly"))
    assert at_sweep == [0, 0, 1]
    rows = events(documents, "map_row")
    assert [row["nanostage_y"] for row in rows] == pytest.approx([row["map_y_um"] for row in rows])
    assert [row["map_first_frame"] for row in rows] == [0, 3, 6]


def test_the_region_of_a_particle_is_found_in_an_overview():
    x = y = np.linspace(-5, 5, 21)
    overview = np.where(np.hypot(x[None, :] - 1.0, y[:, None]) < 2.1, 100.0, np.nan)
    assert region_above(overview, x, y, threshold=50) == Region((-1.0, 3.0), (-2.0, 2.0))
    with pytest.raises(ValueError, match="no pixel exceeds 200, the largest is 100"):
        region_above(overview, x, y, threshold=200)
    with pytest.raises(ValueError, match="give the lower end first"):
        Region((1.0, 0.0), (0.0, 1.0))


@given(
    span_um=st.floats(0.0, 20.0),
    step_um=st.floats(0.05, 3.0),
    snake=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_every_pixel_is_measured_once_and_within_half_a_step_of_the_region(span_um, step_um, snake):
    raster = Raster(Region((-span_um / 2, span_um / 2), (0.0, 0.3)), step_um, 0.01, snake=snake)
    rows, columns = raster.shape
    assert all(sorted(raster.columns(row)) == list(range(columns)) for row in range(rows))
    assert abs(raster.x_um[-1] - span_um / 2) <= 0.5001 * step_um
    assert np.diff(raster.x_um) == pytest.approx(step_um, abs=2e-6)


def test_dead_time_is_told_and_smaller_for_a_fly_scan():
    timing = Timing(move_s=0.01, settle_s=0.0, per_point_overhead_s=0.01, start_s=2.0)
    region = Region((-2.5, 2.5), (-2.5, 2.5))
    step = Raster(region, 0.05, 0.01, "step")
    fly = Raster(region, 0.05, 0.01, "fly")
    assert step.shape == (101, 101)
    assert fly.counting_s / fly.duration_s(timing) > 0.85
    assert step.duration_s(timing) > 2.5 * fly.duration_s(timing)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"step_um": 0.0}, "step_um"),
        ({"dwell_s": -1.0}, "dwell_s"),
        ({"mode": "jump"}, "one of step, fly"),
        ({"region": Region((0.0, 1e9), (0.0, 1e9))}, "more than 1000000; give a larger step_um"),
    ],
)
def test_a_raster_that_makes_no_sense_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        Raster(**{"region": REGION, "step_um": 0.1, "dwell_s": 0.01, **change})
