"""One phase more: from the peaks that the known phases leave, and only when it may be called."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .candidate import (
    LEAST_GAIN,
    Addition,
    Fit,
    alike,
    best_addition,
    doubted,
    fit_parts,
    stands_apart,
)
from .candidate_seed import Seed, explained, is_layered
from .line_shift import LineShifts
from .measured import Measured
from .pattern_model import Part
from .phase import Phase, lattice_of
from .phase_result import Pending, State
from .refinement import Refined
from .residual_stack import ResidualStack, nothing_left
from .valley import ALONE_DEVIATIONS, LEAST_DEVIATIONS
from .weak_phase import mean_seeds, weak_phase

AMBIGUOUS_GAIN = 25.0
LEAST_SHARE, LEAST_SPREAD_A = 0.02, 0.02
"""Grains differ when these hold: mass beside the main part, and what it adds to the spread of c, angstrom."""
PENDING_GAIN = 1.0
PENDING_SIGNIFICANCE = 3.2
CALLED_GAIN = 20.0
"""Gains (less the price of the lattice) that make a phase pending, and, summed over frames, call it."""
KNOWN_PLACE = 0.6
"""Part of the price of a lattice that is not due again where the frame before has it at the same place."""


@dataclass(frozen=True, eq=False)
class Found:
    """A fit, the ages (first seen, frames seen) of its parts, what is pending, noticed, and left over."""

    fit: Fit
    ages: tuple[tuple[int, int], ...]
    pending: Pending | None
    notes: tuple[tuple[State, str], ...]
    stack: ResidualStack | None = None


def ambiguity(added: list[Addition]) -> tuple[tuple[State, str], ...]:
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


def grown(
    found: Found, library: tuple[Phase, ...], geometry: LineShifts | None, frame: int, *, alone: bool
) -> Found:
    """Add the phase that best explains what is left of this pattern, or of the last ones together."""
    if alone or found.stack is None:
        return _grown(found, library, geometry, frame)
    mean = found.stack.mean(found.fit)
    scored = mean_seeds(found.fit, mean, library, geometry)
    more = _grown(found, library, geometry, frame, scored)
    if len(more.ages) > len(found.ages):
        return more
    if more.pending is not None and more.pending.missed and more.pending.gain > CALLED_GAIN:
        return replace(more, stack=_stack_of(more.fit))
    new = weak_phase(found.fit, found.stack, mean, scored, library, geometry)
    if new is None:
        return more
    known = more.pending is not None and alike(more.pending.part, new)
    first = more.pending.first if known and more.pending is not None else frame - 1
    fit = fit_parts(found.fit.measured, [*found.fit.parts(), new], geometry, found.fit.shape)
    return Found(fit, (*found.ages, (first, frame - first + 1)), None, found.notes)


def _stack_of(fit: Fit) -> ResidualStack:
    """Begin a stack with one pattern: what that before it showed beyond doubt is not in this one."""
    return nothing_left().added(fit.measured.values - fit.refined.pattern, fit.measured.sigma)


def _grown(
    found: Found,
    library: tuple[Phase, ...],
    geometry: LineShifts | None,
    frame: int,
    scored: Sequence[Seed] | None = None,
) -> Found:
    """Add the phase that best explains what is left; in a series, once it was seen in two frames running."""
    before, alone = found.pending, scored is None
    added = _additions(found, library, geometry, scored)
    if not added:
        return replace(found, pending=_waiting(before))
    best = _preferred(added, before)
    new = best.fit.parts()[-1]
    apart = ALONE_DEVIATIONS if alone else LEAST_DEVIATIONS
    if new.phase.family != "cell part" and not stands_apart(best.fit, apart):
        return replace(found, pending=_waiting(before), notes=(*found.notes, *_spread(new, best)))
    seen = before if before is not None and alike(before.part, new) else None
    if before is not None and seen is None and not before.missed and best.gain < before.gain:
        return replace(found, pending=_waiting(before))
    first, gain = frame, best.gain
    if seen is not None:
        first = seen.first
        gain += seen.gain + KNOWN_PLACE * best.fit.price(len(best.fit.pattern.parts) - 1)
    if not alone and not (seen is not None and gain > CALLED_GAIN):
        return replace(found, pending=Pending(new, first, gain, missed=False))
    fit = replace(best.fit, measured=replace(best.fit.measured, sigma=found.fit.measured.sigma))
    fit = replace(fit, refined=_weighed(fit, fit.measured))
    ages = (*found.ages, (first, frame - first + 1))
    return Found(fit, ages, None, found.notes or ambiguity(added))


def _additions(
    found: Found, library: tuple[Phase, ...], geometry: LineShifts | None, scored: Sequence[Seed] | None
) -> list[Addition]:
    """Fit what would explain what is left, the best first: anything, or what several patterns have scored."""
    base = found.fit
    measured = doubted(base.measured, base.lines_only())
    doubtful = replace(base, measured=measured, refined=_weighed(base, measured))
    limits: dict[str, Any] = {}
    if scored is not None:
        left = measured.values - base.refined.pattern
        limits = {
            "scored": [
                replace(seed, gain=explained(measured, left, seed.part, base.shape)) for seed in scored[:2]
            ],
            "least_gain": PENDING_GAIN,
            "least_significance": PENDING_SIGNIFICANCE,
        }
    pending = found.pending.part if found.pending is not None else None
    width = base.shape.width_per_a * 1.3
    return best_addition(doubtful, measured, library, geometry, width, pending=pending, **limits)


def _preferred(added: list[Addition], before: Pending | None) -> Addition:
    """Choose the best one, or that which is pending where it is nearly as good."""
    best = added[0]
    if before is None:
        return best
    same = next((each for each in added if alike(before.part, each.fit.parts()[-1])), None)
    return same if same is not None and same.gain > best.gain - PENDING_GAIN else best


def _waiting(before: Pending | None) -> Pending | None:
    """Let a phase that was seen be missing from one frame, not from two."""
    return None if before is None or before.missed else replace(before, missed=True)


def _spread(new: Part, best: Addition) -> tuple[tuple[State, str], ...]:
    """Note that grains differ, if that is beyond doubt and more than the shape of lines could feign."""
    if best.gain < LEAST_GAIN or new.phase.family != "layered" or not _differs(best.fit):
        return ()
    return (
        (
            State.HETEROGENEOUS,
            f"lines are spread towards {new.phase.name} and no valley parts them: grains differ",
        ),
    )


def _differs(fit: Fit) -> bool:
    """Whether the last part has a share that matters, and widens the distribution of c where it has one."""
    *parts, new = fit.parts()
    layered = [part for part in parts if part.phase.family == new.phase.family]
    if not layered:
        return False
    main = max(layered, key=lambda part: part.scale)
    share = new.scale * new.phase.density / (new.scale * new.phase.density + main.scale * main.phase.density)
    if not (is_layered(main.phase) and is_layered(new.phase)):
        return bool(share > LEAST_SHARE)
    apart_a = lattice_of(new.metric, new.phase.system)[2] - lattice_of(main.metric, main.phase.system)[2]
    return bool(share > LEAST_SHARE and abs(apart_a) * np.sqrt(share * (1 - share)) > LEAST_SPREAD_A)


def _weighed(base: Fit, measured: Measured) -> Refined:
    """Take the refined pattern with chi squared by other standard deviations."""
    chi2 = float((((measured.values - base.refined.pattern) / measured.sigma) ** 2).sum())
    return replace(base.refined, chi2=chi2)
