"""When the trigger of a measurement is watched: from the onset of a phase on, or until there is one."""

from collections.abc import Callable
from dataclasses import dataclass

from ..callbacks.analysis.phase_onset import Onset, OnsetCriterion

OnsetNews = Callable[[OnsetCriterion], Onset | str]
"""Gives an onset once it is confirmed; until then says in a few words why there is none."""


@dataclass(frozen=True)
class Gate:
    """What opens and closes the trigger of a measurement.

    Parameters
    ----------
    after : OnsetCriterion, optional
        The potentiostat watches the rule from this onset on; None: from the start.
    until : OnsetCriterion, optional
        It watches no longer from this onset on; None: to the end.
    fires : bool
        The onset itself is a request, once; the rule is then one that latches by hand alone.
    """

    after: OnsetCriterion | None = None
    until: OnsetCriterion | None = None
    fires: bool = False

    def __post_init__(self) -> None:
        if self.fires and self.after is None:
            raise ValueError("gate: fires at no onset; name it by `after`")
        if self.after is not None and self.after == self.until:
            raise ValueError(f"gate: opens and closes at {self.after}, so it is never open; name two onsets")

    @property
    def criteria(self) -> tuple[OnsetCriterion, ...]:
        """The onsets that it waits for."""
        return tuple(each for each in (self.after, self.until) if each is not None)

    def told(self, rule: str) -> str:
        """Tell a rule (such as that of the potentiostat) as this gate lets it be watched.

        Examples
        --------
        >>> Gate(after=OnsetCriterion("H3")).told("every lithium_content 0.005")
        'every lithium_content 0.005 after onset H3 frames 3 significance 5'
        """
        if self.fires:
            return str(self.after)
        after = f" after {self.after}" if self.after else ""
        return rule + after + (f" until {self.until}" if self.until else "")
