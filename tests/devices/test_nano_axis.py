"""One axis of a nanoprobe: piezo within its range, coarse beyond; the interferometer has the last word."""

import pytest
from operando.devices.nano_axis import AxisNotThereError, NanoAxis, Span
from operando.devices.nanostage import Nanostage
from ophyd.utils import LimitError
from soft_nanoprobe import SoftNanoAxis


@pytest.fixture
def axis():
    return SoftNanoAxis(margin_um=1.0)


def test_within_its_range_the_piezo_moves_alone_until_the_interferometer_agrees(axis):
    axis.set(4.0).wait(3)
    assert {which for which, _ in axis.moves} == {"fine"}
    assert len(axis.moves) > 1
    assert axis.readback.get() == pytest.approx(4.0, abs=axis.tolerance_um)
    assert axis.fine.position != pytest.approx(4.0, abs=0.1)


def test_beyond_it_the_coarse_motor_brings_the_piezo_to_the_middle_of_its_range(axis):
    axis.set(250.0).wait(3)
    assert [which for which, _ in axis.moves][:2] == ["fine", "coarse"]
    assert axis.readback.get() == pytest.approx(250.0, abs=axis.tolerance_um)
    assert abs(axis.fine.position) < 1.0


def test_where_coarse_may_not_move_a_target_beyond_the_piezo_is_refused_with_a_remedy(axis):
    axis.coarse_moves = False
    with pytest.raises(
        LimitError, match=r"nanostage_x: 20 um is outside -14\.\.14 um of the piezo; move nano"
    ):
        axis.set(20.0)
    assert axis.moves == []


@pytest.mark.parametrize("target", [2e4, float("nan"), float("inf")])
def test_a_target_beyond_the_coarse_motor_is_refused(axis, target):
    with pytest.raises(LimitError, match="um"):
        axis.set(target)
    assert axis.moves == []


def test_a_piezo_that_does_not_follow_is_an_error_that_names_both_places(axis):
    axis.lag = 1.0
    with pytest.raises(AxisNotThereError, match=r"sent to 3\.0000 um and stands at 0\.0000 um"):
        axis.set(3.0).wait(3)


def test_a_span_out_of_reach_moves_the_coarse_motor_once_and_one_in_reach_nothing(axis):
    axis.prepare(Span(-3.0, 3.0)).wait(3)
    assert axis.moves == []
    axis.prepare(Span(10.0, 18.0)).wait(3)
    assert [which for which, _ in axis.moves].count("coarse") == 1
    low, high = axis.reach
    assert low <= 10.0
    assert high >= 18.0


def test_a_span_wider_than_the_piezo_is_refused(axis):
    with pytest.raises(LimitError, match="wider than the 28 um of the piezo; make several maps"):
        axis.prepare(Span(-20.0, 20.0))
    with pytest.raises(ValueError, match="low_um is 2"):
        Span(2.0, 1.0)


@pytest.mark.parametrize("well", [True, False])
def test_a_move_that_is_stopped_ends_well_for_a_pause_and_else_with_an_error(axis, well):
    held = []
    axis.fine.begin = lambda position, tolerance, done: held.append(done)
    status = axis.set(3.0)
    while not held:
        pass
    axis.stop(success=well)
    held[0](None)
    if well:
        status.wait(3)
        return
    with pytest.raises(RuntimeError, match="did not end, it was stopped"):
        status.wait(3)


def test_the_stage_has_the_names_of_its_server():
    stage = Nanostage("OP:NANO:", name="nanostage", tolerance_um=0.01)
    names = {walk.item.pvname for walk in stage.walk_signals(include_lazy=True)}
    stage.destroy()
    assert {
        "OP:NANO:X.RBV",
        "OP:NANO:FX.VAL",
        "OP:NANO:X:INTERF",
        "OP:NANO:FY.VAL",
        "OP:NANO:RX.RBV",
    } <= names
    assert isinstance(stage.x, NanoAxis)
    assert stage.y.tolerance_um == stage.y.fine.tolerance == 0.01
