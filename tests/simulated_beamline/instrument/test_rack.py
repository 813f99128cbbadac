"""Channels that live through the same time: as each would alone, and none ahead of another's latch."""

import numpy as np
import pytest
from operando.simulated_beamline.instrument.cycler import State
from operando.simulated_beamline.instrument.rack import advance_together
from test_cycler import charge, made, started

STEPS = 40


def slower():
    return started(parameters=charge() | {"CPLIMIT:0:ISTEP": [2e-4], "CPLIMIT:0:REDT": [7.0]})


def live(cyclers, until_s, steps=STEPS):
    """Until something is noticed, at most until a time; gives by whom."""
    while cyclers[0].time_s < until_s - 1e-3:
        if noticed := advance_together(cyclers, until_s, steps):
            return set(noticed)
    return set()


def test_a_channel_records_beside_others_what_it_records_alone():
    alone, beside = started(), started()
    end_s = alone.time_s + 600.0
    live([alone], end_s)
    # Where time is given back in between, all are brought to one instant, which may cut a step in two.
    live([slower(), beside, made()], end_s, steps=10_000)
    ours, theirs = alone.record.block(0, 1000), beside.record.block(0, 1000)
    assert len(ours) > 50
    np.testing.assert_allclose(theirs[:, 1:], ours[:, 1:], rtol=0, atol=1e-9)


def test_all_channels_stand_where_one_has_latched():
    cyclers = [slower(), started(), made()]
    cyclers[1].triggers[1].set_rule("at lithium_content 0.89 falling")
    cyclers[1].arm(1)
    assert live(cyclers, cyclers[0].time_s + 3600.0) == {1}
    (latch,) = cyclers[1].triggers[1].log
    assert latch.sample.lithium_content == pytest.approx(0.89, abs=1e-9)
    assert [cycler.time_s for cycler in cyclers] == pytest.approx([cyclers[1].time_s] * 3, abs=1e-6)
    # The sample in which it latched is the last one: a step of integration is 10 s at most.
    assert 0.0 <= cyclers[1].time_s - latch.sample.time <= 10.0


def test_a_trip_stops_the_time_of_all_and_only_its_own_protocol():
    cyclers = [started(), started()]
    cyclers[1].safety.vmax = cyclers[1].sample.voltage + 0.01
    assert live(cyclers, cyclers[0].time_s + 3600.0) == {1}
    assert [cycler.state for cycler in cyclers] == [State.RUNNING, State.STOPPED]
    assert cyclers[1].safety.tripped
    assert cyclers[0].time_s == pytest.approx(cyclers[1].time_s, abs=1e-6)


def test_time_is_given_back_after_so_many_steps_with_all_channels_together():
    cyclers = [slower(), started()]
    begin_s = cyclers[0].time_s
    assert not advance_together(cyclers, begin_s + 1e5, 6)
    assert begin_s < cyclers[0].time_s < begin_s + 100.0
    assert cyclers[0].time_s == pytest.approx(cyclers[1].time_s, abs=1e-6)
