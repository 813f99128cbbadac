"""For how long a measurement has smeared the cell, by the times at which its runs read it."""

from dataclasses import dataclass


@dataclass
class Smear:
    """Times of the cell's clock, s, between the first and the last reading of it.

    Attributes
    ----------
    estimated_s
        What its first run had reckoned, s; None: it reckons nothing.
    run_s
        Within one run, the longest of them.
    all_s
        From the first run to the last.

    Examples
    --------
    >>> smear = Smear()
    >>> for times_s in ((10.0, 14.0), (20.0, 25.0)):
    ...     smear.begin_run(4.0)
    ...     for time_s in times_s:
    ...         smear.note(time_s)
    >>> smear.metadata()
    {'run_s': 5.0, 'all_s': 15.0, 'estimated_s': 4.0}
    """

    estimated_s: float | None = None
    run_s: float = 0.0
    all_s: float = 0.0
    _first_s: float | None = None
    _run_first_s: float | None = None
    _runs: int = 0

    def begin_run(self, estimated_s: float | None) -> None:
        """Note that a run is opened, and what it has reckoned."""
        if not self._runs:
            self.estimated_s = estimated_s
        self._runs, self._run_first_s = self._runs + 1, None

    def note(self, time_s: float) -> None:
        """Take in that the cell was read; what is read before the first run does not count."""
        if not self._runs:
            return
        self._first_s = time_s if self._first_s is None else self._first_s
        self._run_first_s = time_s if self._run_first_s is None else self._run_first_s
        self.all_s = max(self.all_s, time_s - self._first_s)
        self.run_s = max(self.run_s, time_s - self._run_first_s)

    def metadata(self) -> dict[str, float]:
        """Start document's `measured_before` of a later run; empty if there is nothing to compare."""
        if self.estimated_s is None or not self.all_s:
            return {}
        told = {"run_s": self.run_s, "all_s": self.all_s, "estimated_s": self.estimated_s}
        return {key: round(value, 3) for key, value in told.items()}
