"""Waiting for beam before anything begins."""

import logging

import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine
from bluesky.utils import Msg
from operando.plans.beam import wait_for_first_beam
from operando.plans.beam_guard import BeamLostError
from ophyd import Signal
from ophyd.status import Status
from soft_station import Instant


class LockedShutter(Instant):
    """Refuses to open as long as its interlock has no permit."""

    permitted = False

    def set(self, value, **kwargs):
        if self.permitted:
            return super().set(value, **kwargs)
        status = Status(self)
        status.set_exception(RuntimeError("PERMIT says No"))
        return status


@pytest.fixture
def ring():
    return Signal(name="ring_current", value=0.0)


@pytest.fixture
def shutter():
    return LockedShutter(name="front_end_shutter", value="closed")


def wait(ring, shutter, on_sleep, **options):
    """Run the wait; each time it sleeps something happens at the ring."""
    engine = RunEngine({})
    plan = wait_for_first_beam(ring, 10.0, shutter, poll_s=0.0, **options)

    def happening(msg):
        if msg.command != "sleep":
            return msg
        on_sleep()
        return Msg("null")

    engine(bpp.msg_mutator(plan, happening))


def test_the_front_end_opens_as_soon_as_the_beam_is_back_and_the_interlock_permits(ring, shutter, caplog):
    steps = iter([lambda: None, lambda: ring.put(200.0), lambda: setattr(shutter, "permitted", True)])
    with caplog.at_level(logging.WARNING, "operando.plans.beam"):
        wait(ring, shutter, lambda: next(steps)())
    assert shutter.get() == "open"
    assert next(steps, None) is None
    told = [record.getMessage() for record in caplog.records if record.name == "operando.plans.beam"]
    assert len(told) == 2
    assert "the ring holds less than 10 mA" in told[0]
    assert "PERMIT says No" in told[1]


def test_with_beam_nothing_waits(ring, shutter):
    ring.put(300.0)
    shutter.permitted = True
    wait(ring, shutter, lambda: pytest.fail("it slept"))
    assert shutter.get() == "open"


def test_a_ring_that_stays_empty_ends_the_wait_with_the_reason(ring, shutter):
    with pytest.raises(BeamLostError, match=r"less than 10 mA.*does not begin"):
        wait(ring, shutter, lambda: None, longest_s=0.05)
    assert shutter.get() == "closed"
