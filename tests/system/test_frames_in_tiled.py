"""Frames of a series: from the plan over the journal into Tiled, counted there at the end of the run."""

import event_model
import h5py
import numpy as np
import pytest

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from bluesky import RunEngine
from operando.callbacks.tiled.access import reader_client, writer_client
from operando.callbacks.tiled.forwarder import Forwarder
from operando.callbacks.tiled.open_experiment import open_experiment
from operando.callbacks.tiled.projection import read_note
from operando.experiment.settings import DataRoot
from operando.plans.xrd_series import xrd_series
from soft_camera import COLUMNS, ROWS, GrowingCamera, SoftCamera
from soft_station import SoftStation

pytestmark = pytest.mark.system

CYCLING = {"purpose": "cycling", "experiment": {"uid": "d" * 36, "name": "diffracted"}}


def measured(server, station, journal, **options):
    """Take a series below the data root; gives uid of its run and the path of its file."""
    resources, engine = [], RunEngine({}, call_returns_result=True)
    station.camera = SoftCamera()
    clock = station.cell.time
    station.camera.on_frames = lambda: clock.put(clock.get() + 1.0)
    station.camera.default_folder(DataRoot(server.data_root).frames)
    engine.subscribe(journal)
    engine.subscribe(lambda name, doc: resources.append(doc["uri"]), "stream_resource")
    md = {"experiment": CYCLING["experiment"], "measurement": "xrd"}
    uid = engine(xrd_series(station, exposure_s=0.01, frames=30, md=md, **options)).plan_result
    return uid, resources[0].removeprefix("file://localhost")


@pytest.fixture
def station():
    return SoftStation()


def forward(journal, server):
    Forwarder(journal.folder, lambda: writer_client(server.data_root), roots=server.external_roots).run(
        lambda: True
    )


def test_every_frame_of_a_series_is_in_tiled_and_counted(journal, server, station):
    uid, path = measured(server, station, journal)
    assert path.startswith(f"{server.data_root}/frames/diffracted_dddddddd/xrd_")
    forward(journal, server)
    note = read_note(journal.folder, uid)
    assert (note["verdict"], note["refused"]) == ("complete", [])
    assert set(note["streams"]) == {"frames", "primary"}
    run = reader_client(server.data_root)[uid]
    image = run["frames"]["camera_image"]
    assert image.shape == (30, ROWS, COLUMNS)
    assert np.asarray(image[:, 0, 0]).tolist() == list(range(30))


def test_frames_of_a_series_that_goes_on_are_in_tiled_as_its_file_grows(
    journal, server, station, monkeypatch
):
    monkeypatch.setattr("operando.devices.series_file.LOOK_S", 0.0)
    station.camera = camera = GrowingCamera(limits_s=60.0)
    camera.default_folder(DataRoot(server.data_root).frames)
    camera.holds = True
    forwarder = Forwarder(
        journal.folder, lambda: writer_client(server.data_root), roots=server.external_roots
    )
    engine, started, seen = RunEngine({}, call_returns_result=True), [], []
    engine.subscribe(journal)
    engine.subscribe(lambda name, doc: started.append(doc["uid"]), "start")

    def look():
        forwarder.step()
        image = reader_client(server.data_root)[started[0]]["frames"]["camera_image"]
        seen.append(np.asarray(image[:, 0, 0]).tolist())

    station.events = {
        2: lambda: camera.grow(2),
        4: look,
        5: lambda: camera.grow(3),
        7: look,
        8: camera.go,
    }
    uid = engine(xrd_series(station, exposure_s=0.01, frames=8)).plan_result
    assert seen == [[0, 1], [0, 1, 2, 3, 4]]
    forwarder.run(lambda: True)
    assert read_note(journal.folder, uid)["verdict"] == "complete"
    image = reader_client(server.data_root)[uid]["frames"]["camera_image"]
    assert np.asarray(image[:, 0, 0]).tolist() == list(range(8))


def test_frames_taken_one_by_one_are_in_tiled_as_well(journal, server, station):
    uid, _ = measured(server, station, journal, gated=True)
    forward(journal, server)
    assert read_note(journal.folder, uid)["verdict"] == "complete"
    assert reader_client(server.data_root)[uid]["frames"]["camera_image"].shape == (30, ROWS, COLUMNS)


def test_a_file_that_was_cut_short_after_its_run_makes_it_incomplete(journal, server, station):
    uid, path = measured(server, station, journal)
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = np.zeros((29, ROWS, COLUMNS), "<u2")
    forward(journal, server)
    note = read_note(journal.folder, uid)
    assert note["verdict"] == "incomplete"
    assert note["streams"]["frames"]["different"] == ["camera_image"]


def test_an_experiment_with_frames_is_opened_through_tiled(journal, server, station):
    cycling = event_model.compose_run(metadata=CYCLING)
    journal("start", cycling.start_doc)
    uid, _ = measured(server, station, journal)
    journal("stop", cycling.compose_stop())
    forward(journal, server)
    experiment = open_experiment(reader_client(server.data_root), "diffracted")
    assert uid in [start["uid"] for start in experiment.runs("measurement")]
    assert uid in experiment.scan_middles.index
    assert experiment.edge_fits.empty
    experiment.plot()
