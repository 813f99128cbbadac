"""What is ordered together is waited for together, also when it fails."""

import threading

import bluesky.plan_stubs as bps
import pytest
from bluesky.utils import FailedStatus, RequestAbort
from operando.plans.waiting import each_in_turn, order_together
from ophyd.status import Status


class ToldLate(Status):
    """A status whose failure is told long after it is done, as by a thread on a busy computer."""

    def _handle_failure(self):
        threading.Event().wait(0.2)


class Failing:
    """A device whose trigger fails soon."""

    parent = None

    def __init__(self, name, kind):
        self.name, self.kind = name, kind

    def trigger(self):
        status = self.kind()
        threading.Timer(0.05, status.set_exception, [RuntimeError(f"{self.name} failed")]).start()
        return status


def test_a_failure_that_is_told_late_does_not_end_what_the_plan_does_after_the_first(engine):
    orders = [("trigger", Failing("first", Status)), ("trigger", Failing("second", ToldLate))]

    def plan():
        with pytest.raises(FailedStatus):
            yield from order_together(orders, 5.0)
        yield from bps.sleep(0.5)
        return "went on"

    assert engine(plan()).plan_result == "went on"


def test_what_leaves_a_station_is_done_to_its_end_and_an_abort_in_its_midst_is_not_taken_for_a_failure():
    done = []

    def step(name, error=None):
        yield from bps.null()
        done.append(name)
        if error:
            raise error

    steps = [("dark", RuntimeError("shutter")), ("off", RequestAbort()), ("home", None)]
    with pytest.raises(RequestAbort):
        list(each_in_turn(*(lambda one=one: step(*one) for one in steps)))
    assert done == ["dark", "off", "home"]
