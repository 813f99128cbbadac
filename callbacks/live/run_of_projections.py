"""One tomogram as its documents tell of it: where its frames are, and at which angle each was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.saturation import OFTEN, saturated_pixels
from ..tiled.external_file import require_inner_links, resolve_external
from .run_of_frames import RunOfFrames
from .spectrum import CELL_KEYS
from .told_run import ToldRun

PROJECTIONS, FLAT, DARK = "projections", "flat", "dark"
EVENTS, PASSES, OUTCOME = "primary", "passes", "outcome"
"""Streams of a tomogram: frames, and events of projections or states, of passes, and of how it went."""

ANGLE_KEY, PIXEL_KEY = "microscope_rotation", "microscope_pixel_um"
GOOD = 0
"""Verdict of a projection that has its frame and its light."""

MOST_BYTES = 256_000_000
"""Of the flats or darks of a run that are averaged; further ones are left out."""


@dataclass
class RunOfProjections(ToldRun):
    """Documents of one tomogram.

    Attributes
    ----------
    start
        Its `turn` has the planned `angles_deg`, `flat_run` and `dark_run` name other runs.
    events, outcome
        Data of the stream `primary`, in their order, and of the event that tells how it went.
    """

    events: list[Mapping[str, Any]] = field(default_factory=list, repr=False)
    outcome: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _streams: dict[str, RunOfFrames] = field(default_factory=dict, repr=False)
    _resources: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _passes: list[Mapping[str, Any]] = field(default_factory=list, repr=False)
    _angles: dict[int, float] = field(default_factory=dict, repr=False)
    _final: dict[int, float] | None = field(default=None, repr=False)

    @property
    def planned_deg(self) -> NDArray[np.float64]:
        """Angles that were asked for, degrees, in the order of the gates or triggers."""
        return np.asarray((self.start.get("turn") or {}).get("angles_deg") or [], dtype=np.float64)

    @property
    def binning(self) -> int:
        """Pixels of the camera along each side of one of a frame."""
        return int((self.start.get("turn") or self.start.get("images") or {}).get("binning", 1))

    @property
    def pixel_um(self) -> float:
        """Edge of a pixel of a frame at the specimen, um; NaN where nothing told of it."""
        told = [float(data[PIXEL_KEY]) for data in self.events if PIXEL_KEY in data]
        return self.binning * told[0] if told else float(self.start.get("pixel_um") or math.nan)

    @property
    def full_scale_counts(self) -> float | None:
        """Largest count of a pixel; None: what the type of its pixels holds."""
        return self.start.get("full_scale_counts")

    @property
    def projections(self) -> RunOfFrames:
        """Frames of the projections."""
        return self.frames(PROJECTIONS)

    def frames(self, stream: str) -> RunOfFrames:
        """Frames of a stream; of none where documents tell of none."""
        return self._streams.setdefault(stream, RunOfFrames(self.start))

    def add_event(self, data: Mapping[str, Any], stream: str) -> None:
        """Take an event."""
        if stream == EVENTS:
            self.events.append(data)
            if int(data.get("projection_frame", -1)) >= 0:
                self._angles[int(data["projection_frame"])] = float(data.get(ANGLE_KEY, math.nan))
        elif stream == PASSES:
            self._passes.append(data)
        elif stream == OUTCOME:
            self.outcome = data
        if stream == OUTCOME and "tomogram_frame" in data:
            told = zip(*(data[f"tomogram_{key}"] for key in ("frame", "verdict", "angle_deg")), strict=True)
            self._final = {int(frame): float(deg) for frame, verdict, deg in told if verdict == GOOD}

    def add_resource(self, doc: Mapping[str, Any], roots: tuple[Path, ...]) -> None:
        """Take a file.

        Raises
        ------
        ExternalFileRefusedError
            If it lies outside of the roots; its frames are then left out.
        """
        real = resolve_external(doc["uri"], roots)
        self._resources[doc["uid"]] = {**doc, "uri": real.as_uri(), "roots": roots}

    def add_datum(self, doc: Mapping[str, Any], stream: str) -> range:
        """Take the announcement of frames; gives the numbers of new projections."""
        resource = self._resources.get(doc["stream_resource"])
        if resource is None or stream not in (PROJECTIONS, FLAT, DARK):
            return range(0)
        frames = self.frames(stream)
        if doc["stream_resource"] not in frames.resources:
            frames.add_resource(resource, resource["roots"])
        told = frames.add_datum(doc)
        return told if stream == PROJECTIONS else range(0)

    def angle_deg(self, index: int) -> float:
        """Tell the angle of a frame: by the outcome where that is told, else by its event or its pass.

        Frames of a pass are matched with projections by the driver's number, so that one that was dropped
        costs its own angle and no other.

        Returns
        -------
        float
            Degrees; NaN for a frame that is none of a good projection.
        """
        if self._final is not None:
            return self._final.get(index, math.nan)
        if index in self._angles or not self._passes:
            return self._angles.get(index, math.nan)
        number = self.projections.unique_id(index)
        for each in reversed(self._passes):
            place = number - int(each["pass_first_id"])
            if 0 <= place < int(each["pass_count"]):
                return float(self.planned_deg[int(each["pass_first"]) + place])
        return math.nan

    @property
    def all_deg(self) -> NDArray[np.float64]:
        """Angle of each frame, degrees, shape (frames,); NaN for those of no good projection."""
        return np.array([self.angle_deg(index) for index in range(self.projections.announced)])

    def mean_of(self, stream: str, first: int = 0, count: int | None = None) -> NDArray[np.float64] | None:
        """Mean of frames of a stream, counts, shape (rows, columns); None where there is none.

        Pixels at full scale in more than a tenth of the frames are nan.

        Parameters
        ----------
        stream
            Such as "flat".
        first, count
            Which frames; all unless given.

        Raises
        ------
        ExternalFileRefusedError
            If a file draws on others outside of the roots.
        FrameUnreadableError
            If one cannot be read.
        """
        frames = self._streams.get(stream)
        if frames is None or not frames.announced:
            return None
        for path in frames.paths:
            roots = next(iter(self._resources.values()))["roots"]
            require_inner_links(path, roots)
        last = frames.announced if count is None else min(first + count, frames.announced)
        total, full, added = None, 0.0, 0
        for index in range(first, last):
            frame = frames.read(index)[0]
            total = frame.astype(np.float64) if total is None else total + frame
            full = full + saturated_pixels(frame, self.full_scale_counts)
            added += 1
            if added * frame.nbytes > MOST_BYTES:
                break
        return None if total is None else np.where(full > OFTEN * added, np.nan, total / added)

    def cell_state(self) -> dict[str, float]:
        """Give the state of the cell in the middle of the tomogram, and its lithium content at both ends."""
        rows = [[float(data.get(key, math.nan)) for key in CELL_KEYS.values()] for data in self.events]
        ends = [rows[0], rows[-1]] if rows else [[math.nan] * len(CELL_KEYS)] * 2
        middle = np.mean(ends, axis=0).tolist()
        place = list(CELL_KEYS).index("lithium_content")
        content = {"lithium_content_start": ends[0][place], "lithium_content_end": ends[1][place]}
        return dict(zip(CELL_KEYS, middle, strict=True)) | content

    def close(self) -> None:
        """Close the files."""
        for frames in self._streams.values():
            frames.close()
