"""The camera through Channel Access: frames of a cell in a file, read while they come and after a crash."""

import h5py
import numpy as np
import pytest
from channels import variables
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import Launcher
from ophyd import Component, Device, EpicsSignal, EpicsSignalRO
from ophyd.areadetector import EpicsSignalWithRBV
from waiting import until

pytestmark = pytest.mark.system
FRAMES, NUMBERS = "/entry/data/data", "/entry/instrument/NDAttributes/NDArrayUniqueId"
COUNT, PERIOD_S = 20, 2.0
AT_18_KEV = {"OP:MONO:BRAGG": 6.3082, "OP:MONO:PERP": 12.5762}
"""Degree and mm."""


class Camera(Device):
    """As much of an area detector as this test needs, by the real names."""

    acquire = Component(EpicsSignalWithRBV, "cam1:Acquire")
    acquire_time = Component(EpicsSignalWithRBV, "cam1:AcquireTime")
    acquire_period = Component(EpicsSignalWithRBV, "cam1:AcquirePeriod")
    image_mode = Component(EpicsSignalWithRBV, "cam1:ImageMode", string=True)
    num_images = Component(EpicsSignalWithRBV, "cam1:NumImages")
    state = Component(EpicsSignalRO, "cam1:DetectorState_RBV", string=True)
    enable = Component(EpicsSignalWithRBV, "HDF1:EnableCallbacks", string=True)
    path = Component(EpicsSignalWithRBV, "HDF1:FilePath", string=True)
    path_exists = Component(EpicsSignalRO, "HDF1:FilePathExists_RBV", string=True)
    file_name = Component(EpicsSignalWithRBV, "HDF1:FileName", string=True)
    mode = Component(EpicsSignalWithRBV, "HDF1:FileWriteMode", string=True)
    lazy = Component(EpicsSignalWithRBV, "HDF1:LazyOpen", string=True)
    num_capture = Component(EpicsSignalWithRBV, "HDF1:NumCapture")
    captured = Component(EpicsSignalRO, "HDF1:NumCaptured_RBV")
    capture = Component(EpicsSignalWithRBV, "HDF1:Capture")
    full_name = Component(EpicsSignalRO, "HDF1:FullFileName_RBV", string=True)
    message = Component(EpicsSignalRO, "HDF1:WriteMessage", string=True)
    kill = Component(EpicsSignal, "SIM:KILL_WRITER")


@pytest.fixture(scope="module")
def launched(tmp_path_factory, beamline_ports):
    """Servers of a beamline with a camera but without ion chambers; gives launcher and data folder."""
    folder = tmp_path_factory.mktemp("camera")
    launcher = Launcher(
        folder / "run",
        scenario="nmc811-first-charge",
        servers=("machine", "monochromator", "potentiostat", "camera"),
        ports=beamline_ports,
        data_folder=folder / "data",
    )
    launcher.start("elastic", 500.0)
    yield launcher, folder / "data"
    launcher.stop()


@pytest.fixture(scope="module")
def camera(launched):
    device = Camera("OP:CAM1:", name="camera")
    device.wait_for_connection(timeout=20)
    shutters = [f"{prefix}{name}" for prefix in ("OP:FES:", "OP:PSS:") for name in ("CMD", "STATUS")]
    with variables(*shutters, *AT_18_KEV) as found:
        for command, status in zip(found[:4:2], found[1:4:2], strict=True):
            command.put(1, wait=True, timeout=20)
            until(lambda status=status: status.get(as_string=True) == "Open", what=f"{status.pvname} open")
        for motor, position in zip(found[4:], AT_18_KEV.values(), strict=True):
            motor.put(position, wait=True, timeout=60)
    yield device
    # Channels that are not given back would be searched for, and the next module's found late.
    device.destroy()


def prepare(camera, data, name, period_s=PERIOD_S):
    camera.enable.set("Enable").wait(10)
    camera.path.set(f"{data}/").wait(10)
    assert camera.path_exists.get() == "Yes"
    camera.file_name.set(name).wait(10)
    camera.mode.set("Stream").wait(10)
    camera.lazy.set("Yes").wait(10)
    camera.image_mode.set("Multiple").wait(10)
    for signal, value in (
        (camera.num_capture, COUNT),
        (camera.num_images, COUNT),
        (camera.acquire_time, 0.9 * period_s),
        (camera.acquire_period, period_s),
    ):
        signal.set(value).wait(10)
    camera.capture.put(1)
    until(lambda: camera.capture.get() == 1, what="capture")


def test_twenty_frames_can_be_read_while_they_come_and_afterwards(launched, camera):
    launcher, data = launched
    clock = SharedClock(launcher.run_folder / "clock")
    prepare(camera, data, "rings")
    begun_s = clock.now()
    camera.acquire.put(1)
    until(lambda: 0 < camera.captured.get() < COUNT, what="some frames")
    path = camera.full_name.get()
    with h5py.File(path, "r", swmr=True) as file:
        seen: list[int] = []

        def grown():
            file[FRAMES].refresh()
            seen.append(len(file[FRAMES]))
            return seen[-1] == COUNT

        until(grown, what="the last frame in the file")
    assert seen == sorted(seen)
    until(lambda: camera.capture.get() == 0 and camera.acquire.get() == 0, what="the end")
    assert clock.now() - begun_s >= COUNT * PERIOD_S
    clock.close()
    with h5py.File(path, "r") as file:
        frames = file[FRAMES][:]
        assert file[NUMBERS][:].tolist() == list(range(file[NUMBERS][0], file[NUMBERS][0] + COUNT))
        good = file["/entry/instrument/detector/pixel_mask"][:] == 0
    means = frames[:, good].mean(axis=1)
    assert means.min() > 1.0
    assert np.ptp(means) < 0.05 * means.mean()
    assert np.any(frames[0] != frames[1])


def test_a_path_outside_the_data_folder_is_refused_with_a_message(launched, camera):
    _, data = launched
    camera.path.put(f"{data.parent}/", wait=True, timeout=10)
    assert camera.path_exists.get() == "No"
    assert "data folder" in camera.message.get()


def test_frames_survive_a_writer_that_is_killed(launched, camera):
    launcher, data = launched
    prepare(camera, data, "killed", period_s=0.2)
    camera.acquire.put(1)
    until(lambda: camera.captured.get() > 0, what="some frames")
    path = camera.full_name.get()
    captured = camera.captured.get()
    camera.kill.put(1)
    until(lambda: launcher._children["camera"].poll() is not None, what="end of the server")
    launcher.kill_server("camera")
    launcher.start_server("camera")
    with h5py.File(path, "r", swmr=True) as file:
        frames = file[FRAMES]
        assert len(frames) >= captured
        assert len(file[NUMBERS]) >= len(frames)
        assert frames[len(frames) - 1].any()
