"""Imaging: projections to volumes, whole or as they come; chemistry of every pixel; particles."""

from ..frame_match import ProjectionVerdict, match_frames, relative_intensity, state_at
from ..saturation import saturated_pixels, saturation_warning
from .absorption_stack import AbsorptionStack, EnergyImage, absorption_stack
from .alignment import StackAlignment, align_stack, aligned
from .angle import angular_weights, golden_angles, golden_turns, interlaced_angles, sequential_angles
from .cluster import SpectrumClusters, SpectrumFactors, cluster_spectra, denoised, factorise_spectra
from .crack_calibration import crack_calibration, measured_recipe
from .damage import Damage, DamageCalibration, calibrate_damage, particle_damage
from .electrode_phantom import ElectrodePhantom, PhantomRecipe, electrode_phantom
from .flat_field import Transmission, line_integral, normalise
from .grey_level import GreyLevels, grey_levels
from .image_light import ImageLight, LightVerdict, image_light
from .jelly_roll import JellyRoll, jelly_roll
from .light_sigma import light_sigma_ev
from .mixture_map import MixtureMaps, mixture_maps
from .particle_change import (
    MeasuredState,
    ParticleChange,
    compare_particles,
    damage_history,
    volume_shift,
)
from .particle_part import MergeRule
from .particle_table import depth_profile, particle_table
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
from .radial_profile import RadialGradient, RadialProfile, mismatch_strain, radial_gradient, radial_profile
from .ramp import Window
from .reconstruction import Recipe, Reconstruction, reconstruct
from .ring import Rings, rings_removed
from .rotation_centre import CentreVerdict, RotationCentre, rotation_centre
from .sample_frame import SampleFrame, resample_map
from .sample_registration import Placement, register
from .segmentation import Segmentation, segment_particles
from .slab import BackEnd
from .tilt import AxisTilt, axis_tilt, untilted
from .valence_map import ValenceHistogram, ValenceMap, valence_histogram, valence_map
from .volume import VolumeFile, reconstruct_volume
from .volume_file import lazy_volume
from .xanes_map import PixelVerdict, XanesMaps, xanes_maps

__all__ = [
    "AbsorptionStack",
    "AxisTilt",
    "BackEnd",
    "CentreVerdict",
    "Damage",
    "DamageCalibration",
    "ElectrodePhantom",
    "EnergyImage",
    "GreyLevels",
    "HeldProjections",
    "ImageKey",
    "ImageLight",
    "JellyRoll",
    "LightVerdict",
    "MeasuredState",
    "MergeRule",
    "MixtureMaps",
    "OrthogonalSlices",
    "Paganin",
    "ParticleChange",
    "PhantomRecipe",
    "PixelVerdict",
    "Placement",
    "ProjectionFile",
    "ProjectionFrames",
    "ProjectionSource",
    "ProjectionVerdict",
    "RadialGradient",
    "RadialProfile",
    "Recipe",
    "Reconstruction",
    "Rings",
    "RotationCentre",
    "SampleFrame",
    "Segmentation",
    "SlicePreview",
    "SpectrumClusters",
    "SpectrumFactors",
    "StackAlignment",
    "Transmission",
    "ValenceHistogram",
    "ValenceMap",
    "VolumeFile",
    "Window",
    "XanesMaps",
    "absorption_stack",
    "align_stack",
    "aligned",
    "angular_weights",
    "axis_tilt",
    "calibrate_damage",
    "cluster_spectra",
    "compare_particles",
    "crack_calibration",
    "damage_history",
    "denoised",
    "depth_profile",
    "electrode_phantom",
    "factorise_spectra",
    "golden_angles",
    "golden_turns",
    "grey_levels",
    "image_light",
    "interlaced_angles",
    "jelly_roll",
    "lazy_volume",
    "light_sigma_ev",
    "line_integral",
    "match_frames",
    "measured_recipe",
    "mismatch_strain",
    "mixture_maps",
    "normalise",
    "open_projections",
    "particle_damage",
    "particle_table",
    "phase_retrieved",
    "radial_gradient",
    "radial_profile",
    "reconstruct",
    "reconstruct_volume",
    "register",
    "relative_intensity",
    "resample_map",
    "rings_removed",
    "rotation_centre",
    "saturated_pixels",
    "saturation_warning",
    "segment_particles",
    "sequential_angles",
    "state_at",
    "untilted",
    "valence_histogram",
    "valence_map",
    "volume_shift",
    "xanes_maps",
]
