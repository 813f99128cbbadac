"""Fit of a structure to a measured pair distribution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .pair_distance import (
    BEYOND,
    PairDistances,
    PairModel,
    Structure,
    model_grid,
    pair_distances,
    pair_distribution,
)
from .scattering_factor import FloatArray

_OPTIMIZE: Any = import_module("scipy.optimize")

SCAN_PART = 0.03
SCAN_STEPS = 25
MODEL_STEP = 0.01
LEAST_POINTS_PER_NUMBER = 4
POOR_RW = 0.25
LIMITS = {"u_iso": (1e-4, 0.1), "delta2": (0.0, 8.0), "q_damp": (0.0, 0.3)}
START = {"u_iso": 0.006, "delta2": 2.0, "q_damp": 0.03}


class PairFitVerdict(StrEnum):
    """Whether the numbers of a fit may be used."""

    GOOD = "good"
    POOR = "poor"
    AT_LIMIT = "at a limit"
    NOT_CONVERGED = "not converged"


@dataclass(frozen=True)
class PairFit:
    """Structure fitted to G(r).

    Attributes
    ----------
    a, c
        Lengths of the first and third lattice vectors, A.
    u_iso
        Mean square displacement of an atom, A^2.
    delta2
        Correlated motion, A^2.
    q_damp
        Damping by q resolution, 1/A.
    scale
        Factor on the model.
    a_sigma, c_sigma, u_iso_sigma, delta2_sigma, q_damp_sigma, scale_sigma
        One standard deviation from the misfit at independent points; 0 for what was not fitted.
    rw
        Root of the squared misfit over the squared data, between ``r_min`` and ``r_max``.
    r, g
        Points fitted and model there, pi / q_max apart: A, 1/A^2.
    r_min, r_max
        Range of the fit, A.
    verdict, reason
        Whether to trust the numbers, and why (not); empty if there is nothing to say.
    """

    a: float
    c: float
    u_iso: float
    delta2: float
    q_damp: float
    scale: float
    a_sigma: float
    c_sigma: float
    u_iso_sigma: float
    delta2_sigma: float
    q_damp_sigma: float
    scale_sigma: float
    rw: float
    r: FloatArray
    g: FloatArray
    r_min: float
    r_max: float
    verdict: PairFitVerdict
    reason: str


@dataclass(frozen=True)
class _Problem:
    """Data at independent points, the shells, and which numbers are free."""

    r: FloatArray
    g: FloatArray
    pairs: PairDistances
    grid: FloatArray
    q_max: float
    free: tuple[str, ...]
    held: dict[str, float]

    def model(self, values: FloatArray) -> FloatArray:
        """G(r) of a set of free numbers, best scale included, at the points of the data."""
        shape = self._shape(values)
        scale = float(shape @ self.g) / max(float(shape @ shape), 1e-300)
        return scale * shape

    def scale(self, values: FloatArray) -> tuple[float, float]:
        """Best scale of a set of free numbers, and the squared length of the model."""
        shape = self._shape(values)
        length = float(shape @ shape)
        return float(shape @ self.g) / length, length

    def _shape(self, values: FloatArray) -> FloatArray:
        numbers = dict(self.held) | dict(zip(self.free, map(float, values), strict=True))
        along = numbers.get("stretch_along", numbers["stretch_across"])
        model = PairModel(
            stretch_across=numbers["stretch_across"],
            stretch_along=along,
            u_iso=numbers["u_iso"],
            delta2=numbers["delta2"],
            q_damp=numbers["q_damp"],
        )
        whole = pair_distribution(self.pairs, model, self.grid, self.q_max)
        return np.interp(self.r, self.grid, whole)

    def residual(self, values: FloatArray) -> FloatArray:
        """Model less data."""
        return self.model(values) - self.g


def _points(
    r: FloatArray, g: FloatArray, r_min: float, r_max: float, q_max: float
) -> tuple[FloatArray, FloatArray]:
    """Take data at points pi / q_max apart that lie on the grid of the model."""
    stride = max(int(np.pi / q_max / MODEL_STEP), 1) * MODEL_STEP
    first = np.ceil(max(r_min, r[0]) / MODEL_STEP - 1e-6) * MODEL_STEP
    chosen = np.arange(first, min(r_max, r[-1]) + 1e-9, stride)
    return chosen, np.interp(chosen, r, g)


def _scanned(problem: _Problem, start: FloatArray) -> FloatArray:
    """Start with the best common stretch within some per cent: a local fit misses what is further away."""
    lengths = [index for index, name in enumerate(problem.free) if name.startswith("stretch")]
    best, least = start, np.inf
    for factor in np.linspace(1 - SCAN_PART, 1 + SCAN_PART, SCAN_STEPS):
        trial = start.copy()
        trial[lengths] *= factor
        misfit = float(np.sum(problem.residual(trial) ** 2))
        if misfit < least:
            best, least = trial, misfit
    return best


def _judge(failure: str, stuck: tuple[str, ...], rw: float) -> tuple[PairFitVerdict, str]:
    """Verdict on a fit and its reason."""
    if failure:
        return PairFitVerdict.NOT_CONVERGED, f"the fit stopped before it converged: {failure}"
    if rw > POOR_RW:
        return PairFitVerdict.POOR, (
            f"Rw is {rw:.2f} (limit {POOR_RW}): another structure, a second phase, or a start more than "
            f"{SCAN_PART:.0%} away"
        )
    if stuck:
        return (
            PairFitVerdict.AT_LIMIT,
            f"{', '.join(stuck)} ended at a limit: widen r or hold it",
        )
    return PairFitVerdict.GOOD, ""


def fit_pair_distances(
    r: ArrayLike,
    g: ArrayLike,
    structure: Structure,
    *,
    q_max: float,
    r_min: float = 1.8,
    r_max: float = 30.0,
    uniaxial: bool = False,
    q_damp: float | None = None,
    delta2: float | None = None,
) -> PairFit:
    """Fit lattice, displacement, damping and scale of a structure to G(r).

    G(r) is compared at points pi / q_max apart, which are independent; the model is cut at the same ``q_max``
    as the data. The lattice is first looked for within three per cent of the start.

    Parameters
    ----------
    r
        Rising distances in A, no further apart than pi / q_max, shape (n,).
    g
        G(r) in any scale, shape (n,).
    structure
        Start: its lattice is stretched, its fractional coordinates are kept.
    q_max
        End of q of the data, 1/A.
    r_min, r_max
        Range of the fit, A.
    uniaxial
        Whether z is stretched apart from x and y (hexagonal and tetragonal cells with c along z).
    q_damp, delta2
        Held at this value (1/A, A^2) where given, such as from a standard; fitted otherwise.

    Returns
    -------
    PairFit
        Numbers with uncertainties, and a verdict.

    Raises
    ------
    ValueError
        If the data are too few for the free numbers, or shapes differ.

    Examples
    --------
    >>> from operando.callbacks.analysis.xrd.pair_distance import face_centred_cubic
    >>> grid = model_grid(20.0, 0.01)
    >>> pairs = pair_distances(face_centred_cubic("Ni", 3.52), 25.0)
    >>> g = pair_distribution(pairs, PairModel(q_damp=0.03), grid, 24.0)
    >>> fit = fit_pair_distances(grid, g, face_centred_cubic("Ni", 3.55), q_max=24.0, r_max=20.0)
    >>> round(fit.a, 4)
    3.52
    """
    distance, values = np.asarray(r, dtype=float), np.asarray(g, dtype=float)
    if distance.shape != values.shape or distance.ndim != 1:
        raise ValueError(
            f"fit_pair_distances: r of shape {distance.shape}, g {values.shape}; give both as (n,)"
        )
    held = {name: value for name, value in (("q_damp", q_damp), ("delta2", delta2)) if value is not None}
    lengths = ("stretch_across", "stretch_along") if uniaxial else ("stretch_across",)
    free = tuple(name for name in (*lengths, "u_iso", "delta2", "q_damp") if name not in held)
    points, data = _points(distance, values, r_min, r_max, q_max)
    if points.size < LEAST_POINTS_PER_NUMBER * (len(free) + 1) or not np.isfinite(data).all():
        raise ValueError(
            f"fit_pair_distances: {points.size} finite independent points between {r_min} and {r_max} A for "
            f"{len(free) + 1} free numbers; give at least {LEAST_POINTS_PER_NUMBER} for each"
        )
    if not data.any():
        raise ValueError(f"fit_pair_distances: g is 0 between {r_min} and {r_max} A; give a measured G(r)")
    grid = model_grid(float(points[-1]), MODEL_STEP)
    pairs = pair_distances(structure, float(np.ceil((points[-1] + BEYOND) * (1 + 2 * SCAN_PART))))
    return _fitted(_Problem(points, data, pairs, grid, q_max, free, held), structure, (r_min, r_max))


def _fitted(problem: _Problem, structure: Structure, span: tuple[float, float]) -> PairFit:
    """Scan, fit and report."""
    start = np.array([START.get(name, 1.0) for name in problem.free])
    limits = np.array([LIMITS.get(name, (0.9, 1.1)) for name in problem.free]).T
    found = _OPTIMIZE.least_squares(
        problem.residual, _scanned(problem, start), bounds=(limits[0], limits[1]), x_scale=np.abs(start)
    )
    misfit = float(found.fun @ found.fun)
    per_point = misfit / (problem.r.size - start.size - 1)
    jacobian: FloatArray = np.asarray(found.jac, dtype=np.float64)
    sigma = np.sqrt(per_point * np.diagonal(np.linalg.pinv(jacobian.T @ jacobian)))
    rw = float(np.sqrt(misfit / (problem.g @ problem.g)))
    numbers = problem.held | dict(zip(problem.free, map(float, found.x), strict=True))
    sigmas = dict(zip(problem.free, map(float, sigma), strict=True))
    scale, length = problem.scale(found.x)
    first, _, third = np.linalg.norm(np.array(structure.lattice), axis=1)
    along = "stretch_along" if "stretch_along" in problem.free else "stretch_across"
    marks = zip(problem.free, map(int, found.active_mask), strict=True)
    stuck = tuple(name for name, mark in marks if mark and name != "delta2")
    verdict, reason = _judge("" if found.success else str(found.message), stuck, rw)
    return PairFit(
        a=float(first) * numbers["stretch_across"],
        c=float(third) * numbers[along],
        u_iso=numbers["u_iso"],
        delta2=numbers["delta2"],
        q_damp=numbers["q_damp"],
        scale=scale,
        a_sigma=float(first) * sigmas["stretch_across"],
        c_sigma=float(third) * sigmas[along],
        u_iso_sigma=sigmas["u_iso"],
        delta2_sigma=sigmas.get("delta2", 0.0),
        q_damp_sigma=sigmas.get("q_damp", 0.0),
        scale_sigma=float(np.sqrt(per_point / length)),
        rw=rw,
        r=problem.r,
        g=problem.g + found.fun,
        r_min=span[0],
        r_max=span[1],
        verdict=verdict,
        reason=reason,
    )
