"""Projections in the file of one camera: each written frame is told of, one that is lost fails nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ophyd import Signal
from ophyd.status import DeviceStatus

from .area_detector import AreaDetector
from .bounded import fresh, until
from .camera_setting import number_of
from .frame_file import FramesMissingError, find_frames, readable_frames
from .frame_series import FrameSeries
from .reach import LOST, naming
from .series_file import SeriesFile

logger = logging.getLogger(__name__)
EPICS_EPOCH_S = 631152000.0
"""UNIX time of 1990-01-01, from which `NDArrayTimeStamp` counts."""


@dataclass(frozen=True)
class FrameNumbers:
    """What a closed file holds of each frame.

    Attributes
    ----------
    first_id
        Number that the driver gave, or would have given, to the frame of the first gate or trigger.
    unique_id
        Shape (frames,), the driver's number of each.
    time_s
        Shape (frames,), when each was begun, UNIX s by the driver's clock; NaN if the file does not tell.
    """

    first_id: int
    unique_id: NDArray[np.int64]
    time_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.unique_id)


class ProjectionSeries:
    """A camera as tomograms use it: `prepare` a file, `trigger` it, `complete` it whatever it holds.

    Unlike `AreaDetector`, which insists on each frame, this counts those that are there and keeps their
    numbers, by which a plan tells which projection each of them is. `trigger` arms a camera that is gated
    from outside; else it takes one frame, which `frame` then tells, or that it was lost. `complete` waits as
    long as more frames come, up to `due`, and closes the file; where the camera's server has died, what it
    has left in the file counts. Documents tell of each frame once it can be read.

    Parameters
    ----------
    camera
        With an HDF5 writer.
    """

    parent = None

    def __init__(self, camera: AreaDetector) -> None:
        self.camera = camera
        self.name = camera.name
        self.due = Signal(name=f"{camera.name}_due", value=0)
        self.frame = -1
        self.first_id = 0
        self.found: FrameNumbers | None = None
        self._running: SeriesFile | None = None
        self._counted = 0

    @property
    def written(self) -> int:
        """Frames in the present file: as its server counts them, or as they are there where that has died."""
        running, camera = self._running, self.camera
        if running is not None and self.is_lost:
            count = readable_frames(running.file, camera.dataset)
        else:
            count = number_of(camera.frames)
        self._counted = max(self._counted, count)
        return self._counted

    @property
    def is_lost(self) -> bool:
        """Whether the server that writes the present file is gone, or was started anew."""
        running, camera = self._running, self.camera
        if running is None or camera.is_lost(running.series):
            return running is not None
        try:
            return number_of(camera.frames) < self._counted
        except (TimeoutError, *LOST):
            return True

    @property
    def trouble(self) -> str:
        """Why no more frames can come into the present file; empty while they can."""
        running, camera = self._running, self.camera
        if running is None or self.written >= running.series.frames:
            return ""
        if self.is_lost:
            return f"the server of {camera.prefix} has died, or serves another client: look at its log"
        if camera.hdf.capture.get():
            return ""
        return (
            f"the writer has closed its file after {self.written} frames: {camera.complaint(running.dropped)}"
        )

    def prepare(self, series: FrameSeries) -> DeviceStatus:
        """Bring camera and writer to rest, set them, and let the writer wait; errors as of `AreaDetector`."""
        camera, self._running, self.found, self.frame = self.camera, None, None, -1
        self._counted = 0
        running = SeriesFile(series, camera.file_of(series), camera.image_key, camera.dataset)

        def work() -> None:
            with naming(camera, f"prepare {series.frames} frames of {series.exposure_s:g} s"):
                camera.set_up(running)
                # ADCore counts an array, and then numbers it.
                self.first_id = int(fresh(camera.cam.counter, camera.reply_limit_s)) + 1
            self.due.put(series.frames)
            self._running = running

        return camera.in_turn(work, prepares=True)

    def trigger(self) -> DeviceStatus:
        """Arm, done when armed; or take one frame, done when it is written or known to be lost.

        Returns
        -------
        DeviceStatus
            Fails with `FramesMissingError` where the file takes no more frames, as on a full disk.
        """
        running, camera = self._require(), self.camera
        gated = running.series.trigger_mode != "Internal"
        before, dropped = self.written, number_of(camera.hdf.dropped)
        running.triggered += running.series.per_trigger
        with naming(camera, "acquire"):
            camera.cam.acquire.put(1)
        return camera.in_turn(self._await_armed if gated else lambda: self._take_one(before, dropped))

    def kickoff(self) -> DeviceStatus:
        """Arm, as `trigger` does."""
        return self.trigger()

    def complete(self) -> DeviceStatus:
        """Wait for frames as long as more come, close the file, and see what it holds.

        Returns
        -------
        DeviceStatus
            Done when the file is closed; fails with `FramesMissingError` if it cannot be read.
        """
        running = self._require()
        return self.camera.in_turn(lambda: self._finish(running))

    def stop(self, *, success: bool = False) -> None:
        """Leave the camera idle and its file closed, unless a pause comes: it goes on then."""
        if not success:
            self.camera.stop()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe a frame of the series that is prepared."""
        return {self.camera.image_key: self._require().described(self.camera.prefix)}

    def get_index(self) -> int:
        """Count the frames that documents may tell of: those that were seen in the file."""
        running = self._running
        if running is None:
            return 0
        if not running.whole and not self.is_lost and self.camera.hdf.swmr_active.get():
            running.look(self.written)
        return running.readable

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the file, once, and of the frames that can be read since the last call."""
        if self._running is not None:
            count = self.get_index()
            yield from self._running.tell(count if index is None else min(index, count))

    def _require(self) -> SeriesFile:
        if self._running is None:
            raise RuntimeError(f"{self.name}: no series is prepared; use prepare(FrameSeries(...)) first")
        return self._running

    def _await_armed(self) -> None:
        camera = self.camera
        if not until((camera.cam.acquire,), lambda: bool(camera.cam.acquire.get()), camera.reply_limit_s):
            raise TimeoutError(
                f"{self.name}: not armed {camera.reply_limit_s:g} s after the order; look at the server of "
                f"{camera.prefix}"
            )

    def _take_one(self, before: int, dropped: int) -> None:
        with naming(self.camera, "take a frame"):
            self._await_one(before, dropped)

    def _await_one(self, before: int, dropped: int) -> None:
        running, camera = self._require(), self.camera

        def over() -> bool:
            there = self.written > before or bool(self.trouble)
            return there or number_of(camera.hdf.dropped) > dropped

        limit_s = running.series.exposure_s + camera.overhead_limit_s
        until((camera.frames, camera.hdf.dropped, camera.hdf.capture), over, limit_s)
        self.frame = before if self.written > before else -1
        if self.frame < 0 and self.trouble:
            if not self.is_lost:
                camera.await_complaint()
            raise FramesMissingError(self.name, running.triggered, self.written, self.trouble)
        if self.frame < 0:
            logger.warning(
                "%s: frame %d is lost: %s", self.name, running.triggered - 1, camera.complaint(dropped)
            )
        # The next order must not meet a camera that has not yet said that it is done.
        until((camera.cam.acquire,), lambda: not camera.cam.acquire.get(), camera.reply_limit_s)

    def _finish(self, running: SeriesFile) -> None:
        if not self.is_lost:
            with naming(self.camera, "close its file"):
                self._await_last(running)
                self._come_to_rest()
        lost = self.is_lost
        try:
            self.found = self._find(running, left_open=lost)
        except FramesMissingError:
            # Its end may be noticed only now.
            if lost or not self.is_lost:
                raise
            lost, self.found = True, self._find(running, left_open=True)
        running.readable, running.whole = len(self.found), not lost

    def _await_last(self, running: SeriesFile) -> None:
        """Wait as long as more frames come, up to those that are due."""
        camera, seen = self.camera, [-1]

        def over() -> bool:
            lost = max(number_of(camera.hdf.dropped) - running.dropped, 0)
            return self.written >= min(number_of(self.due), running.series.frames) - lost

        while seen[-1] < (now := self.written) and not self.trouble and not over():
            seen.append(now)
            # A busy server draws and writes many frames at once, and counts them together.
            limit_s = running.series.interval_s + camera.overhead_limit_s
            watched = (camera.frames, camera.hdf.dropped)
            until(watched, lambda: self.written > seen[-1] or self.is_lost or over(), limit_s)

    def _come_to_rest(self) -> None:
        """Stop the camera, which may go on writing what it has for twice its limit."""
        try:
            self.camera.come_to_rest()
        except TimeoutError:
            logger.warning("%s: goes on writing, %d frames so far", self.name, self.written)
            self.camera.come_to_rest()

    def _find(self, running: SeriesFile, *, left_open: bool) -> FrameNumbers:
        camera, count = self.camera, self.written
        if not count:
            return FrameNumbers(self.first_id, np.empty(0, np.int64), np.empty(0))
        try:
            found = find_frames(running.file, camera.dataset, camera.flush_limit_s, left_open=left_open)
        except (OSError, KeyError) as error:
            told = f"{running.file} cannot be read ({error}); is read_path the server's file_path?"
            raise FramesMissingError(self.name, running.series.frames, 0, told) from error
        if found.shape[1:] != running.shape or np.dtype(found.dtype) != np.dtype(running.dtype):
            announced = f"{running.shape} {running.dtype}"
            told = f"the file holds {found.shape} {found.dtype} and not frames of {announced}"
            raise FramesMissingError(self.name, running.series.frames, 0, told)
        ids = np.arange(found.shape[0]) + self.first_id if found.unique_id is None else found.unique_id
        stamps = np.full(len(ids), np.nan) if found.time_stamp is None else found.time_stamp + EPICS_EPOCH_S
        # What was not wholly written when the disk was full has no number or no time; a server that died may
        # have shown more than it has counted.
        whole = min(found.shape[0], len(ids), len(stamps), *([] if left_open else [count]))
        ids = np.asarray(ids[:whole], dtype=np.int64)
        return FrameNumbers(self._first_of(ids, running), ids, np.asarray(stamps[:whole], float))

    def _first_of(self, ids: NDArray[np.int64], running: SeriesFile) -> int:
        """Tell the number of the first frame: as counted, unless the driver numbers its frames otherwise."""
        last = self.first_id + max(running.triggered, 1) - 1
        if ((ids >= self.first_id) & (ids <= last)).all():
            return self.first_id
        logger.warning(
            "%s: frames are numbered from %d, not from %d as counted: the first one is taken to be there",
            self.name,
            ids[0],
            self.first_id,
        )
        return int(ids[0])
