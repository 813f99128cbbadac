import numpy as np
import pytest
from operando.devices.cycler_setting import CyclerRefusalError
from operando.devices.latch import Latch, page_latches
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


def memory(cell, samples, later_s=0.0):
    """Let the fake cycler have rows 0..samples-1, handed out five at a time, their times so much later."""
    cell.record.count.sim_put(samples)

    def hand_out(value, **_):
        rows = [row(number) for number in range(int(value), min(samples, int(value) + 5))]
        block = np.array(rows, dtype=float).reshape(-1, len(COLUMNS))
        block[:, 1] += later_s
        cell.record.block.sim_put(block.ravel())

    cell.record.begin.unsubscribe_all()
    cell.record.begin.sim_put(-1)
    cell.record.begin.subscribe(hand_out, run=False)


def collected_times(cell):
    return [time - 1.7e9 for page in cell.collect_pages() for time in page["data"]["cell_time"]]


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


def test_the_relays_are_opened_by_an_order(cell):
    cell.state.sim_put("Stopped")
    cell.command.set("open").wait(5)
    assert cell.command.order.get() == "open"


def test_a_start_is_refused_with_the_cyclers_reason(cell):
    cell.command.reply.sim_put("the open-circuit voltage is -3.7 V")
    with pytest.raises(CyclerRefusalError, match=r"refuses 'check': the open-circuit voltage is -3\.7 V"):
        cell.command.set("check").wait(5)


def test_limits_of_the_start_are_those_of_the_cell_unless_they_are_narrower(cell):
    limits = cell.limits
    limits.set(Limits(4.4, 2.5, 1e-2, 3.0)).wait(5)
    assert (limits.start_voltage_min.get(), limits.start_voltage_max.get(), limits.c_rate_max.get()) == (
        2.5,
        4.4,
        30.0,
    )
    limits.set(Limits(4.4, 2.5, 1e-2, 3.0, start_voltage_min_v=3.0, c_rate_max=2.0)).wait(5)
    assert (limits.start_voltage_min.get(), limits.c_rate_max.get()) == (3.0, 2.0)
    with pytest.raises(ValueError, match="window of the start ends at 4"):
        Limits(4.4, 2.5, 1e-2, 3.0, start_voltage_min_v=4.2, start_voltage_max_v=4.0)


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


def test_news_of_a_suspended_cell_are_its_latches_and_that_it_goes_on(cell):
    cell.state.sim_put("Paused")
    status = cell.news.set({8: 0})
    assert not status.done
    cell.triggers[8].count.sim_put(1)
    status.wait(1)
    status = cell.news.set({8: 1})
    cell.state.sim_put("Running")
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


def test_a_page_of_latches_says_how_late_each_was(cell):
    rows = [[1, 1.7e9, 3.7, 1e-3, 0.1, 0.9, 0.0], [2, 1.7e9, 3.8, 1e-3, 0.2, 0.8, 12.5]]
    cell.triggers[1].block.sim_put(np.array(rows).ravel())
    assert [latch.late_s for latch in page_latches(cell.triggers[1].block.get())] == [0.0, 12.5]


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


def test_after_a_gap_the_record_of_a_restarted_cycler_is_read_from_its_start(cell):
    memory(cell, 6)
    cell.collect_from(0)
    assert collected_times(cell) == [0, 1, 2, 3, 4, 5]
    memory(cell, 4, later_s=100.0)
    assert collected_times(cell) == [100, 101, 102, 103]


def test_a_restarted_cycler_that_has_recorded_more_than_before_loses_nothing(cell):
    memory(cell, 6)
    cell.collect_from(0)
    collected(cell)
    memory(cell, 12, later_s=100.0)
    assert collected_times(cell) == list(range(100, 112))
    assert collected(cell) == []


def test_samples_that_a_restarted_cycler_gives_again_are_removed_by_their_time(cell):
    memory(cell, 12)
    cell.collect_from(0)
    assert len(collected(cell)) == 12
    memory(cell, 10, later_s=4.0)
    assert collected_times(cell) == [12, 13]


def test_a_hole_in_the_record_is_told_with_its_samples(cell, caplog):
    memory(cell, 12)
    cell.collect_from(0)
    assert len(collected(cell)) == 12
    assert cell.record.hole.get() == ""
    memory(cell, 30)
    cell.record.begin.unsubscribe_all()
    held = np.array([row(number) for number in range(25, 30)], dtype=float)
    cell.record.begin.subscribe(
        lambda value, **_: cell.record.block.sim_put(
            (np.array([row(11)], dtype=float) if value == 11 else held).ravel()
        ),
        run=False,
    )
    assert collected(cell) == [25, 26, 27, 28, 29]
    assert cell.record.hole.get().startswith("samples 12 to 24 are lost: the cycler's memory was full")
    assert "samples 12 to 24 are lost" in caplog.text


def test_two_samples_of_one_instant_are_both_kept(cell):
    memory(cell, 6)
    cell.collect_from(0)
    collected(cell)
    instant = [row(number) for number in (5, 6, 7)]
    instant[2][1] = instant[1][1] = instant[0][1]
    cell.record.begin.unsubscribe_all()
    cell.record.count.sim_put(8)
    cell.record.block.sim_put(np.array(instant, dtype=float).ravel())
    assert collected(cell) == [6, 7]


def test_an_order_is_done_only_once_its_state_has_arrived(cell, monkeypatch):
    """A cell that was just started, its monitor late, is not taken for one that has stopped."""
    looks = []

    def fresh(signal, timeout_s):
        del timeout_s
        if signal is not cell.state:
            return "accepted"
        looks.append(cell.state.get())
        if len(looks) == 5:
            cell.state.sim_put("Running")
        return "Running"

    monkeypatch.setattr("operando.devices.cycler_setting.fresh", fresh)
    monkeypatch.setattr("operando.devices.cycler_setting.LOOK_S", 0.01)
    cell.state.sim_put("Stopped")
    cell.command.set("start").wait(10)
    assert looks == ["Stopped"] * 5
    assert cell.state.get() == "Running"
