"""Techniques ``"xanes_imaging"`` and ``"spectro_tomography"`` of an experiment file: chemistry in images."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from bluesky.utils import MsgGenerator
from pydantic import Field

from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.grids import EnergyGrid, edge_energy_ev
from ..plans.image_options import FOCUS_S, ImageOptions, image_times
from ..plans.image_taking import Unfinished
from ..plans.spectro_tomography import EnergySeries, spectro_tomography
from ..plans.tomogram_taking import Tolerance
from ..plans.turn_time import TurnTimes, repeated_times, rotation_by
from ..plans.xanes_imaging import xanes_imaging
from .demand import Demand, Exposure, optic_at
from .grid_file import GridFile
from .technique import Planned, Reckoning, TechniqueSection, bytes_of_frames
from .turn_file import GIVE_FLATS, TurnFile, flat_place

LOWEST_EV, HIGHEST_EV = 2000.0, 80000.0
"""Photon energies that an experiment file takes, eV."""
Energy = Annotated[float, Field(ge=LOWEST_EV, le=HIGHEST_EV)]


class XanesImagingFile(TechniqueSection):
    """``[[measurements]]`` of technique ``"xanes_imaging"``: an image at each energy of an edge.

    Attributes
    ----------
    element, edge
        What is scanned.
    grid
        Energies, and the exposure of one frame at each.
    frames
        With the specimen, at each energy.
    flats, flat_every
        Frames without specimen in a set, and how many energies share one.
    darks
        Frames without light, once.
    flat_x_um
        Where the stage has the specimen out of the picture, um.
    binning
        Pixels along each side that the camera adds up to one.
    """

    scans_energy: ClassVar[bool] = True

    technique: Literal["xanes_imaging"]
    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    grid: GridFile
    frames: int = Field(default=1, ge=1, le=1000)
    flats: int = Field(default=3, ge=1, le=1000)
    flat_every: int = Field(default=1, ge=1, le=1000)
    darks: int = Field(default=10, ge=0, le=1000)
    flat_x_um: float = Field(default=100.0, ge=-1e5, le=1e5)
    binning: Literal[1, 2, 4] = 1

    def energies(self) -> EnergyGrid:
        """Energies that are asked for.

        Raises
        ------
        ValueError
            If they cannot be.
        """
        return self.grid.energies(f"{self.element}_{self.edge}")

    def options(self) -> ImageOptions:
        """Frames, flats and darks that are asked for."""
        return ImageOptions(
            frames=self.frames,
            flats=self.flats,
            flat_every=self.flat_every,
            darks=self.darks,
            flat_x_um=self.flat_x_um,
            binning=self.binning,
            max_lithium_change=self.max_blur,
        )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the energies."""
        try:
            asked = self.energies()
        except ValueError as error:
            yield "grid", str(error)
            return
        energies, lowest_ev, highest_ev = len(asked), asked.energy_ev.min(), asked.energy_ev.max()
        if not LOWEST_EV <= lowest_ev <= highest_ev <= HIGHEST_EV:
            yield (
                "grid",
                (
                    f"goes from {lowest_ev:g} to {highest_ev:g} eV, images are taken at {LOWEST_EV:g} to "
                    f"{HIGHEST_EV:g} eV; give another edge or regions"
                ),
            )
        if self.energy_ev is not None:
            yield "energy_ev", "belongs to techniques at one energy; remove it: grid says the energies"
        if energies < 2:
            yield "grid", f"has {energies} energy; give two or more, of which a pixel has a spectrum"

    def demands(self) -> Iterator[Demand]:
        """Yield energies, exposures, and where flats are taken."""
        grid = self.energies()
        yield from optic_at("grid", grid.energy_ev)
        for exposure_s in dict.fromkeys((grid.dwell_s.min(), grid.dwell_s.max())):
            yield Demand(("grid",), "microscope_camera", Exposure(float(exposure_s)))
        yield from flat_place(self.flat_x_um)

    def reckoning(self, timing: Timing, picture_mb: float) -> Reckoning:
        """Reckon all energies; the cell is smeared over them."""
        grid, options = self.energies(), self.options()
        times = image_times(grid, options, timing)
        count = len(grid)
        frames = count * options.frames + options.flat_sets(count) * options.flats + options.darks
        return Reckoning(
            points=count,
            duration_s=times.duration_s,
            blur_s=times.duration_s,
            lit_s=times.exposed_s,
            energy_ev=grid.e0_ev,
            frames_bytes=bytes_of_frames(frames, picture_mb, self.binning),
            words=("series of images", "series of images"),
            dead_time=(
                f"{count} energies in {times.duration_s:.0f} s, exposed for {times.exposed_s:.0f} s of it; "
                f"{times.reference_s:.0f} s for flats and darks, {times.dead_s:.0f} s for moves and files"
            ),
        )

    def planned(
        self,
        station: Any,  # noqa: ANN401 - as in the base class
        timing: Timing,
        guard: BeamGuard | None,
    ) -> Planned:
        """Take the images; a further attempt goes on at the energy at which the one before lost its beam."""
        unfinished = Unfinished()

        def plan(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
            if int(md.get("attempt", 1)) == 1:
                unfinished.clear()
            return (
                yield from xanes_imaging(
                    station,
                    grid=self.energies(),
                    element=self.element,
                    edge=self.edge,
                    options=self.options(),
                    unfinished=unfinished,
                    guard=guard,
                    timing=timing,
                    md=md,
                )
            )

        return plan


class SpectroTomographyFile(TurnFile):
    """``[[measurements]]`` of technique ``"spectro_tomography"``: a tomogram at each energy of an edge.

    Attributes
    ----------
    element, edge
        What is scanned.
    energies_ev
        In the order in which they are taken, eV.
    """

    scans_energy: ClassVar[bool] = True

    technique: Literal["spectro_tomography"]
    element: str
    edge: Literal["K", "L3", "L2"] = "K"
    energies_ev: list[Energy] = Field(min_length=2, max_length=1000)

    def times(self, timing: Timing) -> TurnTimes:
        """Tell how long the tomogram of one energy takes."""
        return repeated_times(self.turn(), self.mode, timing, rotation_by(timing))

    def demands(self) -> Iterator[Demand]:
        """Yield energies and what a turn asks for."""
        yield from super().demands()
        yield from optic_at("energies_ev", self.energies_ev)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with angles, energies or flats."""
        yield from super().problems()
        if not self.flats:
            yield "flats", f"is 0, and each energy has its own light; {GIVE_FLATS}"
        if self.energy_ev is not None:
            yield "energy_ev", "belongs to a tomogram at one energy; remove it: energies_ev says them"
        try:
            edge_energy_ev(f"{self.element}_{self.edge}")
            EnergySeries(tuple(self.energies_ev), "check")
        except ValueError as error:
            yield "energies_ev", str(error)

    def reckoning(self, timing: Timing, picture_mb: float) -> Reckoning:
        """Reckon all tomograms; the cell is smeared over them."""
        count = len(self.energies_ev)
        times = self.times(timing)
        each_s, turning_s = times.duration_s + FOCUS_S, count * times.turning_s
        frames = self.count + self.flats + self.darks
        each = bytes_of_frames(frames, picture_mb, self.binning) + self.volume_bytes(picture_mb)
        return Reckoning(
            points=count * self.count,
            duration_s=count * each_s,
            blur_s=count * each_s,
            lit_s=turning_s,
            energy_ev=edge_energy_ev(f"{self.element}_{self.edge}"),
            frames_bytes=count * each,
            words=("series of tomograms", "series of tomograms"),
            dead_time=(
                f"{count} tomograms of {self.count} projections in {count * each_s:.0f} s, of which "
                f"{turning_s:.0f} s are rotation"
            ),
        )

    def planned(
        self,
        station: Any,  # noqa: ANN401 - as in the base class
        timing: Timing,
        guard: BeamGuard | None,
    ) -> Planned:
        """Take the tomograms, a further attempt from where the one before ended; gives the last uid."""
        unfinished = Unfinished()

        def plan(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
            if int(md.get("attempt", 1)) == 1:
                unfinished.clear()
            runs = yield from spectro_tomography(
                station,
                self.turn(),
                energies_ev=self.energies_ev,
                element=self.element,
                edge=self.edge,
                mode=self.mode,
                unfinished=unfinished,
                max_lithium_change=self.max_blur,
                tolerance=Tolerance(max_missing=self.max_missing, max_lithium_change=self.max_blur),
                dose=self.dose(),
                guard=guard,
                timing=timing,
                md={**self.metadata(), **md},
            )
            return runs[-1]

        return plan
