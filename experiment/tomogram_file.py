"""``[[measurements]]`` of technique ``"tomography"``: a tomogram of the specimen in a microscope."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Self

from bluesky.utils import MsgGenerator
from pydantic import Field, model_validator

from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.fast_tomography import HALF_TURN_DEG, fast_tomography
from ..plans.multi_position import PositionsTaken, multi_position
from ..plans.tomogram_references import check_flat_place
from ..plans.tomogram_taking import Tolerance
from ..plans.tomography import tomography
from ..plans.turn import Pass, Turn
from ..plans.turn_time import FILE_S, TurnTimes
from .demand import Demand, Elsewhere
from .position_file import PositionFile, doubled_names
from .technique import Planned, Reckoning, bytes_of_frames
from .turn_file import TurnFile, in_focus


class TomographyFile(TurnFile):
    """``[[measurements]]`` of technique ``"tomography"``: a tomogram at one energy.

    Attributes
    ----------
    positions
        Places of the specimen, with names of their own: a tomogram at each, one after the other; where the
        stages stand unless given.
    tomograms
        How many half turns are taken one after the other in one run, while the rotation never stops; one turn
        unless given.
    """

    technique: Literal["tomography"]
    positions: list[PositionFile] = Field(default=[], max_length=1000)
    tomograms: int | None = Field(default=None, ge=1, le=10000)

    @model_validator(mode="after")
    def _half_turns_without_a_stop(self) -> Self:
        given = {"angles_deg", "range_deg", "order", "positions", "volume"} & self.model_fields_set
        if self.tomograms is not None and (self.mode != "fly" or given):
            also = f"; remove {', '.join(sorted(given))}" if given else ""
            raise ValueError(
                f'tomograms are half turns of even steps without a stop: give mode = "fly"{also}'
            )
        return self

    @property
    def count(self) -> int:
        """Number of projections, of all half turns."""
        return super().count * (self.tomograms or 1)

    def times(self, timing: Timing) -> TurnTimes:
        """Tell how long one tomogram takes, or all half turns without a stop."""
        times = super().times(timing)
        if self.tomograms is None:
            return times
        return replace(times, turning_s=self.count * self.exposure_s / Turn.live_part)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with angles or positions."""
        yield from super().problems()
        yield from doubled_names(self.positions)
        for place in self.positions:
            try:
                check_flat_place(f"position {place.name!r}", self.flats, self.flat_x_um, place.x_um)
            except ValueError as error:
                yield "flat_x_um", str(error)

    def passes(self) -> Sequence[Pass]:
        """Give the passes of a turn, or the one of all half turns without a stop."""
        if self.tomograms is None:
            return super().passes()
        return (Pass(0, self.count, 0.0, HALF_TURN_DEG * self.tomograms / self.count),)

    def demands(self) -> Iterator[Demand]:
        """Yield what a turn asks for, and the places of the specimen."""
        elsewhere = bool(self.positions)
        for demand in super().demands():
            # With positions the specimen is brought to each, wherever it stands now.
            if not (elsewhere and isinstance(demand.value, Elsewhere)):
                yield demand
        for number, place in enumerate(self.positions):
            for axis in "xyz":
                key, value = f"{axis}_um", getattr(place, f"{axis}_um")
                yield Demand(("positions", number, key), f"microscope.sample_{axis}", value)

    def reckoning(self, timing: Timing, picture_mb: float) -> Reckoning:
        """Reckon a tomogram; the cell is smeared over all of its projections."""
        times, places = self.times(timing), len(self.positions) or 1
        exposed_s = self.count * self.exposure_s
        rotating_s = exposed_s / Turn.live_part if self.mode == "fly" else times.turning_s
        frames = self.count + self.flats + self.darks
        each = bytes_of_frames(frames, picture_mb, self.binning) + self.volume_bytes(picture_mb)
        return Reckoning(
            points=places * self.count,
            duration_s=places * times.duration_s + (places > 1) * places * FILE_S,
            blur_s=times.turning_s,
            lit_s=times.turning_s,
            energy_ev=self.energy_ev or 0.0,
            frames_bytes=places * each,
            words=("tomogram", "tomogram"),
            dead_time=(f"at each of {places} positions " if places > 1 else "")
            + (
                f"{self.count} projections in {rotating_s:.0f} s of rotation, exposed for "
                f"{exposed_s / rotating_s:.0%} of it; {times.duration_s - rotating_s:.0f} s more for flats, "
                "darks, moves and files"
            ),
        )

    def planned(
        self,
        station: Any,  # noqa: ANN401 - as in the base class
        timing: Timing,
        guard: BeamGuard | None,
    ) -> Planned:
        """Set energy and focus where the file names an energy; take the tomogram, or one at each position.

        A further attempt takes those positions that failed; of several the uid of the last one is given.
        """
        places = [each.place() for each in self.positions]
        taken = PositionsTaken()

        def plan(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
            yield from in_focus(station, self.energy_ev)
            measure, told = self._measure(station, timing, guard), {**self.metadata(), **md}
            if not places:
                return (yield from measure(md=told))
            if int(md.get("attempt", 1)) == 1:
                taken.clear()
            return (yield from multi_position(station, places, measure, taken=taken, md=told))[-1]

        return plan

    def _measure(self, station: object, timing: Timing, guard: BeamGuard | None) -> Callable[..., Any]:
        """Make what takes a tomogram, or one in each half turn."""
        options: dict[str, Any] = {"guard": guard, "timing": timing, "dose": self.dose()}
        options["tolerance"] = Tolerance(max_missing=self.max_missing, max_lithium_change=self.max_blur)
        if self.tomograms is None:
            return partial(tomography, station, self.turn(), mode=self.mode, **options)
        counts = {"tomograms": self.tomograms, "projections": self.projections, "exposure_s": self.exposure_s}
        return partial(fast_tomography, station, **counts, **self.still_options(), **options)
