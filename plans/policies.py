"""What the cell does when the acquisition cannot go on, and when the experiment ends."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

Policy = Literal["continue", "hold_voltage", "hold_current", "rest"]
FaultPolicy = Literal["continue", "rest"]


@dataclass(frozen=True)
class Policies:
    """Policies of an experiment; `continue` gives the cell no order: it goes on inside its limits.

    Parameters
    ----------
    on_pause : Policy
        While the RunEngine is paused.
    on_abort : Policy
        When the plan is aborted, stopped or fails.
    on_beam_loss : Policy
        While a measurement waits for beam.
    on_cycler_fault : FaultPolicy
        When a limit of the potentiostat has tripped; `continue` leaves what the instrument did.
    on_end : Policy
        When the protocol has ended.
    """

    on_pause: Policy = "continue"
    on_abort: Policy = "continue"
    on_beam_loss: Policy = "continue"
    on_cycler_fault: FaultPolicy = "continue"
    on_end: Policy = "rest"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            allowed = get_args(FaultPolicy if name == "on_cycler_fault" else Policy)
            if value not in allowed:
                raise ValueError(f"policies: {name} = {value!r} is not one of {', '.join(allowed)}")
