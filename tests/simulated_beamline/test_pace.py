"""Followed moves: simulated time waits for who draws what is gated on the way, and for nothing else."""

import asyncio
import time

import pytest
from operando.simulated_beamline import clock as clock_module
from operando.simulated_beamline import pace as pace_module
from operando.simulated_beamline.clock import LINGER_S, SharedClock
from operando.simulated_beamline.pace import pace
from operando.simulated_beamline.wire import Wire


@pytest.fixture
def clock(tmp_path):
    return SharedClock(tmp_path / "clock", start_s=1000.0)


def nobody(time_s):
    return False


def test_a_move_that_nobody_follows_takes_its_nominal_time_at_once(clock):
    begun = time.monotonic()
    start_s = asyncio.run(pace(clock, 30.0, nobody))
    assert start_s == pytest.approx(1000.0, abs=0.01)
    assert 1030.0 <= clock.now() <= 1030.0 + LINGER_S
    assert time.monotonic() - begun < 15.0


def test_wall_time_of_who_follows_is_no_simulated_time(clock):
    drawn_s, looked = [1000.0], []

    def draws_slowly(time_s):
        drawn_s[0] += 0.02
        looked.append(time.monotonic())
        return drawn_s[0] < time_s

    asyncio.run(pace(clock, 1.0, draws_slowly))
    assert looked[-1] - looked[0] > 0.05
    assert drawn_s[0] >= 1001.0
    # Only what has passed since the last look.
    assert 1001.0 <= clock.now() <= 1001.0 + time.monotonic() - looked[-1]


def test_time_goes_on_at_factor_1_after_the_move(clock, monkeypatch):
    monkeypatch.setattr(clock_module, "LINGER_S", 60.0)
    asyncio.run(pace(clock, 0.2, nobody))
    earliest, before_s, begun = time.monotonic(), clock.now(), time.monotonic()
    asyncio.run(asyncio.sleep(0.1))
    ended, passed_s = time.monotonic(), clock.now() - before_s
    assert ended - begun <= passed_s + 1e-6
    assert passed_s <= time.monotonic() - earliest + 1e-6


def test_one_who_stands_still_is_waited_for_once_only(clock, monkeypatch):
    monkeypatch.setattr(pace_module, "PATIENCE_S", 0.2)
    begun = time.monotonic()
    asyncio.run(pace(clock, 2.0, lambda time_s: True))
    # Were it waited for at each of 20 looks, this would take 4 s.
    assert 0.2 <= time.monotonic() - begun < 2.0
    assert 1002.0 <= clock.now() <= 1002.0 + LINGER_S


def test_one_who_goes_on_slowly_is_waited_for(clock, monkeypatch):
    monkeypatch.setattr(pace_module, "PATIENCE_S", 0.3)
    begun, drawn, looked = time.monotonic(), [0], []

    def draws_slowly(time_s):
        looked.append(time.monotonic())
        drawn[0] = int((looked[-1] - begun) / 0.02)
        return drawn[0] < 30

    asyncio.run(pace(clock, 0.05, draws_slowly, lambda: drawn[0]))
    assert drawn[0] >= 30
    assert 1000.05 <= clock.now() <= 1000.05 + time.monotonic() - looked[-1]


def test_the_line_tells_whether_gates_or_frames_are_still_due(tmp_path):
    wire = Wire(tmp_path / "wire")
    assert not wire.behind(1e9)
    wire.followed(5.0)
    assert wire.behind(5.1)
    assert not wire.behind(5.0)
    wire.drawn("camera", wire.count - 1)
    assert wire.behind(5.0)
    wire.drawn("camera")
    assert not wire.behind(5.0)
