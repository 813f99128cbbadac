"""When a phase has appeared beyond doubt: its onset, from what the frames of one measurement show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

SILENT = ("too weak", "failed")
"""Verdicts of frames that say nothing of any phase, neither that it is there nor that it is not."""

FRAMES = 3
"""Frames in a row that confirm a phase unless told otherwise."""

SIGNIFICANCE = 5.0
"""Least significance of the phase in each of them unless told otherwise."""


@dataclass(frozen=True)
class OnsetCriterion:
    """What is taken for the onset of a phase.

    Attributes
    ----------
    phase
        Name in the library.
    frames
        In how many frames in a row it has to be seen; at least 2, so that no single false frame confirms.
    significance
        Least scale of the phase over its standard deviation, in each of these frames.
    measurement
        Of which measurement; of any one, if empty. Frames of two measurements are never counted together.

    Examples
    --------
    >>> str(OnsetCriterion("H3"))
    'onset H3 frames 3 significance 5'
    """

    phase: str
    frames: int = FRAMES
    significance: float = SIGNIFICANCE
    measurement: str = ""

    def __post_init__(self) -> None:
        if not self.phase:
            raise ValueError("onset: phase is empty; name one of the library, such as H3")
        if self.frames < 2:
            raise ValueError(
                f"onset of {self.phase}: frames = {self.frames} is below 2, so that one false frame would "
                "confirm it; give 2 or more"
            )
        if not (math.isfinite(self.significance) and self.significance > 0):
            raise ValueError(
                f"onset of {self.phase}: significance = {self.significance!r} must be a positive number of "
                "standard deviations"
            )

    def __str__(self) -> str:
        """Tell it as a rule."""
        of = f" of {self.measurement}" if self.measurement else ""
        return f"onset {self.phase} frames {self.frames} significance {self.significance:g}{of}"


@dataclass(frozen=True)
class Sign:
    """What a frame shows of one phase.

    Attributes
    ----------
    significance
        Scale over its standard deviation.
    fraction
        Part of the mass, 0..1; nan if unknown.
    frames_seen
        In how many frames the analysis had seen it, this one included, before it named it.
    is_alone
        Whether its name is the only one that the lattice allows.
    """

    significance: float
    fraction: float = math.nan
    frames_seen: int = 1
    is_alone: bool = True


@dataclass(frozen=True)
class JudgedFrame:
    """A frame after its analysis: where the cell was, and the phases that it shows.

    Attributes
    ----------
    measurement, run, frame
        Name of the measurement, uid of its run, number of the frame in it from 0.
    time_s
        On the cell's clock, UNIX s.
    voltage_v, lithium_content
        State of the cell, V and 0..1.
    verdict
        What may be said of the pattern as a whole.
    signs
        By name of the phase.
    """

    measurement: str
    run: str
    frame: int
    time_s: float
    voltage_v: float
    lithium_content: float
    verdict: str = ""
    signs: Mapping[str, Sign] = field(default_factory=dict[str, Sign])

    def shows(self, criterion: OnsetCriterion) -> bool | None:
        """Whether the phase is there; None if this frame cannot tell."""
        if self.verdict in SILENT:
            return None
        sign = self.signs.get(criterion.phase)
        if sign is None:
            return False
        if not sign.is_alone:
            return None
        return sign.significance >= criterion.significance


@dataclass(frozen=True)
class Onset:
    """A phase that has appeared.

    Attributes
    ----------
    criterion
        What was taken for it.
    first
        Frame in which it was seen first.
    confirmed
        Frame that confirmed it.
    frames_before
        Frames of this measurement that were judged before the first; with none the phase may have been
        there all the time.
    """

    criterion: OnsetCriterion
    first: JudgedFrame
    confirmed: JudgedFrame
    frames_before: int

    @property
    def late_s(self) -> float:
        """From the first frame to the one that confirmed it, s of the cell's clock."""
        return self.confirmed.time_s - self.first.time_s

    @property
    def late_lithium_content(self) -> float:
        """Change of lithium content meanwhile, 0..1 per formula unit."""
        return abs(self.confirmed.lithium_content - self.first.lithium_content)

    def __str__(self) -> str:
        """Tell what was seen where."""
        sign = self.confirmed.signs[self.criterion.phase]
        since = "" if self.frames_before else "; no frame before was without it"
        return (
            f"{self.criterion.phase} first seen in {_place(self.first)}, "
            f"confirmed in {_place(self.confirmed)} "
            f"at {sign.significance:.1f} standard deviations and {100 * sign.fraction:.1f} %, "
            f"{self.late_lithium_content:.4f} of lithium later{since}"
        )


def _place(at: JudgedFrame) -> str:
    return f"frame {at.frame} of run {at.run[:8]} (x = {at.lithium_content:.4f}, {at.voltage_v:.4f} V)"


def find_onset(frames: Iterable[JudgedFrame], criterion: OnsetCriterion) -> Onset | None:
    """Give the first onset of a phase that the frames confirm; None while there is none.

    A phase is confirmed once `criterion.frames` frames in a row of one measurement show it, each with the
    significance asked for; a frame without it begins the count anew. Frames that cannot tell (too weak,
    failed, or a lattice that has several names) are left out: they neither count nor break the row. Frames
    are ordered by their time, so that those that were analysed late stand where they were taken; one that
    is given twice counts once. With a probability p of a false sign in a frame, independent from frame to
    frame, a false onset begins at a given frame with probability p to the power of `criterion.frames`.

    Parameters
    ----------
    frames
        Judged frames of any measurements, in any order.
    criterion
        What is taken for an onset.

    Returns
    -------
    Onset or None
        Its first frame is the one in which the analysis saw the phase before it named it, as far as that
        frame is among those given.

    Examples
    --------
    >>> seen = [
    ...     JudgedFrame("xrd", "r", n, 60.0 * n, 4.1, 0.3 - 0.01 * n, signs={"H3": Sign(8.0)})
    ...     for n in range(4, 8)
    ... ]
    >>> onset = find_onset(seen, OnsetCriterion("H3"))
    >>> onset.first.frame, onset.confirmed.frame, onset.late_s, round(onset.late_lithium_content, 3)
    (4, 6, 120.0, 0.02)
    """
    found = [_in_one(own, criterion) for own in _by_measurement(frames, criterion.measurement)]
    onsets = [onset for onset in found if onset is not None]
    return min(onsets, key=lambda onset: onset.confirmed.time_s, default=None)


def longest_row(frames: Iterable[JudgedFrame], criterion: OnsetCriterion) -> int:
    """Count the frames in a row that show the phase, at most: how near an onset was to be confirmed."""
    longest = 0
    for own in _by_measurement(frames, criterion.measurement):
        row = 0
        for frame in own:
            shown = frame.shows(criterion)
            row = row if shown is None else row + 1 if shown else 0
            longest = max(longest, row)
    return longest


def _by_measurement(frames: Iterable[JudgedFrame], wanted: str) -> list[list[JudgedFrame]]:
    """Frames of each measurement in the order of their time, each once."""
    own: dict[str, dict[tuple[str, int], JudgedFrame]] = {}
    for frame in frames:
        if wanted in ("", frame.measurement):
            own.setdefault(frame.measurement, {}).setdefault((frame.run, frame.frame), frame)
    return [sorted(each.values(), key=lambda frame: frame.time_s) for each in own.values()]


def _in_one(frames: Sequence[JudgedFrame], criterion: OnsetCriterion) -> Onset | None:
    row: list[int] = []
    for place, frame in enumerate(frames):
        shown = frame.shows(criterion)
        if shown is False:
            row.clear()
        elif shown:
            row.append(place)
        if len(row) == criterion.frames:
            first = _first(frames, row[0], criterion.phase)
            return Onset(criterion, frames[first], frame, first)
    return None


def _first(frames: Sequence[JudgedFrame], place: int, phase: str) -> int:
    """Where the analysis saw the phase first: it names one only when a further frame shows it."""
    return max(place - (frames[place].signs[phase].frames_seen - 1), 0)
