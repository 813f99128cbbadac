"""Every frame is handed out once; of too many the evenly spaced ones come first."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from operando.callbacks.live.frame_queue import FrameQueue


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10)), max_size=12), st.integers(1, 20))
def test_every_frame_is_handed_out_once_however_adding_and_taking_alternate(turns, most_waiting):
    queue, taken, added = FrameQueue(most_waiting), [], 0
    for count, takes in turns:
        queue.add("run", added, added + count)
        added += count
        taken += [queue.next().index for _ in range(min(takes, len(queue)))]
    taken += [queue.next().index for _ in range(len(queue))]
    assert Counter(taken) == Counter(range(added))


def test_of_too_many_frames_evenly_spaced_ones_come_first():
    queue = FrameQueue(most_waiting=10)
    queue.add("run", 0, 100)
    first = [queue.next() for _ in range(10)]
    assert [order.index for order in first][:3] == [9, 18, 27]
    assert np.all(np.diff([order.index for order in first]) >= 1)
    assert sum(order.skipped for order in first) == queue.put_off


def test_an_analysis_that_keeps_up_puts_nothing_off():
    queue = FrameQueue(most_waiting=10)
    for index in range(50):
        queue.add("run", index, index + 1)
        assert queue.next().index == index
    assert queue.put_off == 0


def test_a_run_that_is_forgotten_leaves_the_others():
    queue = FrameQueue()
    queue.add("one", 0, 3)
    queue.add("two", 0, 2)
    queue.forget("one")
    assert [queue.next().run for _ in range(len(queue))] == ["two", "two"]
