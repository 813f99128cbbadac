"""What is measured in a series of frames: times, energy, and whether the shutter closes between frames."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..devices.frame_series import FrameSeries
from .duration import Timing, estimate_series_s

GATE_S = 10.0
"""Pause between two frames from which on the shutter is closed in it, s: no dose for nothing."""
LONGEST_NAME = 40
"""Letters of a measurement's name that the names of its files have at most."""
UNUSABLE = re.compile(r"[^A-Za-z0-9_.-]")
"""What the name of a folder must not have."""


@dataclass(frozen=True)
class SeriesOptions:
    """What is measured in a series.

    Parameters
    ----------
    exposure_s : float
        Of each frame, in s.
    frames : int
        How many.
    period_s : float, optional
        From the start of one frame to that of the next, in s; the exposure unless given.
    energy_ev : float, optional
        Photon energy, in eV; None: as the monochromator stands.
    gated : bool, optional
        Whether the shutter is closed between frames, each then taken by itself at its time on the cell's
        clock; unless given, where the pause between frames is `GATE_S` or more. Else the camera takes all
        by its own clock.
    trigger_mode : str
        Of the camera.
    """

    exposure_s: float
    frames: int
    period_s: float | None = None
    energy_ev: float | None = None
    gated: bool | None = None
    trigger_mode: str = "Internal"

    def __post_init__(self) -> None:
        self.series("check")

    def series(self, name: str, folder: str = "") -> FrameSeries:
        """Make the order to the camera."""
        return FrameSeries(
            exposure_s=self.exposure_s,
            frames=self.frames,
            period_s=self.period_s,
            images_per_trigger=1 if self.is_gated else None,
            retakes=self.is_gated and self.frames > 1,
            trigger_mode=self.trigger_mode,
            folder=folder,
            name=name,
        )

    @property
    def interval_s(self) -> float:
        """From the start of one frame to that of the next, in s."""
        return self.exposure_s if self.period_s is None else self.period_s

    @property
    def is_gated(self) -> bool:
        """Whether the shutter is closed between frames."""
        if self.gated is not None:
            return self.gated
        return self.frames > 1 and self.interval_s - self.exposure_s >= GATE_S

    @property
    def lit_s(self) -> float:
        """Time for which the beam is on the cell, in s."""
        frames_s = self.frames * self.exposure_s
        return (
            frames_s if self.is_gated else frames_s + (self.frames - 1) * (self.interval_s - self.exposure_s)
        )

    def duration_s(self, timing: Timing) -> float:
        """Time of the whole series, in s."""
        return estimate_series_s(self.frames, self.exposure_s, self.interval_s, timing)


def series_metadata(options: SeriesOptions, timing: Timing) -> dict[str, Any]:
    """Start document of a series before the caller's metadata."""
    duration_s = options.duration_s(timing)
    exposed_s = options.frames * options.exposure_s
    return {
        "plan_name": "xrd_series",
        "purpose": "measurement",
        "technique": "xrd",
        "attempt": 1,
        "num_points": options.frames,
        "series": {
            "exposure_s": options.exposure_s,
            "frames": options.frames,
            "period_s": options.interval_s,
            "gated": options.is_gated,
            "trigger_mode": options.trigger_mode,
        },
        **({} if options.energy_ev is None else {"energy_ev": options.energy_ev}),
        "estimated_duration_s": duration_s,
        "dead_time_s": round(duration_s - exposed_s, 6),
        "detector_live_fraction": exposed_s / duration_s,
        "hints": {"dimensions": [(["cell_time"], "primary")]},
    }


def experiment_folder(md: Mapping[str, Any]) -> str:
    """Folder of the files of an experiment below that of the camera; none outside an experiment.

    What its name must not have, such as a blank in the name of the experiment, becomes "_".
    """
    experiment = md.get("experiment") or {}
    if not experiment:
        return ""
    return UNUSABLE.sub("_", f"{experiment['name']}_{experiment['uid'][:8]}").lstrip("_.-")


def file_name(md: Mapping[str, Any], kind: str) -> str:
    """Name of a file that no other series has, with that of the measurement; else of what kind it is."""
    named = "".join(each for each in str(md.get("measurement", "")) if each.isascii() and each.isalnum())
    return f"{named[:LONGEST_NAME] or kind}_{uuid.uuid4().hex[:12]}"
