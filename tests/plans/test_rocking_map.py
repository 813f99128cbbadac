"""Rocking maps through a real RunEngine: one map per angle, which follows the specimen."""

import numpy as np
import pytest
from operando.callbacks.analysis.mapping import Region
from operando.plans import rocking
from operando.plans.map_rows import MapFailedError
from operando.plans.raster import Raster
from operando.plans.raster_map import NoMapError
from operando.plans.rocking import Rocking
from operando.plans.rocking_map import rocking_map
from soft_camera import SoftCamera
from soft_nanoprobe import NanoStation
from soft_station import Instant, collected

STEP_UM = 0.1
REGION = Region((-0.2, 0.2), (-0.2, 0.2))
"""5 rows of 5 pixels."""
WIDE = Region((-1.0, 1.0), (-1.0, 1.0))
SMALL = Region((0.0, 0.1), (0.0, 0.1))
ANGLES = (-0.1, 0.0, 0.1)
MD = {"experiment": {"uid": "0123456789abcdef", "name": "first"}, "measurement": "tilts"}


class RockingStation(NanoStation):
    """A nanoprobe whose particle lies elsewhere at each angle, as its fluorescence tells."""

    def __init__(self, folder, drift_um=(0.0, 0.0)):
        super().__init__(folder)
        self.nanostage.rotation = Instant(name="nanostage_rotation", value=0.03)
        self.camera = SoftCamera(folder=folder)
        self.drift_um = drift_um
        self.broken_at = None

    def frames_taken(self):
        super().frames_taken()
        angle = self.nanostage.rotation.get()
        if self.broken_at is not None and abs(angle - self.broken_at) < 1e-6:
            self.fluorescence_detector.faults = lambda numbers: []
        number = (angle - ANGLES[0]) / 0.1
        x_um = self.nanostage.x.get() - number * self.drift_um[0]
        y_um = self.nanostage.y.get() - number * self.drift_um[1]
        for signal in self.fluorescence_detector.regions:
            signal.sim_put(round(1e4 * np.exp(-(x_um**2 + y_um**2) / (2 * 0.06**2))))


def by_centroid(first, later):
    """Rows and columns between the middles of two maps."""
    rows, columns = np.indices(first.shape)
    middles = [np.array([(rows * one).sum(), (columns * one).sum()]) / one.sum() for one in (first, later)]
    return tuple(middles[1] - middles[0])


@pytest.fixture
def few_pixels(monkeypatch):
    """Maps of a test may be small."""
    monkeypatch.setattr(rocking, "LEAST_PIXELS", 2)


@pytest.fixture
def station(tmp_path):
    return RockingStation(tmp_path)


def starts(documents):
    return [doc for kind, doc in documents if kind == "start"]


def rock(station, *, region=SMALL, mode="step", **options):
    given = {"angles_deg": ANGLES, "track": None, "md": MD}
    return rocking_map(station, Raster(region, STEP_UM, 0.01, mode), **(given | options))


def test_each_angle_is_a_run_and_all_share_one_rocking(station, engine):
    documents = collected(engine)
    uids = engine(rock(station)).plan_result
    told = starts(documents)
    assert list(uids) == [start["uid"] for start in told]
    assert [start["angle_deg"] for start in told] == list(ANGLES)
    assert [start["rocking"]["index"] for start in told] == [0, 1, 2]
    (one,) = {start["rocking"]["uid"] for start in told}
    assert one
    first = told[0]
    assert (first["plan_name"], first["technique"], first["measurement"]) == ("rocking_map", "map", "tilts")
    assert first["rocking"]["angles_deg"] == list(ANGLES)
    assert first["region"] == {"x_um": [0.0, 0.1], "y_um": [0.0, 0.1]}
    assert first["map"]["detectors"] == ["fluorescence", "camera"]
    assert {doc["data_key"] for kind, doc in documents if kind == "stream_resource"} >= {"camera_image"}


@pytest.mark.usefixtures("few_pixels")
def test_the_maps_follow_a_specimen_that_drifts_and_say_by_how_much(tmp_path, engine):
    station = RockingStation(tmp_path, drift_um=(0.03, -0.04))
    documents = collected(engine)
    engine(rock(station, region=REGION, track=by_centroid))
    told = starts(documents)
    assert told[0]["drift_um"] == told[1]["drift_um"] == [0.0, 0.0]
    np.testing.assert_allclose(told[2]["drift_um"], [0.03, -0.04], atol=0.005)
    assert told[2]["region"]["x_um"][0] == pytest.approx(-0.2 + told[2]["drift_um"][0])
    assert told[2]["map"]["y_um"][0] == pytest.approx(-0.2 + told[2]["drift_um"][1])
    # What drifted with the stage is the same place of the sample.
    for start in told:
        np.testing.assert_allclose(start["sample_frame"]["origin_um"], [-0.2, 0.0, -0.2], atol=1e-6)


@pytest.mark.usefixtures("few_pixels")
def test_the_maps_may_come_from_elsewhere(station, engine):
    documents, asked = collected(engine), []

    def fluorescence_map(uid):
        asked.append(uid)
        return np.full((2, 2), len(asked))

    def track(first, later):
        return (later - first)[0, 0], 0.0

    uids = engine(rock(station, track=track, fluorescence_map=fluorescence_map)).plan_result
    assert asked == list(uids)
    np.testing.assert_allclose([start["drift_um"][1] for start in starts(documents)], [0.0, 0.0, 0.1])


def particle(dx_um=0.0, dy_um=0.0):
    y_um, x_um = np.meshgrid(np.arange(-1.2, 1.21, 0.1), np.arange(-1.3, 1.31, 0.1), indexing="ij")
    x_um, y_um = x_um - dx_um, y_um - dy_um
    inside = 1.0 / (1.0 + np.exp((np.hypot(x_um, 1.3 * y_um) - 0.7) / 0.06))
    counts = 5e3 * inside * (1.0 + 0.3 * np.sin(5.0 * x_um + 3.0 * y_um))
    return np.random.default_rng(7).poisson(counts)


def test_drift_is_the_sum_of_where_the_region_was_and_what_the_map_shows():
    maps = iter([particle(), particle(0.08, -0.05), particle(0.01, 0.02), np.zeros((25, 27))])
    region = Region((-1.3, 1.3), (-1.2, 1.2))
    tracking = rocking.DriftTracking(Raster(region, 0.1, 0.01), map_of=lambda uid: next(maps))
    for _ in range(3):
        tracking.begin()
        tracking.end("run")
    np.testing.assert_allclose(tracking.drift_um, (0.09, -0.03), atol=0.01)
    before = tracking.drift_um
    tracking.end("run")
    assert tracking.drift_um == before
    np.testing.assert_allclose(tracking.region().x_um, np.array([-1.3, 1.3]) + before[0], atol=1e-4)


@pytest.mark.parametrize(("leave_deg", "there"), [(None, 0.03), (-2.0, -2.0)])
def test_the_angle_is_left_where_it_was_or_where_asked(station, engine, leave_deg, there):
    engine(rock(station, leave_deg=leave_deg))
    assert station.nanostage.rotation.get() == there


def test_a_map_that_fails_ends_the_scan_and_puts_the_angle_back(station, engine):
    documents = collected(engine)
    station.broken_at = 0.0
    with pytest.raises(MapFailedError):
        engine(rock(station, region=Region((0.0, 0.1), (0.0, 0.3)), redo=0))
    assert station.nanostage.rotation.get() == 0.03
    assert station.photon_shutter.get() == "closed"
    stops = [doc["exit_status"] for kind, doc in documents if kind == "stop"]
    assert stops == ["success", "fail"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"angles_deg": (0.0, 1.0)}, "three finite angles"),
        ({"angles_deg": (0.0, 1.0, 2.5)}, r"go from 1 to 1.5 degree; give even ones"),
        ({"angles_deg": (0.0, 1.0, 0.0)}, "all up or all down"),
        ({"axis": (0.0, 0.0, 0.0)}, "give a direction"),
        ({"track": lambda first, later: None}, "2 x 2 pixels; map at least 16 x 16"),
        ({"track": by_centroid, "region": WIDE, "mode": "fly"}, "give fluorescence_map"),
        ({"track": by_centroid, "region": WIDE, "detectors": ("camera",)}, "is not asked for"),
    ],
)
def test_a_scan_that_makes_no_sense_is_refused_before_anything_moves(station, engine, change, says):
    with pytest.raises((ValueError, NoMapError), match=says):
        engine(rock(station, **change))
    assert station.nanostage.rotation.history == []


def test_a_beamline_without_nanostage_is_told_what_to_add(station, engine):
    station.nanostage = None
    with pytest.raises(NoMapError, match=r"add \[devices\.nanostage\]"):
        engine(rock(station))


def test_two_scans_have_different_uids():
    assert Rocking(ANGLES).uid != Rocking(ANGLES).uid
