"""Angles, frames, flats and darks of tomograms in an experiment file, whatever their technique."""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from bluesky.utils import MsgGenerator
from pydantic import Field, field_validator, model_validator

from ..plans.dose_option import ConstantDose
from ..plans.duration import Timing
from ..plans.tomogram_passes import pass_stretch
from ..plans.turn import Pass, Turn, When
from ..plans.turn_time import TurnTimes, rotation_by, turn_times
from ..plans.waiting import set_all
from .demand import Demand, Elsewhere, Exposure, ends
from .quantity import Seconds
from .section import Section
from .technique import MICROSCOPE, TechniqueSection

FOCUS_S = 60.0
"""Longest wait for monochromator and optic, s."""

Order = Literal["sequential", "interlaced", "golden", "golden_turns"]
GIVE_FLATS = "give flats = 10, by which the projections are divided"
IN_TURNS: tuple[Order, ...] = ("interlaced", "golden_turns")
"""Orders of several passes, which `turns` counts."""
Angle = Annotated[float, Field(ge=-3600, le=3600)]


class AskedVolume(Section):
    """``volume = {...}`` of a tomogram: it is reconstructed once it is taken, while the cell goes on.

    Attributes
    ----------
    centre_px
        Column of the rotation axis, pixels of a frame; found unless given.
    rings
        How rings are removed: ``"none"``, ``"sorting"`` or ``"combined"``.
    particles
        Whether particles are told apart and described.
    """

    centre_px: float | None = Field(default=None, ge=-1e5, le=1e5)
    rings: Literal["none", "sorting", "combined"] = "none"
    particles: bool = False


class TurnFile(TechniqueSection):
    """Angles and frames of a tomogram, however often and at whatever energies it is taken.

    Attributes
    ----------
    projections, angles_deg
        How many even angles over `range_deg`, or the angles themselves, degree; one of the two.
    range_deg
        180 or 360, degree; the end is not among the angles.
    order
        In which angles are taken: ``"sequential"``, ``"interlaced"`` in `turns` passes, ``"golden"``: any
        first part of it covers the range; or ``"golden_turns"``: `turns` coarse passes, each begun a golden
        section of the coarse step further, so that any first turns cover the range, on the fly as well.
    turns
        Passes of ``"interlaced"``, a power of two that divides `projections`, or of ``"golden_turns"``, any
        number that divides it.
    mode
        ``"step"`` stops at each angle, ``"fly"`` turns on while the camera exposes.
    exposure_s
        Of each frame.
    flats, darks
        Frames without specimen, and without light.
    flats_when
        Whether flats are taken ``"before"`` the projections, ``"after"`` them, or ``"both"``.
    flats_max_age_s
        Flats and darks that are younger, by the cell's clock, are used again; never unless given.
    max_missing
        Largest part (0..1) of the projections that may be missing or without beam.
    flat_x_um
        Where the stage has the specimen out of the picture, um.
    binning
        Pixels along each side that the camera adds up to one.
    full_dose_ma
        Ring current at which a frame is exposed for `exposure_s`, mA: with less it is exposed for longer, at
        most three times, each projection by itself where the rotation stops; always `exposure_s` unless told.
    energy_ev
        Photon energy, eV; monochromator and focus as they stand unless given.
    volume
        How the volume is reconstructed once a tomogram is taken; ``true`` for the usual way, left to
        ``operando reconstruct`` unless given.
    """

    projections: int | None = Field(default=None, ge=2, le=20000)
    angles_deg: list[Angle] | None = Field(default=None, min_length=2, max_length=20000)
    range_deg: Literal[180, 360] = 180
    order: Order = "sequential"
    turns: int = Field(default=8, ge=1, le=1024)
    mode: Literal["step", "fly"] = "step"
    exposure_s: Seconds
    flats: int = Field(default=10, ge=0, le=1000)
    darks: int = Field(default=10, ge=0, le=1000)
    flats_when: When = "before"
    flats_max_age_s: Seconds | None = None
    max_missing: float = Field(default=0.05, ge=0, lt=1)
    flat_x_um: float = Field(default=100.0, ge=-1e5, le=1e5)
    binning: Literal[1, 2, 4] = 1
    full_dose_ma: float | None = Field(default=None, gt=0, le=2000)
    energy_ev: float | None = Field(default=None, ge=2000, le=80000)
    volume: AskedVolume | None = None

    @field_validator("volume", mode="before")
    @classmethod
    def _usual_volume(cls, told: object) -> object:
        return {True: {}, False: None}[told] if isinstance(told, bool) else told

    @model_validator(mode="after")
    def _one_way_to_say_angles(self) -> Self:
        if (self.projections is None) == (self.angles_deg is None):
            raise ValueError("needs projections = 181 (a count), or angles_deg = [...], and not both")
        if self.angles_deg is not None and self.model_fields_set & {"range_deg", "order", "turns"}:
            raise ValueError("angles_deg says range and order itself; remove range_deg, order and turns")
        if self.flats_max_age_s is not None and self.flats_when == "after":
            raise ValueError(
                'flats_max_age_s is about flats before the projections; remove it, or flats_when = "after"'
            )
        if self.order not in IN_TURNS and "turns" in self.model_fields_set:
            raise ValueError(
                f'turns belongs to order = "interlaced" or "golden_turns", not to "{self.order}"; remove it'
            )
        return self

    def angles(self) -> Sequence[float]:
        """Angles in the order in which they are taken, degree.

        Raises
        ------
        ValueError
            If an order in turns has no whole passes.
        """
        # Here, for it takes two seconds to import, which most files need not spend.
        from ..callbacks.analysis.imaging import (
            golden_angles,
            golden_turns,
            interlaced_angles,
            sequential_angles,
        )

        if self.angles_deg is not None:
            return self.angles_deg
        count, span = self.projections or 0, {"span_deg": float(self.range_deg)}
        match self.order:
            case "interlaced":
                found = interlaced_angles(count, turns=self.turns, **span)
            case "golden":
                found = golden_angles(count, **span)
            case "golden_turns":
                found = golden_turns(count, turns=self.turns, **span)
            case _:
                found = sequential_angles(count, **span)
        return found.tolist()

    @property
    def count(self) -> int:
        """Number of projections."""
        return len(self.angles_deg) if self.angles_deg is not None else self.projections or 0

    def turn(self) -> Turn:
        """Turn that is asked for.

        Raises
        ------
        ValueError
            If its angles cannot be.
        """
        return Turn(angles_deg=self.angles(), exposure_s=self.exposure_s, **self.still_options())

    def still_options(self) -> dict[str, Any]:
        """Give the options of a `Turn` that are not its angles."""
        return {
            "flats": self.flats,
            "darks": self.darks,
            "references": self.flats_when,
            "references_max_age_s": self.flats_max_age_s,
            "flat_x_um": self.flat_x_um,
            "binning": self.binning,
        }

    def dose(self) -> ConstantDose | None:
        """Give what lets the exposure follow the ring current; None for nothing."""
        if self.full_dose_ma is None:
            return None
        return ConstantDose(ring_current_ma=self.full_dose_ma, each=self.mode == "step")

    def devices(self) -> tuple[str, ...]:
        """Name microscope and camera, on the fly the trigger box as well."""
        return (*MICROSCOPE, *(("trigger_box",) if self.mode == "fly" else ()))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the angles."""
        key = "angles_deg" if self.angles_deg is not None else "projections"
        try:
            turn = self.turn()
        except ValueError as error:
            yield key, str(error)
            return
        if self.mode == "fly":
            try:
                _ = turn.passes
            except ValueError as error:
                yield "mode", f"{error} (of this file: order, or angles_deg)"
        if self.volume is not None and not self.flats:
            yield "flats", f"is 0, and volume asks for a reconstruction; {GIVE_FLATS}"

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Yield that there are no flats."""
        if not self.flats:
            yield "flats", f"is 0, so that slices show the beam as well and there is no volume; {GIVE_FLATS}"

    def passes(self) -> Sequence[Pass]:
        """Give the passes of a turn on the fly."""
        return self.turn().passes

    def demands(self) -> Iterator[Demand]:
        """Yield energy, angles with their speed, exposure, and where flats are taken."""
        yield from super().demands()
        if self.mode == "fly":
            period_s, live_part = self.exposure_s / Turn.live_part, Turn.live_part
            for one in self.passes():
                stretch = pass_stretch(one, period_s, live_part)
                yield Demand(("exposure_s",), "microscope.rotation", stretch)
        else:
            key = "angles_deg" if self.angles_deg is not None else "range_deg"
            yield from ends(key, "microscope.rotation", self.angles())
        yield Demand(("exposure_s",), "microscope_camera", Exposure(self.exposure_s))
        yield from flat_place(self.flat_x_um) if self.flats else ()

    def metadata(self) -> dict[str, Any]:
        """Start document keys of a tomogram: `volume`, where one is asked for."""
        return {} if self.volume is None else {"volume": self.volume.model_dump()}

    def volume_bytes(self, picture_mb: float) -> int:
        """Count what a volume takes, 4 bytes a voxel; a picture of so many MB is square, 2 bytes a pixel."""
        side = math.sqrt(0.5e6 * picture_mb) / self.binning
        return round(4 * side**3) if self.volume else 0

    def times(self, timing: Timing) -> TurnTimes:
        """Tell how long one tomogram takes."""
        return turn_times(self.turn(), self.mode, timing, rotation_by(timing))


def flat_place(flat_x_um: float) -> Iterator[Demand]:
    """Ask that the stage reaches where flats are taken, um, and that the specimen does not stand there."""
    for value in (flat_x_um, Elsewhere(flat_x_um)):
        yield Demand(("flat_x_um",), "microscope.sample_x", value)


def in_focus(
    station: Any,  # noqa: ANN401 - a beamline with a microscope
    energy_ev: float | None,
) -> MsgGenerator[None]:
    """Set monochromator and optic to an energy (eV); leave both as they stand for None."""
    if energy_ev is not None:
        energies = {station.mono.energy: energy_ev, station.microscope.focus: energy_ev}
        yield from set_all(energies, timeout_s=FOCUS_S)
