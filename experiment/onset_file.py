"""The onset of a phase in the trigger of an experiment file: as a rule, and as what opens and closes one."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ..callbacks.analysis.phase_onset import FRAMES, SIGNIFICANCE, OnsetCriterion
from ..plans.gate import Gate
from .section import Section

GATES = ("after_onset", "until_onset")
"""Keys of a trigger that say from when on and until when it is watched."""


class OnsetSection(Section):
    """A phase and what confirms it; its name alone may stand for it.

    Attributes
    ----------
    phase
        Name in the library of phases, such as ``"H3"``.
    frames
        In how many frames in a row it has to be seen.
    significance
        Its least scale over its standard deviation in each of them.
    measurement
        In the frames of which measurement; of any one unless given.
    """

    phase: str = Field(min_length=1, max_length=64)
    frames: int = Field(default=FRAMES, ge=2, le=1000)
    significance: float = Field(default=SIGNIFICANCE, gt=0, le=1000)
    measurement: str = ""

    @property
    def criterion(self) -> OnsetCriterion:
        """As the analysis takes it."""
        return OnsetCriterion(self.phase, self.frames, self.significance, self.measurement)


def _by_name(value: object) -> object:
    return {"phase": value} if isinstance(value, str) else value


OnsetFile = Annotated[OnsetSection, BeforeValidator(_by_name)]
"""``"H3"``, or ``{ phase = "H3", frames = 5 }``."""


def check_gates(trigger: Any) -> None:  # noqa: ANN401  the trigger imports this module
    """Refuse keys of a trigger that say nothing beside the onset of a phase.

    Raises
    ------
    ValueError
        Naming them, and what to write instead.
    """
    if trigger.onset_confirmed is not None:
        others = trigger.model_fields_set - {"onset_confirmed"}
        if others:
            raise ValueError(
                f"{', '.join(sorted(others))} beside onset_confirmed, which is met once; remove it, or write "
                "a rule of the cell with after_onset"
            )
    elif trigger.after_onset is not None and trigger.after_onset == trigger.until_onset:
        raise ValueError("after_onset and until_onset are the same, so it can never fire; name two onsets")


def gate_of(trigger: Any) -> Gate | None:  # noqa: ANN401
    """Give what opens and closes the trigger of a measurement; None if that is nothing."""
    after = trigger.onset_confirmed or trigger.after_onset
    if after is None and trigger.until_onset is None:
        return None
    return Gate(
        after.criterion if after else None,
        trigger.until_onset.criterion if trigger.until_onset else None,
        fires=trigger.onset_confirmed is not None,
    )
