"""The file plugin of a fast camera: many frames are drawn and written together, from a long queue."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np

from .circular_buffer import Attributes
from .file_plugin import EPICS_EPOCH_S, FilePlugin
from .frame_place import FramePlace
from .frame_source import BlockSource, Shot
from .stream_file import StreamFile

QUEUE = 4096
TOGETHER, PIXELS_TOGETHER = 64, 64 * 256 * 256
"""Frames that are drawn together, and their pixels: large ones are fewer, lest a client waits for seconds."""


class StreamPlugin(FilePlugin):
    """NDFileHDF5 whose frames may change their size between two files, and have attributes.

    Parameters
    ----------
    exposure, place
        As of `FilePlugin`.
    names, attributes
        Names of a frame's attributes, and what gives their values by name in this order.
    """

    def __init__(
        self,
        exposure: BlockSource,
        place: FramePlace,
        names: Sequence[str] = (),
        attributes: Attributes | None = None,
    ) -> None:
        super().__init__(exposure, place)
        self._attributes = attributes
        self.file_type = partial(StreamFile, names=tuple(names))
        self.page.add_integer("QueueSize", QUEUE)
        self._together = exposure
        self._block = np.empty((0, 0, 0), self._exposure.dtype)

    @property
    def batch(self) -> int:
        """Most frames that are drawn and written at once."""
        rows, columns = self._exposure.shape
        return min(max(PIXELS_TOGETHER // (rows * columns), 1), TOGETHER)

    def _append(self, shots: Sequence[Shot]) -> None:
        """In the thread: draw and write."""
        file = self._file
        if file is None:
            return
        if self.disk_is_full:
            raise OSError(f"ERROR writing {file.path}: no space left on device")
        if self._block.shape[1:] != self._exposure.shape:
            self._block = np.empty((self.batch, *self._exposure.shape), self._exposure.dtype)
        for first in range(0, len(shots), len(self._block)):
            some = shots[first : first + len(self._block)]
            self._together.draw_all(some, self._block[: len(some)])
            stamps_s = np.array([shot.time_s - EPICS_EPOCH_S for shot in some])
            numbers = np.array([shot.unique_id for shot in some], dtype=np.int32)
            values = [tuple(self._attributes(shot).values()) for shot in some] if self._attributes else []
            cast("StreamFile", file).add(self._block[: len(some)], stamps_s, numbers, values)
        file.flush()
