"""A camera and its writer as they are set for a series of frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ophyd import Component as Cpt
from ophyd import Signal
from ophyd.utils import LimitError

from .bounded import fresh, until
from .camera_signals import DTYPES, CameraDriver, FrameWriter
from .file_writer import FileWriter
from .frame_series import FrameSeries
from .reach import LOST, halt

TEMPLATE = "%s%s_%6.6d.h5"
"""Path, name and number of a file, as the server puts them together."""

FLUSH_S = 0.1
"""Longest time for which a frame that was taken may be hidden from those who read the growing file, s."""

SETTING_TOLERANCE = 0.01
"""Part by which a time may be another than asked for: a camera rounds to its clock."""

COMPLAINT_S = 1.0
"""Longest wall time from the moment a writer closes its file to its words about why, s."""


def check_exposure(owner: str, exposure_s: float, limits_s: tuple[float, float]) -> None:
    """Refuse an exposure outside limits, s.

    Raises
    ------
    LimitError
        Naming the owner, value and limits.
    """
    low_s, high_s = limits_s
    if not low_s <= exposure_s <= high_s:
        raise LimitError(
            f"{owner}: an exposure of {exposure_s:g} s is outside {low_s:g} to {high_s:g} s of this camera; "
            "expose within them"
        )


def number_of(signal: Signal) -> int:
    """Count that a signal holds."""
    value: Any = signal.get()
    return int(value)


class SettableCamera(FileWriter):
    """Camera and HDF5 writer of an areaDetector server, and the folder into which it writes.

    The other parameters are those of `FileWriter`.

    Parameters
    ----------
    overhead_limit_s
        Wall time that a series may take on top of its frames, s.
    flush_limit_s
        Wall time until one more frame is written once the camera is done, and until the closed file can be
        read, s.
    readout_s
        Time after an exposure in which a trigger would be lost, s.
    exposure_limits_s
        Shortest and longest exposure that the camera does, s; None: its server knows, or nobody.
    """

    cam = Cpt(CameraDriver, "cam1:")
    hdf = Cpt(FrameWriter, "HDF1:")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        overhead_limit_s: float = 30.0,
        flush_limit_s: float = 10.0,
        readout_s: float = 0.0,
        exposure_limits_s: tuple[float, float] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.readout_s = readout_s
        self.exposure_limits_s = exposure_limits_s
        self.overhead_limit_s = overhead_limit_s
        self.flush_limit_s = flush_limit_s
        for signal in (self.cam.exposure, self.cam.period, self.cam.images, self.cam.trigger_mode):
            signal.name = f"{name}_{signal.attr_name}"
        self.hdf.captured.name = f"{name}_frames"

    @property
    def frames(self) -> Signal:
        """Frames of the present series that are written so far; reads as `<name>_frames`."""
        return self.hdf.captured

    def check_exposure(self, exposure_s: float) -> None:
        """Refuse an exposure (s) beyond what the settings say, or the limits of the record.

        Raises
        ------
        LimitError
            Naming camera, value and limits.
        """
        # A record without limits tells 0 to 0, or nothing.
        told: Any = self.cam.exposure.limits or (0.0, 0.0)
        low_s, high_s = (float(limit or 0.0) for limit in told)
        for limits_s in (self.exposure_limits_s, (low_s, high_s) if low_s < high_s else None):
            if limits_s is not None:
                check_exposure(self.name, exposure_s, limits_s)

    def is_lost(self, series: FrameSeries) -> bool:
        """Whether the server that was told to write a series is gone, or was started anew."""
        try:
            # A look has a second: a gap of the network is no death.
            return str(self.hdf.file_name.get()) != series.name
        except (TimeoutError, *LOST):
            return True

    def tell_to_rest(self) -> None:
        """Tell camera and writer to stop."""
        halt(self.cam.acquire, 0)
        halt(self.hdf.capture, 0)

    def file_of(self, series: FrameSeries) -> Path:
        """Tell where the file of a series will be, as we see it; errors as of `new_file`."""
        return self.new_file(series.folder, f"{series.name}_{0:06d}.h5")

    def come_to_rest(self) -> None:
        """Stop camera and writer, and wait until they are.

        Raises
        ------
        TimeoutError
            If they are not within `reply_limit_s`.
        """
        self.tell_to_rest()
        parts = (self.cam.acquire, self.hdf.capture)
        if not until(parts, lambda: not any(part.get() for part in parts), self.reply_limit_s):
            raise TimeoutError(
                f"{self.name}: still acquires or writes {self.reply_limit_s:g} s after it was stopped; "
                f"look at the server of {self.prefix}"
            )

    def set_camera(self, series: FrameSeries) -> None:
        """Set exposure, period, number and trigger, and see what the camera made of the times.

        Raises
        ------
        ValueError
            If exposure or period are others than asked for.
        """
        if series.binning != 1 and not hasattr(self.cam, "bin_rows"):
            raise ValueError(f"{self.name}: bins of {series.binning} pixels asked for; this camera has none")
        self._write(self.cam.callbacks, 1)
        self._write(self.cam.image_mode, "Multiple")
        self._write(self.cam.trigger_mode, series.trigger_mode)
        self._write(self.cam.images, series.per_trigger)
        for signal, asked_s in ((self.cam.exposure, series.exposure_s), (self.cam.period, series.interval_s)):
            self._write(signal, asked_s)
            given_s = float(fresh(signal, self.reply_limit_s))
            if not math.isclose(given_s, asked_s, rel_tol=SETTING_TOLERANCE):
                raise ValueError(
                    f"{signal.name}: {asked_s:g} s asked for, the camera gives {given_s:g} s; "
                    "ask for what it can do"
                )

    def frame_shape(self) -> tuple[tuple[int, int], str]:
        """Rows and columns of a frame, and type of a pixel; a camera that does not know takes one.

        Raises
        ------
        ValueError
            If the type of its pixels is not known.
        """
        sizes = (self.cam.rows, self.cam.columns)
        if not all(signal.get() for signal in sizes):
            self._prime(sizes)
        given = str(self.cam.data_type.get())
        if given not in DTYPES:
            raise ValueError(f"{self.name}: pixels of type {given!r} are not known; use {', '.join(DTYPES)}")
        return (number_of(sizes[0]), number_of(sizes[1])), DTYPES[given]

    def _prime(self, sizes: Sequence[Signal]) -> None:
        limit_s = float(self.cam.exposure.get()) + self.overhead_limit_s
        images = number_of(self.cam.images)
        self._write(self.cam.images, 1)
        self.cam.acquire.put(1)
        known = until(sizes, lambda: all(signal.get() for signal in sizes), limit_s)
        self.come_to_rest()
        self._write(self.cam.images, images)
        if not known:
            raise TimeoutError(
                f"{self.name}: does not tell the size of a frame {limit_s:g} s after a first one; "
                f"look at the server of {self.prefix}"
            )

    def open_file(self, series: FrameSeries, file: Path) -> None:
        """Tell the writer its file and the number of frames; it then opens the file with the first one.

        Raises
        ------
        FileNotFoundError
            If the server does not see the folder.
        TimeoutError
            If the writer does not start.
        """
        hdf = self.hdf
        self.make_folder(file)
        path = self.path_of_server(series.folder)
        for signal, value in (
            (hdf.enabled, 1),
            (hdf.path, path),
            (hdf.file_name, series.name),
            (hdf.template, TEMPLATE),
            (hdf.number, 0),
            (hdf.counts_on, 0),
            (hdf.mode, "Stream"),
            (hdf.wanted, series.frames),
            (hdf.lazy_open, 1),
            *self._growth(series),
        ):
            self._write(signal, value)
        self.begin_to_write(hdf, path)

    def _growth(self, series: FrameSeries) -> list[tuple[Signal, object]]:
        """Give the settings by which the file can be read while it grows, where its server can."""
        if not self.hdf.swmr_supported.get():
            return []
        frames = max(int(FLUSH_S / series.interval_s), 1)
        return [(self.hdf.swmr, "On"), (self.hdf.flush_every, frames)]

    def await_complaint(self) -> None:
        """Wait for the words of a writer that failed: they come in pieces, after it has closed its file."""
        status, message = self.hdf.status, self.hdf.message
        until((status, message), lambda: bool(status.get()) and bool(message.get()), COMPLAINT_S)

    def complaint(self, dropped: int = 0) -> str:
        """Say what the writer tells of itself; `dropped`: arrays that it had dropped before."""
        told = str(self.hdf.message.get()) if self.hdf.status.get() else ""
        lost = number_of(self.hdf.dropped) - dropped
        return f"{self.prefix}HDF1: dropped {lost} arrays" + (f" and says {told!r}" if told else "")
