"""Images of the electrode: chemistry of every pixel, how images lie on each other, and particles."""

from .alignment import StackAlignment, align_stack, aligned
from .cluster import SpectrumClusters, SpectrumFactors, cluster_spectra, denoised, factorise_spectra
from .damage import Damage, DamageCalibration, calibrate_damage, particle_damage
from .grey_level import GreyLevels, grey_levels
from .jelly_roll import JellyRoll, jelly_roll
from .mixture_map import MixtureMaps, mixture_maps
from .particle_table import depth_profile, particle_table
from .radial_profile import RadialGradient, RadialProfile, mismatch_strain, radial_gradient, radial_profile
from .sample_frame import SampleFrame, register_frame, resample_map
from .segmentation import Segmentation, segment_particles
from .valence_map import ValenceHistogram, ValenceMap, valence_histogram, valence_map
from .xanes_map import PixelVerdict, XanesMaps, xanes_maps

__all__ = [
    "Damage",
    "DamageCalibration",
    "GreyLevels",
    "JellyRoll",
    "MixtureMaps",
    "PixelVerdict",
    "RadialGradient",
    "RadialProfile",
    "SampleFrame",
    "Segmentation",
    "SpectrumClusters",
    "SpectrumFactors",
    "StackAlignment",
    "ValenceHistogram",
    "ValenceMap",
    "XanesMaps",
    "align_stack",
    "aligned",
    "calibrate_damage",
    "cluster_spectra",
    "denoised",
    "depth_profile",
    "factorise_spectra",
    "grey_levels",
    "jelly_roll",
    "mismatch_strain",
    "mixture_maps",
    "particle_damage",
    "particle_table",
    "radial_gradient",
    "radial_profile",
    "register_frame",
    "resample_map",
    "segment_particles",
    "valence_histogram",
    "valence_map",
    "xanes_maps",
]
