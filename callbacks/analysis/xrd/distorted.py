"""Monoclinic distortions of layered oxides: where a hexagonal cell stands in for one, or may."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidate import Fit, fit_parts
from .candidate_seed import is_layered, seeds
from .line_shift import LineShifts
from .naming import as_hexagonal, is_distorted
from .pattern_model import Part
from .phase import FloatArray, Phase, lattice_of
from .phase_result import FoundPhase

NEAR_A, NEAR_C = 0.021, 0.08
"""Hexagonal cells nearer than this (angstrom) to a distorted one may be it, or grains of both."""
TURNED = 3.0
"""Standard deviations by which c must have fallen until the hexagonal phase is taken to be alone."""
HEXAGONAL_GAMMA = 120.0
SLIGHT = 0.006
"""Distortions below this are not told from grains that differ, at the counts of a frame."""
LEAST_GAIN = 25.0
"""By how much a distorted cell must lower the cost, in reduced chi squared, to take the place of others."""


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


def height_of(phases: Sequence[FoundPhase]) -> tuple[float, float]:
    """Give c (angstrom) of the only layered phase and its standard deviation; nan where there are others.

    Of a monoclinic cell it is that of the hexagonal one nearest to it.
    """
    layered = [phase for phase in phases if phase.family == "layered"]
    if len(layered) != 1:
        return float("nan"), float("nan")
    _, _, c, _, beta, gamma = layered[0].lattice
    factor = 1.0 if gamma == HEXAGONAL_GAMMA else float(3 * np.sin(np.radians(beta)))
    return factor * c, factor * layered[0].lattice_sigma[2]


def still_unresolved(phases: Sequence[FoundPhase], doubtful_c_a: float) -> str:
    """Say why a phase may still be grains of two, once it could have been.

    Where hexagonal LixNiO2 replaces the monoclinic one, the c of a single cell fitted to both rises with its
    share; by itself the hexagonal one has its largest c at the start and falls from there (Li 2018, as of
    `unresolved`).

    Parameters
    ----------
    phases
        Those that were called.
    doubtful_c_a
        See `Track`.

    Returns
    -------
    str
        A sentence; empty where nothing is in doubt, or no more.
    """
    c, sigma = height_of(phases)
    if not c > doubtful_c_a - TURNED * sigma:
        return ""
    name = next(phase.name for phase in phases if phase.family == "layered")
    return f"{name} alone or what was before it too: c has not fallen below {doubtful_c_a:.3f} angstrom"


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
    seeded = seeds(fit.measured, layered_left(fit, others, geometry), rivals, geometry, fit.shape)
    new = fit_parts(fit.measured, [seeded[0].part, *others], geometry, fit.shape, steps=30)
    gain = (fit.cost - new.cost) / max(new.chi2_reduced, 1.0)
    return new if gain > LEAST_GAIN and split_of(new.parts()[0]) > SLIGHT else None


def split_of(distorted: Part) -> float:
    """By how much a / b of a monoclinic cell differs from the root of three, relative."""
    a, b = lattice_of(distorted.metric, distorted.phase.system)[:2]
    return abs(a / b / 3**0.5 - 1)


def layered_left(fit: Fit, others: list[Part], geometry: LineShifts | None) -> FloatArray:
    """Pattern less background and all parts that are not layered (n,)."""
    splines = fit.measured.basis.shape[1]
    left = fit.measured.values - fit.measured.basis @ fit.refined.vector[:splines]
    if not others:
        return left
    alone = fit_parts(fit.measured, others, geometry, fit.shape, steps=0)
    return left - alone.lines_only()
