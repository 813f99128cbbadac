"""Maps: from spectra and frames of a raster to composition, strain and tilt, and how maps go together."""

from .correlation import CorrelationVerdict, MapCorrelation, correlate_maps
from .dead_time import DeadTimeModel, live_fraction
from .drift_refinement import RefinedDrift, refine_drift
from .fluorescence import fit_fluorescence
from .fluorescence_calibration import calibrate_response
from .fluorescence_detector import DetectorResponse
from .fluorescence_line import LineGroup, line_group
from .fluorescence_result import FluorescenceMap, FluorescenceVerdict
from .frame_moment import frame_moments
from .frame_place import frame_places
from .map_drift import MapDrift, map_drift, shift_between, smooth_drift
from .map_likeness import correlation_length
from .orientation import orientation_colours
from .region import Region, region_above
from .registration import Registration, RegistrationVerdict, moved_back, register
from .rocking import RockingMoments, RockingVerdict, StrainTilt
from .rocking_geometry import RockingGeometry, flat_detector, standing_detector

__all__ = [
    "CorrelationVerdict",
    "DeadTimeModel",
    "DetectorResponse",
    "FluorescenceMap",
    "FluorescenceVerdict",
    "LineGroup",
    "MapCorrelation",
    "MapDrift",
    "RefinedDrift",
    "Region",
    "Registration",
    "RegistrationVerdict",
    "RockingGeometry",
    "RockingMoments",
    "RockingVerdict",
    "StrainTilt",
    "calibrate_response",
    "correlate_maps",
    "correlation_length",
    "fit_fluorescence",
    "flat_detector",
    "frame_moments",
    "frame_places",
    "line_group",
    "live_fraction",
    "map_drift",
    "moved_back",
    "orientation_colours",
    "refine_drift",
    "region_above",
    "register",
    "shift_between",
    "smooth_drift",
    "standing_detector",
]
