"""What the cell does while the RunEngine is paused."""

from .course import CyclingCell
from .policies import Policy


class PausePolicy:
    """Gives the cell the order of `on_pause` when the RunEngine pauses, and lets it go on when it resumes.

    The RunEngine calls `pause` and `resume` of every object that a plan's messages have named.

    Parameters
    ----------
    cell : CyclingCell
        With `command.set(order)`.
    policy : Policy
        `continue` gives no order.
    """

    name = "pause_policy"
    parent = None

    def __init__(self, cell: CyclingCell, policy: Policy) -> None:
        self._cell = cell
        self._policy = policy

    def pause(self) -> None:
        """Give the order of the policy."""
        if self._policy != "continue":
            self._cell.command.set(self._policy)

    def resume(self) -> None:
        """Let the protocol go on where it stood."""
        if self._policy != "continue":
            self._cell.command.set("resume")
