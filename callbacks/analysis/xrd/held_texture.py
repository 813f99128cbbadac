"""Uncertainty of a refined pattern while its textures are held."""

import numpy as np

from .pattern import FloatArray
from .pattern_model import PatternModel
from .refinement import Refined, inverse


def scale_sigma(refined: Refined, pattern: PatternModel, number: int, splines: int) -> float:
    """Give the standard deviation of the scale of a part with its texture held."""
    at = splines + pattern.places[number].scale
    return float(np.sqrt(held_covariance(refined, pattern, splines)[at, at]))


def held_covariance(refined: Refined, pattern: PatternModel, splines: int) -> FloatArray:
    """Covariance (p, p) of all parameters with the textures held; these have none."""
    kept = np.ones(refined.vector.size, dtype=bool)
    kept[splines + pattern.texture_at.start : splines + pattern.texture_at.stop] = False
    covariance = np.zeros((kept.size, kept.size))
    covariance[np.ix_(kept, kept)] = inverse(refined.normal[np.ix_(kept, kept)])
    return covariance
