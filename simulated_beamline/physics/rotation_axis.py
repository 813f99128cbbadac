"""The axis of a rotation stage: beside the optic, leaning, and wobbling once and twice a turn."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .array import FloatArray

HARMONICS = np.array([1.0, 2.0, 3.0])
WEIGHTS = np.array([1.0, 0.4, 0.2])


@dataclass(frozen=True)
class RotationAxis:
    """How a rotation differs from a perfect one.

    Attributes
    ----------
    offset_um : float
        Of the axis from the optical axis, across it.
    tilt_deg : float
        Of the axis in the picture.
    wobble_um : float
        Largest part of the way that the axis moves with the angle, across and along itself.
    encoder_error_deg : float
        Largest error of the encoder, which repeats with each turn.
    seed : int
        Of the phases.
    """

    offset_um: float = 0.0
    tilt_deg: float = 0.0
    wobble_um: float = 0.0
    encoder_error_deg: float = 0.0
    seed: int = 1

    def true_deg(self, dial_deg: ArrayLike) -> FloatArray:
        """Angle at which the specimen stands, degree, for readings of the encoder of any shape."""
        dial = np.asarray(dial_deg, dtype=np.float64)
        return dial + self.encoder_error_deg * self._wave(dial, 2)

    def across_um(self, angle_deg: ArrayLike) -> FloatArray:
        """Place of the axis across the optical axis, um, at angles of any shape."""
        return self.offset_um + self.wobble_um * self._wave(np.asarray(angle_deg, dtype=np.float64), 0)

    def along_um(self, angle_deg: ArrayLike) -> FloatArray:
        """How far the specimen is lifted along the axis, um, at angles of any shape."""
        return self.wobble_um * self._wave(np.asarray(angle_deg, dtype=np.float64), 1)

    def standing(self, dial_deg: float) -> tuple[float, float, float]:
        """Give `true_deg`, `across_um` and `along_um` of one reading; those of the last readings are kept."""
        return _standing(self, dial_deg)

    def _wave(self, angle_deg: FloatArray, kind: int) -> FloatArray:
        waves = np.sin(np.radians(angle_deg)[..., None] * HARMONICS + _phases(self.seed, kind))
        return waves @ WEIGHTS / WEIGHTS.sum()


@lru_cache(maxsize=16)
def _phases(seed: int, kind: int) -> FloatArray:
    return np.random.default_rng([seed, 23, kind]).uniform(0.0, 2.0 * np.pi, len(HARMONICS))


@lru_cache(maxsize=64)
def _standing(axis: RotationAxis, dial_deg: float) -> tuple[float, float, float]:
    return float(axis.true_deg(dial_deg)), float(axis.across_um(dial_deg)), float(axis.along_um(dial_deg))
