"""X-ray absorption: edges, white lines, foil shifts, valence and mixtures from arrays."""

from .edge import fit_edge
from .foil import foil_shift
from .grid import edge_energy
from .mixture import Components, Mixture, linear_combination, principal_components
from .normalisation import Normalised, normalise
from .rebin import Rebinned, bin_edges, rebin, structure_widths
from .result import EdgeFit, Verdict
from .valence import Calibration, Valence, calibrate_valence, valence
from .window import POST_EDGE_EV, PRE_EDGE_EV, Windows, choose_windows

__all__ = [
    "POST_EDGE_EV",
    "PRE_EDGE_EV",
    "Calibration",
    "Components",
    "EdgeFit",
    "Mixture",
    "Normalised",
    "Rebinned",
    "Valence",
    "Verdict",
    "Windows",
    "bin_edges",
    "calibrate_valence",
    "choose_windows",
    "edge_energy",
    "fit_edge",
    "foil_shift",
    "linear_combination",
    "normalise",
    "principal_components",
    "rebin",
    "structure_widths",
    "valence",
]
