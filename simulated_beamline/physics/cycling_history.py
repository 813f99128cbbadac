"""How often and how fast a cell has been cycled, by the charge that has passed."""

from math import inf

SECONDS_PER_HOUR = 3600.0


class CyclingHistory:
    """Full cycles that the charge passed is worth, and the rate at which it passed.

    A cycle is one lithium per formula unit out and in again, whatever the limits of voltage are; the rate is
    weighted by charge, so that cycles times rate is what all half cycles add up to. Rest adds nothing.

    Examples
    --------
    >>> history = CyclingHistory()
    >>> for hour, content in enumerate((0.9, 0.4, 0.4, 0.9)):
    ...     cycles, c_rate = history.pass_to(content, 3600.0 * hour)
    >>> round(cycles, 3), round(c_rate, 3)
    (0.5, 0.5)
    """

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._moved = 0.0
        self._moved_by_rate = 0.0

    def pass_to(self, lithium_content: float, time_s: float) -> tuple[float, float]:
        """Go on to a later time.

        Parameters
        ----------
        lithium_content
            Of the cell then, 0 to 1 per formula unit.
        time_s
            On any clock; a time that is not later changes nothing.

        Returns
        -------
        cycles, c_rate : float
            Full cycles so far, and their mean rate, 1/h; 0 while no charge has passed.
        """
        last_content, last_s = self._last or (lithium_content, -inf)
        if time_s > last_s:
            moved = abs(lithium_content - last_content)
            self._moved += moved
            self._moved_by_rate += moved * moved * SECONDS_PER_HOUR / (time_s - last_s)
            self._last = lithium_content, time_s
        return 0.5 * self._moved, self._moved_by_rate / self._moved if self._moved else 0.0
