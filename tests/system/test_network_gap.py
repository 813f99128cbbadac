"""A network that is really cut while a cell cycles: what was recorded meanwhile is fetched afterwards."""

import numpy as np
import pytest
from cut_network import CutNetwork
from operando.devices.potentiostat import Potentiostat
from operando.devices.protocol import Limits, Protocol, Recording, Rest
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import Launcher, free_ports
from waiting import until

pytestmark = pytest.mark.system
SAMPLE_S = 10.0
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def cycler(tmp_path_factory, beamline_ports):
    """Server of the cycler behind a network that can be cut, its clock, and the device."""
    (server_port,) = free_ports(1)
    servers = ("potentiostat",)
    ports = {"potentiostat": server_port}
    launcher = Launcher(
        tmp_path_factory.mktemp("gap"), scenario="nmc811-first-charge", servers=servers, ports=ports
    )
    launcher.start("elastic", 300.0)
    network = CutNetwork(beamline_ports["potentiostat"], server_port)
    clock = SharedClock(launcher.run_folder / "clock")
    cell = Potentiostat("OP:ECLAB_01:C1:", name="cell")
    try:
        cell.wait_for_connection(timeout=LIMIT_S)
        yield cell, network, clock
    finally:
        cell.destroy()
        clock.close()
        network.close()
        launcher.stop()


def pass_by(clock, simulated_s):
    """Wait until so much has passed on the cell's clock."""
    end_s = clock.now() + simulated_s
    until(lambda: clock.now() >= end_s, LIMIT_S)


def collect_into(rows, cell):
    for page in cell.collect_pages():
        rows += zip(page["data"]["cell_sample"], page["data"]["cell_time"], strict=True)


def test_no_sample_of_a_cut_network_is_lost_and_none_comes_twice(cycler, monkeypatch):
    cell, network, clock = cycler
    cell.limits.set(Limits(4.45, 2.4, 5e-3, 5.0)).wait(20)
    cell.program.set(Protocol((Rest(1e6),), Recording(dt_s=SAMPLE_S))).wait(20)
    cell.kickoff().wait(20)
    cell.command.set("start").wait(20)
    rows = []
    for _ in range(2):
        pass_by(clock, 200.0)
        collect_into(rows, cell)
        before = len(rows)
        network.cut()
        until(lambda: not cell.record.count.connected, LIMIT_S)
        cut_s = rows[-1][1]
        pass_by(clock, 600.0)
        with monkeypatch.context() as patch:
            patch.setattr(cell.record, "timeout_s", 1.0)
            with pytest.raises(TimeoutError, match=r"is its server running and reachable\?"):
                collect_into(rows, cell)
        assert len(rows) == before
        network.mend()
        until(lambda: all(part.connected for part in (cell.record.count, cell.record.block)), LIMIT_S)
        collect_into(rows, cell)
        assert rows[-1][1] - cut_s > 500.0
    samples, times_s = np.array(rows).T
    assert np.diff(samples).tolist() == [1.0] * (len(samples) - 1)
    assert np.diff(times_s).min() > 0
    assert np.diff(times_s).max() < 1.5 * SAMPLE_S
