"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""

from .crystal import phase_from_cif, phase_from_sites
from .geometry import CU_KALPHA_A, Geometry, q_from_two_theta
from .lattice import ShiftComparison, compare_shifts, fit_lattice
from .lattice_result import LatticeFit
from .library import load_library
from .phase import Phase, System

__all__ = [
    "CU_KALPHA_A",
    "Geometry",
    "LatticeFit",
    "Phase",
    "ShiftComparison",
    "System",
    "compare_shifts",
    "fit_lattice",
    "load_library",
    "phase_from_cif",
    "phase_from_sites",
    "q_from_two_theta",
]
