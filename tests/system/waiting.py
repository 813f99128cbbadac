"""Waits of the tests for what another process does, without taking its processor from it."""

import threading
import time

from operando.plans.beam_guard import BeamGuard

PATIENT_GUARD = BeamGuard(gap_max_s=3600.0)
"""A minute of the cell between two points, the usual limit, is 0.12 s at factor 500: a busy machine may stand
still for longer."""

POLL_S = 0.02
SHARE = 0.1
"""Part of the time that goes into looking, at most: a look at a long journal takes longer than the pause."""


def comes(condition, limit_s: float):
    """Wait until a condition holds or the time is over; gives what it gave last."""
    deadline_s, pause = time.monotonic() + limit_s, threading.Event()
    while True:
        before_s = time.process_time()
        found = condition()
        if found or time.monotonic() > deadline_s:
            return found
        pause.wait(max(POLL_S, (time.process_time() - before_s) / SHARE))


def until(condition, limit_s: float = 60.0, what: str = ""):
    """Wait until a condition holds; gives what it gave."""
    found = comes(condition, limit_s)
    assert found, f"{what or condition} is not so after {limit_s:g} s"
    return found
