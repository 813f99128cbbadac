"""Microscope and its camera as processes of their own: the picture of a ball turns as it should."""

import itertools
from importlib.resources import files

import h5py
import numpy as np
import pytest
from operando.devices.area_detector import AreaDetector
from operando.devices.frame_series import FrameSeries
from operando.devices.microscope import Microscope
from operando.devices.shutter import Shutter
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.launcher import MICROSCOPE_SERVERS, Launcher

pytestmark = pytest.mark.system
COUNT = itertools.count()
BALL_UM = (4.0, 3.0, 2.0, 1.5)
SERVERS = ("machine", "monochromator", *MICROSCOPE_SERVERS)


@pytest.fixture(scope="module")
def scope(tmp_path_factory, beamline_ports):
    """Microscope, camera and shutter before one ball that is off the axis."""
    folder = tmp_path_factory.mktemp("microscope")
    text = (files("operando.simulated_beamline.scenarios") / "nmc811-electrode.toml").read_text()
    assert "[spheres]\n" in text
    scenario = folder / "ball.toml"
    scenario.write_text(text.replace("[spheres]\n", f"[spheres]\nat_um = [{list(BALL_UM)}]\n"))
    ports = {name: beamline_ports[name] for name in SERVERS}
    launcher = Launcher(folder / "run", scenario=str(scenario), servers=SERVERS, ports=ports)
    launcher.start("elastic", 500.0)
    frames = folder / "run" / "frames"
    devices = (
        Microscope("OP:TXM:", name="microscope"),
        AreaDetector("OP:TXMCAM:", name="microscope_camera", read_path=str(frames)),
        Shutter("OP:PSS:", name="photon_shutter"),
    )
    try:
        for device in devices:
            device.wait_for_connection(timeout=30)
        devices[2].set("open").wait(30)
        yield *devices, Board(folder / "run" / "board")
    finally:
        for device in devices:
            device.destroy()
        launcher.stop()


def taken(camera, frames=1):
    """Frames of a series, and the number of each."""
    series = FrameSeries(exposure_s=0.05, frames=frames, name=f"run_{next(COUNT)}")
    file = camera.file_of(series)
    camera.prepare(series).wait(20)
    camera.trigger().wait(20)
    camera.complete().wait(20)
    with h5py.File(file) as opened:
        numbers = opened["entry/instrument/NDAttributes/NDArrayUniqueId"][()]
        return opened["entry/data/data"][()].astype(float), numbers


def centre_of_shadow(frame, flat):
    """Row and column, from means over 8 x 8 pixels."""
    light, dimmed = ((one - 100.0).reshape(128, 8, 128, 8).mean(axis=(1, 3)) for one in (flat, frame))
    path = -np.log(np.clip(dimmed / light, 1e-3, None))
    path[path < 0.03] = 0.0
    rows, columns = 8.0 * np.indices(path.shape) + 3.5
    return (rows * path).sum() / path.sum(), (columns * path).sum() / path.sum()


def test_a_ball_turns_about_the_axis(scope):
    microscope, camera, _, board = scope
    microscope.sample_x.set(100.0).wait(30)
    flat = taken(camera, 2)[0].mean(axis=0)
    microscope.sample_x.set(0.0).wait(30)
    pixel_um = float(microscope.pixel_um.get())
    assert pixel_um == pytest.approx(0.02, rel=1e-4)
    places = []
    for angle_deg in (0.0, 90.0, 180.0, 720.0):
        microscope.rotation.set(angle_deg).wait(30)
        frames, numbers = taken(camera)
        assert len(numbers) == 1
        places.append(centre_of_shadow(frames[0], flat))
    rows, columns = np.array(places).T
    axis = 511.5 + 0.134 / pixel_um
    np.testing.assert_allclose((columns - axis) * pixel_um, [4.0, 3.0, -4.0, 4.0], atol=0.12)
    np.testing.assert_allclose((rows - 511.5) * pixel_um, 2.0, atol=0.12)
    assert board["txm_rotation_deg"] == 720.0


def test_the_optic_follows_the_energy_at_constant_magnification(scope):
    microscope, _, _, _ = scope
    magnification = float(microscope.magnification.get())
    plate_mm = microscope.zone_plate_z.position
    microscope.focus.set(8450.0).wait(60)
    assert microscope.zone_plate_z.position - plate_mm == pytest.approx(1.217 * 117 / 200, abs=0.003)
    assert microscope.focus.position == pytest.approx(8450.0, abs=0.2)
    assert float(microscope.magnification.get()) == pytest.approx(magnification, rel=1e-4)
    microscope.focus.set(8333.0).wait(60)
