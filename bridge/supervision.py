"""Whether the driver still tells what the cell does: samples that fail to come are an alarm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

LossAction = Literal["stop", "continue"]
LOSS_ACTIONS: tuple[str, ...] = get_args(LossAction)


@dataclass
class SampleSupervision:
    """When the driver last answered, and when it last gave a sample; wall time in s.

    A driver that stands still gives no new values, so that samples are missed only while a technique runs.

    Attributes
    ----------
    timeout_s
        Longest silence.
    action
        What a silence does to a protocol that runs: `stop` it and latch a trip, or `continue`, with the
        limits that the driver keeps by itself.
    answered_s, sampled_s
        When the driver last answered a question, and last gave a reading.
    """

    timeout_s: float = 10.0
    action: LossAction = "stop"
    answered_s: float = math.nan
    sampled_s: float = math.nan

    def begin(self, wall_s: float) -> None:
        """Wait for the first answer and sample from now on."""
        self.answered_s = self.sampled_s = wall_s

    def loss(self, wall_s: float, *, running: bool) -> str:
        """Say what fails to come, in words; empty when all is well.

        Parameters
        ----------
        wall_s
            Now.
        running
            Whether a technique runs, so that samples must come.
        """
        unanswered_s, without_s = wall_s - self.answered_s, wall_s - self.sampled_s
        if unanswered_s > self.timeout_s:
            return f"SAMPLES: the driver has not answered for {self.timeout_s:g} s"
        if running and without_s > self.timeout_s:
            return f"SAMPLES: the driver answers, but has given no sample for {self.timeout_s:g} s"
        return ""
