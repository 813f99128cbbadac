"""How a particle remembers the direction in which it was cycled, by the charge that has passed since."""

import math


class FrontMemory:
    """How far a particle has passed over to the map of the present direction, by the charge passed.

    After a reversal the old front stays where it was while a new one enters from the surface: the map is a
    mean of those of both directions, whose weight changes with the lithium that has moved since. It thus
    keeps bounds and mean; charge and discharge form a loop, and nothing relaxes at rest. That it does so
    exponentially is a choice for a simulation.

    Parameters
    ----------
    length
        Change of lithium content after which a share of 1/e of the old direction is left.

    Examples
    --------
    >>> memory = FrontMemory(length=0.1)
    >>> [round(memory.pass_to(content), 2) for content in (0.5, 0.4, 0.5, 0.5)]
    [1.0, 1.0, 0.37, 0.37]
    """

    def __init__(self, length: float = 0.08) -> None:
        self._length = length
        self._share = 1.0
        self._content: float | None = None

    def pass_to(self, lithium_content: float) -> float:
        """Take a new mean lithium content; gives the share (0..1) of the map of a charging particle."""
        moved = 0.0 if self._content is None else lithium_content - self._content
        if moved:
            aim = 1.0 if moved < 0.0 else 0.0
            self._share = aim + (self._share - aim) * math.exp(-abs(moved) / self._length)
        self._content = lithium_content
        return self._share
