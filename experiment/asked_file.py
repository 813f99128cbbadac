"""What every measurement of an experiment file has, whatever its technique."""

from typing import Self

from pydantic import Field, model_validator

from ..plans.latches import OnMiss
from .quantity import Seconds
from .section import Section
from .trigger_file import TriggerFile


class AskedSection(Section):
    """What every measurement has, whatever its technique.

    Attributes
    ----------
    trigger
        What sets it off; none in step and hold, where every state does.
    max_blur
        Change of lithium content during one scan or frame that is accepted without a warning.
    max_lateness_s
        Deadline: latest start after the trigger, on the cell's clock.
    on_miss
        What becomes of a request that misses it: measured and entered as late, or skipped; ``"queue"``
        measures every request, oldest first, where else the newest supersedes the older ones.
    priority
        Of several requests the highest is measured first.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
    trigger: TriggerFile | None = None
    max_blur: float = Field(default=0.02, gt=0, le=1)
    max_lateness_s: Seconds | None = None
    on_miss: OnMiss = "late"
    priority: int = 0

    @model_validator(mode="after")
    def _deadline(self) -> Self:
        if self.on_miss == "skip" and self.max_lateness_s is None:
            raise ValueError('on_miss = "skip" needs a deadline; give max_lateness_s')
        return self
