"""One run of frames: its files, and in which of them each frame is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..tiled.external_file import resolve_external
from ..tiled.external_frame import FramePart
from .frame_file import FrameFile, FrameUnreadableError
from .told_run import ToldRun


@dataclass
class RunOfFrames(ToldRun):
    """Documents of one run that tell where its frames are.

    Attributes
    ----------
    announced
        Frames that documents told of.
    waiting, left_out
        Of those, the frames that are not analysed yet, and those that could not be read or integrated.
    reason
        Of its stop document, where it gives one.
    dtype
        Of a pixel, as numpy writes it; empty while unknown.
    worked
        Whether any of its frames was given out.
    prepared
        Whether the analysis was made ready for its frames.
    """

    announced: int = 0
    waiting: int = 0
    reason: str = ""
    dtype: str = ""
    left_out: int = 0
    prepared: bool = False
    worked: bool = False
    _read_ev: float = float("nan")
    _files: dict[str, FrameFile] = field(default_factory=dict, repr=False)
    _parts: list[tuple[int, int, str]] = field(default_factory=list, repr=False)

    @property
    def energy_ev(self) -> float:
        """Photon energy as the monochromator read before the first frame, else as it was set, eV; or NaN."""
        return float(self.start.get("energy_ev") or math.nan) if math.isnan(self._read_ev) else self._read_ev

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files of its frames."""
        return tuple(file.path for file in self._files.values())

    @property
    def resources(self) -> frozenset[str]:
        """Uids of the documents of its files."""
        return frozenset(self._files)

    @property
    def parts(self) -> list[FramePart]:
        """Where its frames are, in their order."""
        files = self._files
        return [
            FramePart(files[name].path, files[name].dataset, first, stop) for first, stop, name in self._parts
        ]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to come or to analyse."""
        return self.ended and not self.waiting

    def describe(self, data_keys: Mapping[str, Any]) -> None:
        """Take the description of a stream: that of the frames gives the type of a pixel."""
        frames = [key for key in data_keys.values() if key.get("external") == "STREAM:"]
        if frames:
            self.dtype = str(frames[0].get("dtype_numpy", ""))

    def add_event(self, data: Mapping[str, Any]) -> None:
        """Take an event: the first one that tells of it gives the photon energy."""
        if math.isnan(self._read_ev):
            self._read_ev = float(data.get("mono_energy", math.nan))

    def add_resource(self, doc: Mapping[str, Any], roots: tuple[Path, ...]) -> None:
        """Take a file.

        Raises
        ------
        ExternalFileRefusedError
            If it lies outside of the roots; its frames are then left out.
        """
        path = resolve_external(doc["uri"], roots)
        self._files[doc["uid"]] = FrameFile(path, doc["parameters"]["dataset"])

    def add_datum(self, doc: Mapping[str, Any]) -> range:
        """Take the announcement of frames; gives their numbers in the run, none if their file was refused."""
        if doc["stream_resource"] not in self._files:
            return range(0)
        first, stop = int(doc["indices"]["start"]), int(doc["indices"]["stop"])
        begin = self.announced
        last = self._parts[-1] if self._parts else None
        if last is not None and last[1:] == (first, doc["stream_resource"]):
            self._parts[-1] = (last[0], stop, doc["stream_resource"])
        else:
            self._parts.append((first, stop, doc["stream_resource"]))
        self.announced += stop - first
        return range(begin, self.announced)

    def read(self, index: int) -> tuple[NDArray[Any], float]:
        """Read one frame and its instant by the detector's clock (UNIX s, NaN if unknown).

        Raises
        ------
        FrameUnreadableError
            If it was never announced, or cannot be read.
        """
        file, place = self._placed(index)
        return file.read(place), file.time_s(place)

    def unique_id(self, index: int) -> int:
        """Give the driver's number of a frame, by which it is told from others of its run.

        Raises
        ------
        FrameUnreadableError
            If it was never announced.
        """
        file, place = self._placed(index)
        return file.unique_id(place)

    def pixel_mask(self, index: int) -> NDArray[Any] | None:
        """Give the mask that the file of a frame holds, 0 for good pixels; None without one."""
        try:
            return self._placed(index)[0].pixel_mask()
        except FrameUnreadableError:
            return None

    def _placed(self, index: int) -> tuple[FrameFile, int]:
        """Find the file of a frame, and its number there."""
        begin = 0
        for first, stop, resource in self._parts:
            if begin <= index < begin + stop - first:
                return self._files[resource], first + index - begin
            begin += stop - first
        raise FrameUnreadableError(f"frame {index} of run {self.uid} was never announced")

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
