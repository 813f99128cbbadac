"""Which of several cells goes into the beam next: deadlines, travel, and what happens in each."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

LOOKAHEAD = 8
"""Most urgent requests that are weighed exactly; the work doubles with each more."""


@dataclass(frozen=True)
class Request:
    """A measurement that a cell has asked for, or is expected to.

    Parameters
    ----------
    cell : str
        Which cell.
    release_s : float
        When it is asked for, in s of the cells' common clock.
    latest_start_s : float
        A measurement that would start later is lost: superseded, or too late to mean anything, in s.
    duration_s : float
        Of the measurement, in s.
    number : int
        Tells the requests of a cell apart.
    """

    cell: str
    release_s: float
    latest_start_s: float
    duration_s: float
    number: int = 0

    def __post_init__(self) -> None:
        if not (self.duration_s > 0 and self.latest_start_s >= self.release_s):
            raise ValueError(
                f"request {self.number} of {self.cell}: takes {self.duration_s:g} s, asked for at "
                f"{self.release_s:g} s, latest start {self.latest_start_s:g} s; it must take time, and may "
                "not end to be wanted before it is asked for"
            )


@dataclass(frozen=True)
class SampleChanger:
    """A stage that brings one cell at a time into the beam; its two axes move together.

    Parameters
    ----------
    positions_mm : mapping
        Position (x, y) of each cell, in mm.
    speed_mm_s : float
        Of each axis, in mm/s.
    settle_s : float
        After a move, alignment included, in s.
    """

    positions_mm: Mapping[str, tuple[float, float]]
    speed_mm_s: float = 5.0
    settle_s: float = 1.0

    def travel_s(self, origin: str, target: str) -> float:
        """Time from one cell to another, in s; none to where it is.

        Examples
        --------
        >>> SampleChanger({"a": (0.0, 0.0), "b": (20.0, 5.0)}).travel_s("a", "b")
        5.0
        """
        if origin == target:
            return 0.0
        (x0, y0), (x1, y1) = self.positions_mm[origin], self.positions_mm[target]
        return max(abs(x1 - x0), abs(y1 - y0)) / self.speed_mm_s + self.settle_s


@dataclass(frozen=True)
class Activity:
    """What happens in a cell.

    Parameters
    ----------
    rate_per_s : float
        Change of its state, such as of lithium content, per s.
    sensitivity : float
        How much of what is measured changes with that state, such as valence per lithium; any unit, the
        same for all cells.
    """

    rate_per_s: float
    sensitivity: float = 1.0


@dataclass(frozen=True)
class Situation:
    """What is known when the next cell is chosen.

    Parameters
    ----------
    now_s : float
        In s.
    at : str
        Cell in the beam.
    changer : SampleChanger
        How long it takes to another.
    activity : mapping
        What happens in each cell; one that is not named changes like all unnamed ones.
    measured_s : mapping
        When each cell was measured last, in s.
    """

    now_s: float
    at: str
    changer: SampleChanger
    activity: Mapping[str, Activity] = field(default_factory=dict)
    measured_s: Mapping[str, float] = field(default_factory=dict)

    def start_s(self, request: Request) -> float:
        """When this measurement would start if it came next, in s."""
        return max(self.now_s + self.changer.travel_s(self.at, request.cell), request.release_s)

    def is_kept(self, request: Request) -> bool:
        """Whether it would start in time if it came next."""
        return self.start_s(request) <= request.latest_start_s

    def after(self, request: Request) -> "Situation":
        """Situation at the end of this measurement."""
        end_s = self.start_s(request) + request.duration_s
        return Situation(end_s, request.cell, self.changer, self.activity, self.measured_s)

    def unseen_change(self, cell: str) -> float:
        """Change of a cell that no measurement has seen: staleness times rate times sensitivity."""
        activity = self.activity.get(cell, Activity(1.0))
        stale_s = self.now_s - self.measured_s.get(cell, 0.0)
        return stale_s * abs(activity.rate_per_s * activity.sensitivity)


Policy = Callable[[Sequence[Request], Situation], Request | None]
"""Chooses the next request, or None if none can be kept."""


def choose(requests: Sequence[Request], situation: Situation) -> Request | None:
    """Choose the cell with the greatest unseen change among those that cost no other request its deadline.

    Where not all can be kept, what comes first keeps as many as can be, exactly for the `LOOKAHEAD` most
    urgent ones. A request of the future (its release is known ahead) may be chosen: the beam then waits.

    Parameters
    ----------
    requests : sequence of Request
        Pending ones, and expected ones as far as they are known.
    situation : Situation
        Time, position and what happens in the cells.

    Returns
    -------
    Request or None
        The next; None if none can be kept.

    Examples
    --------
    >>> changer = SampleChanger({"a": (0.0, 0.0), "b": (20.0, 0.0)})
    >>> slow, urgent = Request("a", 0, 900, 60), Request("b", 0, 30, 60)
    >>> choose([slow, urgent], Situation(0.0, "a", changer)).cell
    'b'
    """
    kept = sorted((each for each in requests if situation.is_kept(each)), key=_urgency)[:LOOKAHEAD]
    soonest = situation.now_s + max(
        (situation.changer.travel_s(situation.at, r.cell) for r in kept), default=0
    )
    ranked = sorted(kept, key=lambda request: _rank(request, situation, soonest))
    others = {candidate: [each for each in kept if each is not candidate] for candidate in ranked}
    for candidate in ranked:
        if _all_kept(others[candidate], situation.after(candidate)):
            return candidate
    # Where some are lost anyway, time of the beam is what is scarce; further ties go to the unseen change.
    return max(
        ranked,
        key=lambda each: (most_kept(others[each], situation.after(each)), -situation.after(each).now_s),
        default=None,
    )


def round_robin(requests: Sequence[Request], situation: Situation) -> Request | None:
    """Choose the pending request of the next cell in the order of the changer; the baseline."""
    cells = list(situation.changer.positions_mm)
    here = cells.index(situation.at)
    turn = {cell: (index - here - 1) % len(cells) for index, cell in enumerate(cells)}
    pending = [each for each in requests if each.release_s <= situation.now_s and situation.is_kept(each)]
    return min(pending, key=lambda each: (turn[each.cell], each.release_s), default=None)


def most_kept(requests: Sequence[Request], situation: Situation, width: int | None = None) -> int:
    """Greatest number of requests that can start in time, whatever the order, all of them known.

    Of all orders of one subset with the same last cell only the one that ends first matters, so that the
    search is exact without `width`.

    Parameters
    ----------
    requests : sequence of Request
        Exact up to about 12; more need a `width`.
    situation : Situation
        Time and position to begin with.
    width : int, optional
        Subsets that are followed at once, those that have lost least and end first; the number found can
        then be kept, but is not proven to be the greatest.

    Examples
    --------
    >>> changer = SampleChanger({"a": (0.0, 0.0), "b": (20.0, 0.0)})
    >>> most_kept([Request("a", 0, 50, 60), Request("b", 0, 70, 60)], Situation(0.0, "a", changer))
    2
    """
    ordered = sorted(requests, key=_urgency)
    layer: dict[tuple[int, int], Situation] = {(0, -1): situation}
    kept = -1
    while layer:
        kept += 1
        layer = _next_layer(ordered, layer, LOOKAHEAD if width else len(ordered))
        if width is not None and len(layer) > width:
            best = sorted(layer.items(), key=lambda item: _lost(ordered, item))[:width]
            layer = dict(best)
    return kept


def _next_layer(
    ordered: Sequence[Request], layer: Mapping[tuple[int, int], Situation], branches: int
) -> dict[tuple[int, int], Situation]:
    following: dict[tuple[int, int], Situation] = {}
    for (mask, _), situation in layer.items():
        left = branches
        for index, request in enumerate(ordered):
            if mask >> index & 1 or not situation.is_kept(request):
                continue
            after, key = situation.after(request), (mask | 1 << index, index)
            if key not in following or after.now_s < following[key].now_s:
                following[key] = after
            left -= 1
            if not left:
                break
    return following


def _lost(ordered: Sequence[Request], item: tuple[tuple[int, int], Situation]) -> tuple[int, float]:
    """Count the requests that a branch can no longer keep; then its end."""
    (mask, _), situation = item
    lost = 0
    for index, request in enumerate(ordered):
        if request.latest_start_s >= situation.now_s:
            break
        lost += not mask >> index & 1
    return lost, situation.now_s


def _urgency(request: Request) -> float:
    return request.latest_start_s


def _rank(request: Request, situation: Situation, soonest_s: float) -> tuple[float, float]:
    """Rank what is there on arrival by unseen change per time of the beam; then what is yet to come."""
    waits = request.release_s if request.release_s > soonest_s else -math.inf
    beam_s = situation.after(request).now_s - situation.now_s
    return waits, -situation.unseen_change(request.cell) / beam_s


def _all_kept(requests: Sequence[Request], situation: Situation) -> bool:
    """Whether the order of their deadlines keeps all."""
    for request in requests:
        if not situation.is_kept(request):
            return False
        situation = situation.after(request)
    return True
