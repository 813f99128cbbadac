"""An area detector whose server writes the frames itself; documents refer to its files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ophyd.status import DeviceStatus

from .bounded import in_background, until
from .camera_setting import SettableCamera, number_of
from .file_writer import tell_of_data_set
from .frame_file import FramesMissingError, check_frames, find_frames
from .frame_series import FrameSeries
from .reach import naming

logger = logging.getLogger(__name__)

CHUNK_BYTES = 8e6
"""Bytes that a reader is given at once, about."""


@dataclass
class _Running:
    """A series under way: what was triggered of it, and whether its file was found whole."""

    series: FrameSeries
    file: Path
    shape: tuple[int, int] = (0, 0)
    dtype: str = ""
    dropped: int = 0
    triggered: int = 0
    whole: bool = False
    told: bool = False


class AreaDetector(SettableCamera):
    """Camera and HDF5 writer of an areaDetector server: `prepare` a series, `trigger` it, `complete` it.

    `trigger` is done when its frames are written, `complete` when the file is closed and each frame was found
    in it once; only then do the documents tell of it. Frames themselves never cross Channel Access.

    Parameters
    ----------
    dataset
        Where the frames are in a file.
    geometry
        Where the camera stands, for the documents.

    The other parameters are those of `SettableCamera`.
    """

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        dataset: str = "/entry/data/data",
        geometry: Mapping[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.dataset = dataset
        self.geometry = dict(geometry or {})
        self._running: _Running | None = None

    @property
    def image_key(self) -> str:
        """Data key of the frames."""
        return f"{self.name}_image"

    def prepare(self, series: FrameSeries) -> DeviceStatus:
        """Bring camera and writer to rest, set them, and let the writer wait for the frames.

        Returns
        -------
        DeviceStatus
            Done when the writer waits; fails with what the server did not do.

        Raises
        ------
        ValueError
            If the file would not be below the folder of the files.
        FileExistsError
            If there is such a file.
        """
        self._running = None
        running = _Running(series, self.file_of(series))

        def work() -> None:
            with naming(self, f"prepare {series.frames} frames of {series.exposure_s:g} s"):
                self.come_to_rest()
                self.set_camera(series)
                running.shape, running.dtype = self.frame_shape()
                running.dropped = number_of(self.hdf.dropped)
                self.open_file(series, running.file)
            self._running = running

        return in_background(self, work)

    def trigger(self) -> DeviceStatus:
        """Take the frames of one trigger.

        Returns
        -------
        DeviceStatus
            Done when they are written; fails with `FramesMissingError`, after which the file is closed.

        Raises
        ------
        RuntimeError
            If no series is prepared, or it has all its frames.
        """
        running = self._begin()
        return in_background(self, lambda: self._await_frames(running, running.triggered))

    def kickoff(self) -> DeviceStatus:
        """Let the camera begin; `complete` waits for the frames."""
        self._begin()
        status = DeviceStatus(self)
        status.set_finished()
        return status

    def complete(self) -> DeviceStatus:
        """Wait until every frame is written, and see whether the file holds each once.

        Returns
        -------
        DeviceStatus
            Done when the file is closed and whole; fails with `FramesMissingError` if it is not.
        """
        running = self._require()
        return in_background(self, lambda: self._finish(running))

    def unstage(self) -> list[object]:
        """Stop what still runs."""
        self.stop()
        return super().unstage()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe a frame of the series that is prepared."""
        running = self._require()
        key = {
            "source": f"PV:{self.prefix}HDF1:FullFileName_RBV",
            "dtype": "array",
            "dtype_numpy": running.dtype,
            "shape": list(running.shape),
            "dims": ["row", "column"],
            "external": "STREAM:",
        }
        return {self.image_key: key}

    def get_index(self) -> int:
        """Count the frames that documents may tell of: all of a whole file, else none."""
        running = self._running
        return running.series.frames if running is not None and running.whole else 0

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the file and its frames, once, when it was found whole."""
        running, count = self._running, self.get_index()
        if running is None or running.told or not count or index == 0:
            return
        running.told = True
        row, column = running.shape
        frame_bytes = max(row * column * int(running.dtype[2:]), 1)
        parameters = {
            "dataset": self.dataset,
            "chunk_shape": [min(max(int(CHUNK_BYTES / frame_bytes), 1), count), row, column],
            "swmr": False,
        }
        yield from tell_of_data_set(running.file, self.image_key, parameters, count)

    def _begin(self) -> _Running:
        running = self._require()
        series, due = running.series, running.triggered + running.series.per_trigger
        if due > series.frames:
            raise RuntimeError(f"{self.name}: the series has its {series.frames} frames; prepare another")
        with naming(self, f"take {series.per_trigger} frames"):
            self.cam.acquire.put(1)
        running.triggered = due
        return running

    def _require(self) -> _Running:
        if self._running is None:
            raise RuntimeError(f"{self.name}: no series is prepared; use prepare(FrameSeries(...)) first")
        return self._running

    def _await_frames(self, running: _Running, due: int) -> None:
        series, busy, reached = running.series, [False], [0]
        limit_s = series.per_trigger * series.interval_s + self.overhead_limit_s

        def written() -> bool:
            return number_of(self.frames) >= due

        def over() -> bool:
            acquires = bool(self.cam.acquire.get())
            ended, busy[0] = busy[0] and not acquires, busy[0] or acquires
            return ended or written()

        def gone_on() -> bool:
            return number_of(self.frames) > reached[-1]

        until((self.frames, self.cam.acquire), over, limit_s)
        # The camera is done, or late: what is left in the writer's queue may come as long as something does.
        while not written():
            reached.append(number_of(self.frames))
            if not until((self.frames,), gone_on, self.flush_limit_s):
                break
        if not written():
            count = number_of(self.frames)
            self.stop()
            told = f"{self.complaint(running.dropped)}; lengthen period_s or HDF1:QueueSize, see its server"
            raise FramesMissingError(self.name, due, count, told)

    def _finish(self, running: _Running) -> None:
        series = running.series
        self._await_frames(running, series.frames)
        if not until((self.hdf.capture,), lambda: not self.hdf.capture.get(), self.flush_limit_s):
            logger.warning("%s: the writer had to be told to close %s", self.name, running.file)
        self.come_to_rest()
        self._check_name(running)
        try:
            found = find_frames(running.file, self.dataset, self.flush_limit_s)
        except (OSError, KeyError) as error:
            told = f"{running.file} cannot be read ({error}); is read_path the server's file_path?"
            raise FramesMissingError(self.name, series.frames, 0, told) from error
        expected = (series.frames, *running.shape)
        check_frames(self.name, found, expected, running.dtype, per_trigger=series.per_trigger)
        running.whole = True

    def _check_name(self, running: _Running) -> None:
        def is_ours() -> bool:
            wrote = str(self.hdf.full_name.get()).replace("\\", "/")
            return wrote.rpartition("/")[2] == running.file.name

        if not until((self.hdf.full_name,), is_ours, self.flush_limit_s):
            wrote = f"the server wrote {self.hdf.full_name.get()} and not {running.file.name}"
            told = f"{wrote}; does another client use it?"
            raise FramesMissingError(self.name, running.series.frames, 0, told)
