"""How long a tomogram takes: moves of the rotation by its speed, files and flats by what is stated."""

import pytest
from operando.plans.duration import Timing
from operando.plans.turn import Turn
from operando.plans.turn_time import READ_S, SWEEP_S, Rotation, turn_times

ROTATION = Rotation(speed_deg_s=30.0, ramp_s=0.2)


def turn(angles, **options):
    return Turn(angles_deg=angles, exposure_s=0.1, **{"flats": 0, "darks": 0, **options})


def test_angles_far_apart_take_the_time_of_their_moves():
    near = turn_times(turn([0.0, 60.0, 120.0]), "step", Timing(), ROTATION).turning_s
    far = turn_times(turn([0.0, 120.0, 60.0]), "step", Timing(), ROTATION).turning_s
    assert far - near == pytest.approx(60.0 / 30.0)


def test_each_pass_of_a_turn_on_the_fly_begins_with_the_way_back():
    one = turn_times(turn([0.0, 30.0, 60.0, 90.0]), "fly", Timing(), ROTATION)
    two = turn_times(turn([0.0, 60.0, 120.0, 30.0, 90.0, 150.0]), "fly", Timing(), ROTATION)
    period_s = 0.1 / 0.95
    assert one.turning_s == pytest.approx(4 * period_s + SWEEP_S)
    # The first pass ends behind its last gate, at 180 degree.
    assert two.turning_s == pytest.approx(6 * period_s + 2 * SWEEP_S + 150.0 / 30.0 + 0.2)


@pytest.mark.parametrize(("mode", "smeared"), [("step", False), ("fly", True)])
def test_a_rotation_that_stands_elsewhere_first_comes_to_the_first_angle(mode, smeared):
    away = turn_times(turn([0.0, 1.0, 2.0]), mode, Timing(), Rotation(30.0, 0.2, at_deg=180.0))
    there = turn_times(turn([0.0, 1.0, 2.0]), mode, Timing(), Rotation(30.0, 0.2, at_deg=0.0))
    way_s = 180.0 / 30.0 + 0.2
    assert away.duration_s - there.duration_s == pytest.approx(way_s)
    assert away.turning_s - there.turning_s == pytest.approx(way_s if smeared else 0.0)


def test_a_rotation_whose_speed_is_not_known_moves_at_no_cost():
    assert turn_times(turn([0.0, 180.0]), "step", Timing()).turning_s == pytest.approx(2 * (0.1 + READ_S))


def test_flats_on_both_sides_count_twice_with_their_files_and_moves():
    times = turn_times(turn([0.0, 1.0], flats=5, darks=10, references="both"), "step", Timing(start_s=2.0))
    assert times.reference_s == pytest.approx(2.0)
    assert times.dead_s == pytest.approx(2.0 + 1.0 + 1.0 + 2 * 2.0)
