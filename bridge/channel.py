"""One channel of the driver as the bridge keeps it: protocol, limits, triggers and the present sample."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

from .charge import ChargeCounter
from .clock import DriverClock
from .driver import RUNNING, Reading
from .first_current import FirstCurrent
from .instrument import (
    ClientWatchdog,
    RecordBuffer,
    RefusedError,
    SafetyLimits,
    Sample,
    State,
    TriggerChannel,
)
from .progress import Progress
from .state import TechniqueRunner
from .step import Step
from .supervision import SampleSupervision

START_LIMIT_S = 15.0
CHANNELS = range(1, 9)


class BridgedChannel:
    """What is known of the channel, and what each sample says of it.

    Parameters
    ----------
    runner
        Carries out the techniques.
    """

    def __init__(self, runner: TechniqueRunner) -> None:
        self._runner = runner
        self.state = State.STOPPED
        self.program: tuple[Step, ...] = ()
        self.safety, self.watchdog = SafetyLimits(), ClientWatchdog()
        self.supervision = SampleSupervision()
        self.charge, self.clock = ChargeCounter(), DriverClock()
        self.triggers = {number: TriggerChannel() for number in CHANNELS}
        self.record = RecordBuffer()
        self.progress, self._first_current = Progress(), FirstCurrent()
        self.message, self.started_s = "no protocol is loaded", 0.0
        self.sample = Sample(0.0, math.nan, 0.0, 0.0, 1.0, 0.0, math.nan)
        self.given, self.given_s = 0, 0.0
        self._loaded = False
        self._seen_running = self._stepping = self._open_pending = False
        self._begun_wall_s, self.technique = 0.0, ""
        # Orders and readings change the same protocol, each over several exchanges with the driver.
        self._lock = asyncio.Lock()

    @property
    def step(self) -> Step | None:
        """The step that is carried out or suspended."""
        return self.program[self.progress.index] if self.progress.index >= 0 else None

    @property
    def is_waiting(self) -> bool:
        """Whether a step waits for a trigger."""
        return self.state is State.RUNNING and self.step is not None and self.step.technique == "TI"

    @property
    def needs_samples(self) -> bool:
        """Whether a technique runs, or one could not be ended."""
        return bool(self.technique) or self._open_pending

    def is_late(self, wall_s: float) -> bool:
        """Whether the driver has not started a step in time."""
        return self._stepping and not self._seen_running and wall_s - self._begun_wall_s > START_LIMIT_S

    def _has_tripped(self, reading: Reading) -> bool:
        is_at_work = self._stepping and (self._seen_running or RUNNING in reading.states)
        if is_at_work and (fault := self._first_current.fault(self.sample)):
            self.safety.trip(fault)
            return True
        return self.safety.check(self.sample, self.sample.time - self.started_s)

    def _forget(self, message: str) -> None:
        self.state, self.message, self._stepping = State.STOPPED, message, False
        self.progress = Progress(half_cycle=self.progress.half_cycle)
        self.safety.forget()

    def _boundary(self, edge: str, step: Step) -> None:
        for channel in self.triggers.values():
            channel.boundary(edge, step.id, self.sample)

    def _sampled(self, reading: Reading) -> Sample:
        time_s = max(reading.time_s, self.sample.time)
        measured = self.charge.measured(self.sample, time_s, reading.voltage_v, reading.current_a)
        running = self.state is State.RUNNING
        return replace(
            measured,
            step=max(self.progress.index, 0),
            half_cycle=self.progress.half_cycle,
            cycle=self.progress.half_cycle // 2,
            protocol_time=time_s - self.started_s,
            step_time=self.progress.spent_at_s(time_s) if running else self.progress.spent_s,
            step_id=self.step.id if self.step else "",
            at_rest=not running and not self.technique,
        )

    def _need_limits(self) -> None:
        if refusal := self.safety.refusal():
            raise RefusedError(refusal)
