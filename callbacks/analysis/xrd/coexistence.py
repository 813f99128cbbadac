"""A hexagonal and a distorted layered phase beside each other, whose lines no valley parts."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .candidate import Fit, alike, fit_parts, there
from .candidate_seed import is_layered, part_of, seeds
from .distorted import LEAST_GAIN, SLIGHT, layered_left, split_of
from .growth import Found
from .line_shift import LineShifts
from .naming import as_hexagonal, is_distorted
from .pattern_model import Part
from .phase import Phase, lattice_of, metric_of
from .phase_result import Pending, PhaseResult

CONFIRMED_GAIN = 12.0
"""What both must gain where two frames show them: grains of one phase that are alike gained
5.4 at most in 480 patterns."""
BESIDE_A, BESIDE_C = 0.035, 0.17
"""Hexagonal cells nearer than this (angstrom) to a distorted one may turn into it."""
DOUBTFUL = 1.0
"""Standard deviations of reduced chi squared by which a fit is worse than noise."""
STRETCHED = 0.005
"""By how much (relative) grains of one distorted phase are tried apart along a."""
STEPS = 30


def with_both(
    found: Found,
    library: tuple[Phase, ...],
    geometry: LineShifts | None,
    frame: int,
    previous: PhaseResult | None,
) -> Found:
    """Tell a hexagonal and a distorted phase from one of them alone; in a series, once two frames show both.

    Parameters
    ----------
    found
        What was found without looking for both.
    library, geometry
        Phases that may be there, and what moves lines.
    frame, previous
        Number of this frame, and the result of the one before.

    Returns
    -------
    Found
        With both phases, with one where the other has gone, with one pending, or as it was.
    """
    single = _one_again(found.fit, geometry)
    if single is not None:
        ages = tuple(age for number, age in enumerate(found.ages) if number != single[1])
        return replace(found, fit=single[0], ages=ages)
    before = previous.track.pending if previous is not None and previous.track is not None else None
    known = _main_layered(found.fit)
    if known is None or not (found.notes or before is not None or _explained_badly(found.fit)):
        return found
    least_gain = LEAST_GAIN if previous is None else CONFIRMED_GAIN
    new = both_instead(found.fit, library, geometry, least_gain)
    if new is None:
        return found
    appears = new.parts()[1 if is_layered(found.fit.pattern.parts[known].phase) else 0]
    seen = before is not None and alike(before.part, appears)
    first = before.first if before is not None and seen else frame
    if previous is None or seen:
        return _called(found, new, (first, frame - first + 1))
    gain = (found.fit.cost - new.cost) / max(new.chi2_reduced, 1.0)
    return replace(found, pending=Pending(appears, first, gain, missed=False))


def _called(found: Found, new: Fit, age: tuple[int, int]) -> Found:
    """Put both phases in the place of layered parts; each keeps the age of its kind, a new one has `age`."""
    hexagonal, distorted, rest = age, age, list[tuple[int, int]]()
    for one, part in zip(found.ages, found.fit.pattern.parts, strict=True):
        if part.phase.family != "layered":
            rest.append(one)
        elif is_layered(part.phase):
            hexagonal = min(hexagonal, one)
        else:
            distorted = min(distorted, one)
    return Found(new, (hexagonal, distorted, *rest), None, ())


def both_instead(
    fit: Fit, library: Sequence[Phase], geometry: LineShifts | None, least_gain: float = LEAST_GAIN
) -> Fit | None:
    """Fit a hexagonal and a distorted phase of one material in place of the one that was found.

    Their lines overlap with no valley between them, and yet a monoclinic cell splits some and leaves others
    whole, which no spread of one cell does. What counts is the cost: chi squared and the prices of all free
    numbers (Schwarz 1978, Ann. Stat. 6, 461) against the cheapest of what was found, the hexagonal phase
    alone with a spread of c and a, and the distorted one with grains of two cells.

    Parameters
    ----------
    fit
        Phases that were found, one of them layered, or two that may stand in for others: a hexagonal and a
        distorted one too, where the fit ended far from both.
    library, geometry
        Phases that may be there, and what moves lines.
    least_gain
        By how much both together must lower the cost, in reduced chi squared.

    Returns
    -------
    Fit or None
        The two first, the hexagonal one ahead; None where one phase explains the pattern.
    """
    number = _main_layered(fit)
    if number is None:
        return None
    main = fit.parts()[number]
    kin = [phase for phase in library if phase.material == main.phase.material != ""]
    rivals = [phase for phase in kin if is_distorted(phase) and _may_turn(main, phase)]
    alone = _hexagonal_alone(fit, main, kin, geometry) if rivals else None
    if alone is None:
        return None
    new = min(_beside(alone, rivals, geometry), key=lambda each: each.cost)
    least = min(fit.cost, alone.cost, _two_distorted(new, geometry).cost)
    found, distorted = new.parts()[:2]
    split = split_of(distorted) > SLIGHT and _may_turn(found, distorted.phase)
    sure = (least - new.cost) / max(new.chi2_reduced, 1.0) > least_gain and there(new, 0) and there(new, 1)
    return new if sure and split else None


def _main_layered(fit: Fit) -> int | None:
    """Give the number of the layered part, or of the stronger one of two that are not both distorted."""
    parts = fit.parts()
    layered = [number for number, part in enumerate(parts) if part.phase.family == "layered"]
    if len(layered) == 1:
        return layered[0]
    two = len(layered) == 2 and any(is_layered(parts[number].phase) for number in layered)
    return max(layered, key=fit.significance) if two else None


def _may_turn(part: Part, distorted: Phase) -> bool:
    """Whether a layered cell is near enough to a distorted phase to coexist with it."""
    cell = replace(part.phase, lattice=lattice_of(part.metric, part.phase.system))
    (a, c), (other_a, other_c) = as_hexagonal(cell), as_hexagonal(distorted)
    return abs(a - other_a) < BESIDE_A and abs(c - other_c) < BESIDE_C


def _hexagonal_alone(fit: Fit, main: Part, kin: Sequence[Phase], geometry: LineShifts | None) -> Fit | None:
    """Fit with one layered phase, hexagonal as it is or in place of a distorted one; it comes first."""
    others = [part for part in fit.parts() if part.phase.family != "layered"]
    if not is_layered(main.phase):
        hexagonal = [phase for phase in kin if is_layered(phase)]
        if not hexagonal:
            return None
        left = layered_left(fit, others, geometry)
        main = seeds(fit.measured, left, hexagonal, geometry, fit.shape)[0].part
    return fit_parts(fit.measured, [main, *others], geometry, fit.shape, steps=STEPS)


def _beside(alone: Fit, rivals: Sequence[Phase], geometry: LineShifts | None) -> list[Fit]:
    """Fits of each distorted phase beside a hexagonal one, from its own lattice and from what is left."""
    main, *others = alone.parts()
    half = replace(main, scale=main.scale / 2)
    brightest = half.scale * float(main.phase.strength.max())
    starts = [
        [half, part_of(phase, phase.metric, brightest / float(phase.strength.max()), geometry)]
        for phase in rivals
    ]
    left = alone.measured.values - alone.refined.pattern
    starts.append([main, seeds(alone.measured, left, rivals, geometry, alone.shape)[0].part])
    return [
        fit_parts(alone.measured, [*start, *others], geometry, alone.shape, steps=STEPS) for start in starts
    ]


def _two_distorted(both: Fit, geometry: LineShifts | None) -> Fit:
    """Fit grains of two cells of the distorted phase in place of a hexagonal one beside it."""
    _, distorted, *others = both.parts()
    half = replace(distorted, scale=distorted.scale / 2)
    a, b, c, alpha, beta, gamma = lattice_of(distorted.metric, distorted.phase.system)
    fits: list[Fit] = []
    for stretch in (-STRETCHED, STRETCHED):
        metric = metric_of((a * (1 + stretch), b, c, alpha, beta, gamma), distorted.phase.system)
        parts = [half, replace(half, metric=metric), *others]
        fits.append(fit_parts(both.measured, parts, geometry, both.shape, steps=STEPS))
    return min(fits, key=lambda each: each.cost)


def _one_again(fit: Fit, geometry: LineShifts | None) -> tuple[Fit, int] | None:
    """Fit without the weaker one of a hexagonal and a distorted phase where that is cheaper.

    Returns
    -------
    tuple or None
        The fit, and the number of the part that is no more there; None where both are.
    """
    parts = fit.parts()
    layered = [number for number, part in enumerate(parts) if part.phase.family == "layered"]
    if len(layered) != 2 or sum(is_distorted(parts[number].phase) for number in layered) != 1:
        return None
    weaker = min(layered, key=fit.significance)
    kept = [part for number, part in enumerate(parts) if number != weaker]
    new = fit_parts(fit.measured, kept, geometry, fit.shape, steps=STEPS)
    return (new, weaker) if new.cost < fit.cost else None


def _explained_badly(fit: Fit) -> bool:
    """Whether more is left of a pattern than noise."""
    return fit.chi2_reduced > 1 + DOUBTFUL * float(np.sqrt(2.0 / fit.measured.values.size))
