"""Full cycles and their rate, from the lithium that has moved."""

import pytest
from operando.simulated_beamline.physics.cycling_history import CyclingHistory
from operando.simulated_beamline.physics.specimen.imaged_electrode import WearLaw


def cycled(contents, hours):
    history = CyclingHistory()
    for content, hour in zip(contents, hours, strict=True):
        told = history.pass_to(content, 3600.0 * hour)
    return told


def test_a_full_charge_and_discharge_are_one_cycle():
    assert cycled([1.0, 0.0, 1.0], [0.0, 2.0, 4.0]) == pytest.approx((1.0, 0.5))


def test_rest_wears_nothing():
    assert cycled([0.9, 0.4, 0.4, 0.9], [0.0, 1.0, 50.0, 51.0]) == cycled([0.9, 0.4, 0.9], [0.0, 1.0, 2.0])


def test_the_rate_is_weighted_by_charge():
    assert cycled([1.0, 0.5, 0.0], [0.0, 1.0, 1.5])[1] == pytest.approx((0.5 + 1.0) / 2)


def test_nothing_is_told_before_charge_has_passed():
    assert cycled([0.9], [0.0]) == (0.0, 0.0)


def test_the_electrode_is_worn_by_what_was_before_and_by_the_cell():
    law = WearLaw(cycles=4.0, c_rate=0.5, half_life_cycles=10.0)
    worn = [
        law.severity(cycles, c_rate) for cycles, c_rate in ((0.0, 0.0), (2.0, 0.5), (2.0, 2.0), (20.0, 2.0))
    ]
    assert worn == sorted(set(worn))
    assert worn[0] == pytest.approx(0.19)
