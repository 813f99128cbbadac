import asyncio

import numpy as np
import pytest
from caproto import ChannelType
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.instrument.cycler import State
from operando.simulated_beamline.iocs.eclab_driver import EcLabDriverIOC
from operando.simulated_beamline.iocs.server import ServerSettings


@pytest.fixture
def server(tmp_path):
    settings = ServerSettings(0, "X:", tmp_path, ("nmc811-first-charge",), 1, False)
    clock, board = SharedClock(tmp_path / "clock", start_s=1.7e9), Board(tmp_path / "board")
    yield EcLabDriverIOC(settings, clock, board)
    clock.close()
    board.close()


@pytest.fixture
def put(server):
    channels = server.channels()

    def write(name, value):
        asyncio.run(channels[f"C0:{name}"].write(value))

    return write


def charge(put, current_a=1e-4):
    put("T:CPLIMIT:0:ISTEP:SP", [current_a])
    put("T:CPLIMIT:0:DURSTEP:SP", [600.0])
    put("T:CPLIMIT:0:STEPN:SP", np.int32(0))  # as a client's put arrives
    put("T:CPLIMIT:0:REDT:SP", 10.0)
    put("LOADTECH:SP", "cplimit")


@pytest.mark.parametrize(
    "ours", ["TRIG:1:RULE", "SAFETY:VMAX", "HEARTBEAT", "REC:COUNT", "COMMAND", "Q", "PAUSE"]
)
def test_what_the_driver_lacks_is_not_there(server, ours):
    assert f"C0:{ours}" not in server.channels()


def test_there_is_one_of_each_technique_and_two_of_open_circuit(server):
    channels = server.channels()
    assert "C0:T:OCV:1:RTT:SP" in channels
    assert "C0:T:CPLIMIT:0:ISTEP:SP" in channels
    assert "C0:T:CPLIMIT:1:ISTEP:SP" not in channels


def test_types_are_those_of_the_drivers_database(server):
    types = {name: record.data_type for name, record in server.channels().items()}
    assert types["C0:STATE"] == types["C0:START"] == ChannelType.ENUM
    assert types["C0:LOADTECH:SP"] == ChannelType.STRING
    assert types["C0:T:CPLIMIT:0:ISTEP:SP"] == ChannelType.FLOAT
    assert types["C0:T:CPLIMIT:0:TEST1CONF:SP"] == ChannelType.LONG
    assert types["C0:T:CPLIMIT:0:VSINIT:SP"] == ChannelType.CHAR
    assert types["C0:T:OCV:0:RTT:SP"] == ChannelType.DOUBLE
    assert server.channels()["C0:STATE"].enum_strings == ("Stopped", "Running", "Paused")


def test_a_technique_runs_as_its_parameters_say_and_time_stamps_are_the_instruments(server, put):
    charge(put)
    put("START", 1)
    server.cycler.advance(1.7e9 + 300.0, 10_000)
    asyncio.run(server._poll())
    channels = server.channels()
    assert channels["C0:STATE"].value == "Running"
    assert channels["C0:TIME"].value == pytest.approx(300.0, abs=1.0)
    assert channels["C0:I"].value == pytest.approx(1e-4, rel=0.02)
    assert channels["C0:EWE"].timestamp == pytest.approx(server.cycler.time_s, abs=1e-3)


def test_after_a_stop_nothing_starts_before_the_next_load(server, put):
    charge(put)
    put("START", 1)
    put("STOP", 1)
    put("START", 1)
    assert server.cycler.state is State.STOPPED
    charge(put)
    put("START", 1)
    assert server.cycler.state is State.RUNNING


def test_an_end_by_charge_is_not_loaded(server, put):
    put("T:CPLIMIT:0:TEST1CONF:SP", [1 + 4 + 992])
    charge(put)
    put("START", 1)
    assert server.cycler.state is State.STOPPED
    assert server.channels()["C0:LOADTECH"].value == ""


def scan(put, *vertices_v, cycles=0, rate_mv_s=1.0):
    put("T:CV:0:VSTEP:SP", vertices_v)
    put("T:CV:0:SCANRATE:SP", [rate_mv_s] * 5)
    put("T:CV:0:VSINIT:SP", [0] * 5)
    put("T:CV:0:NCYCLES:SP", cycles)
    put("LOADTECH:SP", "cv")


def test_a_cyclic_voltammogram_goes_from_vertex_to_vertex_at_its_rate(server, put):
    scan(put, 3.0, 3.2, 2.9, 3.0, 3.1, cycles=1)
    program = server.cycler.program
    assert [step.voltage_v for step in program] == pytest.approx([3.0, 3.2, 2.9, 3.0, 3.2, 2.9])
    assert [step.sweep_to_v for step in program] == pytest.approx([3.2, 2.9, 3.0, 3.2, 2.9, 3.1])
    assert [step.sweep_rate_v_s for step in program] == pytest.approx([1e-3] * 6)


def test_a_sweep_has_one_step_and_the_voltage_is_there_when_its_time_is_over(server, put):
    first_v = server.cycler.sample.voltage
    scan(put, first_v, *[first_v + 0.05] * 4)
    put("START", 1)
    server.cycler.advance(1.7e9 + 25.0, 10_000)
    asyncio.run(server._poll())
    channels = server.channels()
    assert channels["C0:TECHID"].value == 103
    assert channels["C0:EWE"].value == pytest.approx(first_v + 0.025, abs=2e-3)
    server.cycler.advance(1.7e9 + 60.0, 10_000)
    assert server.cycler.state is State.STOPPED


@pytest.mark.parametrize(
    ("vertices_v", "rate_mv_s"), [((3.0,) * 5, 1.0), ((3.0, 3.1), 1.0), ((3.0, *[3.1] * 4), 0)]
)
def test_a_cyclic_voltammogram_that_makes_no_sense_is_not_loaded(server, put, vertices_v, rate_mv_s):
    scan(put, *vertices_v, rate_mv_s=rate_mv_s)
    assert server.cycler.program == ()


def polls(server, until_s):
    """Count the polls of a driver that looks every 10 ms of its time."""
    count = 0
    for number in range(round(until_s / 0.01)):
        server.cycler.advance(1.7e9 + 100.0 + 0.01 * number, 10_000)
        count += server._is_due()
    return count


@pytest.mark.parametrize(("saves", "fewest", "most"), [("Yes", 40, 60), ("No", 9, 11)])
def test_the_driver_reads_the_instrument_often_only_while_data_are_saved(server, put, saves, fewest, most):
    put("SAVEDATA:SP", saves)
    charge(put)
    put("START", 1)
    assert fewest <= polls(server, 10.0) <= most


def test_of_a_spectrum_the_driver_gives_the_frequency_and_no_impedance(server, put):
    values = {"AMPV": 0.01, "INIFREQ": 100.0, "FINFREQ": 1.0, "NFREQ": 3, "NAVRG": 1, "VSINIT": 1, "SWEEP": 0}
    for name, value in values.items():
        put(f"T:PEIS:0:{name}:SP", value)
    put("LOADTECH:SP", "peis")
    put("START", 1)
    server.cycler.advance(1.7e9 + 0.05, 10_000)
    asyncio.run(server._poll())
    channels = server.channels()
    assert channels["C0:FREQ"].value == pytest.approx(100.0)
    assert not [name for name in channels if name.startswith("C0:EIS")]
