"""Where a map of another instrument lies in the sample: its shift, its turn and the size of its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..mapping.registration import RegistrationVerdict
from ..xas.grid import FloatArray
from .masked_correlation import MaskedCorrelation
from .placement_fit import PlacementFit, fit_placement
from .placing import Move, Picture, edges
from .sample_frame import SampleFrame

SEARCH_SIDE, LARGEST_SIDE, FINE_SIDE = 64, 256, 512
"""Pixels along the smaller map, and at most along the larger, in the search; at most in the end."""
SEARCH_SMOOTH_PX = 1.5
TURN_STEP_DEG, SCALE_STEP = 1.5, 0.025
"""At the end of a map of `SEARCH_SIDE` pixels half of either is less than one of them."""
LEAST_OVERLAP, LEAST_PIXELS = 0.3, 30
"""Part of the smaller map, and pixels of the search, that both must show."""
PEAKS, APART_PX = 4, 5
"""Peaks that are kept of each turn and size, and how far apart they are, pixels of the search."""
LEAST_SIDE = 16
LEAST_CORRELATION, LEAST_SIGNIFICANCE, LARGEST_RUNNER_UP, LARGEST_SIGMA_PX = 0.3, 8.0, 0.8, 1.0
"""Of maps of different scenes the best place has a significance of 3 to 7, of one scene of 10 or more."""


_Map = tuple[FloatArray, SampleFrame]


@dataclass(frozen=True)
class Placement:
    """How a map lies otherwise than it was believed to.

    Attributes
    ----------
    rows, columns
        By how many pixels of the first map the middle of the second appears moved, as in `Registration`.
    roll_deg
        By how much the second is turned about the beam against what was believed, from z towards x, degree.
    scale
        By how much its pixels are larger than believed.
    correlation
        Of both gradients, -1 to 1.
    significance
        By how many standard deviations the gradients are more alike than by chance (Fisher's z over what both
        show).
    runner_up
        Significance of the best other place over that of the chosen one, 0 to 1.
    sigma_px
        By how much noise moves a place of the second map, one standard deviation, root mean square over it,
        pixels of the first; what the maps show differently is not in it.
    verdict, reason
        Whether to trust it, and why (not); empty if there is nothing to say.
    """

    rows: float
    columns: float
    roll_deg: float
    scale: float
    correlation: float
    significance: float
    runner_up: float
    sigma_px: float
    verdict: RegistrationVerdict = RegistrationVerdict.GOOD
    reason: str = ""


@dataclass(frozen=True)
class _Peak:
    """A place in the search, and by how many standard deviations it is more than chance."""

    move: Move
    correlation: float
    significance: float


@dataclass(frozen=True)
class _Limits:
    """How far turn (degree) and size (part) are searched, either way."""

    turn_deg: float
    scale_part: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.turn_deg <= 180.0 and 0.0 <= self.scale_part < 0.5):
            raise ValueError(
                f"register: turn_deg {self.turn_deg:g}, scale_part {self.scale_part:g}; "
                "give 0 to 180 degree and 0 to 0.5"
            )

    def moves(self) -> list[Move]:
        """Give the turns and sizes to be tried."""
        turns, parts = _steps(self.turn_deg, TURN_STEP_DEG), _steps(self.scale_part, SCALE_STEP)
        return [Move((0.0, 0.0), float(turn), 1.0 + float(part)) for turn in turns for part in parts]

    def exceeded(self, move: Move) -> bool:
        """Tell whether a place was found well beyond what was searched."""
        turned = self.turn_deg > 0 and abs(move.roll_deg) > self.turn_deg + TURN_STEP_DEG
        return turned or (self.scale_part > 0 and abs(move.scale - 1.0) > self.scale_part + SCALE_STEP)


def _steps(limit: float, step: float) -> FloatArray:
    """Values up to a limit on either side of zero."""
    count = int(np.ceil(limit / step))
    return np.linspace(-limit, limit, 2 * count + 1) if count else np.zeros(1)


def _peaks(first: Picture, second: Picture, pitch_um: float, moves: list[Move]) -> Iterator[_Peak]:
    """Places that correlate, for each turn and size."""
    feature: Any = import_module("skimage.feature")
    still, moving = (each.grid(pitch_um) for each in (first, second))
    fixed, known = edges(*first.shown(still, Move()), SEARCH_SMOOTH_PX)
    correlate = MaskedCorrelation(fixed, known, moving.shape)
    start_um = moving.corner_um - still.corner_um
    independent = 4 * np.pi * SEARCH_SMOOTH_PX**2
    for move in moves:
        seen, there = edges(*second.shown(moving, move), SEARCH_SMOOTH_PX)
        least = max(LEAST_OVERLAP * min(known.sum(), there.sum()), LEAST_PIXELS)
        alike, count = correlate(seen, there, least)
        significance = np.arctanh(np.clip(alike, 0.0, 0.9999)) * np.sqrt(count / independent)
        for place in feature.peak_local_max(
            significance, min_distance=APART_PX, num_peaks=PEAKS, exclude_border=False
        ):
            z, x = correlate.shift(place) * pitch_um - start_um
            at = tuple(place)
            placed = replace(move, along_um=(float(z), float(x)))
            yield _Peak(placed, float(alike[at]), float(significance[at]))


def _best(peaks: list[_Peak], apart_um: float) -> tuple[_Peak, float]:
    """Choose the place that tells most, and say how much the best other one tells over it."""
    best = max(peaks, key=lambda peak: peak.significance, default=_Peak(Move(), 0.0, 0.0))
    others = (
        peak.significance
        for peak in peaks
        if np.hypot(*np.subtract(peak.move.along_um, best.move.along_um)) > apart_um
    )
    return best, max(others, default=0.0) / best.significance if best.significance else 1.0


def _pitches_um(still: _Map, moving: _Map) -> tuple[float, float]:
    """Pitch of the search, and of the grid on which the best place is refined."""
    first_um, second_um = still[1].smallest_um, moving[1].smallest_um
    pixel_um = max(first_um, 0.5 * second_um)
    sides = [float(np.ptp(Picture(*each, pixel_um).corners_um, axis=0).max()) for each in (still, moving)]
    search = max(min(sides) / SEARCH_SIDE, max(sides) / LARGEST_SIDE, pixel_um)
    return search, max(pixel_um, min(sides) / FINE_SIDE, sides[0] / (2 * FINE_SIDE))


def _judge(found: Placement, beyond: bool) -> tuple[RegistrationVerdict, str]:
    """Verdict on a place and its reason."""
    if found.correlation < LEAST_CORRELATION or found.significance < LEAST_SIGNIFICANCE:
        return RegistrationVerdict.UNLIKE, (
            f"gradients correlate by {found.correlation:.2f}, {found.significance:.1f} standard deviations "
            f"above chance (limits {LEAST_CORRELATION:g} and {LEAST_SIGNIFICANCE:g}): use maps of like edges "
            "that overlap, or search a larger turn, other sizes of a pixel or the mirror image"
        )
    if found.runner_up > LARGEST_RUNNER_UP:
        return RegistrationVerdict.AMBIGUOUS, (
            f"another place tells {found.runner_up:.0%} as much (limit {LARGEST_RUNNER_UP:.0%}): "
            "nothing matches, or the structure repeats or is too small; map a wider field"
        )
    if beyond:
        return RegistrationVerdict.TOO_FAR, (
            f"turned by {found.roll_deg:+.1f} degree, pixels {found.scale:.3f} times as large as told, "
            "is beyond what was searched: search further"
        )
    if found.sigma_px > LARGEST_SIGMA_PX:
        return RegistrationVerdict.AMBIGUOUS, (
            f"places are known to {found.sigma_px:.1f} pixels (limit {LARGEST_SIGMA_PX:g}): "
            "map a wider field, or keep turn and size as they are told"
        )
    return RegistrationVerdict.GOOD, ""


def _checked(image: ArrayLike, frame: SampleFrame, which: str) -> FloatArray:
    """Values of a map that can be registered."""
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < LEAST_SIDE:
        raise ValueError(f"register: the {which} map has {values.shape} pixels; give at least 16 x 16")
    if frame.rotation_deg % 180.0:
        raise ValueError(
            f"register: the {which} map is turned about z by {frame.rotation_deg:g} degree; "
            "give one across the beam at rotation zero"
        )
    return values


def _refined(still: _Map, moving: _Map, start: Move, limits: _Limits) -> PlacementFit:
    """Refine a place on the grid of the search, then on a fine one."""

    def refined(start: Move, pitch_um: float) -> PlacementFit:
        one, two = (Picture(*each, pitch_um) for each in (still, moving))
        turns, scales = limits.turn_deg > 0, limits.scale_part > 0
        return fit_placement(one, two, one.grid(pitch_um), start, turns=turns, scales=scales)

    search_um, fine_um = _pitches_um(still, moving)
    return refined(refined(start, search_um).move, fine_um)


def _found(still: _Map, moving: _Map, limits: _Limits) -> tuple[Placement, Move, FloatArray]:
    """Search and refine: what was found, not yet judged, as a move about a point, um (z, x)."""
    search_um, _ = _pitches_um(still, moving)
    one, two = (Picture(*each, search_um) for each in (still, moving))
    best, rival = _best(list(_peaks(one, two, search_um, limits.moves())), APART_PX * search_um)
    fit = PlacementFit(best.move, best.correlation, np.inf)
    if best.significance >= LEAST_SIGNIFICANCE and rival <= LARGEST_RUNNER_UP:
        fit = _refined(still, moving, best.move, limits)
    (z, x), (height, _, width) = fit.move.along_um, still[1].pixel_um
    found = Placement(
        rows=-z / height,
        columns=-x / width,
        roll_deg=fit.move.roll_deg,
        scale=fit.move.scale,
        correlation=fit.correlation,
        significance=best.significance,
        runner_up=rival,
        sigma_px=fit.sigma_um / still[1].smallest_um,
    )
    return found, fit.move, two.middle_um


def register(
    first: ArrayLike,
    first_frame: SampleFrame,
    second: ArrayLike,
    second_frame: SampleFrame,
    *,
    turn_deg: float = 0.0,
    scale_part: float = 0.0,
) -> tuple[SampleFrame, Placement]:
    """Correct where a map of another kind lies in the sample, such as fluorescence on a slice of a tomogram.

    Magnitudes of gradients are correlated where both maps show something, at every shift, for turns and sizes
    on a grid; from the place that tells most against chance, differences of edges and values are made least.
    Rows are taken as scan lines, as in `operando.callbacks.analysis.mapping.register`.

    Parameters
    ----------
    first, first_frame
        The map that is right, shape (rows, columns), at least 16 x 16, nan where not measured; its frame.
    second, second_frame
        The other, of any shape and pixel, and the frame that it is believed to have. A mirrored axis has a
        negative pixel there (`SampleFrame.mirrored`).
    turn_deg
        By how much it may be turned about the beam against that, either way, degree; 0 keeps its turn.
    scale_part
        By which part its pixels may be larger or smaller; 0 keeps their size.

    Returns
    -------
    tuple of SampleFrame and Placement
        The corrected frame of the second, unchanged where its place may not be used; and what was found.

    Raises
    ------
    ValueError
        If a map is too small or lies at an angle to the beam, or a limit is not one.
    """
    limits = _Limits(turn_deg, scale_part)
    still = _checked(first, first_frame, "first"), first_frame
    moving = _checked(second, second_frame, "second"), second_frame
    found, move, about_um = _found(still, moving, limits)
    verdict, reason = _judge(found, limits.exceeded(move))
    found = replace(found, verdict=verdict, reason=reason)
    if verdict != RegistrationVerdict.GOOD:
        return second_frame, found
    return second_frame.placed(move.along_um, move.roll_deg, move.scale, about_um), found
