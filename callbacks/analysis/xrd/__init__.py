"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""

from .calibration import GeometryFit, GeometrySigma, calibrate_geometry
from .geometry import Geometry
from .integration import Integrator
from .pair_distance import PairModel, Structure, face_centred_cubic, pair_distances, pair_distribution
from .pair_fit import PairFit, PairFitVerdict, fit_pair_distances
from .pattern import Pattern, Sectors
from .total_scattering import TotalScattering, TotalScatteringVerdict, total_scattering

__all__ = [
    "Geometry",
    "GeometryFit",
    "GeometrySigma",
    "Integrator",
    "PairFit",
    "PairFitVerdict",
    "PairModel",
    "Pattern",
    "Sectors",
    "Structure",
    "TotalScattering",
    "TotalScatteringVerdict",
    "calibrate_geometry",
    "face_centred_cubic",
    "fit_pair_distances",
    "pair_distances",
    "pair_distribution",
    "total_scattering",
]
