"""The rest of a held cell: ordered, watched by the potentiostat on its own samples, and told."""

import time
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from ..devices.latch import Latch, page_latches
from .course import Course, beat, collect, state_of
from .relaxation import Relaxation, Relaxed, recent, slope_mv_h
from .waiting import WAIT_S, order, set_all

CHANNEL = 8
"""Trigger of the potentiostat that tells when a held cell has relaxed."""
LOOK_S = 0.1
"""Wall time between two looks where nothing tells of news, s."""
TOUCH_S = 1e-3
"""A rest that ends by the time limit ends this near to it, s."""
_NEWS = "relaxation-news"
Reading = tuple[float, float]


def rest_until_relaxed(course: Course, settings: Relaxation, crossed: Latch) -> MsgGenerator[Relaxed]:
    """Let a cell rest until its potentiostat tells that it has relaxed; record and heartbeat go on meanwhile.

    A cell that rests already, since a process died there or its protocol ended at the state, is looked at
    for the shortest rest from now on.

    Parameters
    ----------
    course : Course
        The experiment.
    settings : Relaxation
        When to end.
    crossed : Latch
        The state at which the cell is held.

    Raises
    ------
    TimeoutError
        If the cell is no longer at rest, or its clock stands still.
    """
    trigger = course.cell.triggers[CHANNEL]
    goes_on = (yield from state_of(course)) == "running"
    now = yield from time_and_voltage(course)
    longest_s = settings.longest_s
    if not goes_on:
        longest_s = max(longest_s - (now[0] - crossed.time), settings.shortest_s)
    yield from bps.checkpoint()
    yield from set_all({trigger: settings.rule(longest_s, tells_begin=goes_on)})
    if goes_on:
        yield from order("set", course.cell.command, WAIT_S, "rest")
    wanted = 2 if goes_on else 1
    latches, readings = yield from _follow(course, wanted)
    yield from set_all({trigger: ""})
    end = latches[wanted - 1]
    begun = (latches[0].time, latches[0].voltage) if goes_on else now
    within = sorted({begun, *(one for one in readings if begun[0] < one[0] < end.time)})
    slope = slope_mv_h(*zip(*recent([*within, (end.time, end.voltage)], settings.window_s), strict=True))
    began_s = begun[0] if goes_on else crossed.time
    in_time = end.time - begun[0] < longest_s - TOUCH_S
    # Where the shortest rest is the longest one, both ends are one instant.
    reached = in_time or abs(slope) <= settings.slope_max_mv_h
    return Relaxed(
        began_s, end.time, end.time - began_s, slope, crossed.voltage, end.voltage, reached=reached
    )


def _follow(course: Course, count: int) -> MsgGenerator[tuple[list[Latch], list[Reading]]]:
    """Wait for so many latches; gives them, and times (s) and voltages (V) of the rest."""
    readings: list[Reading] = []
    latest_s, rested_at, asked = 0.0, time.monotonic(), False
    while True:
        yield from bps.checkpoint()
        yield from beat(course)
        readings += yield from _recorded(course)
        now = yield from time_and_voltage(course)
        readings.append(now)
        latches = yield from _latches(course)
        if len(latches) >= count:
            return latches, readings + (yield from _recorded(course))
        if now[0] > latest_s and (yield from state_of(course)) != "running":
            latest_s, rested_at = now[0], time.monotonic()
        elif time.monotonic() - rested_at > WAIT_S:
            raise TimeoutError(
                f"cell: it was to relax, but for {WAIT_S:g} s its clock has stood still, or somebody has let "
                "it go on; look at the potentiostat and its server"
            )
        asked = yield from _wait_for_news(course, len(latches), asked=asked)


def _recorded(course: Course) -> MsgGenerator[list[Reading]]:
    pages = yield from collect(course)
    times = [float(value) for page in pages for value in page["data"]["cell_time"]]
    voltages = [float(value) for page in pages for value in page["data"]["cell_voltage"]]
    return list(zip(times, voltages, strict=True))


def _latches(course: Course) -> MsgGenerator[list[Latch]]:
    trigger = course.cell.triggers[CHANNEL]
    if not (yield from bps.rd(trigger.count, default_value=0)):
        return []
    yield from set_all({trigger.page: 1})
    return page_latches((yield from bps.rd(trigger.block, default_value=())))


def _wait_for_news(course: Course, seen: int, *, asked: bool) -> MsgGenerator[bool]:
    """Wait for one polling period at most; tells whether the question is still open."""
    if not asked:
        yield Msg("set", course.cell.news, {CHANNEL: seen}, group=_NEWS)
    told = yield Msg("wait", None, group=_NEWS, timeout=course.poll_s, error_on_timeout=False, watch=())
    if told is False:
        return True
    count = yield from bps.rd(course.cell.triggers[CHANNEL].count, default_value=seen)
    if count <= seen:
        yield from bps.sleep(min(course.poll_s, LOOK_S))
    return False


def time_and_voltage(course: Course) -> MsgGenerator[Reading]:
    """Time (s) and voltage (V) of the cell on its own clock."""
    reading: Any = yield from bps.read(course.cell)
    return float(reading["cell_time"]["value"]), float(reading["cell_voltage"]["value"])
