"""The pacemaker of two channels: time is granted to where one has latched, and stands still for none."""

import asyncio
import time

import pytest
from operando.simulated_beamline.board import Board, cell_slot
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.iocs.pacemaker import IDLE_TICK_S, Pacemaker
from operando.simulated_beamline.iocs.potentiostat import PotentiostatIOC
from operando.simulated_beamline.iocs.server import ServerSettings
from operando.simulated_beamline.mount import load_mounts


@pytest.fixture
def beamline(tmp_path):
    """Clock, board and two channels, of which nobody cycles any."""
    clock, board = SharedClock(tmp_path / "clock", start_s=1.7e9), Board(tmp_path / "board")
    clock.set_mode("elastic", 2000.0)
    scenarios = ("nmc811-first-charge",) * 2
    settings = ServerSettings(0, "T:", tmp_path, scenarios, seed=1, until_stdin_closes=False)
    yield (
        clock,
        board,
        [PotentiostatIOC(mount, settings, clock, board, 1.7e9) for mount in load_mounts(scenarios)],
    )
    clock.close()
    board.close()


def charge(cycler):
    safety = cycler.safety
    safety.vmax, safety.vmin, safety.imax, safety.qmax, safety.tmax = 4.5, 2.0, 1e-2, 20.0, 60.0
    parameters = {"ISTEP": [1e-3], "DURSTEP": [1e9], "REDT": 5.0}
    cycler.load(compile_program("cplimit", {f"CPLIMIT:0:{key}": value for key, value in parameters.items()}))
    cycler.start()


def live(beamline, until):
    """Let the pacemaker run until a condition holds."""
    clock, board, channels = beamline

    async def main():
        task = asyncio.create_task(Pacemaker(clock, board, channels).run())
        while not until():
            assert not task.done()
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_all_stand_at_the_sample_in_which_one_has_latched(beamline):
    clock, board, channels = beamline
    for channel in channels:
        charge(channel.cycler)
    trigger = channels[1].cycler.triggers[1]
    trigger.set_rule("at lithium_content 0.92 falling")
    channels[1].cycler.arm(1)
    live(beamline, lambda: trigger.count == 1)
    (latch,) = trigger.log
    times = [channel.cycler.time_s for channel in channels]
    assert times == pytest.approx([board["cell_time"]] * 2, abs=1e-6)
    # From now on somebody may react: time passes as for people, not 2000 times faster.
    assert 0.0 <= clock.now() - latch.sample.time < 15.0
    assert clock.busy()
    assert channels[1].channels()["TRIG:1:COUNT"].value == 1
    contents = [board[cell_slot("lithium_content", number)] for number in (1, 2)]
    assert contents == pytest.approx([channel.cycler.cell.state.lithium_content for channel in channels])


def test_a_cell_to_which_nobody_listens_takes_few_steps_but_lives_as_fast(beamline, monkeypatch):
    clock, board, channels = beamline
    charge(channels[0].cycler)
    steps, take = [], Pacemaker._advance
    monkeypatch.setattr(Pacemaker, "_advance", lambda *given: steps.append(time.monotonic()) or take(*given))
    live((clock, board, channels[:1]), lambda: len(steps) > 10)
    assert (steps[-1] - steps[0]) / (len(steps) - 1) >= IDLE_TICK_S
    assert channels[0].cycler.time_s - 1.7e9 > 0.9 * clock.factor * 10 * IDLE_TICK_S


def test_while_no_cell_is_cycled_time_passes_as_it_does_for_people(beamline):
    clock, _, channels = beamline
    live(beamline, lambda: channels[0].cycler.time_s > 1.7e9 + 0.2)
    assert clock.now() < 1.7e9 + 20.0
    assert channels[0].cycler.time_s == pytest.approx(channels[1].cycler.time_s, abs=1e-6)
