"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""

from .geometry import Geometry
from .integration import Integrator
from .pattern import Pattern, Sectors

__all__ = [
    "Geometry",
    "Integrator",
    "Pattern",
    "Sectors",
]
