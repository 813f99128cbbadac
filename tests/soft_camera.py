"""A camera without a server: it obeys like one of areaDetector and writes true, small HDF5 files."""

import threading
from pathlib import Path

import h5py
import numpy as np
from operando.devices.area_detector import AreaDetector
from ophyd.sim import make_fake_device

ROWS, COLUMNS = 4, 6
ENDING = threading.RLock()
"""Held while a file is closed."""


class SoftCamera(make_fake_device(AreaDetector)):
    """Frame n of the server's life holds n in every pixel; `faults` says which numbers are written for which.

    `on_frames` is called after each trigger; with `holds` the frames come only at `go()`.
    """

    def __init__(self, *args, folder="", limits_s=0.3, **kwargs):
        limits = dict.fromkeys(("reply_limit_s", "overhead_limit_s", "flush_limit_s"), limits_s)
        super().__init__("SOFT:", name="camera", read_path=str(folder), **{**limits, **kwargs})
        self.faults = lambda numbers: numbers
        self.on_frames = lambda: None
        self.holds = False
        self.taken, self.written = 0, []
        self.sizes = (ROWS, COLUMNS)
        for signal, value in (
            (self.cam.rows, ROWS),
            (self.cam.columns, COLUMNS),
            (self.cam.data_type, "UInt16"),
            (self.cam.images, 1),
            (self.cam.exposure, 1.0),
            (self.cam.acquire, 0),
            (self.hdf.capture, 0),
            (self.hdf.captured, 0),
            (self.hdf.dropped, 0),
            (self.hdf.full_name, ""),
            (self.hdf.status, 0),
            (self.hdf.path_exists, 0),
            (self.hdf.swmr_supported, 0),
            (self.hdf.swmr_active, 0),
        ):
            signal.sim_put(value)
        self.cam.acquire.sim_set_putter(self._acquire)
        self.hdf.capture.sim_set_putter(self._capture)
        self.hdf.path.sim_set_putter(self._path)

    def _path(self, value, **_):
        self.hdf.path.sim_put(value)
        self.hdf.path_exists.sim_put(int(Path(value).is_dir()))

    def _capture(self, value, **_):
        if value:
            self.written = []
            self.hdf.captured.sim_put(0)
            self.hdf.capture.sim_put(value)
        else:
            self._end_capture()

    def _end_capture(self):
        """Close the file once, whoever asks: the frames that filled it, or the device in its own thread."""
        with ENDING:
            if self.hdf.capture.get() and self.written:
                self._close()
            self.hdf.capture.sim_put(0)

    def _acquire(self, value, **_):
        self.cam.acquire.sim_put(value)
        if value and not self.holds:
            self.go()

    def go(self):
        self.cam.rows.sim_put(self.sizes[0])
        self.cam.columns.sim_put(self.sizes[1])
        if self.hdf.capture.get():
            count = int(self.cam.images.get())
            numbers = list(range(self.taken, self.taken + count))
            self.taken += count
            self.written += self.faults(numbers)
            self.hdf.full_name.sim_put(str(self._file()))
            self.hdf.captured.sim_put(len(self.written))
            if len(self.written) >= self.hdf.wanted.get():
                self._end_capture()
        self.cam.acquire.sim_put(0)
        self.on_frames()

    def _file(self):
        return Path(f"{self.hdf.path.get()}{self.hdf.file_name.get()}_{self.hdf.number.get():06d}.h5")

    def _close(self):
        write_frames(self._file(), self.written)
        self.hdf.full_name.sim_put(str(self._file()))


def write_frames(path, numbers, in_file=None, shape=(ROWS, COLUMNS), time_stamps=True):
    """A file of a camera; of the frames with these numbers only `in_file` are in the data set."""
    numbers = np.asarray(numbers, dtype=np.int64)
    frames = np.ones((len(numbers), *shape), dtype="<u2") * numbers[:, None, None].astype("<u2")
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = frames[:in_file]
        file["entry/instrument/NDAttributes/NDArrayUniqueId"] = numbers
        if time_stamps:
            file["entry/instrument/NDAttributes/NDArrayTimeStamp"] = numbers * 0.5


class GrowingCamera(SoftCamera):
    """Its file grows frame by frame and can be read meanwhile; `hides` keeps the last frames from readers."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.hdf.swmr_supported.sim_put(1)
        self.growing = None
        self.hides = 0

    def grow(self, count):
        """Write so many frames, and count them."""
        if self.growing is None:
            self.growing = h5py.File(self._file(), "w", libver="latest", locking=False)
            layout = {"maxshape": (None, ROWS, COLUMNS), "chunks": (1, ROWS, COLUMNS)}
            self.growing.create_dataset("entry/data/data", (0, ROWS, COLUMNS), "<u2", **layout)
            for name, kind in (("NDArrayUniqueId", "i8"), ("NDArrayTimeStamp", "f8")):
                where = f"entry/instrument/NDAttributes/{name}"
                self.growing.create_dataset(where, (0,), kind, maxshape=(None,))
            self.growing.swmr_mode = True
            self.hdf.swmr_active.sim_put(1)
        numbers = self.faults(list(range(self.taken, self.taken + count)))
        self.taken += count
        self.written += numbers
        self._append(self.written[len(self.growing["entry/data/data"]) : len(self.written) - self.hides])
        self.hdf.full_name.sim_put(str(self._file()))
        self.hdf.captured.sim_put(len(self.written))

    def go(self):
        """Write what is left of the trigger, and end it."""
        if self.hdf.capture.get():
            self.hides = 0
            self.grow(int(self.cam.images.get()) - len(self.written) % int(self.cam.images.get()))
            if len(self.written) >= self.hdf.wanted.get():
                self._end_capture()
        self.cam.acquire.sim_put(0)
        self.on_frames()

    def _append(self, numbers):
        group = self.growing["entry/instrument/NDAttributes"]
        values = np.asarray(numbers, float)
        frames = np.ones((len(values), ROWS, COLUMNS)) * values[:, None, None]
        for dataset, rows in (
            (group["NDArrayUniqueId"], values),
            (group["NDArrayTimeStamp"], values * 0.5),
            (self.growing["entry/data/data"], frames),
        ):
            dataset.resize(len(dataset) + len(values), axis=0)
            if len(values):
                dataset[-len(values) :] = rows
            dataset.flush()

    def _close(self):
        if self.growing is not None:
            self.growing.close()
            self.growing = None
            self.hdf.swmr_active.sim_put(0)
