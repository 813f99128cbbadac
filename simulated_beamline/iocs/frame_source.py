"""What a camera's driver and its file plugin ask of whatever draws the frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Seen: TypeAlias = Any
"""What a source sees at an instant, of a kind of its own; `towards(later, share)` is what it sees between."""


@dataclass(frozen=True)
class Shot:
    """A frame that was exposed.

    Attributes
    ----------
    unique_id
        Its number.
    time_s, exposure_s
        Begin of its exposure (simulated UNIX s), and how long it was.
    scene
        What it saw.
    """

    unique_id: int
    time_s: float
    exposure_s: float
    scene: Seen


class FrameSource(Protocol):
    """Draws frames, one after the other."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        ...

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Of a pixel."""
        ...

    def pixel_mask(self) -> NDArray[np.uint32] | None:
        """Bits of NXdetector; None where no pixel is masked."""
        ...

    def draw(self, shot: Shot, out: NDArray[np.generic]) -> None:
        """Fill a frame (rows, columns) of `dtype`."""
        ...


class BlockSource(FrameSource, Protocol):
    """Draws many frames faster than one after the other."""

    def draw_all(self, shots: Sequence[Shot], out: NDArray[np.generic]) -> None:
        """Fill frames (n, rows, columns)."""
        ...


class SceneSource(FrameSource, Protocol):
    """Draws what it sees at each instant."""

    def scene(self) -> Seen:
        """Give what stands there now."""
        ...
