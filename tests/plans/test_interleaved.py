"""Scans and diffraction on one cell, each by a trigger of its own, as the cell asks for them."""

from functools import partial

import pytest
from bluesky import RunEngine
from operando.callbacks.live.edge_fits import EdgeFits
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.devices.frame_file import FramesMissingError
from operando.plans.beam_guard import BeamGuard
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement, announcements
from operando.plans.operando import operando
from operando.plans.request import disk_full
from operando.plans.xanes import xanes
from operando.plans.xrd_series import xrd_series
from soft_camera import SoftCamera
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected, events

GRID = grid_from_regions([(0, 2, 1, 1.0)], e0="Ni_K")
RULES = {"ni": "every lithium_content 0.01", "xrd": "every lithium_content 0.02"}


@pytest.fixture
def line(tmp_path):
    line = SoftBeamline()
    line.camera = SoftCamera(folder=tmp_path / "frames")
    return line


def whole(line, **options):
    guard = BeamGuard()
    measurements = [
        Measurement("ni", partial(xanes, line, grid=GRID, element="Ni", guard=guard), energy_ev=GRID.e0_ev),
        Measurement(
            "xrd",
            partial(xrd_series, line, exposure_s=0.1, frames=3, energy_ev=8000.0, guard=guard, redo=0),
            energy_ev=8000.0,
            blur_s=0.1,
        ),
    ]
    shared = {
        "limits": LIMITS,
        "experiment": {"uid": "e" * 36, "name": "both"},
        "guard": guard,
        "ring": line.ring,
    }
    return operando(line.cell, PROTOCOL, measurements, RULES, poll_s=0.01, **{**shared, **options})


def test_each_is_measured_when_the_cell_asks_for_it_at_its_own_energy(line):
    engine = RunEngine({}, call_returns_result=True)
    documents = collected(engine)
    result = engine(whole(line)).plan_result
    assert (result.done, result.late, result.missed) == (7, 0, 0)
    starts = [doc for name, doc in documents if name == "start" and doc["purpose"] == "measurement"]
    assert [doc["technique"] for doc in starts].count("xrd") == 2
    assert [doc["technique"] for doc in starts].count("xanes") == 5
    energies = [
        doc["data"]["mono_energy"]
        for name, doc in documents
        if name == "event" and "camera_frames" in doc["data"]
    ]
    assert set(energies) == {8000.0}
    series = next(doc for doc in starts if doc["technique"] == "xrd")
    assert series["trigger"]["rule"] == RULES["xrd"]
    assert series["experiment"]["name"] == "both"
    files = sorted((line.camera.read_path.get() + "/both_eeeeeeee/xrd_",))
    resources = [doc["uri"] for name, doc in documents if name == "stream_resource"]
    assert len(resources) == 2
    assert all(uri.startswith(f"file://localhost{files[0]}") for uri in resources)


def test_a_series_with_missing_frames_is_asked_for_again_and_the_ledger_says_why(line):
    engine = RunEngine({}, call_returns_result=True)
    documents = collected(engine)
    bad = iter([True])
    line.camera.faults = lambda numbers: numbers[1:] if next(bad, False) else numbers
    assert engine(whole(line)).plan_result.done == 7
    entries = events(documents, "ledger_status")
    reasons = [entry["ledger_reason"] for entry in entries if entry["ledger_measurement"] == "xrd"]
    assert reasons[0].startswith("redone: camera: 3 frames expected, 2 written")
    failed = [doc for name, doc in documents if name == "stop" and doc["exit_status"] == "fail"]
    assert len(failed) == 1


def test_blur_is_announced_by_the_time_of_a_frame_not_of_the_series():
    slow = Measurement("xrd", xrd_series, duration_s=36000.0, blur_s=10.0, what="frame")
    assert announcements([slow], PROTOCOL, 1.0) == ()
    (told,) = announcements(
        [Measurement("xrd", xrd_series, 36000.0, blur_s=900.0, what="frame")], PROTOCOL, 1.0
    )
    assert "in the 900 s of a frame" in told


def test_spectra_of_such_an_experiment_are_opened_and_fitted_without_a_warning(line, tmp_path, caplog):
    engine, published = RunEngine({}, call_returns_result=True), []
    with Journal(tmp_path / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        engine.subscribe(journal)
        fits = EdgeFits(lambda name, doc: published.append((name, doc)))
        series = set()

        def of_series(name, doc):
            """What is told of diffraction reaches the fits, scans of three points do not."""
            if name == "start" and doc.get("technique") == "xrd":
                series.add(doc["uid"])
            if name != "event_page" and {doc.get("uid"), doc.get("run_start")} & series:
                fits(name, doc)

        engine.subscribe(of_series)
        engine(whole(line))
    assert len(series) == 2
    assert published == []
    experiment = experiment_from_journal(tmp_path / "journal", "both")
    assert experiment.spectra("Ni").sizes["measurement"] == 5
    assert len(experiment.scan_middles) == 7
    assert len(experiment.runs("measurement")) == 7
    assert list(experiment.ledger["status"]) == ["done"] * 7
    experiment.to_xdi(tmp_path)
    assert not [record for record in caplog.records if record.name.startswith("operando.callbacks")]


def test_an_error_that_leads_back_to_itself_is_no_full_disk():
    error = FramesMissingError("camera", 3, 2, "dropped")
    error.__context__ = RuntimeError("status")
    error.__context__.__cause__ = error
    assert disk_full(error) is None
