"""How far a protocol is by the cell's clock, and how long what is left of it takes by the wall's."""

from dataclasses import dataclass, field

LEAST_FRACTION = 0.02
"""Part of the protocol that must have passed before the wall time left is told."""

CATCHING_UP_S = 2.0
"""Wall time in which a run that goes on with another fetches what the cycler has recorded meanwhile, s."""


@dataclass
class Pace:
    """Pace of the newest cycling run of an experiment; one that goes on with another has its beginning.

    Parameters
    ----------
    expected_s
        Duration of the protocol as estimated, on the cell's clock (s).
    """

    expected_s: float
    elapsed_s: float = 0.0
    _begun_s: dict[str, float] = field(default_factory=dict)
    _run: str = ""
    _goes_on: bool = False
    _from: tuple[float, float] | None = None
    _caught_up_s: float = 0.0
    _host_s: float = 0.0

    def begin(self, run: str, resumes: str = "") -> None:
        """Take a cycling run as the newest, and that which it goes on with."""
        if resumes in self._begun_s:
            self._begun_s[run] = self._begun_s[resumes]
        self._run, self._goes_on, self._from, self.elapsed_s = run, bool(resumes), None, 0.0

    def take_sample(self, run: str, cell_s: float) -> None:
        """Take a sample of a cycling run by the cell's clock (s): its first tells when the protocol began."""
        self._begun_s.setdefault(run, cell_s)

    def take_time(self, cell_s: float, host_s: float) -> None:
        """Take what the cell's clock (s) and the wall's (UNIX s) said at the same time."""
        if self._run not in self._begun_s:
            return
        self.elapsed_s = max(self.elapsed_s, cell_s - self._begun_s[self._run])
        self._host_s = max(self._host_s, host_s)
        if self._from is None:
            self._from, self._caught_up_s = (host_s, 0.0), host_s + CATCHING_UP_S
        if self._goes_on and host_s <= self._caught_up_s:
            self._from = host_s, self.fraction

    @property
    def fraction(self) -> float:
        """Part of the protocol that has passed, 0 to 1."""
        return min(1.0, self.elapsed_s / self.expected_s) if self.expected_s > 0 else 0.0

    @property
    def wall_left_s(self) -> float | None:
        """Wall time left if it goes on as so far, s; None while, and once, that cannot be told."""
        if self._from is None or self.fraction == 1.0:
            return None
        host_s, fraction = self._from
        passed = self.fraction - fraction
        return (self._host_s - host_s) / passed * (1.0 - self.fraction) if passed >= LEAST_FRACTION else None


def spoken(duration_s: float) -> str:
    """Spell a duration for a display: "40 s", "7 min", "2.5 h"."""
    if duration_s < 90:
        return f"{duration_s:.0f} s"
    return f"{duration_s / 60:.0f} min" if duration_s < 5400 else f"{duration_s / 3600:.1f} h"
