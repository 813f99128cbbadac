"""Imaging: from projections to volumes, whole or as they come."""

from .angle import angular_weights, golden_angles, interlaced_angles, sequential_angles
from .flat_field import Transmission, line_integral, normalise
from .phase import Paganin, phase_retrieved
from .preview import OrthogonalSlices, SlicePreview
from .ramp import Window
from .reconstruction import Recipe, Reconstruction, reconstruct
from .ring import Rings, rings_removed
from .rotation_centre import CentreVerdict, RotationCentre, rotation_centre
from .slab import BackEnd
from .tilt import AxisTilt, axis_tilt, untilted

__all__ = [
    "AxisTilt",
    "BackEnd",
    "CentreVerdict",
    "OrthogonalSlices",
    "Paganin",
    "Recipe",
    "Reconstruction",
    "Rings",
    "RotationCentre",
    "SlicePreview",
    "Transmission",
    "Window",
    "angular_weights",
    "axis_tilt",
    "golden_angles",
    "interlaced_angles",
    "line_integral",
    "normalise",
    "phase_retrieved",
    "reconstruct",
    "rings_removed",
    "rotation_centre",
    "sequential_angles",
    "untilted",
]
