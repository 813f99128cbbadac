"""Frames of a raster in one detector: armed for many rows, told of row by row, ended early at a bad one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from event_model import StreamRange, compose_stream_resource
from ophyd import Signal
from ophyd.status import DeviceStatus

from .area_detector import AreaDetector
from .bounded import until
from .camera_setting import number_of
from .fluorescence_detector import SCALER_COUNT, SCALERS, FluorescenceDetector
from .frame_file import FoundFrames, FramesMissingError, check_frames, find_frames
from .frame_series import FrameSeries
from .reach import naming
from .series_file import CHUNK_BYTES


@dataclass(frozen=True)
class DataSet:
    """Where values of each frame are in a file: data key, path, shape and type of a frame, its axes."""

    key: str
    path: str
    shape: tuple[int, int]
    dtype: str
    dims: tuple[str, str]

    def chunk(self) -> list[int]:
        """Frames and shape that a reader is given at once."""
        frame_bytes = max(self.shape[0] * self.shape[1] * int(self.dtype[2:]), 1)
        return [max(int(CHUNK_BYTES / frame_bytes), 1), *self.shape]


def data_sets(detector: AreaDetector, shape: tuple[int, int], dtype: str) -> list[DataSet]:
    """List what a file of a detector holds of each frame."""
    if not isinstance(detector, FluorescenceDetector):
        return [DataSet(detector.image_key, detector.dataset, shape, dtype, ("row", "column"))]
    scalers = shape[0], SCALER_COUNT
    return [
        DataSet(detector.image_key, detector.dataset, shape, dtype, ("element", "channel")),
        DataSet(detector.scalers_key, SCALERS, scalers, "<f8", ("element", "scaler")),
    ]


@dataclass
class _Running:
    """A file under way: what it holds, and how many of its frames documents have told of."""

    series: FrameSeries
    file: Path
    sets: list[DataSet] = field(default_factory=list)
    dropped: int = 0
    triggered: int = 0
    told: int = 0
    bundles: list[Any] = field(default_factory=list)


class Due:
    """How many frames of the present file must be written: `set` is done when they are, and no more."""

    parent = None

    def __init__(self, rows: RowSeries) -> None:
        self.name = f"{rows.name}_due"
        self._rows = rows

    def set(self, value: int) -> DeviceStatus:
        """Wait for the writer; fails with `FramesMissingError` where frames stay out, or are too many."""
        return self._rows.expect(int(value))


class RowSeries:
    """Rows of a raster in the file of one detector.

    `prepare` sets the detector for all rows that are to come, `trigger` arms it (gates from outside) or takes
    one pixel. After a row `due` is set to the frames that must be there by then, and `kept` to those that are
    good: documents tell of these only, and what a bad row has left in the file stays untold. `complete`
    closes the file, also before its end, and looks whether it holds what was told.

    Parameters
    ----------
    detector
        Camera or fluorescence detector.
    """

    parent = None

    def __init__(self, detector: AreaDetector) -> None:
        self.detector = detector
        self.name = detector.name
        self.kept = Signal(name=f"{detector.name}_kept", value=0)
        self.due = Due(self)
        self._running: _Running | None = None

    @property
    def gated_mode(self) -> str:
        """Trigger mode in which the detector takes a frame for each gate from outside, as it calls it."""
        return "TTL Veto Only" if isinstance(self.detector, FluorescenceDetector) else "External"

    @property
    def readout_s(self) -> float:
        """Time after an exposure in which a gate would be lost, s."""
        return self.detector.readout_s

    @property
    def written(self) -> int:
        """Frames that are in the present file."""
        return number_of(self.detector.frames)

    def prepare(self, series: FrameSeries) -> DeviceStatus:
        """Bring the detector to rest, set it, and let its writer wait for the frames; see `AreaDetector`."""
        detector, self._running = self.detector, None
        self.kept.put(0)
        running = _Running(series, detector.file_of(series))

        def work() -> None:
            with naming(detector, f"prepare {series.frames} frames of {series.exposure_s:g} s"):
                detector.come_to_rest()
                detector.set_camera(series)
                running.sets = data_sets(detector, *detector.frame_shape())
                running.dropped = number_of(detector.hdf.dropped)
                detector.open_file(series, running.file)
            self._running = running

        return detector.in_turn(work, prepares=True)

    def trigger(self) -> DeviceStatus:
        """Take one pixel, done when it is written; or, of a series with one trigger, arm, done when armed.

        Raises
        ------
        RuntimeError
            If no series is prepared.
        FramesMissingError
            Through the status: if the frame is not written in time.
        TimeoutError
            Through the status: if the detector is not armed within its `reply_limit_s`.
        """
        running, detector = self._require(), self.detector
        armed_for_all = running.series.per_trigger == running.series.frames and running.series.frames > 1
        running.triggered += running.series.per_trigger
        due = running.triggered
        with naming(detector, "acquire"):
            detector.cam.acquire.put(1)

        def work() -> None:
            if armed_for_all:
                acquires = detector.cam.acquire
                if not until((acquires,), lambda: bool(acquires.get()), detector.reply_limit_s):
                    raise TimeoutError(
                        f"{self.name}: not armed {detector.reply_limit_s:g} s after the order; look at the "
                        f"server of {detector.prefix}"
                    )
                return
            limit_s = running.series.per_trigger * running.series.interval_s + detector.overhead_limit_s
            self._await(running, due, limit_s)

        return detector.in_turn(work)

    def kickoff(self) -> DeviceStatus:
        """Arm, as `trigger` does."""
        return self.trigger()

    def expect(self, due: int) -> DeviceStatus:
        """Wait until so many frames are written, as long as more come; see `Due`.

        Raises
        ------
        RuntimeError
            If no series is prepared.
        FramesMissingError
            Through the status: if there are fewer or more.
        """
        running, detector = self._require(), self.detector

        def work() -> None:
            limit_s = running.series.interval_s + detector.flush_limit_s
            seen = [-1]
            while seen[-1] < (now := self.written) < due:
                seen.append(now)
                until((detector.frames,), lambda: self.written > seen[-1], limit_s)
            if self.written != due:
                raise self._missing(running, due)

        return detector.in_turn(work)

    def complete(self) -> DeviceStatus:
        """Close the file and see whether it holds each frame that was kept, once.

        Returns
        -------
        DeviceStatus
            Fails with `FramesMissingError` if it does not.
        """
        running, kept, detector = self._require(), number_of(self.kept), self.detector

        def work() -> None:
            with naming(detector, "close its file"):
                detector.come_to_rest()
            if kept:
                found = find_frames(running.file, detector.dataset, detector.flush_limit_s)
                self._check(running, found, kept)

        return detector.in_turn(work)

    def stop(self, *, success: bool = False) -> None:
        """Leave the detector idle and its file closed."""
        self.detector.stop()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe a frame of the series that is prepared."""
        source = f"PV:{self.detector.prefix}HDF1:FullFileName_RBV"
        return {
            each.key: {
                "source": source,
                "dtype": "array",
                "dtype_numpy": each.dtype,
                "shape": list(each.shape),
                "dims": list(each.dims),
                "external": "STREAM:",
            }
            for each in self._require().sets
        }

    def get_index(self) -> int:
        """Count the frames of the present file that documents may tell of."""
        return number_of(self.kept)

    def collect_asset_docs(self, index: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the frames kept since the last time, and of their file when it is the first time."""
        running = self._running
        kept = self.get_index() if index is None else min(index, self.get_index())
        if running is None or kept <= running.told:
            return
        if not running.bundles:
            uri = f"file://localhost{running.file.resolve().as_uri().removeprefix('file://')}"
            for each in running.sets:
                parameters = {"dataset": each.path, "chunk_shape": each.chunk(), "swmr": True}
                bundle = compose_stream_resource(
                    mimetype="application/x-hdf5", uri=uri, data_key=each.key, parameters=parameters
                )
                running.bundles.append(bundle)
                yield "stream_resource", dict(bundle.stream_resource_doc)
        span = StreamRange(start=running.told, stop=kept)
        running.told = kept
        for bundle in running.bundles:
            yield "stream_datum", dict(bundle.compose_stream_datum(span))

    def _require(self) -> _Running:
        if self._running is None:
            raise RuntimeError(f"{self.name}: no rows are prepared; use prepare(FrameSeries(...)) first")
        return self._running

    def _await(self, running: _Running, due: int, limit_s: float) -> None:
        if not until((self.detector.frames,), lambda: self.written >= due, limit_s):
            raise self._missing(running, due)

    def _missing(self, running: _Running, due: int) -> FramesMissingError:
        told = f"{self.detector.complaint(running.dropped)}; were there as many gates, does its file go on?"
        return FramesMissingError(self.name, due, self.written, told)

    def _check(self, running: _Running, found: FoundFrames, kept: int) -> None:
        """Check the frames that were kept; what a bad row has left behind them does not count."""
        cut = replace(
            found,
            shape=(min(found.shape[0], kept), *found.shape[1:]),
            unique_id=None if found.unique_id is None else found.unique_id[:kept],
            time_stamp=None if found.time_stamp is None else found.time_stamp[:kept],
        )
        per_trigger = 1 if running.series.per_trigger == 1 else kept
        expected = (kept, *running.sets[0].shape)
        check_frames(self.name, cut, expected, running.sets[0].dtype, per_trigger=per_trigger)
