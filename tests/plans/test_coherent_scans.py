"""Scans for ptychography and for Bragg coherent diffraction, with soft devices."""

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus
from operando.callbacks.analysis.mapping.region import Region
from operando.plans.bcdi_rocking import bcdi_rocking
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.ptycho_scan import ptycho_scan
from operando.plans.raster_map import NoMapError
from soft_camera import SoftCamera
from soft_nanoprobe import NanoStation
from soft_station import Instant, of_stream


@pytest.fixture
def station(tmp_path):
    one = NanoStation(tmp_path)
    one.nanostage.rotation = Instant(name="nanostage_rotation", value=0.03)
    one.camera = SoftCamera(folder=tmp_path)
    return one


def run(plan):
    documents = []
    RunEngine(call_returns_result=False)(plan, lambda name, doc: documents.append((name, doc)))
    return documents


def test_places_of_a_ptychographic_scan_overlap_as_asked(station):
    region = Region((0.0, 0.2), (0.0, 0.1))
    documents = run(ptycho_scan(station, region=region, beam_um=0.25, overlap=0.6, exposure_s=0.05))
    start = documents[0][1]
    assert (start["plan_name"], start["technique"]) == ("ptycho_scan", "ptychography")
    assert start["ptychography"]["step_um"] == pytest.approx(0.1)
    assert start["shape"] == [2, 3] or tuple(start["shape"]) == (2, 3)
    assert documents[-1][1]["exit_status"] == "success"
    told = [doc["indices"]["stop"] for name, doc in documents if name == "stream_datum"]
    assert max(told) == 6
    assert station.photon_shutter.history[-1] == "closed"


def test_too_little_overlap_is_refused(station):
    with pytest.raises(ValueError, match="no object is found"):
        run(ptycho_scan(station, region=Region((0, 1), (0, 1)), beam_um=0.2, overlap=0.3, exposure_s=0.05))


def test_a_rocking_scan_has_its_frames_angle_by_angle_and_turns_back(station):
    angles = np.linspace(-0.02, 0.02, 5)
    documents = run(bcdi_rocking(station, angles_deg=angles, exposure_s=0.05, frames=2))
    assert documents[-1][1]["exit_status"] == "success", documents[-1]
    events = of_stream(documents, "primary")
    np.testing.assert_allclose([event["nanostage_rotation"] for event in events], angles)
    (resource,) = (doc for name, doc in documents if name == "stream_resource")
    with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
        assert len(file["entry/data/data"]) == 10
    assert station.nanostage.rotation.get() == 0.03
    assert station.photon_shutter.history[-1] == "closed"


def test_uneven_angles_and_a_missing_camera_are_refused(station):
    with pytest.raises(ValueError, match="three or more in even steps"):
        run(bcdi_rocking(station, angles_deg=[0.0, 0.1, 0.3], exposure_s=0.05))
    station.camera = None
    with pytest.raises(NoMapError, match=r"add \[devices.nanostage\] and"):
        run(bcdi_rocking(station, angles_deg=[0.0, 0.1, 0.2], exposure_s=0.05))


def test_a_rocking_scan_whose_beam_is_lost_fails_dark_and_turns_back(station):
    angles = np.linspace(-0.02, 0.02, 5)
    ring = station.ring
    station.camera.on_frames = lambda: ring.put(0.0) if station.camera.taken == 3 else None
    with pytest.raises(BeamLostError, match="ring current"):
        run(bcdi_rocking(station, angles_deg=angles, exposure_s=0.05, guard=BeamGuard()))
    assert station.nanostage.rotation.get() == 0.03
    assert station.photon_shutter.history[-1] == "closed"


def test_a_rocking_scan_that_lost_a_frame_fails(station):
    station.camera.faults = lambda numbers: [number for number in numbers if number != 3]
    documents = []
    with pytest.raises(FailedStatus):
        RunEngine(call_returns_result=False)(
            bcdi_rocking(station, angles_deg=np.linspace(-0.02, 0.02, 5), exposure_s=0.05),
            lambda name, doc: documents.append((name, doc)),
        )
    assert documents[-1][1]["exit_status"] == "fail"
    assert station.photon_shutter.history[-1] == "closed"
