"""A cycler with two channels, each with its own cell: two protocols at once in one simulated time."""

from itertools import pairwise

import pytest
from operando.devices.potentiostat import Potentiostat
from operando.devices.protocol import ConstantCurrent, Limits, Protocol, Rest, current_from_c_rate
from operando.simulated_beamline.launcher import Launcher

pytestmark = pytest.mark.system
SCENARIOS = ("nmc811-first-charge", "lno-first-charge")
LIMITS = Limits(4.45, 2.4, 5e-3, 10.0)


@pytest.fixture(scope="module")
def cells(tmp_path_factory, beamline_ports):
    launcher = Launcher(
        tmp_path_factory.mktemp("cycler"),
        scenario=SCENARIOS,
        servers=("potentiostat",),
        ports=beamline_ports,
    )
    launcher.start("elastic", 1000.0)
    found = [Potentiostat(f"OP:ECLAB_01:C{channel}:", name=f"cell_{channel}") for channel in (1, 2)]
    try:
        for cell in found:
            cell.wait_for_connection(timeout=20)
        yield found
    finally:
        for cell in found:
            cell.destroy()
        launcher.stop()


def begin(cell, rate, until, rule):
    current_a = current_from_c_rate(rate, cell.cell_capacity.get())
    protocol = Protocol((ConstantCurrent(current_a, until_time_s=until, id="charge"), Rest(60.0)))
    cell.limits.set(LIMITS).wait(10)
    cell.program.set(protocol).wait(10)
    cell.triggers[1].set(rule).wait(10)
    cell.kickoff().wait(10)
    cell.command.set("start").wait(10)


def test_each_channel_cycles_its_own_cell_and_latches_on_the_common_clock(cells):
    first, second = cells
    assert first.cell_capacity.get() != second.cell_capacity.get()
    begin(first, "C/2", 900.0, "every lithium_content 0.02")
    begin(second, "1C", 600.0, "every lithium_content 0.05")
    for cell in cells:
        cell.complete().wait(60)
    for cell, interval, count in ((first, 0.02, 6), (second, 0.05, 3)):
        latches = cell.triggers[1].read_log()
        assert len(latches) == count
        steps = [a.lithium_content - b.lithium_content for a, b in pairwise(latches)]
        assert steps == pytest.approx([interval] * (count - 1), abs=1e-6)
        pages = list(cell.collect_pages())
        samples = [number for page in pages for number in page["data"][f"{cell.name}_sample"]]
        assert samples == list(range(samples[0], samples[0] + len(samples)))
        currents = [value for page in pages for value in page["data"][f"{cell.name}_current"]]
        assert max(currents) == pytest.approx(latches[0].current, rel=0.01)


def test_a_stop_or_a_trip_of_one_cell_leaves_the_other_cycling(cells):
    first, second = cells
    begin(first, "C/2", 1e6, "every lithium_content 0.5")
    begin(second, "C/2", 1e6, "every lithium_content 0.5")
    second.limits.voltage_max.set(second.voltage.get() - 0.05).wait(10)
    second.complete().wait(30)
    assert second.limits.trip.get(use_monitor=False) == 1
    assert first.state.get(use_monitor=False) == "Running"
    assert first.limits.trip.get(use_monitor=False) == 0
    first.command.set("stop").wait(10)
