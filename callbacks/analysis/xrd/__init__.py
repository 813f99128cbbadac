"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""

from .calibration import GeometryFit, GeometrySigma, calibrate_geometry
from .geometry import Geometry
from .integration import Integrator
from .pattern import Pattern, Sectors

__all__ = [
    "Geometry",
    "GeometryFit",
    "GeometrySigma",
    "Integrator",
    "Pattern",
    "Sectors",
    "calibrate_geometry",
]
