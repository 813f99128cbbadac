"""Sweeps of a piezo: before the stretch, over it at its speed, beyond it, whatever the hysteresis."""

import pytest
from operando.devices.nano_axis import AxisNotThereError
from operando.devices.nano_sweep import AxisSweep, Sweep
from operando.simulated_beamline.physics.nanostage import PiezoAxis
from soft_nanoprobe import SoftNanoAxis

FULL_UM_S = 100.0


@pytest.fixture
def axis():
    made = SoftNanoAxis(lag=0.05)
    for signal in (made.fine.velocity, made.fine.max_velocity):
        signal.sim_put(FULL_UM_S)
    return made


@pytest.fixture
def sweep(axis):
    return AxisSweep(axis)


def swept(sweep, *places):
    """Go over a stretch; gives the speed at which, and where the axis stands then."""
    sweep.prepare(Sweep(*places)).wait(3)
    speed = sweep.axis.fine.velocity.get()
    sweep.trigger().wait(3)
    return speed, sweep.axis.position


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sweep_begins_before_its_stretch_and_ends_beyond_in_both_directions(axis, sweep, sign):
    sweep.prepare(Sweep(-2.0 * sign, 2.0 * sign, 5.0)).wait(3)
    assert -sign * axis.position >= 2.0 + 0.05
    assert axis.fine.velocity.get() == 5.0
    sweep.trigger().wait(3)
    assert sign * axis.position > 2.0
    assert axis.fine.velocity.get() == FULL_UM_S


@pytest.mark.parametrize("sign", [1, -1])
def test_the_first_sweep_does_not_stop_within_its_stretch(axis, sweep, sign):
    # The gate in which it stood stayed open: 2.4 times the exposure, its mean place a quarter of a step off.
    axis.lag = 0.25
    sweep.prepare(Sweep(-0.3 * sign, 0.3 * sign, 7.5)).wait(3)
    axis.moves.clear()
    sweep.trigger().wait(3)
    assert len(axis.moves) == 1
    assert sign * axis.position > 0.3


def test_the_first_sweep_asks_for_no_more_than_the_piezo_takes(axis, sweep):
    swept(sweep, -9.0, 9.0, 5.0)
    assert max(position for which, position in axis.moves if which == "fine") == 15.0


def test_how_far_the_command_leads_and_how_fast_is_learned_from_the_sweeps_before(sweep):
    swept(sweep, -2.0, 2.0, 5.0)
    swept(sweep, -2.0, 2.0, 5.0)
    speed, end_um = swept(sweep, -2.0, 2.0, 5.0)
    assert end_um == pytest.approx(2.1, abs=0.03)
    assert speed == pytest.approx(5.0 / 0.95, rel=0.01)


def test_a_snake_needs_no_move_between_its_rows(axis, sweep):
    for _ in range(2):
        swept(sweep, -2.0, 2.0, 5.0)
        swept(sweep, 2.0, -2.0, 5.0)
    axis.moves.clear()
    sweep.prepare(Sweep(-2.0, 2.0, 5.0)).wait(3)
    assert axis.moves == []


def test_a_piezo_that_stalls_is_an_error_and_its_speed_is_restored(axis, sweep):
    sweep.prepare(Sweep(-2.0, 2.0, 5.0)).wait(3)
    axis.lag = 1.0
    with pytest.raises(AxisNotThereError, match=r"swept to 2\.0000 um and stands at -2\.0"):
        sweep.trigger().wait(3)
    assert axis.fine.velocity.get() == FULL_UM_S


def test_to_stop_restores_the_speed(axis, sweep):
    sweep.prepare(Sweep(-2.0, 2.0, 5.0)).wait(3)
    sweep.stop()
    assert axis.fine.velocity.get() == FULL_UM_S


def test_a_piezo_is_not_asked_for_more_than_its_speed(sweep):
    with pytest.raises(ValueError, match=r"speed_um_s is 500.0; the piezo does 100 um/s at most"):
        sweep.prepare(Sweep(-2.0, 2.0, 500.0))


def test_a_sweep_must_be_prepared_and_each_but_once(sweep):
    with pytest.raises(RuntimeError, match="no sweep is prepared"):
        sweep.trigger()
    swept(sweep, -1.0, 1.0, 5.0)
    with pytest.raises(RuntimeError, match="no sweep is prepared"):
        sweep.trigger()


@pytest.mark.parametrize("places", [(1.0, 1.0, 5.0), (0.0, 1.0, 0.0), (0.0, float("nan"), 5.0)])
def test_a_sweep_that_makes_no_sense_is_refused(places):
    with pytest.raises(ValueError, match="sweep: "):
        Sweep(*places)


class HystereticAxis(SoftNanoAxis):
    """Its piezo has the hysteresis of the simulated one."""

    piezo = PiezoAxis(15.0, 0.04)

    def _move(self, which, position, done):
        super()._move(which, position, done)
        self.fine_um = self.piezo.move(self.fine.readback.get())
        self.readback.sim_put(1e3 * self.coarse.readback.get() + self.fine_um)


def test_the_first_row_of_a_snake_is_passed_at_the_speed_of_the_later_ones():
    # The piezo was a fifth too slow: frames of a fixed exposure were a tenth of a step before their gates.
    axis = HystereticAxis()
    for signal in (axis.fine.velocity, axis.fine.max_velocity):
        signal.sim_put(FULL_UM_S)
    sweep, there = AxisSweep(axis), Sweep(-2.2, 2.2, 2.0)
    sweep.set(there).wait(3)
    rows = [swept(sweep, *ends, 2.0)[0] for ends in ((-2.2, 2.2), (2.2, -2.2)) * 4]
    assert rows == pytest.approx([rows[-1]] * 8, rel=0.01)


def test_a_practised_sweep_is_not_practised_again(axis, sweep):
    sweep.set(Sweep(-2.0, 2.0, 5.0)).wait(3)
    assert axis.fine.velocity.get() == FULL_UM_S
    axis.moves.clear()
    sweep.set(Sweep(-2.0, 2.0, 5.0)).wait(3)
    assert axis.moves == []
    speed, end_um = swept(sweep, -2.0, 2.0, 5.0)
    assert speed == pytest.approx(5.0 / 0.95, rel=0.01)
    assert end_um == pytest.approx(2.1, abs=0.03)


def test_a_piezo_that_stalls_while_it_practises_is_an_error(axis, sweep):
    axis.lag = 1.0
    with pytest.raises(AxisNotThereError):
        sweep.set(Sweep(-2.0, 2.0, 5.0)).wait(3)
