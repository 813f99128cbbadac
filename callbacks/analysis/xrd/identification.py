"""Which phases a pattern holds, frame by frame, with answers for what cannot be said."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .candidate import (
    LEAST_GAIN,
    Addition,
    Fit,
    best_addition,
    doubted,
    fit_parts,
    is_layered,
    settled_options,
    stands_apart,
)
from .library import load_library
from .line_shift import LineShifts
from .measured import Measured, prepare, typical_width
from .naming import describe
from .pattern_model import Part
from .phase import FloatArray, Phase, lattice_of
from .phase_result import Pending, PhaseResult, State, Track
from .refinement import Refined
from .seed import signal_of

MOST_PHASES = 5
WEAKEST_PEAK = 6.0
"""Peaks below so many standard deviations are noise."""
AMBIGUOUS_GAIN = 25.0
GONE = 3.0
ALIKE = 0.008
"""How far, relative, the lattice of a phase that appears may move from one frame to the next."""
PENDING_GAIN = 5.0
PENDING_SIGNIFICANCE = 3.5
CALLED_GAIN = 20.0
"""Gains (less the price of the lattice) that make a phase pending, and, summed over frames, call it."""
UNKNOWN_PART = 0.02


@lru_cache(maxsize=1)
def _whole_library() -> tuple[Phase, ...]:
    return load_library()


@dataclass(frozen=True, eq=False)
class _Found:
    """A fit, the ages (first seen, frames seen) of its parts, what is pending, and what was noticed."""

    fit: Fit
    ages: tuple[tuple[int, int], ...]
    pending: Pending | None
    notes: tuple[tuple[State, str], ...]


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
    squared beyond doubt and most of its strong lines are there. Layered oxides are met by one free cell with a
    spread of c, named afterwards. A second layered cell is called only if a valley between its lines and those
    of the first is resolved, and within a series only when it is seen in two frames running; without a valley
    the state is ``heterogeneous``.

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
        Result of the frame before: its phases are tracked, and persistence is counted through it.

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
        return _too_weak("fewer than 60 finite points", frame, previous)
    width = float(np.clip(typical_width(measured), 0.004, 0.03))
    if not _peaks(measured, measured.lines, width).size:
        return _too_weak(f"no peak above {WEAKEST_PEAK} standard deviations: count longer", frame, previous)
    found = _tracked(measured, phases, geometry, previous, frame) if previous is not None else None
    if found is None:
        found = _first(measured, phases, geometry, width, frame)
    if found is None:
        unknown = tuple(float(q) for q in _peaks(measured, measured.lines, width))
        return replace(
            _too_weak("", frame, None), state=State.UNKNOWN, reason=_told(unknown), unknown_q_per_a=unknown
        )
    return _result(found, phases, frame)


def _peaks(measured: Measured, left: FloatArray, width_per_a: float) -> FloatArray:
    """Places (m,) of the peaks that stand out of the noise, 1/angstrom."""
    signal = signal_of(measured.q_per_a, left, measured.sigma, width_per_a)
    top = (signal[1:-1] > signal[:-2]) & (signal[1:-1] >= signal[2:])
    return measured.q_per_a[1:-1][top & (signal[1:-1] ** 2 > WEAKEST_PEAK - 1)]


def _first(
    measured: Measured, library: tuple[Phase, ...], geometry: LineShifts | None, width: float, frame: int
) -> _Found | None:
    """Build up the phases of a pattern that has no frame before it."""
    added = best_addition(None, measured, library, geometry, width)
    if not added:
        return None
    found = _Found(added[0].fit, ((frame, 1),), None, _ambiguity(added))
    while len(found.ages) < MOST_PHASES:
        grown = _grown(found, library, geometry, frame, alone=True)
        if len(grown.ages) == len(found.ages):
            return grown
        found = grown
    return found


def _ambiguity(added: list[Addition]) -> tuple[tuple[State, str], ...]:
    """Note when a phase of another kind explains the pattern as well."""
    best = added[0].fit
    named = best.pattern.parts[-1].phase
    for other in added[1:]:
        rival = other.fit.pattern.parts[-1].phase
        close = other.fit.cost - best.cost < AMBIGUOUS_GAIN * max(best.chi2_reduced, 1.0)
        if rival.family != named.family and close:
            said = (
                f"{rival.name} ({rival.family}) explains the lines as well as {named.name} ({named.family})"
            )
            return ((State.AMBIGUOUS, said),)
    return ()


def _grown(
    found: _Found, library: tuple[Phase, ...], geometry: LineShifts | None, frame: int, *, alone: bool
) -> _Found:
    """Add the phase that best explains what is left; in a series, once it was seen in two frames running."""
    base, before = found.fit, found.pending
    measured = doubted(base.measured, base.lines_only())
    width = settled_options(base)["width_per_a"] * 1.3
    doubtful = replace(base, measured=measured, refined=_weighed(base, measured))
    limits = {} if alone else {"least_gain": PENDING_GAIN, "least_significance": PENDING_SIGNIFICANCE}
    pending = before.part if before is not None else None
    added = best_addition(doubtful, measured, library, geometry, width, pending=pending, **limits)
    if not added:
        return replace(found, pending=_waiting(before))
    best = added[0]
    if before is not None:
        alike = [each for each in added if _alike(before.part, each.fit.parts()[-1])]
        best = alike[0] if alike and alike[0].gain > best.gain - PENDING_GAIN else best
    new = best.fit.parts()[-1]
    if new.phase.family != "cell part" and not stands_apart(best.fit):
        return replace(found, pending=_waiting(before), notes=(*found.notes, *_spread(new, best)))
    seen = before is not None and _alike(before.part, new)
    if before is not None and not seen and not before.missed and best.gain < before.gain:
        return replace(found, pending=_waiting(before))
    gain = best.gain + (before.gain if before is not None and seen else 0.0)
    if not alone and not (seen and gain > CALLED_GAIN):
        first = before.first if before is not None and seen else frame
        return replace(found, pending=Pending(new, first, gain, missed=False))
    first = before.first if before is not None and seen else frame
    fit = replace(best.fit, measured=replace(best.fit.measured, sigma=base.measured.sigma))
    fit = replace(fit, refined=_weighed(fit, fit.measured))
    notes = found.notes or _ambiguity(added)
    return _Found(fit, (*found.ages, (first, frame - first + 1)), None, notes)


def _waiting(before: Pending | None) -> Pending | None:
    """Let a phase that was seen be missing from one frame, not from two."""
    return None if before is None or before.missed else replace(before, missed=True)


def _spread(new: Part, best: Addition) -> tuple[tuple[State, str], ...]:
    """Note that grains differ, if that is beyond doubt."""
    if best.gain < LEAST_GAIN or new.phase.family != "layered":
        return ()
    return (
        (
            State.HETEROGENEOUS,
            f"lines are spread towards {new.phase.name} and no valley parts them: grains differ",
        ),
    )


def _weighed(base: Fit, measured: Measured) -> Refined:
    """Take the refined pattern with chi squared by other standard deviations."""
    chi2 = float((((measured.values - base.refined.pattern) / measured.sigma) ** 2).sum())
    return replace(base.refined, chi2=chi2)


def _alike(one: Part, other: Part) -> bool:
    """Whether two parts are the same phase at nearly the same lattice."""
    same = one.phase.name == other.phase.name or (is_layered(one.phase) and is_layered(other.phase))
    if not same:
        return False
    near, far = (np.array(lattice_of(part.metric, part.phase.system)[:3]) for part in (one, other))
    return bool(np.all(np.abs(near - far) < ALIKE * near))


def _tracked(
    measured: Measured,
    library: tuple[Phase, ...],
    geometry: LineShifts | None,
    previous: PhaseResult,
    frame: int,
) -> _Found | None:
    """Start from the frame before; None if what it held does not explain this one."""
    track = previous.track
    if track is None:
        return None
    parts, ages = list(track.parts), list(track.ages)
    if track.background.size == measured.coefficients.size:
        measured = replace(measured, coefficients=track.background)
    while parts:
        fit = fit_parts(
            measured, parts, geometry, track.width_per_a, eta=track.eta, shifts_rad=track.shifts_rad
        )
        gone = [i for i in range(len(parts)) if fit.significance(i) < GONE]
        if not gone:
            break
        parts = [part for i, part in enumerate(parts) if i not in gone]
        ages = [age for i, age in enumerate(ages) if i not in gone]
    else:
        return None
    kept = tuple((first, count + 1) for first, count in ages)
    found = _Found(fit, kept, track.pending, ())
    if len(parts) >= MOST_PHASES:
        return replace(found, pending=None)
    return _grown(found, library, geometry, frame, alone=False)


def _result(found: _Found, library: tuple[Phase, ...], frame: int) -> PhaseResult:
    """Name the phases and say what may be said."""
    fit = found.fit
    measured = fit.measured
    splines = measured.basis.shape[1]
    phases = describe(fit, library, found.ages)
    doubts = doubted(measured, fit.lines_only())
    width = settled_options(fit)["width_per_a"] * 1.3
    left = measured.values - fit.refined.pattern
    unknown = _unknown(doubts, left, fit.lines_only(), width)
    notes = list(found.notes)
    if unknown:
        notes.append((State.UNKNOWN, _told(unknown)))
    ordinary = [phase for phase in phases if phase.family != "cell part"]
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
        track=_track(found),
    )


def _track(found: _Found) -> Track:
    options = settled_options(found.fit)
    return Track(
        parts=tuple(found.fit.parts()),
        ages=found.ages,
        pending=found.pending,
        width_per_a=options["width_per_a"],
        eta=options["eta"],
        shifts_rad=options["shifts_rad"],
        background=found.fit.refined.vector[: found.fit.measured.basis.shape[1]],
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
