"""A camera with a ring of frames in front of its file: those before a trigger are kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import DeviceStatus

from .bounded import until
from .burst_record import NUMBER, STAMP, BurstRecord, read_burst
from .burst_series import BurstSeries
from .camera_setting import number_of
from .file_writer import tell_of_data_set
from .frame_file import ATTRIBUTES, FramesMissingError, find_frames
from .frame_series import FrameSeries
from .microscope_camera import MicroscopeCamera
from .reach import LOST, halt, naming
from .ring_buffer import RingBuffer, RingedDriver, RingedWriter
from .series_file import SeriesFile

logger = logging.getLogger(__name__)
SLOWNESS = 10.0
"""Factor by which a server may be slower than its camera."""
QUEUE_PART = 1.25
"""Places in the writer's queue over the frames that the ring passes on at once."""
ROWS_AT_ONCE = 4096


class BurstReport(Device):
    """What the last burst has brought, for events of its run."""

    trigger_frame = Cpt(Signal, value=-1, kind="normal")
    trigger_id = Cpt(Signal, value=-1, kind="normal")
    trigger_time = Cpt(Signal, value=0.0, kind="normal")
    frames_before = Cpt(Signal, value=0, kind="normal")
    frames = Cpt(Signal, value=0, kind="normal")
    frames_missing = Cpt(Signal, value=0, kind="normal")
    whole = Cpt(Signal, value=0, kind="normal")

    def show(self, record: BurstRecord | None, expected: int) -> None:
        """Tell of a burst; None if there is no frame of it."""
        whole = record is not None and record.is_whole
        before = record.before if record else 0
        frames = record.frames if record else 0
        self.trigger_frame.put(before if record else -1)
        self.trigger_id.put(record.trigger_id if record else -1)
        self.trigger_time.put(record.trigger_time_s if record else 0.0)
        self.frames_before.put(before)
        self.frames.put(frames)
        self.frames_missing.put(max((record.expected if record else expected) - frames, 0))
        self.whole.put(int(whole))


class BurstCamera(MicroscopeCamera):
    """Camera that also takes bursts: `prepare(BurstSeries)`, `kickoff`, a trigger, `complete`.

    `kickoff` is done when the ring is full, or was triggered before; `complete` when every frame is written
    and the file is closed. What is missing in it, also because the ring was not full, fails `complete` with
    `FramesMissingError`, and the frames that are there are told of all the same, those of a server that has
    died too. A `FrameSeries` goes around the ring.

    The parameters are those of `AreaDetector`.
    """

    cam = Cpt(RingedDriver, "cam1:")
    hdf = Cpt(RingedWriter, "HDF1:")
    ring = Cpt(RingBuffer, "CB1:")
    burst = Cpt(BurstReport, "", kind="omitted")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on to ophyd
        super().__init__(*args, **kwargs)
        self.record: BurstRecord | None = None
        self._burst: BurstSeries | None = None
        self._was_full = False

    def prepare(self, series: FrameSeries | BurstSeries) -> DeviceStatus:
        """Bring camera, ring and writer to rest, set them, and let the writer wait for frames.

        Errors as of `AreaDetector.prepare`.
        """
        burst = series if isinstance(series, BurstSeries) else None
        self._burst, self.record = burst, None
        self.burst.show(None, burst.frames if burst else 0)
        return super().prepare(burst.as_frames() if burst else series)  # type: ignore[arg-type]

    def come_to_rest(self) -> None:
        """Stop camera, ring and writer, and wait until they are at rest.

        Raises
        ------
        TimeoutError
            If the ring still holds frames after `reply_limit_s`.
        """
        super().come_to_rest()
        if not until((self.ring.capture,), lambda: not self.ring.capture.get(), self.reply_limit_s):
            raise TimeoutError(
                f"{self.name}: {self.prefix}CB1: still holds frames {self.reply_limit_s:g} s after it was "
                "stopped; look at its server"
            )

    def set_camera(self, series: FrameSeries) -> None:
        """Set the camera; for a burst it takes frames until it is stopped."""
        super().set_camera(series)
        if self._burst is not None:
            self._write(self.cam.image_mode, "Continuous")

    def open_file(self, series: FrameSeries, file: Any) -> None:  # noqa: ANN401 - a path
        """Let the writer wait for the frames of the camera, or of the ring, which is set before."""
        burst = self._burst
        port = str((self.cam if burst is None else self.ring).port.get())
        self._write(self.hdf.source, port)
        if burst is not None:
            self._set_ring(burst)
        super().open_file(series, file)

    def kickoff(self) -> DeviceStatus:
        """Let the camera take frames; of a burst, wait until the ring is full.

        Raises
        ------
        RuntimeError
            If no burst is prepared, or it was begun before.
        """
        if self._burst is None:
            return super().kickoff()
        burst, running = self._burst, self._require()
        if running.triggered:
            raise RuntimeError(f"{self.name}: burst {burst.name!r} was begun before; prepare another")
        running.triggered = burst.frames
        return self.in_turn(lambda: self._fill(burst))

    def complete(self) -> DeviceStatus:
        """Wait until every frame is written, close the file, and see which frames it holds."""
        burst = self._burst
        if burst is None:
            return super().complete()
        running = self._require()
        return self.in_turn(lambda: self._finish_burst(running, burst))

    def tell_to_rest(self) -> None:
        """Tell camera, ring and writer to stop."""
        super().tell_to_rest()
        halt(self.ring.capture, 0)

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe a frame; of a burst also its number and its time."""
        described = super().describe_collect()
        if self._burst is None:
            return described
        source = {"source": f"PV:{self.prefix}HDF1:FullFileName_RBV", "shape": [], "external": "STREAM:"}
        number = {**source, "dtype": "integer", "dtype_numpy": "<i4"}
        stamp = {**source, "dtype": "number", "dtype_numpy": "<f8", "units": "s"}
        return {**described, f"{self.name}_unique_id": number, f"{self.name}_time_stamp": stamp}

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the frames; those of a burst, with number and time, once its file is closed."""
        running = self._running
        if self._burst is None or running is None:
            yield from super().collect_asset_docs(index)
            return
        count = self.get_index()
        if not count or running.told:
            return
        yield from running.tell(count)
        for key, dataset in (("unique_id", NUMBER), ("time_stamp", STAMP)):
            parameters = {
                "dataset": f"{ATTRIBUTES}/{dataset}",
                "chunk_shape": [min(ROWS_AT_ONCE, count)],
                "swmr": not running.whole,
                "locking": False,
            }
            yield from tell_of_data_set(running.file, f"{self.name}_{key}", parameters, count)

    def _set_ring(self, burst: BurstSeries) -> None:
        ring = self.ring
        for signal, value in (
            (ring.enabled, 1),
            (ring.source, str(self.cam.port.get())),
            (ring.condition, "0"),
            (ring.attribute, burst.attribute),
            (ring.before, burst.frames_before),
            (ring.after, burst.frames_after),
            (ring.times, 1),
            (ring.condition, burst.condition),
        ):
            self._write(signal, value)
        # All frames before the trigger reach the writer at once: a shorter queue would lose some.
        queue = int(QUEUE_PART * burst.frames_before) + 64
        if number_of(self.hdf.queue_size) < queue:
            self._write(self.hdf.queue_size, queue)

    def _fill(self, burst: BurstSeries) -> None:
        limit_s = SLOWNESS * burst.frames_before * burst.period_s + self.overhead_limit_s
        ring, self._was_full = self.ring, False
        with naming(self, f"fill the ring with {burst.frames_before} frames"):
            ring.capture.put(1)
            # What was told before is of the burst before.
            until((ring.capture,), lambda: bool(ring.capture.get()), self.reply_limit_s)
            self.cam.acquire.put(1)

            def filled() -> bool:
                self._was_full = self._was_full or number_of(ring.held) >= burst.frames_before
                return self._was_full or number_of(ring.passed) > 0

            if not until((ring.held, ring.passed), filled, limit_s):
                held = number_of(ring.held)
                self.tell_to_rest()
                raise TimeoutError(
                    f"the ring {self.prefix}CB1: holds {held} frames after {limit_s:.0f} s; does the camera "
                    f"acquire, and is {burst.frames_before} of {self.cam.port.get()} within its memory?"
                )
        if not self._was_full:
            logger.warning("%s: triggered before the ring was full: fewer frames are from before", self.name)

    def _finish_burst(self, running: SeriesFile, burst: BurstSeries) -> None:
        try:
            told = self._end_burst(running, burst)
        except (TimeoutError, *LOST) as error:
            told = str(error)
        try:
            record, lost = self._find_burst(running, burst)
        except (OSError, KeyError, ValueError) as error:
            raise FramesMissingError(self.name, burst.frames, 0, f"{told}; {error}") from error
        self.record, running.readable, running.whole = record, record.frames, not lost
        self.burst.show(record, burst.frames)
        if lost:
            told = f"the server of {self.prefix} has died, or serves another client: look at its log"
        elif not record.is_whole:
            told += self._shortage(record, burst)
        if lost or not record.is_whole:
            raise FramesMissingError(self.name, record.expected, record.frames, told)

    def _find_burst(self, running: SeriesFile, burst: BurstSeries) -> tuple[BurstRecord, bool]:
        """Read the file; gives what is in it, and whether its server has died."""
        lost = self.is_lost(running.series)
        try:
            return self._read_burst(running, burst, left_open=lost), lost
        except (OSError, FramesMissingError):
            # Its end may be noticed only now.
            if lost or not self.is_lost(running.series):
                raise
            return self._read_burst(running, burst, left_open=True), True

    def _read_burst(self, running: SeriesFile, burst: BurstSeries, *, left_open: bool) -> BurstRecord:
        if not left_open:
            self._check_name(running)
        find_frames(running.file, self.dataset, self.flush_limit_s, left_open=left_open)
        held = burst.frames_before if self._was_full else None
        return read_burst(running.file, burst, held, left_open=left_open)

    def _end_burst(self, running: SeriesFile, burst: BurstSeries) -> str:
        """Wait until all frames are written, and let the camera rest; gives what its writer says."""
        limit_s = SLOWNESS * burst.frames_after * burst.period_s + self.overhead_limit_s
        over = until(
            (self.ring.capture, self.hdf.capture),
            lambda: not self.ring.capture.get() or not self.hdf.capture.get(),
            limit_s,
        )
        # The camera first: what it takes from now on belongs to no burst.
        halt(self.cam.acquire, 0)
        self._await_writer(burst, running.dropped)
        late = "" if over else f"the ring had passed on {number_of(self.ring.passed)} after {limit_s:.0f} s; "
        self.come_to_rest()
        # Its words come after it has closed its file, and only where it failed.
        if number_of(self.hdf.captured) < burst.frames:
            self.await_complaint()
        return f"{late}{self.complaint(running.dropped)}"

    def _shortage(self, record: BurstRecord, burst: BurstSeries) -> str:
        """Say what is missing, and what to do about it."""
        if not self._was_full and record.before < burst.frames_before:
            return (
                f"; the trigger came before the ring was full, {record.before} of {burst.frames_before} "
                "frames are from before it: is its condition met from the start?"
            )
        told = f"; first missing are numbers {list(record.missing[:5])}" if record.missing else ""
        if record.untaken:
            told += f"; the camera itself left out {record.untaken}, by the times of the others"
        return f"{told}; make room on the disk, or ask for fewer frames or a longer period_s"

    def _await_writer(self, burst: BurstSeries, dropped: int) -> None:
        """Wait until the writer has closed its file, or has nothing more to write, or writes nothing more."""
        # Where the ring was not full, nobody knows how many are still to come.
        hdf, limit_s = self.hdf, self.overhead_limit_s if self._was_full else self.flush_limit_s

        def done() -> int:
            return number_of(hdf.captured) + number_of(hdf.dropped) - dropped

        while hdf.capture.get() and (before := done()) < burst.frames:
            signals = hdf.captured, hdf.dropped, hdf.capture
            if not until(signals, lambda: done() > before or not hdf.capture.get(), limit_s):
                return
