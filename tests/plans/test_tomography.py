"""Tomograms through a real RunEngine: lost frames, lost beam, references, and what documents tell of them."""

import h5py
import numpy as np
import pytest
from bluesky import RunEngine

pytest.importorskip("numba", reason="needs the extra 'imaging'")

from operando.callbacks.analysis.imaging.angle import sequential_angles
from operando.plans.beam_guard import BeamGuard
from operando.plans.tomogram_taking import Tolerance
from operando.plans.tomography import tomography
from operando.plans.turn import Turn
from soft_station import collected
from soft_turn import MicroscopeStation

GUARD = BeamGuard(ring_current_min_ma=100.0)
LENIENT = Tolerance(max_missing=0.5)


@pytest.fixture
def station(tmp_path):
    return MicroscopeStation(tmp_path)


@pytest.fixture
def engine():
    return RunEngine({}, call_returns_result=True)


def turn(angles=None, **options):
    given = {"exposure_s": 0.1, "flats": 0, "darks": 0, **options}
    return Turn(angles_deg=sequential_angles(8) if angles is None else angles, **given)


def of_kind(documents, name):
    return [doc for kind, doc in documents if kind == name]


def of_stream(documents, stream, kind="event"):
    uids = {doc["uid"] for doc in of_kind(documents, "descriptor") if doc["name"] == stream}
    return [doc for doc in of_kind(documents, kind) if doc["descriptor"] in uids]


def outcome(documents):
    (event,) = of_stream(documents, "outcome")
    return {key.removeprefix("tomogram_"): value for key, value in event["data"].items()}


def told_numbers(documents, stream="projections"):
    """The camera's numbers of the frames of a stream, read from the files that documents tell of."""
    resources = {doc["uid"]: doc for doc in of_kind(documents, "stream_resource")}
    numbers = []
    for datum in of_stream(documents, stream, "stream_datum"):
        resource = resources[datum["stream_resource"]]
        with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
            indices = slice(datum["indices"]["start"], datum["indices"]["stop"])
            numbers += file[resource["parameters"]["dataset"]][indices, 0, 0].tolist()
    return numbers


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_a_whole_tomogram_tells_the_frame_of_each_projection(station, engine, mode):
    documents = collected(engine)
    engine(tomography(station, turn(flats=2, darks=3), mode=mode))
    (stop,) = of_kind(documents, "stop")
    assert stop["exit_status"] == "success"
    found = outcome(documents)
    assert (found["status"], found["asked"], found["good"]) == ("whole", 8, 8)
    assert found["frame"] == list(range(8))
    np.testing.assert_allclose(found["angle_deg"], sequential_angles(8), atol=1e-9)
    assert told_numbers(documents) == list(range(6, 14))
    assert (told_numbers(documents, "dark"), told_numbers(documents, "flat")) == ([1, 2, 3], [4, 5])


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_a_dropped_frame_costs_its_angle_and_no_other(station, engine, mode):
    documents = collected(engine)
    station.microscope_camera.faults_of_id({4})
    engine(tomography(station, turn(), mode=mode, tolerance=LENIENT))
    (stop,) = of_kind(documents, "stop")
    assert stop["exit_status"] == "success"
    found = outcome(documents)
    assert (found["status"], found["good"], found["missing"]) == ("marked", 7, 1)
    assert found["frame"] == [0, 1, 2, -1, 3, 4, 5, 6]
    assert found["verdict"] == [0, 0, 0, 1, 0, 0, 0, 0]
    assert "1 of 8 projections are missing, from 67.500 to 67.500 degree" in found["reason"]
    assert told_numbers(documents) == [1, 2, 3, 5, 6, 7, 8]
