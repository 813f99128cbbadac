"""Images and tomograms at the energies of an edge, taken on servers, against the truth of the specimen."""

import math
from importlib.resources import files

import numpy as np
import pytest
from bluesky import RunEngine
from channels import variables
from operando.devices.beamline import load_beamline
from operando.plans.beam_guard import BeamGuard
from operando.plans.grids import EnergyGrid
from operando.plans.image_options import ImageOptions
from operando.plans.xanes_imaging import xanes_imaging
from operando.simulated_beamline.launcher import MICROSCOPE_SERVERS, SERVERS, Launcher

pytestmark = pytest.mark.system
SIDE, PIXEL_UM = 96, 0.2
SETTINGS = files("operando.simulated_beamline") / "microscope.toml"
NEEDED = (*SERVERS, *MICROSCOPE_SERVERS)
CHANGES = {
    "rows = 1024": f"rows = {SIDE}",
    "columns = 1024": f"columns = {SIDE}",
    "pixel_um = 0.65": "pixel_um = 6.5\npixel_photons_s = 2e6",
    "axis_tilt_deg = 0.08": "axis_tilt_deg = 0.0",
}
ENERGY = np.concatenate(
    [np.arange(8240.0, 8320.0, 20.0), np.arange(8334.0, 8356.0, 1.0), np.arange(8360.0, 8460.0, 18.0)]
)
GRID = EnergyGrid(ENERGY, np.full(ENERGY.size, 0.02), 8333.0)
DUMPED = 8340.0


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """The electrode before a camera of few, large pixels."""
    text = (files("operando.simulated_beamline.scenarios") / "nmc811-electrode.toml").read_text()
    for old, new in CHANGES.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path_factory.mktemp("scenario") / "electrode.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def beamline(scenario, tmp_path_factory, beamline_ports):
    folder = tmp_path_factory.mktemp("energies")
    ports = {name: beamline_ports[name] for name in NEEDED}
    launcher = Launcher(folder / "run", scenario=str(scenario), servers=NEEDED, ports=ports)
    launcher.start("elastic", 500.0)
    found = load_beamline(SETTINGS, camera=False)
    try:
        assert not found.connect(timeout_s=30).missing
        found.microscope_camera.default_folder(folder / "run" / "frames")
        found.frames_root = folder / "run" / "frames"
        yield found
    finally:
        found.release()
        launcher.stop()


@pytest.fixture(scope="module")
def taken(beamline):
    """Documents of a series during which the ring was dumped once, and the file with the truth."""
    documents = []
    engine = RunEngine(call_returns_result=False)
    with variables(
        "OP:RING:SIM:DUMP", *(f"OP:TXMCAM:SIM:TRUTH{end}" for end in ("_VOXEL_UM", "", "_FILE"))
    ) as found:
        dump, voxel, write, file = found
        dumped = []

        def keep(name, doc):
            documents.append((name, doc))
            energy_ev = doc.get("data", {}).get("mono_energy", math.nan) if name == "event" else math.nan
            if abs(energy_ev - (DUMPED - 1.0)) < 0.1 and not dumped:
                dumped.append(1)
                dump.put(1, wait=True)

        options = ImageOptions(frames=2, flats=4, darks=5, flat_every=2)
        engine(xanes_imaging(beamline, grid=GRID, element="Ni", options=options, guard=BeamGuard()), keep)
        voxel.put(PIXEL_UM, wait=True)
        write.put(1, wait=True, timeout=30)
        return documents, file.get(as_string=True, use_monitor=False)


def test_nothing(taken):
    print(taken[1])
