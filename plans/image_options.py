"""What is taken at each energy of a series of images, and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .duration import Timing
from .grids import EnergyGrid
from .redo import check_redo

FOCUS_S, STAGE_S, FILE_S = 0.12, 0.35, 0.15
"""Nominal time of a step of the optic, of one way of the specimen out of the picture, and of a file, s."""


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What is taken at each energy.

    Parameters
    ----------
    frames : int
        With the specimen, at each energy.
    flats : int
        Without it, in each set of flats.
    flat_every : int
        Energies that share a set of flats: 1 has one at each energy, for the light of a monochromator changes
        its shape with it.
    darks : int
        Without light, once; 0 for none.
    flat_x_um : float
        Where `sample_x` has the specimen out of the picture, um.
    binning : int
        Pixels along each side that the camera adds up to one.
    max_lithium_change : float
        Largest change of lithium content during all energies that is neither announced nor marked.
    redo : int
        How often an energy whose frames are missing or lost their beam is taken again.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    frames: int = 1
    flats: int = 3
    flat_every: int = 1
    darks: int = 10
    flat_x_um: float = 100.0
    binning: int = 1
    max_lithium_change: float = 0.01
    redo: int = 2

    def __post_init__(self) -> None:
        counts = {"frames": self.frames, "flats": self.flats, "flat_every": self.flat_every}
        counts["binning"] = self.binning
        for name, value in counts.items():
            if value < 1:
                raise ValueError(f"xanes_imaging: {name} is {value}; give 1 or more")
        check_redo("xanes_imaging", self.redo)
        if self.darks < 0 or not self.max_lithium_change > 0.0:
            raise ValueError(
                f"xanes_imaging: darks {self.darks}, max_lithium_change {self.max_lithium_change}; "
                "give a count of 0 or more and a change above 0"
            )

    def flat_sets(self, energies: int) -> int:
        """Count the sets of flats that so many energies need."""
        return -(-energies // self.flat_every)

    def metadata(self, first: int) -> dict[str, Any]:
        """Start document's `images`."""
        return {
            "frames": self.frames,
            "flats": self.flats,
            "flat_every": self.flat_every,
            "darks": self.darks,
            "flat_x_um": self.flat_x_um,
            "binning": self.binning,
            "first": first,
            "drift": "offline",
        }


@dataclass(frozen=True)
class ImageTimes:
    """How long an energy series of images takes.

    Attributes
    ----------
    exposed_s
        The camera exposes frames with the specimen, s.
    reference_s
        It exposes flats and darks, s.
    dead_s
        It exposes nothing, s.
    """

    exposed_s: float
    reference_s: float
    dead_s: float

    @property
    def duration_s(self) -> float:
        """All of it, s."""
        return round(self.exposed_s + self.reference_s + self.dead_s, 6)

    @property
    def live_fraction(self) -> float:
        """Part in which frames with the specimen are exposed, 0..1."""
        return self.exposed_s / self.duration_s


def image_times(grid: EnergyGrid, options: ImageOptions, timing: Timing) -> ImageTimes:
    """Tell how long images at the energies of a grid take.

    Monochromator and optic move together, the slower one counts; the specimen goes out and back for each set
    of flats, and each set of frames has a file.

    Parameters
    ----------
    grid : EnergyGrid
        Energies, and the exposure of one frame at each.
    options : ImageOptions
        Frames, flats and darks.
    timing : Timing
        Dead times of the beamline.

    Examples
    --------
    >>> from operando.plans.grids import grid_from_regions
    >>> grid = grid_from_regions([(0, 9, 1, 1.0)], e0="Ni_K")
    >>> times = image_times(grid, ImageOptions(flats=2, flat_every=5, darks=5), Timing(start_s=2.0))
    >>> times.exposed_s, times.reference_s, times.duration_s
    (10.0, 9.0, 25.75)
    """
    energies = len(grid)
    sets = options.flat_sets(energies)
    flat_s = sum(float(one) for one in grid.dwell_s[:: options.flat_every]) * options.flats
    dark_s = options.darks * float(grid.dwell_s.max(initial=0.0))
    dark_files = 1 if options.darks else 0
    each_s = max(timing.move_s + timing.settle_s, FOCUS_S) + timing.per_point_overhead_s
    dead_s = timing.start_s + energies * each_s + 2 * sets * STAGE_S + (energies + sets + dark_files) * FILE_S
    return ImageTimes(round(grid.counting_s * options.frames, 6), round(flat_s + dark_s, 6), round(dead_s, 6))
