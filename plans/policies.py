"""What the cell does when the acquisition cannot go on, for how long, and when the experiment ends."""

from dataclasses import dataclass
from typing import Literal, get_args

from ..devices.refusal import check_positive
from .beam import BEAM_WAIT_S

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
    beam_wait_max_s : float
        Longest wait for beam between measurements and before the first one, s of wall time; then the
        experiment ends.
    pause_max_s : float
        Longest wait for a cell that its watchdog or an operator has paused, s of wall time; likewise.

    Raises
    ------
    ValueError
        If a policy is none, or a time is not positive and finite.
    """

    on_pause: Policy = "continue"
    on_abort: Policy = "continue"
    on_beam_loss: Policy = "continue"
    on_cycler_fault: FaultPolicy = "continue"
    on_end: Policy = "rest"
    beam_wait_max_s: float = BEAM_WAIT_S
    pause_max_s: float = 6 * 3600.0

    def __post_init__(self) -> None:
        for name in ("beam_wait_max_s", "pause_max_s"):
            check_positive("policies", name, getattr(self, name), "s")
        for name in ("on_pause", "on_abort", "on_beam_loss", "on_cycler_fault", "on_end"):
            value = getattr(self, name)
            allowed = get_args(FaultPolicy if name == "on_cycler_fault" else Policy)
            if value not in allowed:
                raise ValueError(f"policies: {name} = {value!r} is not one of {', '.join(allowed)}")
