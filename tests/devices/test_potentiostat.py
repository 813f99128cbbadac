import numpy as np
import pytest
from operando.devices.cycler_setting import CyclerRefusalError
from operando.devices.latch import Latch
from operando.devices.potentiostat import Potentiostat
from operando.devices.protocol import ConstantCurrent, Limits, Protocol, Rest
from operando.devices.record import COLUMNS
from ophyd.sim import make_fake_device


@pytest.fixture
def cell():
    device = make_fake_device(Potentiostat)("X:", name="cell")
    for sub_device in (device.program, device.command, *device.triggers.values()):
        sub_device.reply.sim_put("accepted")
    for channel in device.triggers.values():
        channel.count.sim_put(0)
        channel.arm.sim_put(0)
    device.state.sim_put("Running")
    return device


def row(sample):
    return [sample, 1.7e9 + sample, 3.7, 1e-3, 0.1, 0.9, 0.1, 25.0, 2, 0, 1]


def memory(cell, samples):
    """Let the fake cycler have rows 0..samples-1, handed out five at a time."""
    cell.record.count.sim_put(samples)

    def hand_out(value, **_):
        rows = [row(number) for number in range(int(value), min(samples, int(value) + 5))]
        cell.record.block.sim_put(np.array(rows, dtype=float).ravel())

    cell.record.begin.sim_put(0)
    cell.record.begin.subscribe(hand_out, run=False)


def collected(cell):
    return [number for page in cell.collect_pages() for number in page["data"]["cell_sample"]]


def test_reading_gives_the_keys_of_the_contract(cell):
    quantities = [name for name, _, _ in COLUMNS if name != "sample"]
    assert list(cell.describe()) == [f"cell_{name}" for name in quantities]


def test_the_end_of_a_plan_leaves_the_cell_cycling(cell):
    cell.command.order.sim_put("start")
    cell.stop(success=False)
    cell.command.stop(success=False)
    assert cell.command.order.get() == "start"


def test_uploading_writes_every_parameter_and_the_list(cell):
    cell.program.technique_count.sim_put(2)
    cell.program.set(Protocol((ConstantCurrent(1e-3, until_voltage_v=4.3), Rest(60.0)))).wait(5)
    assert cell.program.load.get() == "cplimit,ocv"


def test_a_refused_order_carries_the_cyclers_reason(cell):
    cell.command.reply.sim_put("limits not set: VMAX")
    with pytest.raises(CyclerRefusalError, match="refuses 'start': limits not set: VMAX"):
        cell.command.set("start").wait(5)


def test_an_unknown_order_is_refused_at_once(cell):
    with pytest.raises(ValueError, match="there is no order 'explode'"):
        cell.command.set("explode")


def test_limits_are_compared_with_what_the_cycler_holds(cell):
    cell.limits.set(Limits(4.4, 2.5, 1e-2, 3.0)).wait(5)
    assert cell.limits.voltage_max.get() == 4.4


def test_news_waits_for_a_count_that_goes_on(cell):
    status = cell.news.set({1: 0, 3: 0})
    assert not status.done
    cell.triggers[3].count.sim_put(1)
    status.wait(1)


def test_news_come_at_once_when_the_count_has_gone_on_before(cell):
    cell.triggers[1].count.sim_put(5)
    cell.news.set({1: 4}).wait(1)


def test_news_end_when_the_cell_no_longer_cycles(cell):
    status = cell.news.set({1: 0})
    cell.state.sim_put("Stopped")
    status.wait(1)


def test_news_stop_listening_once_done(cell):
    cell.news.set({1: 1}).wait(1)
    cell.triggers[1].count.sim_put(7)
    assert not cell.news.set({1: 7}).done


def test_arming_a_refused_rule_names_rule_and_reason(cell):
    cell.triggers[2].reply.sim_put("quantity 'foo' is unknown")
    with pytest.raises(ValueError, match="refuses the rule 'every foo 1': quantity 'foo'"):
        cell.triggers[2].set("every foo 1").wait(5)


def test_the_log_is_read_as_latches(cell):
    cell.triggers[1].history.sim_put(np.array([1, 1.7e9, 3.7, 1e-3, 0.1, 0.9, 2, 1.7e9, 3.8, 1e-3, 0.2, 0.8]))
    assert cell.triggers[1].read_log()[1] == Latch(2, 1.7e9, 3.8, 1e-3, 0.2, 0.8)


def test_the_record_is_collected_whole_and_once(cell):
    memory(cell, 12)
    cell.collect_from(0)
    assert collected(cell) == list(range(12))
    assert collected(cell) == []


def test_kickoff_starts_at_the_present_sample(cell):
    memory(cell, 12)
    cell.kickoff().wait(5)
    assert collected(cell) == []
    cell.record.count.sim_put(12)


def test_a_gap_in_the_middle_neither_loses_nor_doubles(cell):
    memory(cell, 12)
    cell.collect_from(0)
    pages = cell.collect_pages()
    first = next(pages)["data"]["cell_sample"]
    pages.close()
    assert first + collected(cell) == list(range(12))


def test_rows_that_another_client_asked_for_are_not_doubled(cell):
    cell.record.count.sim_put(8)
    cell.record.begin.sim_put(0)
    cell.record.block.sim_put(np.array([row(number) for number in range(3, 8)], dtype=float).ravel())
    cell.collect_from(5)
    assert collected(cell) == [5, 6, 7]
