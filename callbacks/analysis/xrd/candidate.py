"""Which phases could explain what is left of a pattern, and whether one may be believed."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .background import grid_step
from .candidate_seed import CELL_PART, Seed, is_layered, nearest_layered, seeds
from .held_texture import held_covariance
from .lattice import solve
from .line_shift import LineShifts
from .measured import Measured
from .pattern_model import Part, PatternModel, Shape
from .phase import FloatArray, Phase, System, lattice_of, metric_of
from .refinement import Refined
from .valley import is_parted

TRIED = 8
"""Candidates with the best seeds that are refined."""
STEPS, FIRST_STEPS = 15, 30
LEAST_SIGNIFICANCE = 6.0
LEAST_GAIN = 36.0
"""By how much a phase must lower chi squared, in units of its reduced value."""
RIVAL_GAIN = 50.0
"""Candidates that explain less than the best one by more than this, in reduced chi squared, do not matter."""
LEAST_HITS = 0.6
LEAST_EXPLAINED = 8.0
"""What a candidate must explain with nothing but its scale free, in reduced chi squared, to be refined."""
LEAST_SCORE = 1.5
"""Seeds below this are what noise gives."""
WIDE_C, WIDE_A = 0.06, -0.008
"""Spreads (angstrom) of a second start: from a narrow one a fit may end in strain instead."""

LEAST_DISTORTION = 0.0035
"""a / b over the root of three, less one: monoclinic LixNiO2 has 0.004 to 0.015 (Li 2018)."""
ALIKE = 0.008
"""How far, relative, the lattice of a phase that appears may move from one frame to the next."""
LINE_DOUBT = 0.03
"""Part of the height of a line by which its shape may be wrong."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A refined pattern, and what judges it."""

    pattern: PatternModel
    refined: Refined
    measured: Measured

    @property
    def chi2_reduced(self) -> float:
        """Sum of weighted squares over points less parameters."""
        return self.refined.chi2 / max(self.measured.values.size - self.refined.vector.size, 1)

    @property
    def cost(self) -> float:
        """Chi squared and prices: of texture, of free numbers of lattices (ln n each, 3 ln n after two).

        A distorted cell mimics any spread of an undistorted one, and so has to show more.
        """
        splines = self.measured.basis.shape[1]
        logs = self.refined.vector[splines:-1][self.pattern.texture_at]
        lattices = sum(self.price(number) for number in range(len(self.pattern.parts)))
        texture = float((logs**2).sum()) / self.pattern.texture_prior**2
        return self.refined.chi2 + texture + lattices

    def price(self, number: int) -> float:
        """Price of the free numbers of the lattice of a part."""
        place = self.pattern.places[number].metric
        free = place.stop - place.start
        return (free + 2 * max(free - 2, 0)) * float(np.log(self.measured.values.size))

    def parts(self) -> list[Part]:
        """Parts as the fit found them."""
        return self.pattern.settled(self.refined.vector[self.measured.basis.shape[1] : -1])

    @property
    def shape(self) -> Shape:
        """Shape of lines as the fit found it."""
        return self.pattern.settled_shape(self.refined.vector)

    def significance(self, number: int) -> float:
        """Scale of a part over its standard deviation."""
        at = self.measured.basis.shape[1] + self.pattern.places[number].scale
        sigma = np.sqrt(self.held_covariance[at, at] * max(self.chi2_reduced, 1.0))
        return float(self.refined.vector[at] / max(sigma, 1e-300))

    @cached_property
    def held_covariance(self) -> FloatArray:
        """Covariance (p, p) of all parameters with the textures held, not enlarged by chi squared."""
        return held_covariance(self.refined, self.pattern, self.measured.basis.shape[1])

    def lines_only(self) -> FloatArray:
        """Model without background (n,)."""
        splines = self.measured.basis.shape[1]
        return self.refined.pattern - self.measured.basis @ self.refined.vector[:splines]


def fit_parts(
    measured: Measured,
    parts: list[Part],
    geometry: LineShifts | None,
    shape: Shape,
    *,
    steps: int = STEPS,
    worth: float = np.inf,
) -> Fit:
    """Refine parts together; one that cannot come below the cost `worth` is left unfinished."""
    pattern = PatternModel(measured.q_per_a, parts, geometry, measured.basis, shape)
    return Fit(pattern, solve(pattern, measured, steps=steps, worth=worth), measured)


def hits(fit: Fit, number: int) -> float:
    """Part of the strength that is expected well above the noise of which at least a third is there."""
    pattern, place = fit.pattern, fit.pattern.places[number]
    phase, kept = pattern.parts[number].phase, pattern.kept[number]
    part = fit.parts()[number]
    places = np.sqrt(np.maximum(phase.rows[kept] @ part.metric, 1e-6))
    area = part.scale * phase.strength[kept]
    width = np.sqrt(pattern.shape.width_per_a**2 + (part.strain * places) ** 2) * 1.2
    noise = np.interp(places, fit.measured.q_per_a, fit.measured.sigma)
    step = grid_step(fit.measured.q_per_a)
    visible = (area > 3 * noise * np.sqrt(width * step)) & (place.texture >= 0)
    logs = np.zeros(len(places)) if part.log_texture is None else part.log_texture[kept]
    there = visible & (logs > np.log(1 / 3))
    return float(area[there].sum() / max(area[visible].sum(), 1e-300)) if visible.any() else 0.0


def doubted(measured: Measured, lines: FloatArray) -> Measured:
    """Add to a pattern the doubt about the shape of the lines that explain it."""
    return replace(measured, sigma=np.sqrt(measured.sigma**2 + (LINE_DOUBT * np.maximum(lines, 0.0)) ** 2))


def standards(
    measured: Measured, library: Sequence[Phase], geometry: LineShifts | None, width_per_a: float
) -> list[Part]:
    """Give parts of the cell that the lines may hold, before a free cell takes their place.

    A face-centred cubic metal is also a layered cell with c/a = 4.899.
    """
    metals = [phase for phase in library if phase.family == CELL_PART]
    if geometry is None or not geometry.shifts or not metals:
        return []
    found = seeds(measured, measured.lines, metals, geometry, Shape(width_per_a))
    return [seed.part for seed in found if seed.score > LEAST_SCORE]


def there(fit: Fit, number: int, least_significance: float = LEAST_SIGNIFICANCE) -> bool:
    """Whether a part is beyond doubt, and most of its strong lines are seen."""
    return fit.significance(number) > least_significance and hits(fit, number) > LEAST_HITS


def without_absent(fit: Fit, geometry: LineShifts | None) -> Fit:
    """Fit again without the parts that are not there; the last one stays."""
    parts = fit.parts()
    kept = [part for number, part in enumerate(parts[:-1]) if there(fit, number)] + parts[-1:]
    return fit if len(kept) == len(parts) else fit_parts(fit.measured, kept, geometry, fit.shape)


def best_addition(
    base: Fit | None,
    measured: Measured,
    library: Sequence[Phase],
    geometry: LineShifts | None,
    width_per_a: float,
    *,
    pending: Part | None = None,
    scored: Sequence[Seed] | None = None,
    most_tried: int = TRIED,
    least_gain: float = LEAST_GAIN,
    least_significance: float = LEAST_SIGNIFICANCE,
) -> list[Addition]:
    """Fits with one more phase, the best first; only those that may be believed.

    Parameters
    ----------
    base
        What is known already; None for nothing.
    measured
        The pattern, with the doubt about the lines of `base` in its standard deviations.
    library, geometry, width_per_a
        Phases that may be there, what moves lines, full width of a line in 1/angstrom.
    pending
        What was about to be believed in the frame before: tried first.
    scored
        Candidates, the best first; looked for if None.
    most_tried
        How many candidates are refined.
    least_gain, least_significance
        What a phase must lower the cost by, in reduced chi squared, and its scale in standard deviations.
    """
    parts = base.parts() if base is not None else standards(measured, library, geometry, width_per_a)
    left = measured.values - base.refined.pattern if base is not None else measured.lines
    names = {part.phase.name for part in parts if not is_layered(part.phase)}
    usable = [phase for phase in library if phase.name not in names]
    shape = Shape(width_per_a) if base is None else base.shape
    if scored is None:
        scored = seeds(measured, left, usable, geometry, shape)
    worth = LEAST_EXPLAINED * (max(base.chi2_reduced, 1.0) if base is not None else 0.0)
    tried = [seed.part for seed in scored[:most_tried] if seed.score > LEAST_SCORE and seed.gain >= worth]
    if base is None:
        tried += [
            replace(part, spread_c_a=WIDE_C, spread_a_a=WIDE_A) for part in tried if is_layered(part.phase)
        ]
    if pending is not None:
        tried = [pending, *(part for part in tried if not alike(pending, part))]
    before = base.cost if base is not None else float("inf")
    found: list[Addition] = []
    for part in tried:
        worth = min(
            [before, *(each.fit.cost + RIVAL_GAIN * max(each.fit.chi2_reduced, 1.0) for each in found)]
        )
        steps = STEPS if base else FIRST_STEPS
        fit = fit_parts(measured, [*parts, part], geometry, shape, steps=steps, worth=worth)
        if fit.cost > worth:
            continue
        if base is None:
            fit = without_absent(fit, geometry)
        gain = (before - fit.cost) / max(fit.chi2_reduced, 1.0)
        if any(is_layered(phase) for phase in library) and _undistorted(fit.parts()[-1]):
            continue
        if gain > least_gain and there(fit, len(fit.pattern.parts) - 1, least_significance):
            found.append(Addition(fit, gain))
    return sorted(found, key=lambda each: each.fit.cost)


def straightened(part: Part, library: Sequence[Phase]) -> Part:
    """Give the hexagonal part in place of a monoclinic layered one whose distortion has gone."""
    layered = [phase for phase in library if is_layered(phase)]
    if not layered or not _undistorted(part):
        return part
    a, b, c, _, beta, _ = lattice_of(part.metric, part.phase.system)
    edge, height = float(np.sqrt(a * b / np.sqrt(3))), 3 * c * float(np.sin(np.radians(beta)))
    metric = metric_of((edge, edge, height, 90.0, 90.0, 120.0), System.HEXAGONAL)
    phase = nearest_layered(library, metric)[0]
    scale = part.scale * part.phase.strength.max() / phase.strength.max()
    new = replace(part, phase=phase, metric=metric, scale=scale, log_texture=None)
    return replace(new, spread_c_a=0.01, free_spread=True, texture="layered")


def _undistorted(part: Part) -> bool:
    """Whether a monoclinic layered cell is the hexagonal one but for what a spread of cells mimics."""
    if part.phase.family != "layered" or part.phase.system is not System.MONOCLINIC:
        return False
    a, b = lattice_of(part.metric, part.phase.system)[:2]
    return abs(a / b / np.sqrt(3) - 1) < LEAST_DISTORTION


def alike(one: Part, other: Part) -> bool:
    """Whether two parts are the same phase at nearly the same lattice."""
    same = one.phase.name == other.phase.name or (is_layered(one.phase) and is_layered(other.phase))
    if not same:
        return False
    near, far = (np.array(lattice_of(part.metric, part.phase.system)[:3]) for part in (one, other))
    return bool(np.all(np.abs(near - far) < ALIKE * near))


@dataclass(frozen=True, eq=False)
class Addition:
    """A fit with one phase more, and what it gained in reduced chi squared."""

    fit: Fit
    gain: float


def stands_apart(fit: Fit, deviations: float) -> bool:
    """Whether valleys part the last part of a fit from all others, by so many deviations in the data."""
    splines = fit.measured.basis.shape[1]
    table, _ = fit.pattern.lines(fit.refined.vector[splines:-1], float(fit.refined.vector[-1]))
    own = table[fit.pattern.places[-1].lines]
    inside = (own[:, 0] > fit.measured.q_per_a[0]) & (own[:, 0] < fit.measured.q_per_a[-1])
    if not inside.any() or _melts(fit):
        return False
    above = fit.measured.values - fit.measured.basis @ fit.refined.vector[:splines]
    return is_parted(fit.measured.q_per_a, above, fit.measured.sigma, own[inside], table, deviations)


def _melts(fit: Fit) -> bool:
    """Whether the last part is a layered one whose c is spread into that of another."""
    *parts, new = fit.parts()
    if not is_layered(new.phase):
        return False
    c = float(2 * np.pi / np.sqrt(new.metric[1]))
    others = [2 * np.pi / np.sqrt(part.metric[1]) for part in parts if is_layered(part.phase)]
    return any(abs(other - c) < 2 * new.spread_c_a for other in others)
