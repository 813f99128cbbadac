"""A microscope without servers: a rotation that obeys, a box whose gates let the camera write true frames."""

from pathlib import Path

import numpy as np
from operando.devices.gate_record import GateRecord, GatesMissingError
from ophyd import Device, Signal
from ophyd.status import Status
from soft_camera import GrowingCamera
from soft_fly import VELOCITY_DEG_S, SoftBragg
from soft_station import Instant, SoftStation

PERIOD_S, FULL_HZ = 0.5, 1e7
"""From frame to frame by the clock of the soft camera, and what a chamber counts per s with beam."""


class SoftRotation(SoftBragg):
    """A rotation without limits; `on_sweep` is called before each sweep is over."""

    def __init__(self, *args, **kwargs):
        self.on_sweep = lambda: None
        super().__init__(*args, **kwargs)
        for signal, value in ((self.low_limit, 0.0), (self.high_limit, 0.0), (self.max_velocity, 360.0)):
            signal.sim_put(value)

    def _begin(self, position, tolerance, done):
        sweeps = self.velocity.get() != VELOCITY_DEG_S
        if sweeps:
            self.on_sweep()
        super()._begin(position, tolerance, done)


class SoftMicroscope(Device):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.rotation = SoftRotation("SOFT:ROTATION", name="microscope_rotation")
        self.sample_x, self.sample_y, self.sample_z = (
            Instant(name=f"microscope_sample_{axis}", value=0.0) for axis in "xyz"
        )
        self.magnification = Signal(name="microscope_magnification", value=32.5)
        self.condenser_z = Instant(name="microscope_condenser_z", value=0.0)
        self.phase_ring = Instant(name="microscope_phase_ring", value="Out")

    def read(self):
        return self.rotation.read()

    def describe(self):
        return self.rotation.describe()


class TurnBox(Device):
    """A trigger box whose gates come when the rotation sweeps; gates after `stalls_at` of a series do not."""

    hz_per_a = FULL_HZ
    encoders = {"rotation": "INENC4"}  # noqa: RUF012

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.gates = Signal(name="trigger_box_gates", value=0)
        self.passes, self.record, self.stalls_at, self.series_made = [], None, None, []
        self.beam = lambda gate: 1.0
        self.counted, self.on_gates, self.stopped = 0, lambda count: None, 0

    def prepare(self, series):
        self.series_made.append(series)
        self.record, self.passes, self.angles, self.light = None, [], [], []
        self.gates.put(0)
        self.file = Path(f"{series.name}.h5")
        return self._done()

    def set(self, gates):
        self.passes.append(gates)
        return self._done()

    def swept(self):
        """Make the gates of the last pass."""
        one = self.passes[-1]
        room = one.gates if self.stalls_at is None else max(self.stalls_at - len(self.angles), 0)
        for gate in range(min(one.gates, room)):
            self.angles.append(one.start + one.step * (gate + 0.5 * one.open_fraction))
            self.light.append(self.beam(self.counted))
            self.counted += 1
        self.gates.put(len(self.angles))
        self.on_gates(min(one.gates, room))

    def trigger(self):
        status, due = Status(self), sum(one.gates for one in self.passes)
        if len(self.angles) < due:
            status.set_exception(GatesMissingError("trigger_box", due, len(self.angles), "the sweep stalled"))
        else:
            status.set_finished()
        return status

    def complete_kept(self, count):
        angles, light = np.array(self.angles[:count]), np.array(self.light[:count])
        columns = {name: {"rotation": angles} for name in ("low", "middle", "high")}
        open_s = np.full(count, 0.9 * PERIOD_S)
        counts = np.stack([FULL_HZ * light * open_s] * 3, axis=1)
        time_s = PERIOD_S * np.arange(count)
        self.record = GateRecord(self.file, time_s, open_s, counts=counts, **columns) if count else None
        return self._done()

    def datasets(self):
        return {"rotation": "INENC4.VAL.Mean"}

    def describe_collect(self):
        key = {"source": "soft", "dtype": "number", "dtype_numpy": "<f8", "shape": [], "external": "STREAM:"}
        return {"trigger_box_rotation": key}

    def stop(self, *, success=False):
        self.stopped += 1

    def _done(self):
        status = Status(self)
        status.set_finished()
        return status


class TurnCamera(GrowingCamera):
    """A camera that, gated from outside, takes a frame for each gate that comes."""

    def _acquire(self, value, **_):
        self.cam.acquire.sim_put(value)
        if value and self.cam.trigger_mode.get() != "External":
            self.take(int(self.cam.images.get()))
            self.cam.acquire.sim_put(0)

    def take(self, count):
        """Take so many frames, unless the disk is full or the writer loses them."""
        self.cam.counter.sim_put(self.taken + count)
        if not self.hdf.capture.get():
            self.taken += count
            return
        before = len(self.written)
        self.grow(count)
        self.hdf.dropped.sim_put(self.hdf.dropped.get() + before + count - len(self.written))
        if len(self.written) >= self.hdf.wanted.get():
            self._close()
            self.hdf.capture.sim_put(0)
        self.on_frames()

    def faults_of_id(self, lost):
        """Lose the frames with these numbers of the camera's life, from 1."""
        self.faults = lambda numbers: [number + 1 for number in numbers if number + 1 not in lost]


class MicroscopeStation(SoftStation):
    """The soft beamline with a microscope; its cell's clock and lithium go on with each frame."""

    def __init__(self, folder):
        super().__init__()
        self.microscope = SoftMicroscope(name="microscope")
        self.microscope_camera = TurnCamera(folder=folder)
        self.microscope_camera.faults_of_id(())
        self.trigger_box = TurnBox(name="trigger_box")
        self.microscope.rotation.on_sweep = self.trigger_box.swept
        self.trigger_box.on_gates = self.microscope_camera.take
        self.places, self.frame_events = [], {}
        self.microscope_camera.on_frames = self.frames_taken

    def frames_taken(self):
        """Note where the specimen was and whether there was light; let what is due happen."""
        rotation = self.microscope.rotation.readback.get()
        self.places.append((rotation, self.microscope.sample_x.get(), self.photon_shutter.get()))
        self.cell.time.put(self.cell.time.get() + PERIOD_S)
        self.frame_events.pop(len(self.places), lambda: None)()
