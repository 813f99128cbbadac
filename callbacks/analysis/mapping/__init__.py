"""Maps: from spectra and frames of a raster to composition, strain and tilt, and how maps go together."""

from .frame_moment import frame_moments
from .orientation import orientation_colours
from .rocking import RockingMoments, RockingVerdict, StrainTilt
from .rocking_geometry import RockingGeometry, flat_detector

__all__ = [
    "RockingGeometry",
    "RockingMoments",
    "RockingVerdict",
    "StrainTilt",
    "flat_detector",
    "frame_moments",
    "orientation_colours",
]
