"""The shared clock: monotonic over processes, never jumping, charging instruments only their nominal time."""

import asyncio
import itertools
import subprocess
import sys
import textwrap
import time

import pytest
from operando.simulated_beamline.clock import CREDIT_S, LINGER_S, ClockMode, SharedClock

START_S = 1.7e9


@pytest.fixture
def clock(tmp_path):
    with_clock = SharedClock(tmp_path / "clock", start_s=START_S)
    yield with_clock
    with_clock.close()


@pytest.fixture
def wall(monkeypatch):
    """A monotonic clock that moves only when the test says so."""

    class Wall:
        now = 100.0

    monkeypatch.setattr(time, "monotonic", lambda: Wall.now)
    return Wall


def test_time_stands_in_elastic_mode_while_nobody_works(clock):
    assert clock.mode is ClockMode.ELASTIC
    assert clock.now() == START_S
    assert clock.now() == START_S


def test_it_tells_whether_only_the_cell_is_at_work(clock, wall):
    assert clock.only_cell_at_work()
    clock.notice()
    assert not clock.only_cell_at_work()
    wall.now += LINGER_S
    assert clock.only_cell_at_work()
    clock.set_mode("constant", 100.0)
    assert not clock.only_cell_at_work()


def test_work_completes_at_once_and_takes_its_nominal_time(clock):
    before = time.monotonic()
    started_s = asyncio.run(clock.work(1000.0))
    assert time.monotonic() - before < 100.0
    assert started_s == START_S
    assert 1000.0 <= clock.now() - START_S < 1001.0


def test_works_commanded_together_overlap(clock):
    async def both():
        await asyncio.gather(clock.work(30.0), clock.work(50.0))

    asyncio.run(both())
    assert 50.0 <= clock.now() - START_S < 51.0


def test_works_one_after_the_other_add_up(clock):
    async def one_then_other():
        await clock.work(30.0)
        await clock.work(50.0)

    asyncio.run(one_then_other())
    assert 80.0 <= clock.now() - START_S < 81.0


def test_time_passes_at_factor_one_until_the_instruments_rest(wall, tmp_path):
    clock = SharedClock(tmp_path / "clock", start_s=START_S)
    clock.set_mode("elastic", 1000.0)
    clock.notice()
    wall.now += 0.3
    assert clock.busy()
    assert clock.now() == pytest.approx(START_S + 0.3)
    assert clock.proposed() == pytest.approx(START_S + 0.3)
    wall.now += 10.0
    assert not clock.busy()
    assert clock.now() == pytest.approx(START_S + LINGER_S)


def test_pacemaker_is_offered_the_factor_but_never_a_leap(wall, tmp_path):
    clock = SharedClock(tmp_path / "clock", start_s=START_S)
    clock.set_mode("elastic", 1000.0)
    wall.now += 0.01
    assert clock.proposed() == pytest.approx(START_S + 10.0)
    wall.now += 60.0
    assert clock.proposed() == pytest.approx(START_S + 1000.0 * CREDIT_S)
    assert clock.now() == START_S


def test_wall_time_spent_on_integrating_stays_to_the_pacemakers_credit(wall, tmp_path):
    clock = SharedClock(tmp_path / "clock", start_s=START_S)
    clock.set_mode("elastic", 1000.0)
    wall.now += 0.02
    offered_s = clock.proposed()
    wall.now += 0.01
    clock.grant(offered_s)
    assert clock.now() == pytest.approx(START_S + 20.0)
    assert clock.proposed() == pytest.approx(START_S + 30.0)


def test_grant_never_moves_time_backwards(clock):
    asyncio.run(clock.work(100.0))
    before_s = clock.now()
    clock.grant(START_S + 5.0)
    assert clock.now() >= before_s


def test_after_a_notice_time_goes_on_from_the_granted_sample_at_factor_one(wall, tmp_path):
    clock = SharedClock(tmp_path / "clock", start_s=START_S)
    clock.set_mode("elastic", 2000.0)
    wall.now += 0.05
    clock.grant(START_S + 42.0)
    clock.notice()
    wall.now += 0.1
    assert clock.now() == pytest.approx(START_S + 42.1)
    assert clock.proposed() == pytest.approx(START_S + 42.1)


@pytest.mark.parametrize("mode", ["elastic", "constant", "real"])
def test_change_of_mode_or_factor_never_jumps(wall, tmp_path, mode):
    clock = SharedClock(tmp_path / "clock", start_s=START_S)
    clock.set_mode("constant", 500.0)
    wall.now += 2.0
    clock.set_mode(mode, 7.0)
    assert clock.now() == pytest.approx(START_S + 1000.0)
    clock.set_mode("constant", 500.0)
    assert clock.now() == pytest.approx(START_S + 1000.0)


def test_work_in_constant_mode_takes_its_share_of_wall_time(clock):
    clock.set_mode("constant", 100.0)
    before = time.monotonic()
    asyncio.run(clock.work(5.0))
    assert 0.05 <= time.monotonic() - before < 5.0


def test_real_mode_ignores_the_factor(clock):
    clock.set_mode(ClockMode.REAL, 50.0)
    assert clock.factor == 1.0


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_senseless_factor_is_refused(clock, factor):
    with pytest.raises(ValueError, match="factor"):
        clock.set_mode("constant", factor)


def test_unknown_mode_is_refused_with_the_known_ones(clock):
    with pytest.raises(ValueError, match="elastic, constant, real"):
        clock.set_mode("rubber", 2.0)


def test_negative_work_is_refused(clock):
    with pytest.raises(ValueError, match="cannot work"):
        asyncio.run(clock.work(-1.0))


def _in_another_process(code: str, path) -> subprocess.Popen:
    program = "import asyncio, sys\nfrom pathlib import Path\n"
    program += "from operando.simulated_beamline.clock import SharedClock\n"
    program += "clock = SharedClock(Path(sys.argv[1]))\n" + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_time_is_monotonic_over_processes_that_work_grant_and_change_the_mode(clock):
    worker = """
        async def busy():
            for _ in range(40):
                await clock.work(0.7)
        asyncio.run(busy())
        print(clock.now())
    """
    granter = """
        for i in range(4000):
            clock.grant(clock.proposed())
            if i % 200 == 0:
                clock.set_mode("constant" if i % 400 else "elastic", 1000.0)
        print(clock.now())
    """
    others = [_in_another_process(code, clock.path) for code in (worker, granter, worker)]
    seen = [clock.now()]
    while any(other.poll() is None for other in others):
        seen.append(clock.now())
    ends = [float(other.communicate()[0]) for other in others]
    assert all(later >= earlier for earlier, later in itertools.pairwise(seen))
    assert clock.now() >= max(ends)
    assert len(set(seen)) > 10


def test_works_of_two_processes_commanded_together_overlap(clock):
    code = """
        print("ready", flush=True)
        sys.stdin.readline()
        print(asyncio.run(clock.work(100.0)))
    """
    others = [_in_another_process(code, clock.path) for _ in range(2)]
    for other in others:
        assert other.stdout.readline() == "ready\n"
    for other in others:
        other.stdin.write("go\n")
        other.stdin.flush()
    starts_s = [float(other.communicate()[0]) for other in others]
    apart_s = abs(starts_s[0] - starts_s[1])
    # A busy machine may let the first one wait longer than its overlap, or begin the second one after it.
    assert apart_s < LINGER_S or apart_s >= 100.0
    assert clock.now() - START_S < apart_s + 101.0


def test_clock_of_another_handle_is_the_same_clock(clock):
    again = SharedClock(clock.path)
    asyncio.run(again.work(12.0))
    assert clock.now() == pytest.approx(START_S + 12.0, abs=1.0)
    again.close()
