"""Counting time of the ion chambers beside the exposure of a camera."""

from typing import Any

from bluesky.utils import MsgGenerator

from .waiting import set_all

COUNT_S = (0.01, 0.5)
"""Shortest and longest counting time, s."""


def count_beside(station: Any, exposure_s: float) -> MsgGenerator[float]:  # noqa: ANN401 - a station
    """Let the ion chambers count for as long as an exposure (s), within `COUNT_S`; gives for how long, s."""
    count_s = min(max(exposure_s, COUNT_S[0]), COUNT_S[1])
    yield from set_all({station.ion_chambers.averaging_time: count_s})
    return count_s
