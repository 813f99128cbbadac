"""Which phases a pattern holds, frame by frame, with answers for what cannot be said."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .candidate import (
    LEAST_SIGNIFICANCE,
    Fit,
    best_addition,
    doubted,
    fit_parts,
    is_layered,
    settled_options,
)
from .geometry import Geometry
from .library import load_library
from .measured import Measured, prepare, typical_width
from .naming import describe
from .pattern import Part
from .phase import FloatArray, Phase
from .phase_result import PhaseResult, State, Track
from .seed import signal_of
from .valley import DEEPEST, valley_depth

MOST_PHASES = 5
WEAKEST_PEAK = 6.0
"""Peaks below so many standard deviations are noise."""
AMBIGUOUS_GAIN = 25.0
GONE = 3.0
UNKNOWN_PART = 0.02


@lru_cache(maxsize=1)
def _whole_library() -> tuple[Phase, ...]:
    return load_library()


@dataclass(frozen=True, eq=False)
class _Found:
    """A fit, the ages (first seen, frames seen) of its parts, what is pending, and what was noticed."""

    fit: Fit
    ages: tuple[tuple[int, int], ...]
    pending: tuple[Part, int] | None
    notes: tuple[tuple[State, str], ...]


def identify_phases(
    q_per_a: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    library: Sequence[Phase] = (),
    geometry: Geometry | None = None,
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
    measured: Measured, library: tuple[Phase, ...], geometry: Geometry | None, width: float, frame: int
) -> _Found | None:
    """Build up the phases of a pattern that has no frame before it."""
    fits = best_addition(None, measured, library, geometry, width)
    if not fits:
        return None
    notes = _ambiguity(fits)
    found = _Found(fits[0], ((frame, 1),), None, notes)
    while len(found.ages) < MOST_PHASES:
        grown = _grown(found, library, geometry, frame, persistent=True)
        if grown is None or len(grown.ages) == len(found.ages):
            return grown or found
        found = grown
    return found


def _ambiguity(fits: list[Fit]) -> tuple[tuple[State, str], ...]:
    """Note when a phase of another kind explains the pattern as well."""
    best = fits[0]
    family = best.pattern.parts[-1].phase.family
    for other in fits[1:]:
        rival = other.pattern.parts[-1].phase
        close = other.cost - best.cost < AMBIGUOUS_GAIN * max(best.chi2_reduced, 1.0)
        if rival.family != family and close:
            name = best.pattern.parts[-1].phase.name
            return (
                (
                    State.AMBIGUOUS,
                    f"{rival.name} ({rival.family}) explains the lines as well as {name} ({family})",
                ),
            )
    return ()


def _grown(
    found: _Found, library: tuple[Phase, ...], geometry: Geometry | None, frame: int, *, persistent: bool
) -> _Found | None:
    """Add the phase that best explains what is left; None if nothing is to be explained."""
    base = found.fit
    measured = doubted(base.measured, base.lines_only())
    left = measured.values - base.refined.pattern
    width = float(settled_options(base)["width_per_a"]) * 1.3  # type: ignore[arg-type]
    if not _suspicious(measured, left, width):
        return None
    doubtful = replace(base, measured=measured, refined=_weighed(base, measured))
    fits = best_addition(doubtful, measured, library, geometry, width)
    if not fits:
        return None
    new = fits[0].parts()[-1]
    if is_layered(new.phase) and not _resolved(fits[0]):
        note = (
            State.HETEROGENEOUS,
            f"lines of {new.phase.name} are spread and no valley parts them: grains differ",
        )
        return replace(found, notes=(*found.notes, note))
    if not persistent and not _seen_before(found.pending, new):
        return replace(found, pending=(new, frame))
    first = frame if found.pending is None or persistent else found.pending[1]
    again = replace(fits[0], measured=replace(fits[0].measured, sigma=base.measured.sigma))
    notes = (*found.notes, *(() if found.notes else _ambiguity(fits)))
    return _Found(again, (*found.ages, (first, frame - first + 1)), None, notes)


def _weighed(base: Fit, measured: Measured) -> object:
    """The refined pattern with chi squared by other standard deviations."""
    chi2 = float((((measured.values - base.refined.pattern) / measured.sigma) ** 2).sum())
    return replace(base.refined, chi2=chi2)


def _suspicious(measured: Measured, left: FloatArray, width_per_a: float) -> bool:
    """Whether anything is left that could be lines: one peak at four standard deviations is enough to look."""
    signal = signal_of(measured.q_per_a, left, measured.sigma, width_per_a)
    return bool(signal.max() ** 2 > 2.5)


def _resolved(fit: Fit) -> bool:
    """Whether the last layered part is parted by a valley from every other one."""
    parts = fit.parts()
    new = parts[-1]
    width = float(settled_options(fit)["width_per_a"])  # type: ignore[arg-type]
    return all(_parted(part, new, width) for part in parts[:-1] if is_layered(part.phase))


def _parted(one: Part, other: Part, width_per_a: float) -> bool:
    """Whether a valley parts one of the two strongest kinds of lines, 00l or hk0, or another strong one."""
    best = 1.0
    for line, hkl in enumerate(one.phase.hkl):
        same = np.flatnonzero((other.phase.hkl == hkl).all(axis=1))
        if one.phase.relative_intensity[line] < 15 or not same.size:
            continue
        rows = np.stack([one.phase.rows[line], other.phase.rows[same[0]]])
        metrics = np.stack([one.metric, other.metric])
        q = np.sqrt((rows * metrics).sum(axis=1))
        strain = np.array([one.strain, other.strain]) * q
        by_c = 2.355 * rows[:, 1] * metrics[:, 1] ** 1.5 / (2 * np.pi * q)
        widths = np.sqrt(
            width_per_a**2 + strain**2 + (np.array([one.spread_c_a, other.spread_c_a]) * by_c) ** 2
        )
        areas = np.array([one.scale * one.phase.strength[line], other.scale * other.phase.strength[same[0]]])
        best = min(best, valley_depth(q, widths, areas))
    return best < DEEPEST


def _seen_before(pending: tuple[Part, int] | None, new: Part) -> bool:
    """Whether the same phase at nearly the same lattice was seen in the frame before."""
    if pending is None:
        return False
    before = pending[0]
    alike = before.phase.name == new.phase.name or (is_layered(before.phase) and is_layered(new.phase))
    return alike and bool(np.all(np.abs(before.metric - new.metric) < 0.02 * np.abs(new.metric).max()))


def _tracked(
    measured: Measured,
    library: tuple[Phase, ...],
    geometry: Geometry | None,
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
    grown = _grown(found, library, geometry, frame, persistent=False)
    if grown is None or grown.pending is track.pending:
        return replace(grown or found, pending=None)
    return grown


def _result(found: _Found, library: tuple[Phase, ...], frame: int) -> PhaseResult:
    """Name the phases and say what may be said."""
    fit = found.fit
    measured = fit.measured
    splines = measured.basis.shape[1]
    phases = describe(fit, library, found.ages)
    doubts = doubted(measured, fit.lines_only())
    width = float(settled_options(fit)["width_per_a"]) * 1.3  # type: ignore[arg-type]
    left = measured.values - fit.refined.pattern
    unknown = _unknown(doubts, left, fit.lines_only(), width)
    notes = list(found.notes)
    if unknown:
        notes.append((State.UNKNOWN, _told(unknown)))
    ordinary = [phase for phase in phases if phase.family != "cell part"]
    state = notes[0][0] if notes else (State.MIXTURE if len(ordinary) > 1 else State.SINGLE)
    said = [sentence for _, sentence in notes]
    if found.pending is not None:
        said.append(f"{found.pending[0].phase.name} may be appearing: called if the next frame shows it too")
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
        width_per_a=options["width_per_a"],  # type: ignore[arg-type]
        eta=options["eta"],  # type: ignore[arg-type]
        shifts_rad=options["shifts_rad"],  # type: ignore[arg-type]
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
