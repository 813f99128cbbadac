"""A trigger box set for a pass: whole counts of its encoder, whichever way they run."""

from pathlib import Path

import numpy as np
import pytest
from operando.devices.gate_record import gate_record
from operando.devices.gate_series import GateSeries, PositionPass, TimePass
from operando.devices.trigger_box import TriggerBox
from operando.devices.trigger_box_setting import FALLING, RISING
from ophyd.sim import make_fake_device

SoftTriggerBox = make_fake_device(TriggerBox)


@pytest.fixture
def box():
    box = SoftTriggerBox("SOFT:", name="trigger_box", encoders={"fine_x": "INENC2"})
    box.inenc2.offset.sim_put(0.0)
    box.inenc2.scale.sim_put(0.001)
    for signal in (box.compare.input, box.pcap.gate, box.pcap.output):
        signal.sim_put("")
    for signal in (box.compare.pre_start, box.compare.step, box.compare.width, box.compare.pulses):
        signal.sim_put(-1)
    return box


def set_for(box, **change):
    gate_pass = PositionPass(**{"encoder": "fine_x", "start": -1.0, "step": 0.1, "gates": 20, **change})
    box.await_positions(gate_pass)
    compare = box.compare
    return compare.direction.get(), compare.start.get(), compare.step.get(), compare.width.get()


def test_a_pass_is_told_in_counts_with_a_gap_between_gates(box):
    assert set_for(box) == ("Positive", -1000, 100, 99)
    assert set_for(box, start=1.0, step=-0.1, open_fraction=0.5) == ("Negative", 1000, 100, 50)


def test_an_encoder_that_counts_backwards_is_passed_the_other_way(box):
    box.inenc2.scale.sim_put(-0.001)
    assert set_for(box) == ("Negative", 1000, 100, 99)
    assert set_for(box, start=1.0, step=-0.1) == ("Positive", -1000, 100, 99)
    for rising, way in ((True, FALLING), (False, RISING)):
        box.await_times(
            TimePass(gates=3, period_s=1.0, open_s=0.5, encoder="fine_x", position=2.0, rising=rising)
        )
        assert (box.sequence.wait_for.get()[0], box.sequence.place.get()[0]) == (way, -2000)


@pytest.mark.parametrize("change", [{"step": 0.1004, "gates": 127}, {"step": 0.0005}])
def test_steps_that_whole_counts_would_put_elsewhere_are_refused_with_a_remedy(box, change):
    with pytest.raises(
        ValueError, match=r"step is 0\.\d+; its encoder has counts of 0\.001.* or fewer gates"
    ):
        set_for(box, **change)


def test_steps_that_are_nearly_whole_counts_are_taken(box):
    assert set_for(box, step=0.1004, gates=100)[2] == 100


@pytest.mark.parametrize(("currents", "kind"), [((), "No"), (("ifluor",), "Diff")])
def test_only_the_counters_of_currents_are_captured(currents, kind):
    box = SoftTriggerBox("SOFT:", name="trigger_box", currents=("i0", "it", "ir", *currents))
    box.choose_values(GateSeries(gates=3, offsets={}, folder="", name="one"))
    assert [box.counter3.capture.get(), box.counter4.capture.get()] == ["Diff", kind]


def test_least_and_largest_positions_are_those_also_where_counts_run_backwards():
    columns = {key: np.zeros(2) for key in ("time_s", "open_s", "i0_counts", "it_counts", "ir_counts")}
    ends = {"fine_x_min": np.array([0.2, 0.4]), "fine_x_max": np.array([0.1, 0.3]), "fine_x": np.zeros(2)}
    record = gate_record(Path("soft.h5"), columns | ends, ("fine_x",), ("i0", "it", "ir"))
    assert record.low["fine_x"].tolist() == [0.1, 0.3]
    assert record.high["fine_x"].tolist() == [0.2, 0.4]
