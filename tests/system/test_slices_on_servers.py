"""A tomogram on servers is shown and reconstructed by other processes, and read from Tiled."""

from importlib.resources import files

import numpy as np
import pytest
from changed_file import changed_scenario

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from bluesky import RunEngine
from event_model import compose_run
from operando.callbacks.analysis.imaging.angle import golden_angles
from operando.callbacks.tiled.access import reader_client, writer_client
from operando.callbacks.tiled.journal import Journal, runs
from operando.callbacks.tiled.open_experiment import open_experiment
from operando.callbacks.tiled.replay import replay
from operando.devices.beamline import load_beamline
from operando.devices.bounded import until
from operando.experiment.followers import live_slices, live_volumes
from operando.experiment.settings import DataRoot
from operando.experiment.tiled_server import TiledServer
from operando.plans.tomography import tomography
from operando.plans.turn import Turn
from operando.simulated_beamline.launcher import MICROSCOPE_SERVERS, SERVERS, Launcher

pytestmark = pytest.mark.system
SETTINGS = files("operando.simulated_beamline") / "microscope.toml"
EXPERIMENT = {"uid": "e" * 36, "name": "turned"}
COUNT, SIDE = 12, 128
CHANGES = {
    "rows = 1024": f"rows = {SIDE}",
    "columns = 1024": f"columns = {SIDE}",
    "pixel_um = 0.65": "pixel_um = 5.2",
}


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path / "data")


@pytest.fixture
def scope(root, tmp_path, beamline_ports):
    """A microscope of few, large pixels before the electrode, its files below the data root."""
    scenario = changed_scenario(tmp_path, "nmc811-electrode", CHANGES)
    names = (*SERVERS, *MICROSCOPE_SERVERS)
    ports = {name: beamline_ports[name] for name in names}
    options = {"servers": names, "ports": ports, "data_folder": root.frames}
    launcher = Launcher(root.run, scenario=str(scenario), **options)
    launcher.start("elastic", 500.0)
    beamline = load_beamline(SETTINGS, camera=False, trigger_box=False)
    try:
        assert not beamline.connect(timeout_s=30).missing
        beamline.microscope_camera.default_folder(root.frames)
        yield beamline
    finally:
        beamline.release()
        launcher.stop()


def made(root):
    """Whether slices and volume of a tomogram have ended."""
    starts = [run for run in runs(root.journal) if run.start and run.start.get("purpose") == "analysis"]
    return len(starts) == 2 and all(run.stop is not None for run in starts)


def test_slices_and_volume_of_a_tomogram_are_in_tiled_with_the_state_of_the_cell(scope, root):
    # In processes of their own, as always: HDF5 shows a file that grows to one reader in a process only.
    followers = live_slices(root), live_volumes(root)
    with Journal(root.journal, minimum_free_bytes=0) as journal:
        for follower in followers:
            follower.start()
        try:
            engine = RunEngine({}, call_returns_result=True)
            engine.subscribe(journal)
            cycling = compose_run(metadata={"purpose": "cycling", "experiment": EXPERIMENT})
            journal("start", dict(cycling.start_doc))
            turn = Turn(angles_deg=golden_angles(COUNT), exposure_s=0.05, flats=2, darks=2)
            asked = {"volume": {"centre_px": 0.5 * SIDE, "rings": "none"}}
            md = {"experiment": EXPERIMENT, "measurement": "tomo", **asked}
            uid = engine(tomography(scope, turn, md=md)).plan_result
            journal("stop", dict(cycling.compose_stop()))
            assert until((), lambda: made(root), 120.0)
        finally:
            # Told to end, they first do what waits.
            for follower in followers:
                follower.end(60.0)
    with TiledServer(root.path):
        replay(root.journal, writer_client(root.path), roots=(root.path,))
        experiment = open_experiment(reader_client(root.path), EXPERIMENT["uid"])
        found = experiment.slices.isel(tomogram=-1)
        assert found["run"].item() == uid
        assert found["stage"].item() == "final"
        assert int(found["projections"]) == COUNT
        assert found["xy"].shape == (SIDE, SIDE)
        assert float(found["pixel_um"]) > 0.0
        assert np.isfinite(float(found["lithium_content"]))
        assert float(np.nanmax(found["xy"])) > 0.0
        (tomogram,) = experiment.tomograms
        frame = tomogram["projections"].isel(projection=3)
        assert frame.shape == (SIDE, SIDE)
        assert float(frame.mean().compute()) > 100.0
        volume = tomogram["attenuation"]
        assert volume.shape == (SIDE, SIDE, SIDE)
        assert float(volume.isel(z=SIDE // 2).max().compute()) > 0.0
