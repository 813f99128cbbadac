"""Where a dead process left an experiment, whose cell went on without it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..devices.latch import Latch


@dataclass(frozen=True)
class Unlisted:
    """A measurement that was finished, but not yet entered into the ledger.

    Parameters
    ----------
    latch : Latch
        The request that it answers.
    run : str
        Uid of its run.
    """

    latch: Latch
    run: str


@dataclass(frozen=True)
class ResumePoint:
    """What of an experiment was stored before its process died; its cell went on.

    Parameters
    ----------
    cycling_run : str
        Uid of the cycling run that was never closed.
    last_sample : int
        Number of the last sample of the cycler that was stored; -1: none.
    last_time_s : float
        Time of that sample on the cell's clock, UNIX s.
    seen : mapping
        By number of the trigger, the newest latch that was settled or measured.
    unlisted : mapping
        By number of the trigger, what was measured without an entry in the ledger.
    crossed_s : mapping
        In step and hold, by number of the trigger: when each state was crossed that is in the ledger, UNIX s.
    last_point : int
        Number of the last point of an impedance spectrum that was stored; -1: none.
    onsets : mapping
        By rule, the onsets of phases that were acted upon: when each was seen first, UNIX s.
    """

    cycling_run: str
    last_sample: int = -1
    last_time_s: float = 0.0
    seen: Mapping[int, int] = field(default_factory=dict)
    unlisted: Mapping[int, Unlisted] = field(default_factory=dict)
    crossed_s: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    last_point: int = -1
    onsets: Mapping[str, float] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Start document keys of the run that goes on."""
        gap = asdict(self)
        del gap["unlisted"], gap["crossed_s"], gap["onsets"]
        gap["seen"] = {str(number): count for number, count in self.seen.items()}
        return {"resumes": gap.pop("cycling_run"), "gap": gap}
