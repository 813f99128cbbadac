"""What the counts of a synthetic pattern of two phases hold at most, whatever reads them (Cramer and Rao)."""

from dataclasses import dataclass

import numpy as np
import synthetic_patterns as synthetic
from scipy.interpolate import BSpline

Q = synthetic.Q
TEXTURE = 0.3 / 3**0.5
"""Standard deviation of a texture that is uniform within +-0.3."""
BACKGROUND = 9
STEP, STRAIN_STEP = 1e-4, 1e-4
FREE = {"hexagonal": ((0, 1), (2,)), "monoclinic": ((0,), (1,), (2,), (4,))}
"""Places in the lattice that change together."""


@dataclass(frozen=True)
class Pair:
    """Two phases of given cells, `part` of the volume being the second one, with `peak` counts at the top.

    `textures` are factors of the families of lines of each; `known` says whose textures are known, `held`
    whether lattices and strains are.
    """

    names: tuple[str, str]
    cells: tuple[tuple[float, ...], tuple[float, ...]]
    part: float
    peak: float
    textures: tuple[np.ndarray, np.ndarray]
    known: tuple[bool, bool] = (False, False)
    held: bool = False

    def pattern(self) -> np.ndarray:
        """Intensities (n,) of both, without background."""
        return self._drawn(0, self.textures[0]) + self._drawn(1, self.textures[1])

    def fraction_sigma(self) -> float:
        """Least standard deviation of the part of the volume."""
        covariance = self._covariance()[:2, :2]
        slope = self.part * (1 - self.part) * np.array([-1.0, 1.0])
        return float(np.sqrt(slope @ covariance @ slope))

    def _covariance(self) -> np.ndarray:
        """Of all free numbers; the logarithms of the two scales come first."""
        lines = [self._lines(number) for number in (0, 1)]
        pattern = self.pattern()
        size = self.peak / pattern.max()
        under = 0.15 * self.peak * (0.6 + 0.8 * np.exp(-(Q - Q[0]) / 1.5))
        scales = [each.sum(axis=0) for each in lines]
        shapes = [] if self.held else [*self._shapes(0), *self._shapes(1)]
        rows = size * np.vstack([*scales, *shapes, *lines])
        prior = np.zeros(len(rows))
        for number, at in ((0, -sum(map(len, lines))), (1, -len(lines[1]))):
            end = at + len(lines[number]) or None
            prior[at:end] = 1e8 if self.known[number] else TEXTURE**-2
        rows = np.vstack([rows, _splines()])
        prior = np.r_[prior, np.zeros(BACKGROUND)]
        information = (rows / (size * pattern + under)) @ rows.T + np.diag(prior)
        length = np.sqrt(information.diagonal())
        return np.linalg.inv(information / length / length[:, None]) / length / length[:, None]

    def _lines(self, number: int) -> np.ndarray:
        """Each family of lines of a phase by itself (m, n)."""
        texture = self.textures[number]
        return np.array([self._drawn(number, texture * one) for one in np.eye(len(texture))])

    def _drawn(self, number: int, texture: np.ndarray, **changed) -> np.ndarray:
        volume = self.part if number else 1 - self.part
        options = {"lattice": self.cells[number], "texture": texture, **changed}
        return volume * synthetic.lines(Q, self.names[number], **options)

    def _shapes(self, number: int) -> list[np.ndarray]:
        """Derivatives by lattice and strain."""
        texture, cell = self.textures[number], np.array(self.cells[number])
        now = self._drawn(number, texture)
        found = [(self._drawn(number, texture, strain=0.002 + STRAIN_STEP) - now) / STRAIN_STEP]
        for together in FREE["hexagonal" if cell[5] == 120 else "monoclinic"]:
            moved = cell.copy()
            moved[list(together)] += STEP
            found.append((self._drawn(number, texture, lattice=tuple(moved)) - now) / STEP)
        return found


def _splines() -> np.ndarray:
    """Background that is fitted as well (k, n): cubic splines."""
    inner = np.linspace(Q[0], Q[-1], BACKGROUND - 2)
    knots = np.r_[[inner[0]] * 3, inner, [inner[-1]] * 3]
    return BSpline.design_matrix(Q, knots, 3).toarray().T
