"""Which phases a pattern holds, frame by frame, with answers for what cannot be said."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .candidate import (
    best_addition,
    doubted,
    fit_parts,
    straightened,
)
from .candidate_seed import is_layered
from .coexistence import with_both
from .distorted import distorted_instead, height_of, still_unresolved, unresolved
from .growth import Found, ambiguity, grown
from .library import load_library
from .line_shift import LineShifts
from .measured import Measured, prepare, typical_width
from .naming import describe, is_named
from .phase import FloatArray, Phase
from .phase_result import PhaseResult, State, Track
from .residual_stack import nothing_left
from .seed import signal_of

MOST_PHASES = 5
WEAKEST_PEAK = 6.0
"""Peaks below so many standard deviations are noise."""
GONE = 2.0
"""A phase that was called is held down to so many standard deviations: it was beyond doubt before."""
LOST = 1.5
"""Reduced chi squared over that of the frame before, above which a pattern is looked at anew."""
UNKNOWN_PART = 0.02


@lru_cache(maxsize=1)
def _whole_library() -> tuple[Phase, ...]:
    return load_library()


def identify_phases(
    q_per_a: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    library: Sequence[Phase] = (),
    geometry: LineShifts | None = None,
    previous: PhaseResult | None = None,
) -> PhaseResult:
    """Find the phases of a pattern.

    Phases are added one by one, each seeded from the peaks that the others leave, as long as one lowers chi
    squared beyond doubt and most of its strong lines are there. Layered oxides are met by one free cell with
    a spread of c, named afterwards. A further phase is called only if valleys part its lines from the others,
    and within a series only when two frames show it; without a valley the state is ``heterogeneous``.

    Parameters
    ----------
    q_per_a, intensity
        The pattern (n,), 1/angstrom and counts (or proportional to counts, with `sigma`).
    sigma
        Standard deviations (n,); None if the intensities are counts.
    library
        Phases that may be there; everything `load_library` knows if empty. The fewer, the surer.
    geometry
        What moves lines; cell parts then are internal standards with fixed lattices.
    previous
        Result of the frame before: its phases are tracked, and persistence is counted through it; those that
        are not in `library` are dropped.

    Returns
    -------
    PhaseResult
        With a state and its reason; ugly data end in ``too weak``.

    Raises
    ------
    ValueError
        If the shapes of the arrays differ.
    """
    frame = 0 if previous is None else previous.frame + 1
    measured = prepare(q_per_a, intensity, sigma)
    phases = tuple(library) or _whole_library()
    if measured is None:
        return _too_weak("fewer than 60 finite points with a sigma above 0", frame, previous)
    width = float(np.clip(typical_width(measured), 0.004, 0.03))
    if not _peaks(measured, measured.lines, width).size:
        return _too_weak(f"no peak above {WEAKEST_PEAK} standard deviations: count longer", frame, previous)
    found = _tracked(measured, phases, geometry, previous, frame) if previous is not None else None
    if found is None or (previous is not None and _lost(found, previous)):
        anew = _first(measured, phases, geometry, width, frame)
        found = _better(found, anew)
    if found is not None and previous is not None:
        found = _straight(found, phases, geometry, frame)
    if found is not None:
        found = with_both(found, phases, geometry, frame, previous)
    if found is None:
        unknown = tuple(float(q) for q in _peaks(measured, measured.lines, width))
        return replace(
            _too_weak("", frame, None), state=State.UNKNOWN, reason=_told(unknown), unknown_q_per_a=unknown
        )
    return _result(found, phases, frame, previous)


def _peaks(measured: Measured, left: FloatArray, width_per_a: float) -> FloatArray:
    """Places (m,) of the peaks that stand out of the noise, 1/angstrom."""
    signal = signal_of(measured.q_per_a, left, measured.sigma, width_per_a)
    top = (signal[1:-1] > signal[:-2]) & (signal[1:-1] >= signal[2:])
    return measured.q_per_a[1:-1][top & (signal[1:-1] ** 2 > WEAKEST_PEAK - 1)]


def _lost(found: Found, previous: PhaseResult) -> bool:
    """Whether a tracked frame is explained much worse than the one before it."""
    return found.fit.chi2_reduced > LOST * max(previous.chi2_reduced, 1.0)


def _better(tracked: Found | None, anew: Found | None) -> Found | None:
    """Give the cheaper of two explanations; phases keep their ages where they are of the same kind."""
    if tracked is None or anew is None:
        return tracked or anew
    if tracked.fit.cost <= anew.fit.cost:
        return tracked
    ages = list(anew.ages)
    for number, part in enumerate(anew.fit.pattern.parts):
        for age, before in zip(tracked.ages, tracked.fit.pattern.parts, strict=True):
            if _same_kind(before.phase, part.phase):
                ages[number] = min(ages[number], age)
    return replace(anew, ages=tuple(ages))


def _same_kind(one: Phase, other: Phase) -> bool:
    return one.name == other.name or (is_layered(one) and is_layered(other))


def _straight(found: Found, library: tuple[Phase, ...], geometry: LineShifts | None, frame: int) -> Found:
    """Put a distorted phase in the place of layered ones that stand in for it."""
    layered = [part for part in found.fit.pattern.parts if part.phase.family == "layered"]
    spread = any(state is State.HETEROGENEOUS for state, _ in found.notes)
    new = distorted_instead(found.fit, library, geometry) if len(layered) > 1 or spread else None
    if new is None:
        return found
    kept = [age for age, part in zip(found.ages, found.fit.pattern.parts, strict=True) if part not in layered]
    return Found(new, ((frame, 1), *kept), None, ())


def _first(
    measured: Measured, library: tuple[Phase, ...], geometry: LineShifts | None, width: float, frame: int
) -> Found | None:
    """Build up the phases of a pattern that has no frame before it."""
    added = best_addition(None, measured, library, geometry, width)
    if not added:
        return None
    fit = added[0].fit
    found = Found(fit, ((frame, 1),) * len(fit.pattern.parts), None, ambiguity(added))
    while len(found.ages) < MOST_PHASES:
        more = grown(found, library, geometry, frame, alone=True)
        if len(more.ages) == len(found.ages):
            return more
        found = more
    return found


def _tracked(
    measured: Measured,
    library: tuple[Phase, ...],
    geometry: LineShifts | None,
    previous: PhaseResult,
    frame: int,
) -> Found | None:
    """Start from the frame before; None if what it held does not explain this one."""
    track = None if previous.track is None else _of_library(previous.track, library)
    if track is None:
        return None
    parts, ages = [straightened(part, library) for part in track.parts], list(track.ages)
    if track.background.size == measured.coefficients.size:
        measured = replace(measured, coefficients=track.background)
    while parts:
        fit = fit_parts(measured, parts, geometry, track.shape)
        gone = [i for i in range(len(parts)) if fit.significance(i) < GONE]
        if not gone:
            break
        parts = [part for i, part in enumerate(parts) if i not in gone]
        ages = [age for i, age in enumerate(ages) if i not in gone]
    else:
        return None
    kept = tuple((first, count + 1) for first, count in ages)
    stack = track.stack if len(parts) == len(track.parts) else None
    left = measured.values - fit.refined.pattern
    stack = (stack or nothing_left()).added(left, measured.sigma)
    found = Found(fit, kept, track.pending, (), stack)
    if len(parts) >= MOST_PHASES:
        return replace(found, pending=None)
    return grown(found, library, geometry, frame, alone=False)


def _of_library(track: Track, library: tuple[Phase, ...]) -> Track:
    """Drop what is not in the library, which may be another than that of the frame before."""
    kept = [number for number, part in enumerate(track.parts) if is_named(part, library)]
    if track.pending is not None and not is_named(track.pending.part, library):
        track = replace(track, pending=None)
    if len(kept) == len(track.parts):
        return track
    parts, ages = (tuple(each[number] for number in kept) for each in (track.parts, track.ages))
    return replace(track, parts=parts, ages=ages, stack=None)


def _result(
    found: Found, library: tuple[Phase, ...], frame: int, previous: PhaseResult | None
) -> PhaseResult:
    """Name the phases and say what may be said."""
    fit = found.fit
    measured = fit.measured
    splines = measured.basis.shape[1]
    phases = describe(fit, library, found.ages)
    doubts = doubted(measured, fit.lines_only())
    width = fit.shape.width_per_a * 1.3
    left = measured.values - fit.refined.pattern
    unknown = _unknown(doubts, left, fit.lines_only(), width)
    notes = list(found.notes)
    if unknown:
        notes.append((State.UNKNOWN, _told(unknown)))
    ordinary = [phase for phase in phases if phase.family != "cell part"]
    before = previous.track.doubtful_c_a if previous is not None and previous.track is not None else np.nan
    doubt = "" if notes else unresolved(phases, library) or still_unresolved(phases, before)
    if doubt:
        notes.append((State.AMBIGUOUS, doubt))
    state = notes[0][0] if notes else (State.MIXTURE if len(ordinary) > 1 else State.SINGLE)
    said = [sentence for _, sentence in notes]
    if found.pending is not None:
        said.append(
            f"{found.pending.part.phase.name} may be appearing: called if the next frame shows it too"
        )
    return PhaseResult(
        state=state,
        reason="; ".join(said),
        phases=phases,
        unknown_q_per_a=unknown,
        chi2_reduced=fit.chi2_reduced,
        frame=frame,
        pattern=fit.refined.pattern,
        background=measured.basis @ fit.refined.vector[:splines],
        track=_track(found, float(np.fmax(height_of(phases)[0], before)) if doubt else float("nan")),
    )


def _track(found: Found, doubtful_c_a: float) -> Track:
    return Track(
        parts=tuple(found.fit.parts()),
        ages=found.ages,
        pending=found.pending,
        shape=found.fit.shape,
        background=found.fit.refined.vector[: found.fit.measured.basis.shape[1]],
        stack=found.stack,
        doubtful_c_a=doubtful_c_a,
    )


def _unknown(measured: Measured, left: FloatArray, lines: FloatArray, width: float) -> tuple[float, ...]:
    """Peaks that nothing explains, away from the shoulders of strong lines."""
    places = _peaks(measured, left, width)
    height = np.interp(places, measured.q_per_a, left)
    near = np.interp(places, measured.q_per_a, lines)
    true = (height > UNKNOWN_PART * lines.max(initial=0.0)) & (height > 0.5 * near)
    return tuple(float(place) for place in places[true])


def _told(unknown: Sequence[float]) -> str:
    return "unknown peaks at q = " + ", ".join(f"{q:.3f}" for q in unknown) + " 1/angstrom"


def _too_weak(reason: str, frame: int, previous: PhaseResult | None) -> PhaseResult:
    """Say that nothing can be said; what was tracked before stays for the next frame."""
    empty = np.array([])
    track = previous.track if previous is not None else None
    return PhaseResult(State.WEAK, reason, (), (), float("nan"), frame, empty, empty, track)
