"""``[[measurements]]`` of technique ``"radiography"``: a burst of radiographs around a trigger."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from bluesky.utils import MsgGenerator
from pydantic import Field

from ..plans.beam_guard import BeamGuard
from ..plans.burst import Burst, BurstTrigger, Heating, burst_trigger
from ..plans.duration import Timing
from ..plans.radiography_burst import radiography_burst
from ..plans.turn_time import FILE_S
from .demand import Demand, Exposure
from .quantity import Seconds
from .technique import MICROSCOPE, Planned, Reckoning, TechniqueSection, bytes_of_frames
from .turn_file import in_focus

AMBIENT_DEGC = 25.0
"""From where a ramp is reckoned, degC."""


class RadiographyFile(TechniqueSection):
    """A ring of frames that is kept around the instant at which the cell gives way.

    Attributes
    ----------
    keep_at
        What triggers, such as ``"heater > 160 degC"``; see `plans.burst.burst_trigger`. Left out: nothing,
        and the frames around the end of the wait are kept.
    exposure_s, period_s
        Of each frame, and from the start of one to that of the next.
    frames_before, frames_after
        Frames kept of those before the trigger, and taken from it on.
    binning
        Pixels along each side that the camera adds up to one.
    wait_limit_s
        How long the trigger is waited for, on the cell's clock.
    if_not_triggered
        ``"fail"``, or ``"fire"``: keep the frames around that instant.
    heat_to_degc, ramp_k_min
        Where the heater ramps to once the ring is full, and how fast; no heating unless given.
    energy_ev
        Photon energy, eV; monochromator and focus as they stand unless given.
    """

    technique: Literal["radiography"]
    keep_at: str = ""
    exposure_s: Seconds = Field(default=7e-4, gt=0, le=60)
    period_s: Seconds = Field(default=8e-4, gt=0, le=60)
    frames_before: int = Field(default=1250, ge=0, le=200_000)
    frames_after: int = Field(default=6250, ge=1, le=200_000)
    binning: Literal[1, 2, 4] = 4
    wait_limit_s: Seconds = Field(default=600.0, gt=0)
    if_not_triggered: Literal["fail", "fire"] = "fail"
    heat_to_degc: float | None = Field(default=None, ge=-100, le=1000)
    ramp_k_min: float = Field(default=10.0, gt=0, le=6000)
    energy_ev: float | None = Field(default=None, ge=2000, le=80000)

    def burst(self) -> Burst:
        """Frames that are asked for.

        Raises
        ------
        ValueError
            If they cannot be.
        """
        return Burst(
            exposure_s=self.exposure_s,
            period_s=self.period_s,
            frames_before=self.frames_before,
            frames_after=self.frames_after,
            binning=self.binning,
            wait_limit_s=self.wait_limit_s,
            on_miss=self.if_not_triggered,
        )

    def kept_at(self) -> BurstTrigger | None:
        """Give what triggers; None if only an order does.

        Raises
        ------
        ValueError
            If it is no trigger.
        """
        return burst_trigger(self.keep_at) if self.keep_at else None

    def heating(self) -> Heating | None:
        """Give what provokes the cell; None for nothing."""
        if self.heat_to_degc is None:
            return None
        return Heating(to_degc=self.heat_to_degc, ramp_k_min=self.ramp_k_min)

    def devices(self) -> tuple[str, ...]:
        """Name microscope and camera, and the heater where it heats."""
        return (*MICROSCOPE, *(("heater",) if self.heat_to_degc is not None else ()))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with trigger and frames."""
        try:
            trigger = self.kept_at()
        except ValueError as error:
            yield "keep_at", str(error)
            return
        try:
            burst = self.burst()
        except ValueError as error:
            yield "exposure_s", str(error)
            return
        if trigger is None and self.if_not_triggered == "fail":
            yield "if_not_triggered", 'without keep_at nothing triggers: use if_not_triggered = "fire"'
        if trigger is not None and burst.before_s < trigger.latency_s:
            told = f"{self.frames_before} frames last {burst.before_s:g} s, and {trigger} may come "
            yield "frames_before", f"{told}{trigger.latency_s:g} s late: take more"

    def demands(self) -> Iterator[Demand]:
        """Yield energy, exposure and temperature."""
        yield from super().demands()
        yield Demand(("exposure_s",), "microscope_camera", Exposure(self.exposure_s))
        if self.heat_to_degc is not None:
            yield Demand(("heat_to_degc",), "heater", self.heat_to_degc)

    def reckoning(self, timing: Timing, picture_mb: float) -> Reckoning:
        """Reckon a burst; how long its trigger is waited for nobody knows, but a ramp and the limit do."""
        burst = self.burst()
        waited_s = self.wait_limit_s
        if self.heat_to_degc is not None:
            waited_s = min(waited_s, 60.0 * abs(self.heat_to_degc - AMBIENT_DEGC) / self.ramp_k_min)
        taken_s = burst.frames * burst.period_s
        return Reckoning(
            points=burst.frames,
            duration_s=timing.start_s + FILE_S + taken_s + waited_s,
            blur_s=taken_s,
            lit_s=taken_s + waited_s,
            energy_ev=self.energy_ev or 0.0,
            frames_bytes=bytes_of_frames(burst.frames, picture_mb, self.binning),
            words=("burst", "burst"),
            dead_time=(
                f"{1.0 / burst.period_s:,.0f} frames/s, {burst.before_s:.3g} s before and "
                f"{taken_s - burst.before_s:.3g} s after {self.keep_at or 'the order'}, which is waited for "
                f"{self.wait_limit_s:g} s at most"
            ),
        )

    def planned(
        self,
        station: Any,  # noqa: ANN401 - as in the base class
        timing: Timing,
        guard: BeamGuard | None,
    ) -> Planned:
        """Set energy and focus where the file names an energy, and take the burst."""

        def plan(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
            yield from in_focus(station, self.energy_ev)
            options = {"heating": self.heating(), "guard": guard, "md": md}
            return (yield from radiography_burst(station, self.burst(), self.kept_at(), **options))

        return plan
