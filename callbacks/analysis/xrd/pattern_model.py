"""A powder pattern as a sum of phases: what is free, and how every line follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .line_copy import copies_of, sum_copied
from .line_shape import sum_lines
from .line_shift import AXIAL, LineShifts
from .line_table import Slots, fill_lines
from .phase import FloatArray, Phase

TEXTURE_PRIOR = 0.3
"""How far intensities may stray from those of a perfect powder, standard deviation of their logarithm."""
SHARED = ("width_squared", "narrowing", "eta_slope")
"""What all lines share: square of the width at q = 0, how much of it is a length on a flat detector (0 to 1;
the rest is an angle), and by how much their Lorentzian part grows from the middle of the range to its end."""
ETA_SLOPE = SHARED.index("eta_slope")
LEAST_FREE_STRENGTH = 0.004
"""Weaker lines, relative to the strongest, follow the mean texture."""


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
    limits
        Metrics (k,) between which that of the fit stays; near its start if None.
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
    limits: tuple[FloatArray, FloatArray] | None = None
    free_spread: bool = False
    texture: str = ""
    log_texture: FloatArray | None = None


@dataclass(frozen=True)
class Shape:
    """What all lines share.

    Attributes
    ----------
    width_per_a
        Full width of the instrument at q = 0, 1/angstrom.
    eta, eta_slope
        Lorentzian part in the middle of the range, and how much it grows from there to the end.
    narrowing
        How much of the width is a length on a flat detector, 0 to 1; the rest is an angle.
    shifts_rad
        Shifts asked for by the geometry, in its order; zero if empty.
    """

    width_per_a: float = 0.008
    eta: float = 0.5
    eta_slope: float = 0.0
    narrowing: float = 0.5
    shifts_rad: tuple[float, ...] = ()


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
    shape: Shape = field(default_factory=lambda: Shape())
    texture_prior: float = TEXTURE_PRIOR
    places: list[Slots] = field(default_factory=list[Slots])
    labels: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Give each parameter its place."""
        shifts = self.geometry.fitted if self.geometry is not None else ()
        self.shift_at = slice(len(SHARED), len(SHARED) + len(shifts))
        self.labels = [*SHARED, *shifts]
        textures: dict[tuple[str | int, ...], int] = {}
        line_count = 0
        low, high = self.q_per_a[0] * 0.985, self.q_per_a[-1] * 1.015
        self.kept = [(p.phase.q_per_a > low) & (p.phase.q_per_a < high) for p in self.parts]
        for number, (part, kept) in enumerate(zip(self.parts, self.kept, strict=True)):
            at = len(self.labels)
            spread = part.free_spread
            names = ["scale", "strain_squared", *(["spread_squared", "spread_ratio"] if spread else [])]
            names += [f"metric{i}" for i in range(len(part.metric))] if part.free_lattice else []
            self.labels += [f"{number}.{name}" for name in names]
            metric_at = at + 2 + 2 * spread
            lines = slice(line_count, line_count + int(kept.sum()))
            line_count = lines.stop
            self.places.append(
                Slots(
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
            index, named = np.full(len(strength), -1), part.texture or str(number)
            for line, hkl in zip(np.flatnonzero(strong), part.phase.hkl[kept][strong].tolist(), strict=True):
                index[line] = textures.setdefault((named, *hkl), len(textures))
            self.places[number].texture = index
        self.texture_at = slice(len(self.labels), len(self.labels) + len(textures))
        self.labels += ["texture"] * len(textures)
        self.line_count = line_count
        self._constants()
        self.start = self._start()

    def _start(self) -> FloatArray:
        """Vector (p,) at which the fit starts, without background and Lorentzian part."""
        start = np.zeros(len(self.labels))
        shape = self.shape
        start[: len(SHARED)] = shape.width_per_a**2, shape.narrowing, shape.eta_slope
        if shape.shifts_rad:
            start[self.shift_at] = shape.shifts_rad
        for part, place, kept in zip(self.parts, self.places, self.kept, strict=True):
            free = place.texture >= 0
            if part.log_texture is not None:
                start[self.texture_at.start + place.texture[free]] = part.log_texture[kept][free]
            start[place.scale], start[place.strain] = part.scale, part.strain**2
            if place.spread >= 0:
                start[place.spread] = part.spread_c_a**2
                start[place.spread + 1] = part.spread_a_a / max(part.spread_c_a, 1e-6)
            if part.free_lattice:
                start[place.metric] = part.metric
        return start

    def settled_shape(self, vector: FloatArray) -> Shape:
        """Shape of lines that a fit found; `vector` is all of it."""
        count = self.background.shape[1]
        squared, narrowing, slope = (float(value) for value in vector[count : count + len(SHARED)])
        shifts = tuple(float(value) for value in vector[count:-1][self.shift_at])
        return Shape(float(np.sqrt(squared)), float(vector[-1]), slope, narrowing, shifts)

    def settled(self, inner: FloatArray) -> list[Part]:
        """Parts as a fit found them; `inner` is the vector without background and Lorentzian part."""
        found: list[Part] = []
        for part, place, kept in zip(self.parts, self.places, self.kept, strict=True):
            logs = np.zeros(len(kept)) if part.log_texture is None else part.log_texture.copy()
            free = np.flatnonzero(kept)[place.texture >= 0]
            logs[free] = inner[self.texture_at][place.texture[place.texture >= 0]]
            spread, ratio = inner[place.spread : place.spread + 2] if place.spread >= 0 else (0.0, 0.0)
            spread_c_a = float(np.sqrt(spread)) if place.spread >= 0 else part.spread_c_a
            found.append(
                replace(
                    part,
                    metric=inner[place.metric] if part.free_lattice else part.metric,
                    scale=float(inner[place.scale]),
                    strain=float(np.sqrt(inner[place.strain])),
                    spread_c_a=spread_c_a,
                    spread_a_a=float(ratio) * spread_c_a,
                    log_texture=logs,
                )
            )
        return found

    def lines(self, vector: FloatArray, eta: float) -> tuple[FloatArray, FloatArray]:
        """Place, width, area, Lorentzian part (m, 4) of every line; derivatives (m, 3, p) of three."""
        table = np.empty((self.line_count, 4))
        gradient = np.zeros((self.line_count, 3, len(vector)))
        for part, place, known in zip(self.parts, self.places, self.known, strict=True):
            metric = vector[place.metric] if part.free_lattice else part.metric
            slots, rows, strength, narrow = known
            at, texture = place.lines, place.texture
            fill_lines(vector, slots, texture, metric, rows, strength, narrow, table[at], gradient[at])
        table[:, 3] = np.clip(eta + vector[ETA_SLOPE] * self.lever, 0.0, 1.0)
        self._add_shift(vector, table, gradient)
        return table, gradient

    def _constants(self) -> None:
        """Keep what does not change in a fit: of each part, and the lever of each line."""
        self.known: list[tuple[NDArray[np.int_], FloatArray, FloatArray, FloatArray]] = []
        self.lever = np.zeros(self.line_count)
        middle, half = (self.q_per_a[0] + self.q_per_a[-1]) / 2, (self.q_per_a[-1] - self.q_per_a[0]) / 2
        for part, place, kept in zip(self.parts, self.places, self.kept, strict=True):
            rows, strength = part.phase.rows[kept], part.phase.strength[kept]
            q = np.sqrt(np.maximum(rows @ part.metric, 1e-6))
            narrow = np.ones((len(q), 2))
            if self.geometry is not None:
                narrow = self.geometry.width_factors(q) ** 2
                strength = strength * self.geometry.polarisation(q)
            metric_at = place.metric.start if part.free_lattice else -1
            slots = np.array([place.scale, place.strain, place.spread, metric_at, self.texture_at.start])
            self.known.append((slots, np.ascontiguousarray(rows), strength, narrow))
            self.lever[place.lines] = (q - middle) / half

    def _add_shift(self, vector: FloatArray, table: FloatArray, gradient: FloatArray) -> None:
        """Move the lines as the diffractometer does."""
        if self.geometry is None:
            return
        true_q = table[:, 0].copy()
        for index, shift in enumerate(self.geometry.fitted, start=self.shift_at.start):
            basis = self.geometry.basis(true_q, shift)
            table[:, 0] += vector[index] * basis
            gradient[:, 0, index] = basis

    def evaluate(self, vector: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pattern (n,) and its derivatives (n, p) by everything: background, vector, Lorentzian part."""
        count = self.background.shape[1]
        table, gradient = self.lines(vector[count:-1], float(vector[-1]))
        if self.geometry is not None and self.geometry.copied:
            total, jacobian = self._sum_copied(self.geometry, table, gradient, vector[count:-1])
        else:
            total, jacobian = sum_lines(
                self.q_per_a, table, gradient, self.background, lever=self.lever, slope_at=ETA_SLOPE
            )
        total += self.background @ vector[:count]
        return total, jacobian

    def _sum_copied(
        self, geometry: LineShifts, table: FloatArray, gradient: FloatArray, inner: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Sum lines with tails and satellites."""
        axial = (0.0, np.zeros(self.line_count), -1)
        if AXIAL in geometry.fitted:
            at = self.shift_at.start + geometry.fitted.index(AXIAL)
            axial = (float(inner[at]), gradient[:, 0, at].copy(), at)
        copies = copies_of(geometry.satellites, axial=axial[2] >= 0)
        slope = (self.lever, ETA_SLOPE)
        return sum_copied(self.q_per_a, (table, gradient), self.background, copies, axial=axial, slope=slope)
