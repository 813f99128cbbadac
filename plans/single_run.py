"""One run with staged devices, left in order on every way out."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import FailedStatus, MsgGenerator

from ..devices.frame_file import FramesMissingError
from .waiting import each_in_turn


def single_run(
    work: Callable[[], MsgGenerator[Any]],
    devices: Sequence[Any],
    *,
    md: Mapping[str, Any],
    leave: Callable[[], MsgGenerator[Any]] | None = None,
) -> MsgGenerator[str]:
    """Stage devices, do the work inside a run, then do what leaves the station in order.

    No part of the plan is made before its turn: bluesky warns of each that was made and never begun, as where
    staging fails.

    Parameters
    ----------
    work : callable
        Gives the messages of the run, between its start and its stop.
    devices : sequence of Stageable
        What is staged, in this order.
    md : dict
        Metadata of the run.
    leave : callable, optional
        Gives the messages that follow the run on every way out.

    Returns
    -------
    str
        Uid of the run.
    """

    def in_the_run() -> MsgGenerator[None]:
        yield from work()

    def staged() -> MsgGenerator[str]:
        yield from bps.stage_all(*devices)
        return (yield from bpp.run_wrapper(in_the_run(), md=dict(md)))

    def at_the_end() -> MsgGenerator[None]:
        unstaged = [partial(bps.unstage_all, device) for device in reversed(devices)]
        yield from each_in_turn(*([leave] if leave is not None else []), *unstaged)

    return (yield from bpp.finalize_wrapper(staged(), at_the_end))


def naming_frames(work: MsgGenerator[Any]) -> MsgGenerator[Any]:
    """Let the error of a camera's status be that of the plan, and the reason of its run.

    Raises
    ------
    FramesMissingError
        In place of the status that failed with it.
    """
    try:
        return (yield from work)
    except FailedStatus as error:
        cause = error.__cause__
        if not isinstance(cause, FramesMissingError):
            raise
    raise cause
