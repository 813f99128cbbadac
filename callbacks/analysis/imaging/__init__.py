"""Images of the electrode: chemistry of every pixel, how images lie on each other, and particles."""

from .alignment import StackAlignment, align_stack, aligned
from .sample_frame import SampleFrame, register_frame, resample_map
from .xanes_map import PixelVerdict, XanesMaps, xanes_maps

__all__ = [
    "PixelVerdict",
    "SampleFrame",
    "StackAlignment",
    "XanesMaps",
    "align_stack",
    "aligned",
    "register_frame",
    "resample_map",
    "xanes_maps",
]
