"""Whether frames that were just taken stand at full scale: said while the exposure can still be changed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from bluesky.utils import MsgGenerator

from ..callbacks.analysis.saturation import MOST_SATURATED, saturated_pixels, saturation_warning
from .beside import beside

logger = logging.getLogger(__name__)

LOOK_LIMIT_S = 60.0
"""Time that reading a set of frames may take."""


class TooBrightError(RuntimeError):
    """Frames stand at full scale: what would be taken further is worth nothing."""


def scale_metadata(camera: Any) -> dict[str, float]:  # noqa: ANN401 - a camera
    """Start document key by which the analysis knows full scale, where the camera's settings say it."""
    counts = camera.full_scale_counts
    return {} if counts is None else {"full_scale_counts": counts}


def _part(camera: Any) -> float:  # noqa: ANN401 - a camera
    """Part (0..1) of the pixels of the last frames that stand at full scale."""
    return float(saturated_pixels(camera.stored_frames().frames, camera.full_scale_counts).mean())


@dataclass
class Brightness:
    """Looks at the first set of frames of each kind of a run.

    Attributes
    ----------
    warning
        What is wrong with them, and the remedy; "" if nothing.
    seen
        Kinds that were looked at.
    """

    warning: str = ""
    seen: tuple[str, ...] = ()

    def look(self, camera: Any, kind: str) -> MsgGenerator[None]:  # noqa: ANN401 - a camera
        """Look at the last frames of a camera, if they are the first of their kind.

        Raises
        ------
        TooBrightError
            If more than a fifth of their pixels are at full scale.
        """
        if kind in self.seen:
            return
        self.seen = (*self.seen, kind)
        part = yield from beside(
            lambda: _part(camera),
            limit_s=LOOK_LIMIT_S,
            what=f"brightness of {kind} frames",
        )
        told = saturation_warning(part or 0.0, f"the first {kind} frames")
        if not told:
            return
        self.warning = told
        logger.warning("%s", told)
        if part > MOST_SATURATED:
            raise TooBrightError(f"{told}; limit {100 * MOST_SATURATED:.0f} %")
