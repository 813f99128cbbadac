"""What a way of choosing makes of given requests, and planned against achieved cadence of each cell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .scheduler import Activity, Policy, Request, SampleChanger, Situation


def requests_every(
    cell: str,
    interval_s: float,
    duration_s: float,
    *,
    begin_s: float,
    end_s: float,
    latest_s: float = math.inf,
) -> list[Request]:
    """List the requests of a cell at constant current, for a rule `every lithium_content ...` or the like.

    Each is superseded by the next one.

    Parameters
    ----------
    cell : str
        Which cell.
    interval_s : float
        Between two requests, as from `triggers.expected_interval_s`, in s.
    duration_s : float
        Of one measurement, in s.
    begin_s, end_s : float
        When the current begins and ends, in s; the first request comes one interval after the begin.
    latest_s : float
        Greatest delay of a start after its request, in s.

    Examples
    --------
    >>> [each.release_s for each in requests_every("a", 360.0, 30.0, begin_s=100.0, end_s=1000.0)]
    [460.0, 820.0]
    """
    count = int((end_s - begin_s) / interval_s)
    return [
        Request(
            cell,
            begin_s + number * interval_s,
            begin_s + number * interval_s + min(interval_s, latest_s),
            duration_s,
            number,
        )
        for number in range(1, count + 1)
    ]


@dataclass(frozen=True)
class Served:
    """A request and when its measurement started, in s."""

    request: Request
    start_s: float


@dataclass(frozen=True)
class Schedule:
    """What became of requests.

    Parameters
    ----------
    served : tuple of Served
        In the order in which they were measured.
    lost : tuple of Request
        Those that could not start in time.
    """

    served: tuple[Served, ...]
    lost: tuple[Request, ...]


@dataclass
class _Run:
    """A simulation under way."""

    left: list[Request]
    situation: Situation
    served: list[Served] = field(default_factory=list)
    lost: list[Request] = field(default_factory=list)

    def known(self, forecast_s: float) -> list[Request]:
        return [each for each in self.left if each.release_s <= self.situation.now_s + forecast_s]

    def drop_lost(self, known: Sequence[Request]) -> None:
        lost = [each for each in known if not self.situation.is_kept(each)]
        self.lost += lost
        self.left = [each for each in self.left if each not in lost]

    def idle_until(self, time_s: float) -> None:
        old = self.situation
        self.situation = Situation(time_s, old.at, old.changer, old.activity, old.measured_s)

    def measure(self, request: Request) -> None:
        old, start_s = self.situation, self.situation.start_s(request)
        measured_s = {**old.measured_s, request.cell: start_s}
        end_s = start_s + request.duration_s
        self.situation = Situation(end_s, request.cell, old.changer, old.activity, measured_s)
        self.served.append(Served(request, start_s))
        self.left.remove(request)


def simulate(
    requests: Sequence[Request],
    policy: Policy,
    changer: SampleChanger,
    *,
    activity: Mapping[str, Activity] | None = None,
    forecast_s: float = 0.0,
) -> Schedule:
    """Follow a policy through requests that become known as time passes; deterministic.

    Parameters
    ----------
    requests : sequence of Request
        What the cells ask for; no two alike.
    policy : Policy
        `scheduler.choose`, `scheduler.round_robin` or another.
    changer : SampleChanger
        Starts at its first cell, at time 0.
    activity : mapping, optional
        What happens in each cell.
    forecast_s : float
        How long before its release a request is known, in s, such as the next multiple of an interval at
        constant current.

    Returns
    -------
    Schedule
        Each request is in it once.
    """
    start = Situation(0.0, next(iter(changer.positions_mm)), changer, activity or {})
    run = _Run(sorted(requests, key=lambda each: each.release_s), start)
    while run.left:
        run.drop_lost(run.known(forecast_s))
        known = run.known(forecast_s)
        chosen = policy(known, run.situation) if known else None
        now_s = run.situation.now_s
        news_s = min((r.release_s - forecast_s for r in run.left if r not in known), default=math.inf)
        if chosen is None:
            waiting_s = min((r.release_s for r in known if r.release_s > now_s), default=math.inf)
            run.idle_until(max(now_s, min(news_s, waiting_s)))
            continue
        leave_s = chosen.release_s - changer.travel_s(run.situation.at, chosen.cell)
        if leave_s > now_s and news_s < leave_s:
            run.idle_until(news_s)
        else:
            run.measure(chosen)
    return Schedule(tuple(run.served), tuple(run.lost))


@dataclass(frozen=True)
class Cadence:
    """How often a cell asked, and how often it was measured.

    Parameters
    ----------
    cell : str
        Which cell.
    requested, served : int
        Number of requests, and of those that were measured.
    planned_s, achieved_s : float
        Median time between two requests, and between the starts of two measurements, in s; NaN below two.
    longest_gap_s : float
        Longest time without a start between the first and the last one, in s; NaN below two.
    delay_mean_s, delay_max_s : float
        From request to start, in s; NaN without any.
    """

    cell: str
    requested: int
    served: int
    planned_s: float
    achieved_s: float
    longest_gap_s: float
    delay_mean_s: float
    delay_max_s: float


def cadence(schedule: Schedule) -> list[Cadence]:
    """Planned against achieved cadence of each cell, in the order of their names."""
    asked = [served.request for served in schedule.served] + list(schedule.lost)
    return [
        cadence_of(
            cell,
            [each.release_s for each in asked if each.cell == cell],
            [each.request.release_s for each in schedule.served if each.request.cell == cell],
            [each.start_s for each in schedule.served if each.request.cell == cell],
        )
        for cell in sorted({each.cell for each in asked})
    ]


def cadence_of(
    cell: str, requested_s: Sequence[float], served_s: Sequence[float], starts_s: Sequence[float]
) -> Cadence:
    """Cadence of one cell, such as from the ledger of an experiment.

    Parameters
    ----------
    cell : str
        Which cell.
    requested_s : sequence of float
        Shape (n,), times of all its requests, in s.
    served_s, starts_s : sequence of float
        Shape (m,), times of the requests that were measured and of the starts of these measurements, in s.

    Examples
    --------
    >>> row = cadence_of("a", [0, 360, 720], [0, 720], [10, 760])
    >>> row.planned_s, row.achieved_s, row.delay_mean_s, row.served
    (360.0, 750.0, 25.0, 2)
    """
    planned, achieved = np.diff(np.sort(requested_s)), np.diff(np.sort(starts_s))
    delays = np.asarray(starts_s, dtype=np.float64) - np.asarray(served_s, dtype=np.float64)
    return Cadence(
        cell=cell,
        requested=len(requested_s),
        served=len(starts_s),
        planned_s=float(np.median(planned)) if planned.size else math.nan,
        achieved_s=float(np.median(achieved)) if achieved.size else math.nan,
        longest_gap_s=float(achieved.max()) if achieved.size else math.nan,
        delay_mean_s=float(delays.mean()) if delays.size else math.nan,
        delay_max_s=float(delays.max()) if delays.size else math.nan,
    )
