"""Monoclinic distortions of layered oxides: where a hexagonal cell stands in for one, or may."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .candidate import Fit, fit_parts, there
from .candidate_seed import is_layered, part_of, seeds
from .line_shift import LineShifts
from .naming import as_hexagonal, is_distorted
from .pattern_model import Part
from .phase import FloatArray, Phase, lattice_of
from .phase_result import FoundPhase

NEAR_A, NEAR_C = 0.021, 0.08
"""Hexagonal cells nearer than this (angstrom) to a distorted one may be it, or grains of both."""
SLIGHT = 0.006
"""Distortions below this are not told from grains that differ, at the counts of a frame."""
LEAST_GAIN = 25.0
"""By how much a distorted cell must lower the cost, in reduced chi squared, to take the place of others."""
BESIDE_A, BESIDE_C = 0.035, 0.17
"""Hexagonal cells nearer than this (angstrom) to a distorted one may turn into it."""
DOUBTFUL = 2.0
"""Standard deviations of reduced chi squared by which a fit is worse than noise."""
STEPS = 30


def unresolved(phases: Sequence[FoundPhase], library: Sequence[Phase]) -> str:
    """Say why one layered phase could as well be another of the same material, or grains of both.

    The distortion of LixNiO2 falls to 0.4 % before H2 takes over, whose cell is 0.3 % away (Li 2018, J.
    Electrochem. Soc., 10.1149/2.0381813jes): no line is split by more than grains of one phase may be spread.

    Parameters
    ----------
    phases
        Those that were called.
    library
        Phases that may be there.

    Returns
    -------
    str
        A sentence; empty where nothing is in doubt.
    """
    layered = [phase for phase in phases if phase.family == "layered"]
    if len(layered) != 1:
        return ""
    found = layered[0]
    known = {phase.name: phase for phase in library}
    material = known[found.name].material if found.name in known else ""
    kin = [phase for phase in library if phase.family == "layered" and phase.material == material != ""]
    own = known.get(found.name)
    if own is not None and is_distorted(own):
        a, b = found.lattice[:2]
        slight = abs(a / b / 3**0.5 - 1) < SLIGHT and any(is_layered(phase) for phase in kin)
        others = [phase for phase in kin if is_layered(phase)] if slight else []
    else:
        others = [phase for phase in kin if is_distorted(phase) and _near(found, phase)]
    if not others:
        return ""
    return (
        f"{found.name} alone, {others[0].name} alone or grains of both explain the lines: the distortion is "
        "smaller than grains may differ"
    )


def _near(found: FoundPhase, phase: Phase) -> bool:
    """Whether a hexagonal cell is near that of a distorted phase."""
    a, c = as_hexagonal(phase)
    return abs(found.lattice[0] - a) < NEAR_A and abs(found.lattice[2] - c) < NEAR_C


def distorted_instead(fit: Fit, library: Sequence[Phase], geometry: LineShifts | None) -> Fit | None:
    """Fit one distorted layered phase in place of the layered ones, where that is cheaper.

    Two hexagonal cells, or one that is spread, follow the split lines of a monoclinic one well enough to be
    tracked for ever.

    Parameters
    ----------
    fit
        Phases that were found, one of them layered at least.
    library, geometry
        Phases that may be there, and what moves lines.

    Returns
    -------
    Fit or None
        The cheaper fit, the distorted phase first; None if there is none.
    """
    parts = fit.parts()
    others = [part for part in parts if part.phase.family != "layered"]
    if any(is_distorted(part.phase) for part in parts):
        return None
    materials = {part.phase.material for part in parts if is_layered(part.phase)}
    rivals = [phase for phase in library if is_distorted(phase) and phase.material in materials - {""}]
    if len(others) == len(parts) or not rivals:
        return None
    seeded = seeds(fit.measured, _layered_left(fit, others, geometry), rivals, geometry, fit.shape)
    new = fit_parts(fit.measured, [seeded[0].part, *others], geometry, fit.shape, steps=STEPS)
    gain = (fit.cost - new.cost) / max(new.chi2_reduced, 1.0)
    a, b = lattice_of(new.parts()[0].metric, new.parts()[0].phase.system)[:2]
    return new if gain > LEAST_GAIN and abs(a / b / 3**0.5 - 1) > SLIGHT else None


def explained_badly(fit: Fit) -> bool:
    """Whether more is left of a pattern than noise."""
    return fit.chi2_reduced > 1 + DOUBTFUL * float(np.sqrt(2.0 / fit.measured.values.size))


def both_instead(
    fit: Fit, library: Sequence[Phase], geometry: LineShifts | None, least_gain: float = LEAST_GAIN
) -> Fit | None:
    """Fit a hexagonal and a distorted phase of one material in place of the one that was found.

    Their lines overlap with no valley between them, and yet a monoclinic cell splits some and leaves others
    whole, which no spread of one cell does. What counts is the cost: chi squared and the prices of all free
    numbers (Schwarz 1978, Ann. Stat. 6, 461) against the cheaper one of either phase alone, the hexagonal one
    with a spread of c and a.

    Parameters
    ----------
    fit
        Phases that were found, one of them layered.
    library, geometry
        Phases that may be there, and what moves lines.
    least_gain
        By how much both together must lower the cost, in reduced chi squared.

    Returns
    -------
    Fit or None
        The two first, the hexagonal one ahead; None where one phase explains the pattern.
    """
    parts = fit.parts()
    layered = [part for part in parts if part.phase.family == "layered"]
    kin = [phase for phase in library if layered and phase.material == layered[0].phase.material != ""]
    rivals = [phase for phase in kin if is_distorted(phase) and _may_turn(layered[0], phase)]
    if len(layered) != 1 or not rivals:
        return None
    others = [part for part in parts if part is not layered[0]]
    alone = _hexagonal_alone(fit, kin, others, geometry)
    if alone is None:
        return None
    least = min(fit.cost, alone.cost)
    new = min(_beside(alone, rivals, geometry), key=lambda each: each.cost)
    found, distorted = new.parts()[:2]
    a, b = lattice_of(distorted.metric, distorted.phase.system)[:2]
    split = abs(a / b / 3**0.5 - 1) > SLIGHT and _may_turn(found, distorted.phase)
    sure = (least - new.cost) / max(new.chi2_reduced, 1.0) > least_gain and there(new, 0) and there(new, 1)
    return new if sure and split else None


def _may_turn(part: Part, distorted: Phase) -> bool:
    """Whether a layered cell is near enough to a distorted phase to coexist with it."""
    cell = replace(part.phase, lattice=lattice_of(part.metric, part.phase.system))
    (a, c), (other_a, other_c) = as_hexagonal(cell), as_hexagonal(distorted)
    return abs(a - other_a) < BESIDE_A and abs(c - other_c) < BESIDE_C


def _hexagonal_alone(
    fit: Fit, kin: Sequence[Phase], others: list[Part], geometry: LineShifts | None
) -> Fit | None:
    """Fit with the layered phase hexagonal, as it is or in place of a distorted one; it comes first."""
    layered = next(part for part in fit.parts() if part.phase.family == "layered")
    start = layered
    if not is_layered(layered.phase):
        hexagonal = [phase for phase in kin if is_layered(phase)]
        if not hexagonal:
            return None
        left = _layered_left(fit, others, geometry)
        start = seeds(fit.measured, left, hexagonal, geometry, fit.shape)[0].part
    return fit_parts(fit.measured, [start, *others], geometry, fit.shape, steps=STEPS)


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


def one_again(fit: Fit, geometry: LineShifts | None) -> tuple[Fit, int] | None:
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


def _layered_left(fit: Fit, others: list[Part], geometry: LineShifts | None) -> FloatArray:
    """Pattern less background and all parts that are not layered (n,)."""
    splines = fit.measured.basis.shape[1]
    left = fit.measured.values - fit.measured.basis @ fit.refined.vector[:splines]
    if not others:
        return left
    alone = fit_parts(fit.measured, others, geometry, fit.shape, steps=0)
    return left - alone.lines_only()
