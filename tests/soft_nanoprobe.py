"""A nanoprobe without servers: axes that obey, and a fluorescence detector that writes true, small files."""

from pathlib import Path

import h5py
import numpy as np
from operando.devices.fluorescence_detector import SCALERS, FluorescenceDetector
from operando.devices.nano_axis import NanoAxis
from ophyd import Device
from ophyd.sim import make_fake_device
from ophyd.status import Status
from soft_camera import SoftCamera
from soft_station import Instant, SoftStation

ELEMENTS, CHANNELS, PIXEL_S = 2, 600, 0.01


class SoftAxis(Instant):
    """A nano axis that is there at once, and notes the spans that it was prepared for."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.spans = []

    def prepare(self, span):
        self.spans.append(span)
        status = Status(self)
        status.set_finished()
        return status


class SoftStage(Device):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.x = SoftAxis(name="nanostage_x", value=0.0)
        self.y = SoftAxis(name="nanostage_y", value=0.0)


class SoftFluorescence(make_fake_device(FluorescenceDetector)):
    """Spectrum n of the server's life counts `counts(n)` photons in each channel; see `SoftCamera`."""

    def __init__(self, *args, folder="", limits_s=0.3, **kwargs):
        limits = dict.fromkeys(("reply_limit_s", "overhead_limit_s", "flush_limit_s"), limits_s)
        super().__init__("SOFT:", name="fluorescence", read_path=str(folder), **{**limits, **kwargs})
        self.faults, self.on_frames, self.holds = lambda numbers: numbers, lambda: None, False
        self.taken, self.written, self.sizes = 0, [], (ELEMENTS, CHANNELS)
        self.counts = lambda number: np.full((ELEMENTS, CHANNELS), number)
        for signal, value in (
            (self.cam.rows, ELEMENTS),
            (self.cam.columns, CHANNELS),
            (self.cam.data_type, "UInt32"),
            (self.cam.images, 1),
            (self.cam.exposure, 1.0),
            (self.cam.acquire, 0),
            (self.hdf.capture, 0),
            (self.hdf.captured, 0),
            (self.hdf.dropped, 0),
            (self.hdf.full_name, ""),
            (self.hdf.status, 0),
            (self.hdf.path_exists, 0),
        ):
            signal.sim_put(value)
        for name in self.elements.component_names:
            getattr(self.elements, name).sim_put(1.0)
        self.cam.acquire.sim_set_putter(self._acquire)
        self.hdf.capture.sim_set_putter(self._capture)
        self.hdf.path.sim_set_putter(self._path)

    _path, _capture, _end_capture, _acquire, go, _file = (
        SoftCamera._path,
        SoftCamera._capture,
        SoftCamera._end_capture,
        SoftCamera._acquire,
        SoftCamera.go,
        SoftCamera._file,
    )

    def _close(self):
        write_spectra(self._file(), [self.counts(number) for number in self.written], self.written)
        self.hdf.full_name.sim_put(str(self._file()))


def write_spectra(path, spectra, numbers=None, pixel_s=PIXEL_S):
    """A file of Xspress3: spectra (n, elements, channels), without dead time."""
    spectra = np.asarray(spectra, dtype="<u4")
    numbers = np.arange(len(spectra)) if numbers is None else np.asarray(numbers, dtype=np.int64)
    scalers = np.zeros((*spectra.shape[:2], 11))
    scalers[..., 0], scalers[..., 9] = pixel_s / 12.5e-9, 1.0
    with h5py.File(path, "w", libver="latest") as file:
        file["entry/data/data"] = spectra
        file[SCALERS] = scalers
        file["entry/instrument/NDAttributes/NDArrayUniqueId"] = numbers
        file["entry/instrument/NDAttributes/NDArrayTimeStamp"] = numbers * pixel_s


class SoftBox(Device):
    """A trigger box that lets the detector take a frame for each gate of a pass when the sweep is over.

    Gate n of its life counts `i0_counts(n)` in I0.
    """

    hz_per_a = 1e14

    def __init__(self, *args, folder=Path(), **kwargs):
        super().__init__(*args, **kwargs)
        self.passes, self.told, self.folder = [], False, Path(folder)
        self.i0_counts, self.counted = lambda number: 1000.0 + number, 0

    def prepare(self, series):
        self.series, self.passes, self.told, self.first = series, [], False, self.counted
        self.file = self.folder / series.folder / f"{series.name}.h5"
        return self._done()

    def datasets(self):
        return {"open_s": "PCAP.GATE_DURATION.Value", "i0_counts": "COUNTER1.OUT.Diff"}

    def complete_kept(self, count):
        self.completed = count
        return self._done()

    def sweep_is_over(self, gates):
        """Count in each gate, and write the file as far as it is."""
        self.counted += gates
        numbers = np.arange(self.first, self.counted)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(self.file, "w", libver="latest") as file:
            file["PCAP.GATE_DURATION.Value"] = np.full(len(numbers), 0.98 * PIXEL_S)
            file["COUNTER1.OUT.Diff"] = np.array([self.i0_counts(int(number)) for number in numbers])

    def set(self, gates):
        self.passes.append(gates)
        return self._done()

    def trigger(self):
        return self._done()

    def complete(self):
        return self._done()

    def describe_collect(self):
        key = {"source": "soft", "dtype": "number", "dtype_numpy": "<f8", "shape": [], "external": "STREAM:"}
        return {f"trigger_box_{name}": key for name in self.datasets()}

    def get_index(self):
        return 0

    def collect_asset_docs(self, index=None):
        self.told = True
        return iter(())

    def _done(self):
        status = Status(self)
        status.set_finished()
        return status


class NanoStation(SoftStation):
    """The soft beamline with a nanoprobe."""

    def __init__(self, folder: Path):
        super().__init__()
        self.nanostage = SoftStage(name="nanostage")
        self.fluorescence_detector = SoftFluorescence(folder=folder)
        self.fluorescence_detector.on_frames = self.frames_taken
        self.camera = self.trigger_box = None
        self.places = []

    def frames_taken(self):
        self.places.append((self.nanostage.x.get(), self.nanostage.y.get(), self.photon_shutter.get()))


class SoftNanoAxis(make_fake_device(NanoAxis)):
    """Coarse motor, and a piezo in open loop that falls short of its command by `lag` of each move."""

    def __init__(self, *args, lag=0.05, **kwargs):
        super().__init__("SOFT:", name="nanostage_x", axis="X", **kwargs)
        self.lag, self.fine_um, self.moves = lag, 0.0, []
        for motor, ends, unit in ((self.coarse, (-10.0, 10.0), "mm"), (self.fine, (-15.0, 15.0), "um")):
            for signal, value in (
                (motor.readback, 0.0),
                (motor.setpoint, 0.0),
                (motor.velocity, 1e3),
                (motor.acceleration_time, 0.0),
                (motor.low_limit, ends[0]),
                (motor.high_limit, ends[1]),
                (motor.unit, unit),
                (motor.halt, 0),
            ):
                signal.sim_put(value)
        self.readback.sim_put(0.0)
        self.coarse.begin = lambda position, tolerance, done: self._move("coarse", position, done)
        self.fine.begin = lambda position, tolerance, done: self._move("fine", position, done)

    def _move(self, which, position, done):
        motor = getattr(self, which)
        if which == "fine":
            self.fine_um += (1.0 - self.lag) * (position - motor.readback.get())
        self.moves.append((which, position))
        motor.readback.sim_put(position)
        self.readback.sim_put(1e3 * self.coarse.readback.get() + self.fine_um)
        done(None)
