"""The file plugin of a fast camera: many frames are drawn and written together, from a long queue."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from .circular_buffer import Attributes
from .exposure import Exposure, Shot
from .file_plugin import EPICS_EPOCH_S, FilePlugin
from .frame_place import FramePlace
from .stream_file import StreamFile

QUEUE = 4096
TOGETHER = 64


class DrawsTogether(Protocol):
    """An exposure that draws many frames faster than one after the other."""

    def draw_all(self, shots: Sequence[Shot], out: NDArray[np.generic]) -> None:
        """Fill frames (n, rows, columns)."""
        ...


class StreamPlugin(FilePlugin):
    """NDFileHDF5 whose frames may change their size between two files, and have attributes.

    Parameters
    ----------
    exposure, place
        As of `FilePlugin`; the exposure has `draw_all`.
    names, attributes
        Names of a frame's attributes, and what gives their values by name in this order.
    """

    batch = TOGETHER

    def __init__(
        self,
        exposure: Exposure,
        place: FramePlace,
        names: Sequence[str] = (),
        attributes: Attributes | None = None,
    ) -> None:
        super().__init__(exposure, place)
        self._attributes = attributes
        self.file_type = partial(StreamFile, names=tuple(names))
        self.page.add_integer("QueueSize", QUEUE)
        self._together = cast("DrawsTogether", self._exposure)
        self._block = np.empty((0, 0, 0), self._exposure.dtype)

    def _append(self, shots: Sequence[Shot]) -> None:
        """In the thread: draw and write."""
        file = self._file
        if file is None:
            return
        if self.disk_is_full:
            raise OSError(f"ERROR writing {file.path}: no space left on device")
        if self._block.shape[1:] != self._exposure.shape:
            self._block = np.empty((TOGETHER, *self._exposure.shape), self._exposure.dtype)
        for first in range(0, len(shots), TOGETHER):
            some = shots[first : first + TOGETHER]
            self._together.draw_all(some, self._block[: len(some)])
            stamps_s = np.array([shot.time_s - EPICS_EPOCH_S for shot in some])
            numbers = np.array([shot.unique_id for shot in some], dtype=np.int32)
            values = [tuple(self._attributes(shot).values()) for shot in some] if self._attributes else []
            cast("StreamFile", file).add(self._block[: len(some)], stamps_s, numbers, values)
        file.flush()
