"""The trigger box in process: gates where the encoder passes, captured with what was true in them."""

import asyncio
import time

import numpy as np
import pytest
from operando.simulated_beamline.iocs.gate_record import FULL_SCALE_A, FULL_SCALE_HZ
from operando.simulated_beamline.wire import Wire
from trigger_bench import START_S, Bench

SCENARIO = "nmc811-first-charge"


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path, SCENARIO)
    yield bench
    bench.close()


def sweep(bench, *, count=40, captured=None, before=None, back=False):
    """Sweep over `count` gates of 0.001 degree at 0.1 degree/s."""

    async def go():
        async with bench.running():
            begin, end = (13.94, 14.06) if not back else (14.06, 13.94)
            await bench.move("MONO:BRAGG", begin, 0.5)
            await bench.arm(count)
            await bench.compare(13.98 if not back else 14.02, 0.001, count, falling=back)
            if before:
                await before()
            await bench.move("MONO:BRAGG", end, 0.1)
            await bench.until("DATA:NUM_CAPTURED", count if captured is None else captured)

    asyncio.run(go())
    return bench.columns()


@pytest.mark.parametrize("back", [False, True])
def test_each_gate_is_captured_where_the_encoder_was(bench, back):
    columns = sweep(bench, back=back)
    sign = -1.0 if back else 1.0
    begins = 13.98 + 0.001 * np.arange(40) if not back else 14.02 - 0.001 * np.arange(40)
    edge = columns["INENC1.VAL.Max" if back else "INENC1.VAL.Min"]
    assert edge == pytest.approx(begins, abs=3e-7)
    assert columns["INENC1.VAL.Mean"] == pytest.approx(begins + sign * 0.0005, abs=3e-7)
    assert columns["PCAP.GATE_DURATION.Value"] == pytest.approx(np.full(40, 0.01), abs=1e-5)


def test_counters_count_the_currents_that_the_electrometer_would_read(bench):
    columns = sweep(bench)
    experiment = bench.channels["T:PANDA1:PCAP:ACTIVE"].server_startup.__self__._experiment
    bench.board["bragg_true_deg"] = experiment._beam._crystals.true_bragg_deg(14.0)
    readings = [experiment.currents(0.01) for _ in range(50)]
    for number, expected_a in enumerate(np.mean(readings, axis=0), start=1):
        rate_hz = columns[f"COUNTER{number}.OUT.Diff"] / columns["PCAP.GATE_DURATION.Value"]
        assert rate_hz[19] * FULL_SCALE_A / FULL_SCALE_HZ == pytest.approx(expected_a, rel=0.01)


def test_the_wire_carries_the_angle_at_both_ends_of_every_gate(bench):
    sweep(bench)
    pulses = Wire(bench.settings.run_folder / "wire").since(0)
    zero_deg = bench.scenario.build_monochromator().bragg_zero_error_deg
    begins = [pulse.begin["bragg_true_deg"] - zero_deg for pulse in pulses]
    assert begins == pytest.approx(list(13.98 + 0.001 * np.arange(40)), abs=3e-7)
    assert pulses[3].end["bragg_true_deg"] == pytest.approx(pulses[4].begin["bragg_true_deg"])
    assert pulses[0].begin_s > START_S
    assert pulses[0].middle["photon_open"] == 1.0


def test_a_sweep_that_stalls_leaves_the_captured_count_short(bench):
    async def stall():
        await bench.channels["T:MONO:BRAGG:SIM:STALL_AT"].write(0.5)

    columns = sweep(bench, captured=20, before=stall)
    assert 19 <= len(columns["INENC1.VAL.Mean"]) <= 21


def test_lost_captures_are_missing_from_the_count(bench):
    async def lose():
        await bench.put("SIM:LOSE_CAPTURES", 3)

    columns = sweep(bench, captured=37, before=lose)
    assert columns["INENC1.VAL.Min"][0] == pytest.approx(13.983, abs=3e-7)
    assert bench.get("PCOMP1:PRODUCED") == 40


def test_pulses_of_a_fixed_length_count_what_came_too_soon(bench):
    async def pulse():
        for name, value in {"TRIG": "PCOMP1.OUT", "DELAY": 0.001, "WIDTH": 0.015}.items():
            await bench.put(f"PULSE1:{name}", value)
        await bench.put("PCAP:GATE", "PULSE1.OUT")

    columns = sweep(bench, captured=20, before=pulse)
    assert columns["PCAP.GATE_DURATION.Value"] == pytest.approx(np.full(20, 0.015), abs=1e-6)
    assert bench.get("PULSE1:DROPPED") == 20


def test_time_pulses_take_their_time_on_the_clock(bench):
    async def go():
        async with bench.running():
            await bench.arm(100)
            await bench.put("PCAP:GATE", "SEQ1.OUTA")
            table = {"REPEATS": [100], "TRIGGER": [0], "TIME1": [0.02], "OUTA1": [1], "TIME2": [0.01]}
            for name, value in table.items():
                await bench.put(f"SEQ1:TABLE:{name}", value)
            before_s, wall_s = bench.clock.now(), time.monotonic()
            await bench.put("SEQ1:ENABLE", "ONE")
            await bench.until("DATA:NUM_CAPTURED", 100)
            return bench.clock.now() - before_s, time.monotonic() - wall_s

    took_s, wall_s = asyncio.run(go())
    assert 2.95 <= took_s <= 3.05 + wall_s
    columns = bench.columns()
    assert np.diff(columns["PCAP.TS_START.Value"]) == pytest.approx(np.full(99, 0.03), abs=1e-6)
    assert columns["PCAP.GATE_DURATION.Value"] == pytest.approx(np.full(100, 0.02), abs=1e-6)


def test_a_file_outside_the_data_folder_is_refused_in_words(bench):
    async def go():
        await bench.put("DATA:HDF_DIRECTORY", "/nowhere")

    asyncio.run(go())
    assert bench.get("DATA:DIRECTORY_EXISTS") == "No"
    assert "no folder inside the data folder" in bench.get("DATA:STATUS")
