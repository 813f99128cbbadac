"""A camera with a ring, without a server: the ring is full at once, and goes off when it is told to."""

from pathlib import Path

import h5py
import numpy as np
from operando.devices.burst_camera import BurstCamera
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.sim import make_fake_device
from soft_station import Instant

SHAPE = (4, 6)


def write_burst(path, numbers, degc=None):
    """File of a burst: frame n was taken at n ms."""
    numbers = np.asarray(numbers)
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = np.ones((len(numbers), *SHAPE), "<u2") * numbers[:, None, None].astype(
            "<u2"
        )
        group = file.create_group("entry/instrument/NDAttributes")
        group["NDArrayUniqueId"], group["NDArrayTimeStamp"] = numbers.astype("i4"), 1000.0 + 1e-3 * numbers
        if degc is not None:
            group["HeaterTemperature"] = np.asarray(degc, float)


class SoftSafety(Device):
    high = Cpt(Instant, value=300.0)
    trip = Cpt(Instant, value=0)
    cause = Cpt(Signal, value="")


class SoftHeater(Device):
    """Goes off with the camera as soon as it is switched on."""

    readback = Cpt(Signal, value=25.0)
    setpoint = Cpt(Instant, value=25.0)
    ramp = Cpt(Instant, value=10.0)
    enable = Cpt(Instant, value="Disable")
    safety = Cpt(SoftSafety, "")


class SoftBurst(make_fake_device(BurstCamera)):
    """`held` frames are in its ring; `go_off` writes the numbers that `kept` leaves, 20 is the trigger's."""

    def __init__(self, folder, held=5):
        limits = dict.fromkeys(("reply_limit_s", "overhead_limit_s", "flush_limit_s"), 0.3)
        super().__init__("SOFT:", name="camera", read_path=str(folder), **limits)
        self.kept = lambda numbers: numbers
        self.held = held
        self.fired = 0
        for signal, value in {
            self.cam.rows: SHAPE[0],
            self.cam.columns: SHAPE[1],
            self.cam.data_type: "UInt16",
            self.cam.exposure: 1.0,
            self.cam.acquire: 0,
            self.cam.port: "CAM1",
            self.cam.bin_rows: 1,
            self.cam.bin_columns: 1,
            self.hdf.capture: 0,
            self.hdf.captured: 0,
            self.hdf.dropped: 0,
            self.hdf.full_name: "",
            self.hdf.status: 0,
            self.hdf.path_exists: 1,
            self.hdf.swmr_supported: 0,
            self.hdf.swmr_active: 0,
            self.hdf.queue_size: 4,
            self.ring.capture: 0,
            self.ring.port: "CB1",
            self.ring.held: 0,
            self.ring.passed: 0,
            self.ring.triggered: 0,
            self.ring.value: 25.0,
        }.items():
            signal.sim_put(value)
        self.hdf.capture.sim_set_putter(self._capture)
        self.cam.acquire.sim_set_putter(self._acquire)
        self.ring.fire.sim_set_putter(self._fire)

    def _capture(self, value, **_):
        if value:
            self.hdf.captured.sim_put(0)
        self.hdf.capture.sim_put(value)

    def _acquire(self, value, **_):
        self.cam.acquire.sim_put(value)
        if value and self.ring.capture.get():
            before = self.ring.before.get()
            self.ring.held.sim_put(min(self.held, before))
            self.ring.passed.sim_put(int(self.held < before))

    def _fire(self, value, **_):
        self.fired += value
        self.go_off()

    def go_off(self):
        """Be triggered, and have written all frames at once."""
        held, after = min(self.held, self.ring.before.get()), self.ring.after.get()
        numbers = np.arange(20 - held, 20 + after)
        kept = self.kept(numbers)
        path = Path(f"{self.hdf.path.get()}{self.hdf.file_name.get()}_000000.h5")
        write_burst(path, kept, np.where(kept < 20, 90.0, 110.0))
        self.hdf.full_name.sim_put(str(path))
        self.hdf.captured.sim_put(len(kept))
        self.ring.triggered.sim_put(1)
        self.hdf.capture.sim_put(0)
        self.ring.capture.sim_put(0)
