"""What becomes of requests that cannot be measured at once."""

from functools import partial

import pytest
from bluesky import RunEngine
from operando.devices.latch import Latch
from operando.plans.grids import grid_from_regions
from operando.plans.latches import Queue, next_due
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.xanes import xanes
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected

SLOW = grid_from_regions([(0, 2, 1, 8.0)], e0="Ni_K")


def latch(count, time=None):
    return Latch(count, 10.0 * count if time is None else time, 3.7, 1e-3, 0.1, 0.9)


def statuses(intervals=(0.01, 0.02), names=("ni",), **options):
    """Status and count of each entry of the ledger, in order, by measurement."""
    line, engine = SoftBeamline(intervals=intervals), RunEngine({})
    documents = collected(engine)
    asked = [Measurement(name, partial(xanes, line, grid=SLOW, element="Ni"), **options) for name in names]
    rules = dict.fromkeys(names, "every lithium_content 0.01")
    experiment = {"uid": "e1", "name": "test"}
    engine(operando(line.cell, PROTOCOL, asked, rules, limits=LIMITS, experiment=experiment, poll_s=0.01))
    return [
        (doc["data"]["ledger_status"], doc["data"]["ledger_count"])
        for name, doc in documents
        if name == "event" and "ledger_count" in doc["data"]
    ]


def test_queued_requests_are_all_measured_in_order():
    found = statuses(on_miss="queue", max_lateness_s=5.0)
    assert [count for _, count in found] == [1, 2, 3, 4, 5]
    assert [status for status, _ in found] == ["done", "late", "late", "late", "late"]


def test_a_skipped_request_is_missed_when_its_deadline_is_over_and_measured_before():
    found = statuses(on_miss="skip", max_lateness_s=2.0)
    assert sorted(count for _, count in found) == [1, 2, 3, 4, 5]
    assert {status for status, _ in found} == {"done", "missed"}
    assert found[0] == ("done", 1)


def test_a_late_request_is_measured_and_older_ones_are_superseded():
    found = statuses(on_miss="late", max_lateness_s=2.0)
    assert sorted(count for _, count in found) == [1, 2, 3, 4, 5]
    assert {"late", "missed"} <= {status for status, _ in found}


def test_the_higher_priority_comes_first_and_the_older_of_equals():
    old, new = Queue(pending=[latch(1, 5.0)]), Queue(pending=[latch(1, 9.0)], priority=1)
    assert next_due({1: old, 2: new}) == 2
    new.priority = 0
    assert next_due({1: old, 2: new}) == 1


def test_a_queue_gives_the_oldest_next_and_settles_one_at_a_time():
    queue = Queue(on_miss="queue")
    queue.take_in([latch(2), latch(1)])
    queue.take_in([latch(1), latch(2), latch(3)])
    order = []
    while queue.pending:
        assert queue.drop_superseded() == []
        order.append(queue.pending[-1].count)
        queue.settle()
    assert order == [1, 2, 3]


def test_what_a_skipping_queue_gives_up_is_what_is_older_than_the_deadline():
    queue = Queue(on_miss="skip", deadline_s=15.0)
    queue.take_in([latch(1), latch(2), latch(3)])
    assert [one.count for one in queue.drop_expired(30.0)] == [1]
    assert [one.count for one in queue.pending] == [2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_miss": "skip"}, "needs a deadline"),
        ({"on_miss": "wait"}, "use one of late, skip, queue"),
    ],
)
def test_a_measurement_refuses_what_makes_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        Measurement("ni", xanes, **options)
