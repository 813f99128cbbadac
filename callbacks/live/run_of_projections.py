"""One tomogram as its documents tell of it: where its frames are, and at which angle each was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tiled.external_file import require_inner_links, resolve_external
from .run_of_frames import RunOfFrames
from .spectrum import CELL_KEYS

PROJECTIONS, FLAT, DARK, ANGLES, EVENTS = "projections", "flat", "dark", "angles", "primary"
"""Streams of a tomogram."""

ANGLE_KEY, PIXEL_KEY = "microscope_rotation", "microscope_pixel_um"
LATCHED = "_rotation"
"""End of the data key of what the encoder showed in the middle of a gate."""

MOST_BYTES = 256_000_000
"""Of the flats or darks of a run that are averaged; further ones are left out."""


@dataclass
class RunOfProjections:
    """Documents of one tomogram.

    Attributes
    ----------
    start
        Start document; its `turn` has the planned `angles_deg`.
    exit_status
        Of its stop document; empty while it goes on.
    events
        Data of the stream `primary`, in their order.
    """

    start: Mapping[str, Any]
    exit_status: str = ""
    events: list[Mapping[str, Any]] = field(default_factory=list, repr=False)
    _streams: dict[str, RunOfFrames] = field(default_factory=dict, repr=False)
    _resources: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _gates: dict[str, tuple[Path, str]] = field(default_factory=dict, repr=False)
    _latched: NDArray[np.float64] | None = field(default=None, repr=False)
    _first_id: int | None = None

    @property
    def uid(self) -> str:
        """Uid of the run."""
        return self.start["uid"]

    @property
    def measurement(self) -> str:
        """Name of the measurement."""
        return str(self.start.get("measurement", self.start["technique"]))

    @property
    def planned_deg(self) -> NDArray[np.float64]:
        """Angles that were asked for, degrees, in the order of the gates or triggers."""
        return np.asarray((self.start.get("turn") or {}).get("angles_deg") or [], dtype=np.float64)

    @property
    def ended(self) -> bool:
        """Whether the run has its stop document."""
        return bool(self.exit_status)

    @property
    def pixel_um(self) -> float:
        """Edge of a pixel at the specimen, um; NaN where nothing told of it."""
        told = [float(data[PIXEL_KEY]) for data in self.events if PIXEL_KEY in data]
        return told[0] if told else float(self.start.get("pixel_um") or math.nan)

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

    def add_resource(self, doc: Mapping[str, Any], roots: tuple[Path, ...]) -> None:
        """Take a file.

        Raises
        ------
        ExternalFileRefusedError
            If it lies outside of the roots; its frames are then left out.
        """
        resolve_external(doc["uri"], roots)
        self._resources[doc["uid"]] = {**doc, "roots": roots}

    def add_datum(self, doc: Mapping[str, Any], stream: str) -> range:
        """Take the announcement of frames or gates; gives the numbers of new projections."""
        resource = self._resources.get(doc["stream_resource"])
        if resource is None:
            return range(0)
        if stream == ANGLES:
            if resource["data_key"].endswith(LATCHED):
                path = resolve_external(resource["uri"], resource["roots"])
                self._gates[resource["data_key"]] = path, resource["parameters"]["dataset"]
            return range(0)
        frames = self.frames(stream)
        if doc["stream_resource"] not in frames.resources:
            frames.add_resource(resource, resource["roots"])
        told = frames.add_datum(doc)
        return told if stream == PROJECTIONS else range(0)

    def angle_deg(self, index: int) -> float:
        """Tell the angle of a frame: as the encoder showed it where that is known by now, else as planned.

        Frames are matched with gates or events by the driver's number, so that one that was dropped costs its
        own angle and no other.

        Returns
        -------
        float
            Degrees; NaN where neither a plan nor a gate or event tells.
        """
        place, planned = self.gate_of(index), self.planned_deg
        known = planned[place] if place < len(planned) else math.nan
        latched = self.latched_deg
        if latched is not None and place < len(latched):
            return float(latched[place])
        if self.start.get("mode") != "fly" and place < len(self.events):
            return float(self.events[place].get(ANGLE_KEY, known))
        return float(known)

    def gate_of(self, index: int) -> int:
        """Number of the gate or trigger in which a frame was taken, from 0."""
        if self._first_id is None:
            self._first_id = self.projections.unique_id(0)
        return max(self.projections.unique_id(index) - self._first_id, 0)

    @property
    def latched_deg(self) -> NDArray[np.float64] | None:
        """What the encoder showed in the middle of each gate, degrees; None until documents tell of it."""
        if self._latched is None and self._gates:
            path, dataset = next(iter(self._gates.values()))
            self._latched = _column(path, dataset)
        return self._latched

    @property
    def all_deg(self) -> NDArray[np.float64]:
        """Angle of each frame, degrees, shape (frames,), as far as documents tell of them."""
        return np.array([self.angle_deg(index) for index in range(self.projections.announced)])

    def mean_of(self, stream: str) -> NDArray[np.float64] | None:
        """Mean of the flats or darks, counts, shape (rows, columns); None where there is none.

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
        total, count = None, 0
        for index in range(frames.announced):
            frame = frames.read(index)[0]
            total = frame.astype(np.float64) if total is None else total + frame
            count += 1
            if count * frame.nbytes > MOST_BYTES:
                break
        frames.close()
        return None if total is None else total / count

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


def _column(path: Path, dataset: str) -> NDArray[np.float64] | None:
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return np.asarray(file[dataset], dtype=np.float64)
    except (OSError, KeyError):
        return None
