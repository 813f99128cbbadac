"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""

from .pair_distance import PairModel, Structure, face_centred_cubic, pair_distances, pair_distribution
from .pair_fit import PairFit, PairFitVerdict, fit_pair_distances
from .total_scattering import TotalScattering, TotalScatteringVerdict, total_scattering

__all__ = [
    "PairFit",
    "PairFitVerdict",
    "PairModel",
    "Structure",
    "TotalScattering",
    "TotalScatteringVerdict",
    "face_centred_cubic",
    "fit_pair_distances",
    "pair_distances",
    "pair_distribution",
    "total_scattering",
]
