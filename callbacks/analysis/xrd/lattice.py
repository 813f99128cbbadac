"""Lattice of a phase by a fit of the whole pattern, tracked from frame to frame."""
# pyright: standard

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from .held_texture import scale_sigma
from .lattice_result import (
    LEAST_SIGNIFICANCE,
    LOOSE_A,
    MISFIT_CHI2,
    MISFIT_PART,
    REASONS,
    LatticeFit,
    Verdict,
)
from .line_shift import LineShifts
from .measured import Measured, prepare, typical_width
from .pattern_model import TEXTURE_PRIOR, Part, PatternModel, Shape
from .phase import FloatArray, Lattice, Phase, System, lattice_jacobian, lattice_of, metric_of
from .prior import bounds_of
from .refinement import Refined, refine
from .seed import seed_metric, signal_of

LAYERED = ("layered",)


def first_scale(measured: Measured, phase: Phase, metric: FloatArray, width_per_a: float) -> float:
    """Area over strength of a phase, from the heights at its strong lines."""
    strong = phase.strength > 0.2 * phase.strength.max()
    places = np.sqrt(np.maximum(phase.rows[strong] @ metric, 1e-6))
    inside = (places > measured.q_per_a[0]) & (places < measured.q_per_a[-1])
    if not inside.any():
        return 0.0
    heights = np.interp(places[inside], measured.q_per_a, measured.lines)
    ratio = heights * width_per_a / phase.strength[strong][inside]
    return max(
        statistics.median(ratio.tolist()), 1e-6 * float(np.ptp(measured.values)) / phase.strength.max()
    )


def solve(
    pattern: PatternModel,
    measured: Measured,
    start: FloatArray | None = None,
    steps: int = 25,
    worth: float = np.inf,
) -> Refined:
    """Refine a pattern model, from its own start or a vector; in earnest while below a cost if it can."""
    begin = start
    if begin is None:
        begin = np.concatenate([measured.coefficients, pattern.start, [pattern.shape.eta]])
    bounds = bounds_of(pattern, measured)
    return refine(
        pattern.evaluate, begin, measured.values, measured.sigma, bounds, max_steps=steps, worth=worth
    )


def fit_lattice(
    q_per_a: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    phase: Phase,
    standards: Sequence[Phase] = (),
    geometry: LineShifts | None = None,
    previous: LatticeFit | None = None,
    texture_prior: float = TEXTURE_PRIOR,
    splines: int = 9,
) -> LatticeFit:
    """Fit the lattice of a phase to a whole pattern.

    All lines of a phase follow from one lattice; their areas may stray from those of a perfect powder. For a
    layered phase the cell is free (a 2.79 to 2.90, c 13.1 to 15.0 angstrom) and c is spread among grains.
    Standards are fitted with a fixed lattice and so fix the scale of q; shifts of a geometry are fitted.

    Parameters
    ----------
    q_per_a, intensity
        The pattern (n,), 1/angstrom and counts (or proportional to counts, with `sigma`).
    sigma
        Standard deviations (n,); None if the intensities are counts.
    phase
        Whose lattice is asked for.
    standards
        Phases of known lattice in the beam, such as Al and Cu of the cell.
    geometry
        What moves lines; None where the scale of q is exact.
    previous
        Fit of the frame before, of the same phases: start from there.
    texture_prior
        How far areas may stray, standard deviation of their logarithm.
    splines
        Number of splines of the background.

    Returns
    -------
    LatticeFit
        With a verdict; ugly data end in one.

    Raises
    ------
    ValueError
        If the shapes of the arrays differ.
    """
    if previous is not None and (previous.phase != phase.name or not np.isfinite(previous.lattice).all()):
        previous = None
    measured = prepare(q_per_a, intensity, sigma, splines=splines, estimate=previous is None)
    if measured is None or not _reaches(measured, phase):
        return _nothing(phase)
    if previous is not None:
        parts = _same_parts(previous, phase, standards)
    else:
        parts = _parts(measured, phase, standards)
    width = min(typical_width(measured), 0.03) * 0.8
    pattern = PatternModel(measured.q_per_a, parts, geometry, measured.basis, Shape(width), texture_prior)
    start = None
    if previous is not None:
        if previous.labels != (*pattern.labels,) or previous.vector.size != splines + len(pattern.labels) + 1:
            return fit_lattice(
                q_per_a, intensity, sigma, phase=phase, standards=standards, geometry=geometry,
                texture_prior=texture_prior, splines=splines,
            )  # fmt: skip
        start = _tracked(pattern, previous, measured)
    refined = solve(pattern, measured, start)
    return _result(phase, pattern, measured, refined)


def _reaches(measured: Measured, phase: Phase) -> bool:
    """Whether a strong line of the phase can be in the range."""
    strong = phase.q_per_a[phase.strength > 0.1 * phase.strength.max()]
    return bool(np.any((strong > measured.q_per_a[0]) & (strong < measured.q_per_a[-1])))


def _parts(measured: Measured, phase: Phase, standards: Sequence[Phase]) -> list[Part]:
    """Seed the phase and its standards."""
    width = typical_width(measured)
    signal = signal_of(measured.q_per_a, measured.lines, measured.sigma, width)
    wide = phase.family in LAYERED and phase.space_group.startswith("R")
    metric = seed_metric(measured.q_per_a, signal, phase, wide=wide)
    scale = first_scale(measured, phase, metric, width)
    spread = phase.family in LAYERED and phase.system is System.HEXAGONAL
    parts = [Part(phase, metric, scale, free_spread=spread)]
    for standard in standards:
        own = standard.metric
        scale = first_scale(measured, standard, own, width)
        parts.append(Part(standard, own, scale, free_lattice=False))
    return parts


def _same_parts(previous: LatticeFit, phase: Phase, standards: Sequence[Phase]) -> list[Part]:
    """Parts of the frame before: its lattice, and standards."""
    spread = phase.family in LAYERED and phase.system is System.HEXAGONAL
    own = Part(phase, metric_of(previous.lattice, phase.system), previous.scale, free_spread=spread)
    return [own, *(Part(standard, standard.metric, 1.0, free_lattice=False) for standard in standards)]


def _tracked(pattern: PatternModel, previous: LatticeFit, measured: Measured) -> FloatArray:
    """Start from the frame before."""
    start = previous.vector.copy()
    splines = measured.basis.shape[1]
    for place, part in zip(pattern.places, pattern.parts, strict=True):
        if part.free_lattice:
            pattern.start[place.metric] = start[splines + place.metric.start : splines + place.metric.stop]
    return start


def _result(phase: Phase, pattern: PatternModel, measured: Measured, refined: Refined) -> LatticeFit:
    """Turn parameters into a lattice, and judge it."""
    splines = measured.basis.shape[1]
    inner = refined.vector[splines:-1]
    place = pattern.places[0]
    metric = inner[place.metric]
    at = np.arange(place.metric.start, place.metric.stop) + splines
    dof = max(measured.values.size - refined.vector.size, 1)
    chi2 = refined.chi2 / dof
    enlarged = max(chi2, 1.0)
    jacobian = lattice_jacobian(metric, phase.system)
    variance = np.diag(jacobian @ refined.covariance[np.ix_(at, at)] @ jacobian.T) * enlarged
    background = measured.basis @ refined.vector[:splines]
    lines = refined.pattern - background
    left = measured.values - refined.pattern
    noise = np.mean(measured.sigma**2)
    unexplained = np.sqrt(max(float(np.mean(left**2) - noise), 0.0) / max(float(np.mean(lines**2)), 1e-30))
    lattice = lattice_of(metric, phase.system)
    one, two, three, four, five, six = (float(value) for value in np.sqrt(np.maximum(variance, 0.0)))
    found = LatticeFit(
        phase=phase.name,
        lattice=lattice,
        lattice_sigma=(one, two, three, four, five, six),
        volume_a3=volume_of(lattice),
        strain=float(np.sqrt(inner[place.strain])),
        spread_c_a=float(np.sqrt(inner[place.spread])) if place.spread >= 0 else float("nan"),
        scale=float(inner[place.scale]),
        scale_sigma=scale_sigma(refined, pattern, 0, splines) * float(np.sqrt(enlarged)),
        shift_rad=tuple(float(value) for value in inner[pattern.shift_at]),
        width_per_a=float(np.sqrt(inner[0])),
        chi2_reduced=chi2,
        unexplained=float(unexplained),
        pattern=refined.pattern,
        background=background,
        vector=refined.vector,
        labels=(*pattern.labels,),
        verdict=Verdict.GOOD,
        reason="",
    )
    verdict = _judge(found)
    return replace(found, verdict=verdict, reason=REASONS[verdict])


def volume_of(lattice: Sequence[float]) -> float:
    """Volume of a cell, cubic angstrom."""
    a, b, c = lattice[:3]
    x, y, z = np.cos(np.radians(lattice[3:]))
    return float(a * b * c * np.sqrt(max(1 - x * x - y * y - z * z + 2 * x * y * z, 0.0)))


def _judge(found: LatticeFit) -> Verdict:
    """Give the gravest verdict that holds."""
    if not np.isfinite(found.lattice).all():
        return Verdict.NO_DATA
    if not found.scale > LEAST_SIGNIFICANCE * found.scale_sigma:
        return Verdict.WEAK
    if max(found.lattice_sigma[:3]) > LOOSE_A:
        return Verdict.LOOSE
    if found.unexplained > MISFIT_PART and found.chi2_reduced > MISFIT_CHI2:
        return Verdict.MISFIT
    return Verdict.GOOD


def _nothing(phase: Phase) -> LatticeFit:
    """Say that there is nothing to fit."""
    nan, empty = float("nan"), np.array([])
    none: Lattice = (nan, nan, nan, nan, nan, nan)
    return LatticeFit(
        phase.name, none, none, nan, nan, nan, nan, nan, (), nan, nan, nan, empty, empty, empty, (),
        Verdict.NO_DATA, REASONS[Verdict.NO_DATA],
    )  # fmt: skip
