"""A cell that somebody else has paused: told at once, waited for, but not for ever."""

import logging
import time
from dataclasses import dataclass

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from .course import Course, record_fault

logger = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""Wall time for which a pause may be one of our own that is just ending, s."""


class StandstillError(RuntimeError):
    """The cell was paused by somebody else and nobody let it go on."""


@dataclass
class Standstill:
    """Watches for a cell that its watchdog or an operator has paused.

    Attributes
    ----------
    since
        Monotonic wall time of the pause in s, None while the cell runs.
    told
        Whether this pause is in the log and in the ledger.
    """

    since: float | None = None
    told: bool = False

    def look(self, course: Course) -> MsgGenerator[None]:
        """Tell of a pause once, in the log and the ledger, and of its end.

        Raises
        ------
        StandstillError
            If it lasts longer than the policies say; that at an abort then decides.
        """
        state = str((yield from bps.rd(course.cell.state, default_value="Running"))).lower()
        if state != "paused":
            if self.told:
                logger.warning("the cell goes on with its protocol")
            self.since, self.told = None, False
            return
        if self.since is None:
            self.since = time.monotonic()
        stood_s, limit_s = time.monotonic() - self.since, course.policies.pause_max_s
        if stood_s > limit_s:
            raise StandstillError(f"the cell has been paused for {limit_s:g} s: the experiment ends")
        if stood_s > PATIENCE_S and not self.told:
            self.told = True
            reason = (
                "the cell was paused by its watchdog or at the potentiostat: let it go on (COMMAND resume) "
                f"or stop it; the experiment ends after {limit_s / 3600:g} h"
            )
            logger.warning("%s", reason)
            yield from record_fault(course, reason)
