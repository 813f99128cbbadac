"""Names, fractions and uncertainties of the parts of a fitted pattern."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidate import Fit
from .candidate_seed import is_layered
from .pattern_model import Part
from .phase import FloatArray, Lattice, Phase, System, lattice_jacobian, lattice_of
from .phase_result import FoundPhase

SAME_A = 0.012
SAME_C = 0.12
"""Layered lattices nearer than this (angstrom) bear the same names."""
SURE_RATIO, SURE_SIZE = 5e-4, 2e-3
"""How surely (relative) c / a and the size of a cell are known: the scale of q is in the latter only."""
BY_NAME_ONLY = 1e-3
"""Monoclinic cells nearer to hexagonal than this are not told from it."""
CLEARLY_NEARER = 0.004
"""A phase of the same structure gives its name when its cell is nearer by this part."""


def names_of(part: Part, library: Sequence[Phase]) -> tuple[str, ...]:
    """Names that fit a lattice, the nearest first."""
    lattice = lattice_of(part.metric, part.phase.system)
    if is_layered(part.phase):
        a, c = lattice[0], lattice[2]
        names: list[str] = []
        for kind in (_is_hexagonal, is_distorted):
            cells = [(phase.name, *as_hexagonal(phase)) for phase in library if kind(phase)]
            far = {name: max(abs(x - a) / SAME_A, abs(z - c) / SAME_C) for name, x, z in cells}
            ranked = sorted((_unlike(x, z, a, c), name) for name, x, z in cells if far[name] < 1)
            nearest = [] if names or kind is is_distorted else sorted(far, key=lambda name: far[name])[:1]
            names += [name for _, name in ranked] or nearest
        return tuple(names)
    same = [p for p in library if (p.family, p.space_group) == (part.phase.family, part.phase.space_group)]
    nearest = min(same, key=lambda phase: _stretch(phase, lattice))
    nearer = _stretch(nearest, lattice) + CLEARLY_NEARER < _stretch(part.phase, lattice)
    return (nearest.name,) if nearer else (part.phase.name,)


def is_named(part: Part, library: Sequence[Phase]) -> bool:
    """Whether a library has a name for a part: layered cells bear that of the nearest one."""
    if is_layered(part.phase):
        return any(is_layered(phase) for phase in library)
    return any(phase.name == part.phase.name for phase in library)


def _stretch(phase: Phase, lattice: Lattice) -> float:
    """Largest relative difference of a length of the cell."""
    return float(np.abs(np.array(lattice[:3]) / np.array(phase.lattice[:3]) - 1).max())


def _unlike(a: float, c: float, other_a: float, other_c: float) -> float:
    """How far two layered cells are apart: their axial ratios, and less surely their sizes."""
    ratio = np.log(c / a * other_a / other_c) / SURE_RATIO
    size = np.log(a * a * c / (other_a * other_a * other_c)) / 3 / SURE_SIZE
    return float(np.hypot(ratio, size))


def _is_hexagonal(phase: Phase) -> bool:
    """Whether a layered phase is hexagonal, or monoclinic by name only."""
    return is_layered(phase) or (_is_monoclinic(phase) and distortion(phase) < BY_NAME_ONLY)


def is_distorted(phase: Phase) -> bool:
    """Whether a phase is a monoclinic distortion of a layered one that lines show."""
    return _is_monoclinic(phase) and distortion(phase) >= BY_NAME_ONLY


def _is_monoclinic(phase: Phase) -> bool:
    return phase.family == "layered" and phase.system is System.MONOCLINIC


def distortion(phase: Phase) -> float:
    """How far a monoclinic layered cell is from the hexagonal one, by its lengths and its angle, relative."""
    a, b, c, _, beta, _ = phase.lattice
    return float(max(abs(a / b / np.sqrt(3) - 1), abs(-3 * c * np.cos(np.radians(beta)) / a - 1)))


def as_hexagonal(phase: Phase) -> tuple[float, float]:
    """Give a and c (angstrom) of the hexagonal cell that is nearest to a layered cell."""
    a, b, c, _, beta, _ = phase.lattice
    if phase.system is System.HEXAGONAL:
        return a, c
    return float(np.sqrt(a * b / np.sqrt(3))), float(3 * c * np.sin(np.radians(beta)))


def fractions(fit: Fit) -> tuple[FloatArray, FloatArray]:
    """Mass fractions (m,) of all but cell parts (those nan), and one standard deviation of each.

    Textures that phases do not share are among what is uncertain: they are in the strengths of their lines.
    """
    splines = fit.measured.basis.shape[1]
    at = np.array([splines + place.scale for place in fit.pattern.places])
    density = np.array([p.phase.density * (p.phase.family != "cell part") for p in fit.pattern.parts])
    mass = fit.refined.vector[at] * density
    total = max(float(mass.sum()), 1e-300)
    part = mass / total
    slope = (np.eye(len(at)) - part[:, None]) * density / total
    spread = slope @ fit.refined.covariance[np.ix_(at, at)] @ slope.T * max(fit.chi2_reduced, 1.0)
    sigma = np.sqrt(np.maximum(np.diag(spread), 0.0))
    none = density == 0
    return np.where(none, np.nan, part), np.where(none, np.nan, sigma)


def _lattice(fit: Fit, number: int, part: Part) -> tuple[Lattice, Lattice]:
    """Lattice of a part, and one standard deviation of each number."""
    lattice = lattice_of(part.metric, part.phase.system)
    if not part.free_lattice:
        return lattice, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    splines = fit.measured.basis.shape[1]
    place = fit.pattern.places[number].metric
    at = slice(splines + place.start, splines + place.stop)
    jacobian = lattice_jacobian(part.metric, part.phase.system)
    variance = np.diag(jacobian @ fit.refined.covariance[at, at] @ jacobian.T) * max(fit.chi2_reduced, 1.0)
    a, b, c, alpha, beta, gamma = (float(value) for value in np.sqrt(np.maximum(variance, 0.0)))
    return lattice, (a, b, c, alpha, beta, gamma)


def describe(fit: Fit, library: Sequence[Phase], ages: Sequence[tuple[int, int]]) -> tuple[FoundPhase, ...]:
    """Say what each part of a fit is, the largest fraction first and cell parts last."""
    parts = fit.parts()
    fraction, sigma = fractions(fit)
    found: list[FoundPhase] = []
    for number, part in enumerate(parts):
        names = names_of(part, library)
        lattice, lattice_sigma = _lattice(fit, number, part)
        found.append(
            FoundPhase(
                name=names[0],
                family=part.phase.family,
                candidates=names,
                fraction=float(fraction[number]),
                fraction_sigma=float(sigma[number]),
                lattice=lattice,
                lattice_sigma=lattice_sigma,
                strain=part.strain,
                spread_c_a=part.spread_c_a if part.free_spread else float("nan"),
                significance=fit.significance(number),
                first_seen=ages[number][0],
                frames_seen=ages[number][1],
            )
        )
    return tuple(sorted(found, key=lambda each: -np.nan_to_num(each.fraction, nan=-1.0)))
