"""A measurement of an experiment file that says itself which devices, how much time and which plan it takes.

A new technique is a module with a subclass of `TechniqueSection` and one line in `measurement_file`: check,
estimate, conversion and rehearsal ask the table and need not know it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from bluesky.utils import MsgGenerator

from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.measurement import Measurement
from .asked_file import AskedSection
from .demand import Demand, ends, optic_at
from .measurement_context import MeasurementContext

MICROSCOPE = ("microscope", "microscope_camera")
"""Devices of a full-field microscope."""


@dataclass(frozen=True)
class Reckoning:
    """What one measurement takes.

    Attributes
    ----------
    points
        Energies, frames, pixels or projections.
    duration_s
        From the order to the end, s.
    blur_s
        Time over which the cell is smeared, s.
    lit_s
        For which the beam is on the same place of the specimen, s.
    energy_ev
        Photon energy, eV.
    frames_bytes
        In the files of a camera, and of volumes that are made of them.
    words
        What smears the cell, and what one trigger asks for; a spectrum or frames unless given.
    dead_time
        A sentence on where the time goes in which no detector counts; empty if there is nothing to say.
    """

    points: int
    duration_s: float
    blur_s: float
    lit_s: float
    energy_ev: float
    frames_bytes: int = 0
    words: tuple[str, str] = ("", "")
    dead_time: str = ""


def bytes_of_frames(frames: int, picture_mb: float, binning: int) -> int:
    """Count what frames take in a file, bytes, where a whole picture of the camera takes so many MB."""
    return int(frames * picture_mb * 1e6 / binning**2)


Planned = Callable[..., MsgGenerator[Any]]
"""Called as `planned(md=...)`, gives a plan that makes one run and returns its uid."""


class TechniqueSection(AskedSection):
    """What a technique says of itself; a subclass adds its keys, and `technique` as a literal.

    Attributes
    ----------
    energy_ev
        Photon energy, eV; None where nobody sets one. A subclass that scans energies sets `scans_energy`.
    """

    scans_energy: ClassVar[bool] = False
    one_specimen: ClassVar[str] = "a microscope holds one specimen, of one cell"
    """Why several cells on a sample changer cannot be measured in this way; empty if they can."""

    technique: Any
    energy_ev: float | None = None

    def devices(self) -> tuple[str, ...]:
        """Name what it needs besides the common devices of a beamline, as attributes of `Beamline`."""
        return MICROSCOPE

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield key and sentence of what could not be measured; single values are valid already."""
        yield from ()

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Yield key and sentence of what can be measured, and is of little use."""
        yield from ()

    def demands(self) -> Iterator[Demand]:
        """Yield what it asks of devices, by its own keys; what `problems` tells of is not asked."""
        if self.energy_ev is None:
            return
        if "microscope" in self.devices():
            yield from optic_at("energy_ev", (self.energy_ev,))
        else:
            yield from ends("energy_ev", "mono.energy", (self.energy_ev,))

    def reckoning(self, timing: Timing, picture_mb: float) -> Reckoning:
        """Reckon time, light and bytes.

        Parameters
        ----------
        timing
            Dead times of the beamline.
        picture_mb
            What one frame of the camera that it needs takes in a file, MB.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it takes")

    def planned(
        self,
        station: Any,  # noqa: ANN401 - a beamline, with these devices or without
        timing: Timing,
        guard: BeamGuard | None,
    ) -> Planned:
        """Make what is done at each request; nothing is asked of the devices before that.

        Parameters
        ----------
        station
            Devices; None where only time is of interest.
        timing
            Dead times.
        guard
            Limits below which the beam counts as lost.
        """
        raise NotImplementedError(f"{type(self).__name__} has no plan")

    def measurement(self, context: MeasurementContext) -> Measurement:
        """Make the measurement that the cell asks for."""
        takes = self.reckoning(context.timing, 0.0)
        return Measurement(
            plan=self.planned(context.station, context.timing, context.guard),
            duration_s=takes.duration_s,
            energy_ev=self.energy_ev,
            blur_s=takes.blur_s,
            what=takes.words[0] or "scan",
            **context.shared,
        )
