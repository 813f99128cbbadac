"""A tomogram of the packed electrode, taken on servers and reconstructed, against the truth of the server."""

from importlib.resources import files

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from changed_file import changed_scenario
from channels import variables
from operando.callbacks.analysis.imaging import line_integral, normalise, reconstruct
from operando.callbacks.analysis.imaging.angle import sequential_angles
from operando.callbacks.analysis.imaging.tilt import axis_tilt
from operando.devices.beamline import load_beamline
from operando.plans.tomography import tomography
from operando.plans.turn import Turn
from operando.simulated_beamline.imaging_scenario import build_axis
from operando.simulated_beamline.launcher import MICROSCOPE_SERVERS, SERVERS, Launcher
from operando.simulated_beamline.scenario import load_scenario

pytestmark = pytest.mark.system
SIDE, PIXEL_UM, PROJECTIONS = 128, 0.16, 240
SETTINGS = files("operando.simulated_beamline") / "microscope.toml"
NEEDED = (*SERVERS, *MICROSCOPE_SERVERS, "trigger_box")
CHANGES = {
    "rows = 1024": f"rows = {SIDE}",
    "columns = 1024": f"columns = {SIDE}",
    "pixel_um = 0.65": "pixel_um = 5.2\npixel_photons_s = 2e6",
    "axis_offset_um = 0.134": "axis_offset_um = 0.6",
    "axis_tilt_deg = 0.08": "axis_tilt_deg = 0.6\nwobble_nm = 60.0",
}


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """The electrode before a camera of few, large pixels, on an axis that is well off and leans."""
    return changed_scenario(tmp_path_factory.mktemp("scenario"), "nmc811-electrode", CHANGES)


@pytest.fixture(scope="module")
def taken(scenario, tmp_path_factory, beamline_ports):
    """Frames of a full turn by stream, and the file with the truth."""
    folder = tmp_path_factory.mktemp("electrode")
    ports = {name: beamline_ports[name] for name in NEEDED}
    launcher = Launcher(folder / "run", scenario=str(scenario), servers=NEEDED, ports=ports)
    launcher.start("elastic", 500.0)
    beamline = load_beamline(SETTINGS, camera=False, trigger_box=True)
    documents = []
    try:
        assert not beamline.connect(timeout_s=30).missing
        for detector in (beamline.microscope_camera, beamline.trigger_box):
            detector.default_folder(folder / "run" / "frames")
        turn = Turn(
            angles_deg=sequential_angles(PROJECTIONS, span_deg=360.0), exposure_s=0.02, flats=20, darks=10
        )
        plan = tomography(beamline, turn, mode="fly")
        RunEngine(call_returns_result=False)(plan, lambda name, doc: documents.append((name, doc)))
        with variables(*(f"OP:TXMCAM:SIM:TRUTH{end}" for end in ("_VOXEL_UM", "", "_FILE"))) as found:
            voxel, write, file = found
            voxel.put(PIXEL_UM / 2, wait=True)
            write.put(1, wait=True, timeout=30)
            truth = file.get(as_string=True, use_monitor=False)
        frames = {name: stored(documents, name) for name in ("projections", "flat", "dark")}
        yield frames, np.asarray(turn.angles_deg), truth
    finally:
        beamline.release()
        launcher.stop()


def stored(documents, stream):
    """All frames of a stream, as counts."""
    place = {doc["uid"]: doc for name, doc in documents if name == "stream_resource"}
    names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    used = {
        doc["stream_resource"]
        for name, doc in documents
        if name == "stream_datum" and names[doc["descriptor"]] == stream
    }
    (one,) = (place[uid] for uid in used)
    with h5py.File(one["uri"].removeprefix("file://localhost")) as file:
        return file[one["parameters"]["dataset"]][()]


@pytest.fixture(scope="module")
def integrals(taken):
    frames, _, _ = taken
    return line_integral(normalise(frames["projections"], frames["flat"], frames["dark"]).values)


@pytest.fixture(scope="module")
def truth(taken):
    """Attenuation (1/um) in voxels as large as the pixels, in a volume as large as the field."""
    with h5py.File(taken[2]) as file:
        fine = file["attenuation_per_um"][()]
    coarse = fine.reshape(*(n for side in fine.shape for n in (side // 2, 2))).mean(axis=(1, 3, 5))
    volume = np.zeros((SIDE,) * 3, dtype=np.float32)
    middle = tuple(slice((SIDE - side) // 2, (SIDE + side) // 2) for side in coarse.shape)
    volume[middle] = coarse
    return volume


@pytest.fixture(scope="module")
def found(taken, integrals):
    """The reconstruction, with centre and tilt as they were found."""
    _, angles, _ = taken
    lean = axis_tilt(integrals, angles)
    made = reconstruct(np.exp(-integrals), angles, pixel_um=PIXEL_UM, tilt_deg=lean.tilt_deg)
    return lean, made


def test_the_axis_is_where_the_scenario_has_it(found):
    lean, made = found
    # The specimen creeps by up to 40 nm, a quarter of a pixel.
    assert made.centre.column_px == pytest.approx(0.5 * (SIDE - 1) + 0.6 / PIXEL_UM, abs=0.5)
    assert made.centre.verdict == "agreed"
    assert lean.tilt_deg == pytest.approx(0.6, abs=0.1)


def test_the_volume_stands_as_the_truth_does_and_in_its_units(found, truth):
    volume = found[1].attenuation_per_um
    inside = np.hypot(*np.ogrid[-SIDE // 2 : SIDE // 2, -SIDE // 2 : SIDE // 2]) < 50

    def likeness(one):
        return np.corrcoef(one[:, inside].ravel(), truth[:, inside].ravel())[0, 1]

    assert likeness(volume) > 0.96
    others = (volume[::-1], volume[:, ::-1], volume[:, :, ::-1], volume.transpose(0, 2, 1))
    assert max(likeness(other) for other in others) < 0.6
    slope, offset = np.polyfit(truth[:, inside].ravel(), volume[:, inside].ravel(), 1)
    assert slope == pytest.approx(1.0, abs=0.05)
    assert abs(offset) < 0.03 * truth.max()
    error = np.sqrt(np.mean((volume - truth)[:, inside] ** 2)) / np.ptp(truth)
    assert error < 0.09
    # All that attenuates is there, of whatever blur.
    assert volume[:, inside].sum() == pytest.approx(truth[:, inside].sum(), rel=0.02)


def test_the_wobble_of_the_axis_is_that_of_the_scenario(scenario, taken, integrals):
    """All of the specimen is in the field: its centre of mass rises and falls with the axis alone."""
    _, angles, _ = taken
    beside = np.r_[0:12, SIDE - 8 : SIDE]
    # The light flickers, which is seen where no specimen is.
    own = (integrals - integrals[:, :, beside].mean(axis=2, keepdims=True)).sum(axis=2)
    centre_um = PIXEL_UM * (own @ np.arange(SIDE)) / own.sum(axis=1)
    leaning = np.stack([np.ones_like(angles), np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
    lifted_um = build_axis(load_scenario(scenario)).along_um(angles)
    # Once a turn the lean of the axis does the same: what is left are two and three times a turn.
    seen, stated = (one - leaning @ np.linalg.lstsq(leaning, one)[0] for one in (centre_um, lifted_um))
    assert np.corrcoef(seen, stated)[0, 1] > 0.7
    assert np.polyfit(stated, seen, 1)[0] == pytest.approx(1.0, abs=0.25)


def test_the_truth_tells_lithium_and_cracks_of_each_particle(taken):
    with h5py.File(taken[2]) as file:
        content, phase = file["lithium_content"][()], file["phase"][()]
        assert np.isfinite(content[phase == 3]).all()
        assert content[phase == 3].mean() == pytest.approx(file.attrs["lithium_content"], abs=0.02)
        assert file["particles/radius_um"].shape == (60,)
        assert 0.0 < file["particles/crack_fraction"][()].mean() < 0.1
