"""Stages of a nanoprobe: piezo axes with hysteresis, and a specimen that drifts."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

PERIODS_S = (1900.0, 7300.0)
"""Of the drift: air conditioning and the day of the hall, in round numbers."""


@dataclass(frozen=True)
class Drift:
    """Slow motion of the specimen against the beam, the same for everybody who knows the time.

    Attributes
    ----------
    amplitude_nm : float
        Largest excursion in x and in y.
    seed : int
        Of the phases.
    """

    amplitude_nm: float = 60.0
    seed: int = 1

    def offset_nm(self, time_s: float) -> tuple[float, float]:
        """Offset of the specimen in x and y (nm) at a simulated UNIX time (s)."""
        first, second = (2.0 * math.pi * time_s / period_s for period_s in PERIODS_S)
        x, y = _phases(self.seed)
        # Single numbers, thousands of times a second: faster without numpy.
        return (
            0.5 * self.amplitude_nm * (math.sin(first + x[0]) + math.sin(second + x[1])),
            0.5 * self.amplitude_nm * (math.sin(first + y[0]) + math.sin(second + y[1])),
        )


@lru_cache(maxsize=16)
def _phases(seed: int) -> list[list[float]]:
    rng = np.random.default_rng([seed, 77])
    return rng.uniform(0.0, 2.0 * math.pi, (2, len(PERIODS_S))).tolist()


class PiezoAxis:
    """A piezo in open loop: where it stands depends on where it came from.

    Play operators in parallel (Prandtl-Ishlinskii; Kuhnen 2003, Eur. J. Control 9, 407): the position is what
    was asked for, less a part that follows only once the command has moved by more than its threshold.

    Parameters
    ----------
    limit_um
        It goes from minus to plus this.
    hysteresis
        Width of the loop over the whole travel, 0 to below 0.5.
    """

    THRESHOLDS = (0.05, 0.15, 0.35)
    """Of the play operators, in units of the limit."""

    def __init__(self, limit_um: float, hysteresis: float) -> None:
        self.limit_um = limit_um
        self._weight = hysteresis
        self._plays = [0.0 for _ in self.THRESHOLDS]

    def move(self, command_um: float) -> float:
        """Command a position and return the true one.

        Parameters
        ----------
        command_um
            um, within the limits.

        Returns
        -------
        float
            um.

        Raises
        ------
        ValueError
            If the command is outside the limits.
        """
        if not -self.limit_um <= command_um <= self.limit_um:
            raise ValueError(
                f"piezo at {command_um} um: it goes from {-self.limit_um:g} to {self.limit_um:g} um, move "
                "the coarse stage"
            )
        for index, threshold in enumerate(self.THRESHOLDS):
            width_um = threshold * self.limit_um
            self._plays[index] = min(max(self._plays[index], command_um - width_um), command_um + width_um)
        lag_um = command_um - sum(self._plays) / len(self._plays)
        return command_um - self._weight / (sum(self.THRESHOLDS) / len(self.THRESHOLDS)) * lag_um
