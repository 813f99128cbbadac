"""A powder pattern as a sum of phases: what is free, and how every line follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .line_shape import sum_lines
from .line_shift import LineShifts
from .phase import FloatArray, Phase

TEXTURE_PRIOR = 0.3
"""How far intensities may stray from those of a perfect powder, standard deviation of their logarithm."""
LEAST_FREE_STRENGTH = 0.004
"""Weaker lines, relative to the strongest, follow the mean texture."""


def _changes(by_metric: FloatArray, metric: FloatArray) -> FloatArray:
    """Full widths (m, 2) that spreads of c and of a by one angstrom give the lines of a hexagonal cell.

    c**2 goes as 1 / metric[1] and a**2 as 4 / 3 / metric[0], so that dq/dc = -2 metric[1] / c dq/dmetric[1];
    2.355 standard deviations are a full width.
    """
    if len(metric) != 2:
        return np.zeros((len(by_metric), 2))
    a_a = 4 * np.pi / np.sqrt(3 * max(float(metric[0]), 1e-6))
    c_a = 2 * np.pi / np.sqrt(max(float(metric[1]), 1e-6))
    return 2.355 * np.stack(
        [by_metric[:, 1] * 2 * metric[1] / c_a, by_metric[:, 0] * 2 * metric[0] / a_a], axis=1
    )


@dataclass(frozen=True, eq=False)
class Part:
    """One phase of a pattern.

    Attributes
    ----------
    phase
        Lines and strengths.
    metric
        Where its lattice starts (k,), 1/angstrom**2.
    scale, strain, spread_c_a, spread_a_a
        Where these start: area over strength, relative width of q, standard deviations of c and a in
        angstrom; that of a is negative where a falls as c grows from grain to grain.
    free_lattice
        Whether the lattice is fitted; an internal standard's is not.
    free_spread
        Whether a spread of c, and of a with it, is fitted.
    texture
        Parts with the same word share the texture of their lines, by index triple.
    log_texture
        Where the texture starts: logarithm of each line (m,) of the phase; None for a perfect powder.
    """

    phase: Phase
    metric: FloatArray
    scale: float
    strain: float = 0.002
    spread_c_a: float = 0.02
    spread_a_a: float = 0.0
    free_lattice: bool = True
    free_spread: bool = False
    texture: str = ""
    log_texture: FloatArray | None = None


@dataclass(eq=False)
class _Place:
    """Where the parameters of one part are in the vector."""

    scale: int
    strain: int
    spread: int
    metric: slice
    texture: np.ndarray
    lines: slice


@dataclass(eq=False)
class PatternModel:
    """Parameters of a whole pattern, their places in a vector, and the lines that follow.

    The vector holds, in this order: background, Lorentzian part (last of all), width, shifts, then scale,
    strain, spread and metric of each part, and the logarithms of the textures.
    """

    q_per_a: FloatArray
    parts: list[Part]
    geometry: LineShifts | None
    background: FloatArray
    width_per_a: float = 0.008
    eta: float = 0.5
    texture_prior: float = TEXTURE_PRIOR
    shift_start: tuple[float, ...] = ()
    places: list[_Place] = field(default_factory=list[_Place])
    labels: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Give each parameter its place."""
        shifts = self.geometry.shifts if self.geometry is not None else ()
        self.shift_at = slice(1, 1 + len(shifts))
        self.labels = ["width", *shifts]
        textures: dict[tuple[str, tuple[int, ...]], int] = {}
        line_count = 0
        low, high = self.q_per_a[0] * 0.985, self.q_per_a[-1] * 1.015
        self.kept = [(p.phase.q_per_a > low) & (p.phase.q_per_a < high) for p in self.parts]
        for number, (part, kept) in enumerate(zip(self.parts, self.kept, strict=True)):
            at = len(self.labels)
            spread = part.free_spread
            names = ["scale", "strain", *(["spread", "spread_a"] if spread else [])]
            names += [f"metric{i}" for i in range(len(part.metric))] if part.free_lattice else []
            self.labels += [f"{number}.{name}" for name in names]
            metric_at = at + 2 + 2 * spread
            lines = slice(line_count, line_count + int(kept.sum()))
            line_count = lines.stop
            self.places.append(
                _Place(
                    at,
                    at + 1,
                    at + 2 if spread else -1,
                    slice(metric_at, len(self.labels)),
                    np.array([]),
                    lines,
                )
            )
        for number, (part, kept) in enumerate(zip(self.parts, self.kept, strict=True)):
            strength = part.phase.strength[kept]
            strong = strength > LEAST_FREE_STRENGTH * strength.max(initial=0.0)
            index = np.full(len(strength), -1)
            for line, hkl in enumerate(part.phase.hkl[kept]):
                if strong[line]:
                    key = (part.texture or str(number), tuple(int(i) for i in hkl))
                    index[line] = textures.setdefault(key, len(textures))
            self.places[number].texture = index
        self.texture_at = slice(len(self.labels), len(self.labels) + len(textures))
        self.labels += ["texture"] * len(textures)
        self.line_count = line_count
        self.start = self._start()

    def _start(self) -> FloatArray:
        """Vector (p,) at which the fit starts, without background and Lorentzian part."""
        start = np.zeros(len(self.labels))
        start[0] = self.width_per_a
        if self.shift_start:
            start[self.shift_at] = self.shift_start
        for part, place, kept in zip(self.parts, self.places, self.kept, strict=True):
            free = place.texture >= 0
            if part.log_texture is not None:
                start[self.texture_at.start + place.texture[free]] = part.log_texture[kept][free]
            start[place.scale], start[place.strain] = part.scale, part.strain
            if place.spread >= 0:
                start[place.spread] = part.spread_c_a
                start[place.spread + 1] = part.spread_a_a
            if part.free_lattice:
                start[place.metric] = part.metric
        return start

    def settled(self, inner: FloatArray) -> list[Part]:
        """Parts as a fit found them; `inner` is the vector without background and Lorentzian part."""
        found: list[Part] = []
        for part, place, kept in zip(self.parts, self.places, self.kept, strict=True):
            logs = np.zeros(len(kept)) if part.log_texture is None else part.log_texture.copy()
            free = np.flatnonzero(kept)[place.texture >= 0]
            logs[free] = inner[self.texture_at][place.texture[place.texture >= 0]]
            found.append(
                replace(
                    part,
                    metric=inner[place.metric] if part.free_lattice else part.metric,
                    scale=float(inner[place.scale]),
                    strain=max(float(inner[place.strain]), 5e-4),
                    spread_c_a=max(float(inner[place.spread]), 0.005)
                    if place.spread >= 0
                    else part.spread_c_a,
                    spread_a_a=float(inner[place.spread + 1]) if place.spread >= 0 else 0.0,
                    log_texture=logs,
                )
            )
        return found

    def lines(self, vector: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Place, width and area (m, 3) of every line, and their derivatives (m, 3, p)."""
        table = np.zeros((self.line_count, 3))
        gradient = np.zeros((self.line_count, 3, len(vector)))
        for part, place, kept in zip(self.parts, self.places, self.kept, strict=True):
            self._part_lines(vector, part, place, kept, table[place.lines], gradient[place.lines])
        self._add_shift(vector, table, gradient)
        return table, gradient

    def _part_lines(
        self,
        vector: FloatArray,
        part: Part,
        place: _Place,
        kept: np.ndarray,
        table: FloatArray,
        gradient: FloatArray,
    ) -> None:
        """Fill the rows of one part."""
        rows, strength = part.phase.rows[kept], part.phase.strength[kept]
        metric = vector[place.metric] if part.free_lattice else part.metric
        q = np.sqrt(np.maximum(rows @ metric, 1e-6))
        table[:, 0] = q
        by_metric = rows / (2 * q[:, None])
        if part.free_lattice:
            gradient[:, 0, place.metric] = by_metric
        narrow = np.ones_like(q)
        if self.geometry is not None:
            narrow = self.geometry.width_factor(q)
            strength = strength * self.geometry.polarisation(q)
        self._widths(vector, place, q, narrow, _changes(by_metric, metric), table, gradient)
        free = place.texture >= 0
        logs = np.zeros(len(q))
        logs[free] = vector[self.texture_at][place.texture[free]]
        area = strength * np.exp(logs)
        gradient[:, 2, place.scale] = area
        table[:, 2] = vector[place.scale] * area
        at = np.flatnonzero(free)
        gradient[at, 2, self.texture_at.start + place.texture[free]] = table[at, 2]

    def _widths(
        self,
        vector: FloatArray,
        place: _Place,
        q: FloatArray,
        narrow: FloatArray,
        changes: FloatArray,
        table: FloatArray,
        gradient: FloatArray,
    ) -> None:
        """Widths (m,) from instrument, strain and spread of the cell, added as squares."""
        both = slice(place.spread, place.spread + 2)
        spread = changes @ vector[both] if place.spread >= 0 else np.zeros_like(q)
        squared = (vector[0] * narrow) ** 2 + (vector[place.strain] * q) ** 2 + spread**2
        width = np.sqrt(np.maximum(squared, 1e-8))
        table[:, 1] = width
        gradient[:, 1, 0] = vector[0] * narrow**2 / width
        gradient[:, 1, place.strain] = vector[place.strain] * q**2 / width
        if place.spread >= 0:
            gradient[:, 1, both] = (spread / width)[:, None] * changes

    def _add_shift(self, vector: FloatArray, table: FloatArray, gradient: FloatArray) -> None:
        """Move the lines as the diffractometer does."""
        if self.geometry is None:
            return
        true_q = table[:, 0].copy()
        for index, shift in enumerate(self.geometry.shifts, start=1):
            basis = self.geometry.basis(true_q, shift)
            table[:, 0] += vector[index] * basis
            gradient[:, 0, index] = basis

    def evaluate(self, vector: FloatArray) -> tuple[FloatArray, FloatArray]:
        """PatternModel (n,) and its derivatives (n, p) by everything: background, vector, Lorentzian part."""
        count = self.background.shape[1]
        inner = vector[count:-1]
        table, gradient = self.lines(inner)
        eta = float(vector[-1])
        for ratio, weight in self.geometry.satellites if self.geometry is not None else ():
            again, slope = table[: self.line_count].copy(), gradient[: self.line_count].copy()
            again[:, :2] *= ratio
            slope[:, :2] *= ratio
            again[:, 2] *= weight
            slope[:, 2] *= weight
            table, gradient = np.concatenate([table, again]), np.concatenate([gradient, slope])
        total, jacobian = sum_lines(self.q_per_a, table, eta, gradient, self.background)
        total += self.background @ vector[:count]
        return total, jacobian
