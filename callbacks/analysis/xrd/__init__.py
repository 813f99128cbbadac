"""X-ray diffraction: frames to patterns, patterns to lattices and phases, and pair distances."""

from .calibration import GeometryFit, GeometrySigma, calibrate_geometry
from .crystal import phase_from_cif, phase_from_sites
from .geometry import Geometry
from .identification import identify_phases
from .integration import Integrator
from .lattice import fit_lattice
from .lattice_result import LatticeFit
from .library import load_library, read_phases
from .line_shift import CU_KALPHA_A, LineShifts, q_from_two_theta
from .pair_distance import PairModel, Structure, face_centred_cubic, pair_distances, pair_distribution
from .pair_fit import PairFit, PairFitVerdict, fit_pair_distances
from .pattern import Pattern, Sectors
from .peak_fit import PeakFit, PeakVerdict, fit_peaks
from .peak_splitting import Splitting, SplittingOnset, splitting_onset
from .phase import Phase, System
from .phase_result import FoundPhase, PhaseResult, State
from .total_scattering import total_scattering
from .total_scattering_result import TotalScattering, TotalScatteringVerdict

__all__ = [
    "CU_KALPHA_A",
    "FoundPhase",
    "Geometry",
    "GeometryFit",
    "GeometrySigma",
    "Integrator",
    "LatticeFit",
    "LineShifts",
    "PairFit",
    "PairFitVerdict",
    "PairModel",
    "Pattern",
    "PeakFit",
    "PeakVerdict",
    "Phase",
    "PhaseResult",
    "Sectors",
    "Splitting",
    "SplittingOnset",
    "State",
    "Structure",
    "System",
    "TotalScattering",
    "TotalScatteringVerdict",
    "calibrate_geometry",
    "face_centred_cubic",
    "fit_lattice",
    "fit_pair_distances",
    "fit_peaks",
    "identify_phases",
    "load_library",
    "pair_distances",
    "pair_distribution",
    "phase_from_cif",
    "phase_from_sites",
    "q_from_two_theta",
    "read_phases",
    "splitting_onset",
    "total_scattering",
]
