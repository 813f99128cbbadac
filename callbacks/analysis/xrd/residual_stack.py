"""What the phases leave over the last patterns of a series, added up: a weak phase shows there first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .candidate import Fit, doubted
from .measured import Measured
from .phase import FloatArray

MEMORY = 0.7
"""Weight of what was left before against that of one more; a phase that grows evenly gains most by it."""


@dataclass(frozen=True, eq=False)
class ResidualStack:
    """Weighted sum of what was left (n,), its variance (n,), and the sum of the weights."""

    left: FloatArray
    variance: FloatArray
    weight: float

    def added(self, left: FloatArray, sigma: FloatArray) -> ResidualStack:
        """Stack with one pattern more, what it left and its standard deviations (n,)."""
        if left.size != self.left.size:
            return ResidualStack(left, sigma**2, 1.0)
        return ResidualStack(
            MEMORY * self.left + left, MEMORY**2 * self.variance + sigma**2, MEMORY * self.weight + 1.0
        )

    def without(self, left: FloatArray, sigma: FloatArray) -> ResidualStack:
        """Stack without the pattern that was added last."""
        variance = np.maximum(self.variance - sigma**2, 1e-12) / MEMORY**2
        return ResidualStack((self.left - left) / MEMORY, variance, (self.weight - 1.0) / MEMORY)

    def mean(self, fit: Fit) -> Measured:
        """Give the pattern of the known phases with the mean of what was left, and doubt about lines."""
        values = fit.refined.pattern + self.left / self.weight
        sigma = np.sqrt(self.variance) / self.weight
        return doubted(replace(fit.measured, values=values, sigma=sigma), fit.lines_only())


def nothing_left() -> ResidualStack:
    """Begin a stack."""
    return ResidualStack(np.array([]), np.array([]), 0.0)
