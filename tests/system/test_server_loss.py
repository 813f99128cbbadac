"""A server that dies under a device: every wait ends, and the error names device and process variable."""

import logging
import time
from contextlib import contextmanager

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from operando.devices.reach import UnreachableError
from operando.plans.grids import grid_from_regions
from operando.plans.waiting import set_all
from operando.plans.xanes import xanes
from waiting import until

pytestmark = pytest.mark.system
BOUND_S = 20.0
GRID = grid_from_regions([(-20, 20, 1, 0.2)], e0="Ni_K")


@pytest.fixture(scope="module", autouse=True)
def front_end(beamline):
    RunEngine({})(set_all({beamline.front_end_shutter: "open"}))


@pytest.fixture
def lost(simulated_beamline, beamline):
    """Kill a server for a block; gives a function that does it."""

    @contextmanager
    def losing(name):
        simulated_beamline.clock.set_mode("real")
        try:
            yield lambda: simulated_beamline.kill(name)
        finally:
            simulated_beamline.clock.set_mode("elastic", 500.0)
            simulated_beamline.launcher.start_server(name)
            assert beamline.connect(60.0).missing == {}

    return losing


def whole_message(error):
    """Message of an error and of all that caused it."""
    told = []
    while error is not None:
        told.append(str(error))
        error = error.__cause__
    return " ".join(told)


def test_a_server_killed_during_a_trigger_is_a_bounded_wait_that_names_it(beamline, lost, monkeypatch):
    chambers = beamline.ion_chambers
    monkeypatch.setattr(chambers, "overhead_limit_s", 1.0)
    with lost("ion_chambers") as kill:
        chambers.averaging_time.set(2.0).wait(10)
        begin = time.monotonic()
        order = chambers.trigger()
        kill()
        with pytest.raises(Exception, match=r"ion_chambers: take one average.*OP:QE1:"):
            order.wait(BOUND_S)
        assert time.monotonic() - begin < BOUND_S
        with pytest.raises(UnreachableError, match=r"ion_chambers: take one average.*OP:QE1:"):
            chambers.trigger()


def test_a_server_killed_before_a_read_is_a_bounded_wait_that_names_it(beamline, lost):
    with lost("ion_chambers") as kill:
        kill()
        until(lambda: not beamline.ion_chambers.i0_raw.connected, BOUND_S)
        begin = time.monotonic()
        with pytest.raises(
            UnreachableError, match=r"ion_chambers: read failed: .*OP:QE1:Current1:MeanValue_RBV"
        ):
            beamline.ion_chambers.read()
        assert time.monotonic() - begin < BOUND_S


def test_a_set_on_a_server_already_gone_names_it_and_stopping_it_is_quiet(beamline, lost, caplog):
    with lost("monochromator") as kill:
        kill()
        until(lambda: not beamline.mono.bragg.setpoint.connected, BOUND_S)
        begin = time.monotonic()
        with caplog.at_level(logging.WARNING), pytest.raises(UnreachableError) as caught:
            RunEngine({})(bps.mv(beamline.mono.energy, 8500.0))
        assert time.monotonic() - begin < BOUND_S
        assert "mono_energy: move to 8500.000 eV failed: " in str(caught.value)
        assert "OP:MONO:" in str(caught.value)
        beamline.mono.energy.stop()
        assert "Failed to stop" not in caplog.text
        assert "mono_bragg_halt: not stopped, OP:MONO:BRAGG.STOP is not reachable" in caplog.text
    beamline.mono.energy.set(8333.0).wait(20)


@pytest.mark.parametrize("server", ["ion_chambers", "monochromator"])
def test_a_scan_whose_server_dies_fails_in_time_and_closes_the_shutter(
    beamline, lost, monkeypatch, server, caplog
):
    monkeypatch.setattr(beamline.ion_chambers, "overhead_limit_s", 1.0)
    monkeypatch.setattr(beamline.mono, "move_limit_s", 1.0)
    stops, seen = [], []
    with lost(server) as kill:

        def kill_in_the_scan(_, doc):
            seen.append(doc)
            if len(seen) == 3:
                kill()

        begin = time.monotonic()
        with pytest.raises(Exception, match=r".") as caught:
            RunEngine({})(
                xanes(beamline, grid=GRID, element="Ni"),
                {"event": [kill_in_the_scan], "stop": [lambda _, doc: stops.append(doc)]},
            )
        assert time.monotonic() - begin < BOUND_S
        assert {"ion_chambers": "OP:QE1:", "monochromator": "OP:MONO:"}[server] in whole_message(caught.value)
        assert [stop["exit_status"] for stop in stops] == ["fail"]
        assert beamline.photon_shutter.position == "closed"
        assert "Failed to stop" not in caplog.text
