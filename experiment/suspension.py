"""Runs that wait for beam: the RunEngine suspends what takes data while the ring holds too little current."""

from contextlib import suppress
from typing import Any

import bluesky.preprocessors as bpp
from bluesky.run_engine import RunEngine
from bluesky.suspenders import SuspendFloor
from bluesky.utils import Msg, MsgGenerator
from ophyd import Signal

RESUME_RATIO = 1.1
"""Current at which suspended runs go on, relative to the one below which they are suspended."""


class BeamSuspension:
    """RunEngine preprocessor that suspends runs without beam, but neither moves nor operando experiments.

    A suspender freezes the whole plan. An operando experiment must not be frozen: it keeps in touch with its
    cell, treats it by policy, and redoes the spectrum. So the suspender is installed when the first run opens
    and removed when the last one closes, and not at all inside a run whose purpose is `cycling`.

    Parameters
    ----------
    ring_current
        Signal in mA.
    least_ma
        Current below which runs are suspended, mA.
    settle_s
        Wall time between the return of the beam and going on, s.
    """

    def __init__(self, ring_current: Signal, least_ma: float, settle_s: float) -> None:
        message = (
            f"the ring holds less than {least_ma:g} mA; the run goes on by itself {settle_s:g} s after it"
        )
        self._suspender = SuspendFloor(
            ring_current,
            least_ma,
            resume_thresh=least_ma * RESUME_RATIO,
            sleep=settle_s,
            tripped_message=message,
        )

    def install(self, engine: RunEngine) -> None:
        """Let the RunEngine treat every plan so."""
        engine.preprocessors.append(self)

    def __call__(self, plan: MsgGenerator[Any]) -> MsgGenerator[Any]:
        """Put the messages that install and remove the suspender into a plan."""
        open_runs: list[object] = []

        def around(msg: Msg) -> tuple[MsgGenerator[Any] | None, MsgGenerator[None] | None]:
            if msg.command == "open_run":
                open_runs.append(msg.run)
                waits = len(open_runs) == 1 and msg.kwargs.get("purpose") != "cycling"
                return (self._before(msg) if waits else None), None
            if msg.command == "close_run":
                with suppress(ValueError):
                    open_runs.remove(msg.run)
                return None, (self._removed() if not open_runs else None)
            return None, None

        return bpp.finalize_wrapper(bpp.plan_mutator(plan, around), self._removed)

    def _before(self, msg: Msg) -> MsgGenerator[Any]:
        yield Msg("install_suspender", None, self._suspender)
        return (yield msg)

    def _removed(self) -> MsgGenerator[None]:
        yield Msg("remove_suspender", None, self._suspender)
