"""File of a series under way: how many of its frames can be read, and the documents that tell of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from event_model import ComposeStreamResourceBundle, StreamRange, compose_stream_resource

from .frame_file import readable_frames, uri_of
from .frame_series import FrameSeries

CHUNK_BYTES = 8e6
"""Bytes that a reader is given at once, about."""

LOOK_S = 0.1
"""Shortest wall time between two looks into a file that grows, s."""


@dataclass
class SeriesFile:
    """A series under way: frames triggered, readable and told of so far, whether its file was found whole.

    `resource` makes the documents of its file, from the first frame on; `looked_s` is monotonic time.
    """

    series: FrameSeries
    file: Path
    data_key: str
    dataset: str
    shape: tuple[int, int] = (0, 0)
    dtype: str = ""
    dropped: int = 0
    triggered: int = 0
    readable: int = 0
    told: int = 0
    whole: bool = False
    resource: ComposeStreamResourceBundle | None = None
    looked_s: float = 0.0

    def described(self, prefix: str) -> dict[str, Any]:
        """Describe a frame of a camera with this prefix, as its data key."""
        return {
            "source": f"PV:{prefix}HDF1:FullFileName_RBV",
            "dtype": "array",
            "dtype_numpy": self.dtype,
            "shape": list(self.shape),
            "dims": ["row", "column"],
            "external": "STREAM:",
        }

    def look(self, counted: int, *, at_once: bool = False) -> None:
        """See how many frames of a file that grows can be read.

        Parameters
        ----------
        counted
            Frames that its server has counted: never more are told of.
        at_once
            Whether to look although the last time was just now.
        """
        now_s = time.monotonic()
        if counted <= self.readable or not (at_once or now_s >= self.looked_s + LOOK_S):
            return
        self.looked_s = now_s
        found = readable_frames(self.file, self.dataset)
        self.readable = max(self.readable, min(found, counted, self.series.frames))

    def tell(self, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell of the file, once, and of frames up to a number, each once."""
        if count <= self.told:
            return
        begin, self.told = self.told, count
        if self.resource is None:
            self.resource = self._compose()
            yield "stream_resource", dict(self.resource.stream_resource_doc)
        datum = self.resource.compose_stream_datum(StreamRange(start=begin, stop=count))
        yield "stream_datum", dict(datum)

    def _compose(self) -> ComposeStreamResourceBundle:
        """Documents of the file; who reads it while it grows has to read in SWMR mode."""
        row, column = self.shape
        frame_bytes = max(row * column * int(self.dtype[2:]), 1)
        at_once = min(max(int(CHUNK_BYTES / frame_bytes), 1), self.series.frames)
        return compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=uri_of(self.file),
            data_key=self.data_key,
            parameters={
                "dataset": self.dataset,
                "chunk_shape": [at_once, row, column],
                "swmr": not self.whole,
                "locking": False,
            },
        )
