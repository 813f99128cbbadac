"""An area detector whose server writes the frames itself; documents refer to its files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ophyd import Component as Cpt
from ophyd import Signal
from ophyd.status import DeviceStatus

from .bounded import until
from .camera_setting import SettableCamera, number_of
from .frame_file import (
    FrameAbsentError,
    FramesMissingError,
    StoredFrames,
    check_frames,
    find_frames,
    read_frames,
    uri_of,
)
from .frame_series import FrameSeries
from .reach import naming
from .series_file import SeriesFile

logger = logging.getLogger(__name__)


class AreaDetector(SettableCamera):
    """Camera and HDF5 writer of an areaDetector server: `prepare` a series, `trigger` it, `complete` it.

    `trigger` is done when its frames are written, `complete` when the file is closed and each frame was found
    in it once. Documents tell of each frame once it can be read: while the file grows where the server writes
    in SWMR mode, else when the file was found whole. Frames themselves never cross Channel Access.

    The other parameters are those of `SettableCamera`. Set `standing` where a calibration found it elsewhere,
    and `reference_runs` to the runs of its dark and flat: start documents name both. `missed` counts the
    triggers of the present series that gave no frame and could be given again.

    Parameters
    ----------
    dataset
        Where the frames are in a file.
    geometry
        Where the camera stands, for the documents.
    flat, dark
        Files with what its pixels are corrected by, for the documents; empty for none.
    dark_exposure_s
        Of each frame of `dark`, s; None: not known.
    full_scale_counts
        Largest count of a pixel; None: what the type of its pixels holds.
    """

    console_labels = frozenset({"area_detectors"})

    standing = Cpt(Signal, value=None, kind="omitted")
    reference_runs = Cpt(Signal, value=None, kind="omitted")
    missed = Cpt(Signal, value=0, kind="omitted")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        dataset: str = "/entry/data/data",
        geometry: Mapping[str, Any] | None = None,
        flat: str = "",
        dark: str = "",
        dark_exposure_s: float | None = None,
        full_scale_counts: float | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.dataset, self.full_scale_counts = dataset, full_scale_counts
        self.standing.put(dict(geometry or {}))
        self.reference_runs.put({})
        files = {name: uri_of(Path(path)) for name, path in (("flat", flat), ("dark", dark)) if path}
        exposed = {} if dark_exposure_s is None or not dark else {"dark_exposure_s": dark_exposure_s}
        self.corrections = {**files, "dataset": dataset, **exposed} if files else {}
        self._running: SeriesFile | None = None

    @property
    def geometry(self) -> dict[str, Any]:
        """Where the camera stands, for the documents; empty if nobody has said it."""
        known: Any = self.standing.get()
        return dict(known)

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
        running = SeriesFile(series, self.file_of(series), self.image_key, self.dataset)

        def work() -> None:
            with naming(self, f"prepare {series.frames} frames of {series.exposure_s:g} s"):
                self.set_up(running)
            self._running = running

        return self.in_turn(work, prepares=True)

    def set_up(self, running: SeriesFile) -> None:
        """Bring camera and writer to rest, set them for a series, and let the writer wait; takes a while."""
        self.come_to_rest()
        self.set_camera(running.series)
        running.shape, running.dtype = self.frame_shape()
        running.dropped = number_of(self.hdf.dropped)
        self.missed.put(0)
        self.open_file(running.series, running.file)

    def trigger(self) -> DeviceStatus:
        """Take the frames of one trigger.

        Returns
        -------
        DeviceStatus
            Done when they are written; fails with `FramesMissingError`, after which the file is closed, or of
            a series that `retakes`, where none of them came, with `FrameAbsentError`: it can be given again.

        Raises
        ------
        RuntimeError
            If no series is prepared, or it has all its frames, or one came that was given up before: which of
            those written after it is which nobody could tell (then as `FramesMissingError`).
        """
        running = self._begin()
        return self.in_turn(lambda: self._await_trigger(running))

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
        return self.in_turn(lambda: self._finish(running))

    def stored_frames(self) -> StoredFrames:
        """Read all frames of the last series, which may take a second.

        Raises
        ------
        RuntimeError
            If there is none that was found whole.
        """
        running = self._require()
        if not running.whole:
            raise RuntimeError(f"{self.name}: {running.file} was not found whole; complete the series first")
        return read_frames(running.file, self.dataset)

    def unstage(self) -> list[object]:
        """Stop what still runs."""
        self.stop()
        return super().unstage()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe a frame of the series that is prepared."""
        return {self.image_key: self._require().described(self.prefix)}

    def get_index(self) -> int:
        """Count the frames that documents may tell of: those that were seen in the file."""
        running = self._running
        return running.readable if running is not None else 0

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the file, once, and of the frames that can be read since the last call.

        Parameters
        ----------
        index
            Frames to tell of at most; all that can be read unless given.
        """
        if self._running is not None:
            count = self.get_index()
            yield from self._running.tell(count if index is None else min(index, count))

    def _begin(self) -> SeriesFile:
        running = self._require()
        series, due = running.series, running.triggered + running.series.per_trigger
        if due > series.frames:
            raise RuntimeError(f"{self.name}: the series has its {series.frames} frames; prepare another")
        if self.missed.get() and (count := number_of(self.frames)) > running.triggered:
            self.stop()
            told = "one that was given up has come all the same; lengthen overhead_limit_s in its settings"
            raise FramesMissingError(self.name, running.triggered, count, told)
        with naming(self, f"take {series.per_trigger} frames"):
            self.cam.acquire.put(1)
        running.triggered = due
        return running

    def _require(self) -> SeriesFile:
        if self._running is None:
            raise RuntimeError(f"{self.name}: no series is prepared; use prepare(FrameSeries(...)) first")
        return self._running

    def _await_trigger(self, running: SeriesFile) -> None:
        before = running.triggered - running.series.per_trigger
        try:
            self._await_frames(running, running.triggered)
        except FramesMissingError as error:
            if not running.series.retakes or error.written != before:
                self.tell_to_rest()
                raise
            self.cam.acquire.put(0)
            until((self.cam.acquire,), lambda: not self.cam.acquire.get(), self.reply_limit_s)
            running.triggered = before
            self.missed.put(number_of(self.missed) + 1)
            raise FrameAbsentError(self.name, error.expected, error.written, error.reason) from None

    def _await_frames(self, running: SeriesFile, due: int) -> None:
        series, busy, reached = running.series, [False], [0]
        limit_s = series.per_trigger * series.interval_s + self.overhead_limit_s

        def written() -> bool:
            return number_of(self.frames) >= due

        def over() -> bool:
            self._look(running)
            acquires = bool(self.cam.acquire.get())
            ended, busy[0] = busy[0] and not acquires, busy[0] or acquires
            return ended or written()

        def gone_on() -> bool:
            self._look(running)
            return number_of(self.frames) > reached[0]

        until((self.frames, self.cam.acquire), over, limit_s)
        # The camera is done, or late: what is left in the writer's queue may come as long as something does.
        while (count := number_of(self.frames)) < due:
            reached[0] = count
            if not until((self.frames,), gone_on, self.flush_limit_s):
                break
        if not written():
            count = number_of(self.frames)
            told = f"{self.complaint(running.dropped)}; lengthen period_s or HDF1:QueueSize, see its server"
            raise FramesMissingError(self.name, due, count, told)
        self._look(running, at_once=True)

    def _look(self, running: SeriesFile, *, at_once: bool = False) -> None:
        """See how many frames of a file that grows can be read: never more than its server has counted."""
        if self.hdf.swmr_active.get():
            running.look(number_of(self.frames), at_once=at_once)

    def _finish(self, running: SeriesFile) -> None:
        series = running.series
        try:
            self._await_frames(running, series.frames)
        except FramesMissingError:
            self.tell_to_rest()
            raise
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
        running.readable, running.whole = series.frames, True

    def _check_name(self, running: SeriesFile) -> None:
        def is_ours() -> bool:
            wrote = str(self.hdf.full_name.get()).replace("\\", "/")
            return wrote.rpartition("/")[2] == running.file.name

        if not until((self.hdf.full_name,), is_ours, self.flush_limit_s):
            wrote = f"the server wrote {self.hdf.full_name.get()} and not {running.file.name}"
            told = f"{wrote}; does another client use it?"
            raise FramesMissingError(self.name, running.series.frames, 0, told)
