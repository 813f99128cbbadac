"""Imaging: from projections to volumes, whole or as they come."""

from .angle import angular_weights, golden_angles, interlaced_angles, sequential_angles
from .flat_field import Transmission, line_integral, normalise
from .phase import Paganin, phase_retrieved
from .preview import OrthogonalSlices, SlicePreview
from .projection_file import (
    HeldProjections,
    ImageKey,
    ProjectionFile,
    ProjectionFrames,
    ProjectionSource,
    open_projections,
)
from .ramp import Window
from .reconstruction import Recipe, Reconstruction, reconstruct
from .ring import Rings, rings_removed
from .rotation_centre import CentreVerdict, RotationCentre, rotation_centre
from .slab import BackEnd
from .tilt import AxisTilt, axis_tilt, untilted
from .volume import VolumeFile, lazy_volume, reconstruct_volume

__all__ = [
    "AxisTilt",
    "BackEnd",
    "CentreVerdict",
    "HeldProjections",
    "ImageKey",
    "OrthogonalSlices",
    "Paganin",
    "ProjectionFile",
    "ProjectionFrames",
    "ProjectionSource",
    "Recipe",
    "Reconstruction",
    "Rings",
    "RotationCentre",
    "SlicePreview",
    "Transmission",
    "VolumeFile",
    "Window",
    "angular_weights",
    "axis_tilt",
    "golden_angles",
    "interlaced_angles",
    "lazy_volume",
    "line_integral",
    "normalise",
    "open_projections",
    "phase_retrieved",
    "reconstruct",
    "reconstruct_volume",
    "rings_removed",
    "rotation_centre",
    "sequential_angles",
    "untilted",
]
