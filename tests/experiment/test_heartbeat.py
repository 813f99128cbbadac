"""The heartbeat goes on while a RunEngine is paused and outlasts a cell that is away."""

import threading

import pytest
from operando.experiment.heartbeat import Heartbeat


class Pulse:
    """Signal that tells a waiting test of each put."""

    name = "cell_heartbeat"

    def __init__(self):
        self.connected, self.error = True, None
        self.values, self.felt, self.tried = [], threading.Semaphore(0), threading.Semaphore(0)

    def put(self, value, *, wait):
        self.tried.release()
        if self.error is not None:
            raise self.error
        self.values.append(value)
        self.felt.release()


def test_each_beat_is_another_number():
    pulse = Pulse()
    with Heartbeat(pulse, period_s=0.001):
        assert all(pulse.felt.acquire(timeout=5) for _ in range(3))
    assert pulse.values[:3] == [1, 2, 3]


def test_a_heartbeat_that_has_ended_is_silent():
    pulse = Pulse()
    with Heartbeat(pulse, period_s=0.001) as heartbeat:
        pulse.felt.acquire(timeout=5)
    beaten = len(pulse.values)
    assert not heartbeat._thread.is_alive()
    assert len(pulse.values) == beaten


@pytest.mark.parametrize("error", [TimeoutError("no answer"), RuntimeError("context is gone")])
def test_a_cell_that_is_away_is_told_once_and_felt_again_when_it_is_back(caplog, error):
    pulse = Pulse()
    pulse.error = error
    with Heartbeat(pulse, period_s=0.001):
        assert all(pulse.tried.acquire(timeout=5) for _ in range(3))
        pulse.error = None
        assert pulse.felt.acquire(timeout=5)
    assert [str(error) in record.getMessage() for record in caplog.records] == [True]


def test_a_signal_without_connection_is_not_written(caplog):
    pulse = Pulse()
    pulse.connected = False
    asked = threading.Semaphore(0)

    def wanted():
        asked.release()
        return True

    with Heartbeat(pulse, wanted, period_s=0.001):
        assert all(asked.acquire(timeout=5) for _ in range(3))
    assert pulse.values == []
    assert "is not connected" in caplog.text


def test_nothing_beats_while_nobody_wants_it():
    pulse, asked = Pulse(), threading.Semaphore(0)

    def wanted():
        asked.release()
        return False

    with Heartbeat(pulse, wanted, period_s=0.001):
        assert all(asked.acquire(timeout=5) for _ in range(3))
    assert pulse.values == []
