"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""

from .crystal import phase_from_cif, phase_from_sites
from .line_shift import CU_KALPHA_A, LineShifts, q_from_two_theta
from .identification import identify_phases
from .lattice import fit_lattice
from .lattice_result import LatticeFit
from .library import load_library
from .phase import Phase, System
from .phase_result import FoundPhase, PhaseResult, State
from .shift import ShiftComparison, compare_shifts

__all__ = [
    "CU_KALPHA_A",
    "FoundPhase",
    "LineShifts",
    "LatticeFit",
    "Phase",
    "PhaseResult",
    "ShiftComparison",
    "State",
    "System",
    "compare_shifts",
    "fit_lattice",
    "identify_phases",
    "load_library",
    "phase_from_cif",
    "phase_from_sites",
    "q_from_two_theta",
]
