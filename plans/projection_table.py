"""Which frame each projection of a tomogram has, and whether what is there makes a tomogram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..callbacks.analysis.frame_match import ProjectionVerdict, state_at
from ..devices.tomogram_report import TomogramOutcome

MISSING, DARK, GOOD = ProjectionVerdict.MISSING, ProjectionVerdict.DARK, ProjectionVerdict.GOOD
CELL_TIME, LITHIUM = "cell_time", "cell_lithium_content"
Values = NDArray[np.float64]
CELL_PERIOD_S = 2.0
"""Longest time between two states that a cycler tells, s: frames taken after the last one have that state."""


class TomogramPartialError(RuntimeError):
    """So many projections are missing or dark that the run is no tomogram.

    Parameters
    ----------
    asked, good
        Projections that were asked for, and that are good.
    reason
        What is wrong.
    """

    def __init__(self, asked: int, good: int, reason: str) -> None:
        super().__init__(
            f"tomography: {good} of {asked} projections are good: {reason}; stream `outcome` tells which, "
            "they can be reconstructed as they are; look at camera and beam, or raise max_missing"
        )
        self.asked, self.good = asked, good


@dataclass
class ProjectionTable:
    """Grows while projections are taken.

    Parameters
    ----------
    asked_deg
        Angles in the order of the turn, degree.
    """

    asked_deg: Sequence[float]
    frame: NDArray[np.int64] = field(init=False)
    verdict: NDArray[np.int64] = field(init=False)
    angle_deg: Values = field(init=False)
    time_s: Values = field(init=False)
    light: Values = field(init=False)
    _cell: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.asked_deg)
        self.frame = np.full(count, -1, dtype=np.int64)
        self.verdict = np.full(count, int(MISSING), dtype=np.int64)
        self.angle_deg = np.array(self.asked_deg, dtype=np.float64)
        self.time_s, self.light = np.full(count, np.nan), np.full(count, np.nan)

    def note_cell(self, readings: Mapping[str, Mapping[str, object]]) -> None:
        """Take lithium content and time from readings of the cell, if they are there."""
        try:
            when, content = (float(readings[key]["value"]) for key in (CELL_TIME, LITHIUM))  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError):
            return
        self._cell.append((when, content))

    def put(
        self,
        numbers: NDArray[np.int64],
        frame: NDArray[np.int64],
        *,
        angle_deg: Values | None = None,
        time_s: Values | None = None,
        light: Values | None = None,
        least_light: float = 0.0,
    ) -> None:
        """Enter what was taken of some projections; those that are good already keep their frames.

        Parameters
        ----------
        numbers
            Of the projections, shape (n,).
        frame
            Place of the frame of each in the stream, -1 where there is none, shape (n,).
        angle_deg, time_s, light
            As of `TomogramOutcome`, shape (n,), where known.
        least_light
            Below which a projection is dark.
        """
        known_light = np.full(len(numbers), np.nan) if light is None else light
        verdict = np.where(frame < 0, MISSING, np.where(known_light < least_light, DARK, GOOD))
        # A dark one that was taken again without a frame stays dark.
        better = (self.verdict[numbers] != GOOD) & ~((self.verdict[numbers] == DARK) & (verdict == MISSING))
        which = numbers[better]
        self.verdict[which], self.frame[which] = verdict[better], frame[better]
        self.light[which] = known_light[better]
        for own, new in ((self.angle_deg, angle_deg), (self.time_s, time_s)):
            if new is not None:
                own[which] = new[better]

    def numbers(self, verdict: ProjectionVerdict) -> list[int]:
        """Projections of this verdict."""
        return np.flatnonzero(self.verdict == verdict).tolist()

    def outcome(self, *, max_missing: float, max_lithium_change: float, problem: str = "") -> TomogramOutcome:
        """Judge what is there.

        Parameters
        ----------
        max_missing
            Largest part (0..1) of the projections that may be missing or dark.
        max_lithium_change
            Largest change of lithium content that is not marked.
        problem
            Why the scan has ended early, if it has.
        """
        counts = {one: int((self.verdict == one).sum()) for one in ProjectionVerdict}
        asked, change = len(self.frame), self._lithium_change()
        few = counts[MISSING] + counts[DARK] > max_missing * asked
        moved = change > max_lithium_change
        whole = counts[GOOD] == asked and not moved and not problem
        return TomogramOutcome(
            status="partial" if few or problem else "whole" if whole else "marked",
            reason=self._reason(counts, change if moved else math.nan, problem),
            asked=asked,
            good=counts[GOOD],
            missing=counts[MISSING],
            dark=counts[DARK],
            moved=bool(moved),
            lithium_change=change,
            frame=self.frame.tolist(),
            verdict=self.verdict.tolist(),
            angle_deg=self.angle_deg.tolist(),
            time_s=self.time_s.tolist(),
            light=self.light.tolist(),
            lithium_content=self._lithium().tolist(),
        )

    def _reason(self, counts: Mapping[ProjectionVerdict, int], change: float, problem: str) -> str:
        asked = len(self.frame)
        told = [problem] if problem else []
        for verdict, word in ((MISSING, "missing"), (DARK, "without beam")):
            if counts[verdict]:
                angles = self.angle_deg[self.verdict == verdict]
                told.append(
                    f"{counts[verdict]} of {asked} projections are {word}, from {angles.min():.3f} to "
                    f"{angles.max():.3f} degree"
                )
        if not math.isnan(change):
            told.append(f"lithium content moved by {change:.4f}")
        return "; ".join(told)

    def _lithium(self) -> Values:
        when, content = np.array(self._cell, dtype=np.float64).reshape(-1, 2).T
        return state_at(self.time_s, when, content, held_s=CELL_PERIOD_S)

    def _lithium_change(self) -> float:
        content = [one for _, one in self._cell if math.isfinite(one)]
        return max(content) - min(content) if content else math.nan
