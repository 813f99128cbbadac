"""The true C-rate of each half cycle, on records whose charge is known."""

import numpy as np
import pytest
from operando.callbacks.analysis.electrochemistry.delivered_rate import CyclingRecord, delivered_rates

ENDS_V = {0: 4.3, 2: 3.0}


def record(*ways):
    """Half cycles of (charge in mA h, current in A, last voltage in V, step)."""
    rows, capacity, voltage = [], 0.0, 3.5
    for number, (charge, current, last_v, step) in enumerate(ways):
        for share in np.linspace(0.0, 1.0, 50):
            rows.append(
                (voltage + share * (last_v - voltage), current, capacity + share * charge, step, number)
            )
        capacity, voltage = capacity + charge, last_v
    return CyclingRecord(*np.array(rows).T)


def test_more_charge_than_declared_contradicts_while_the_half_cycle_goes_on():
    (first,) = delivered_rates(record((3.4, 1e-4, 4.1, 0)), 2.0, ENDS_V)
    assert first.contradicts
    assert not first.is_whole
    assert first.text == "charge 1: C/20 was truly C/34: 1.7 times the declared capacity was delivered"


def test_less_than_declared_contradicts_only_from_end_to_end():
    ways = ((1.0, 2e-4, 4.3, 0), (-1.2, -2e-4, 3.0, 2), (0.9, 2e-4, 3.8, 0))
    rates = delivered_rates(record(*ways), 2.0, ENDS_V)
    assert [one.is_whole for one in rates] == [False, True, False]
    assert [one.contradicts for one in rates] == [False, True, False]
    assert rates[1].rate.true_per_hour == pytest.approx(0.2 / 1.2)
    assert rates[1].text.startswith("discharge 1: C/10 was truly C/6")


def test_cycles_between_charges_alone_are_none_from_end_to_end():
    ways = ((0.4, 2e-4, 3.9, 0), (-0.4, -2e-4, 3.6, 2), (0.4, 2e-4, 3.9, 0))
    assert not any(one.contradicts for one in delivered_rates(record(*ways), 2.0, {}))


def test_the_charge_at_constant_voltage_counts_and_its_current_does_not():
    held = record((1.8, 2e-4, 4.3, 0), (0.2, 1e-5, 4.3, 1))
    one = CyclingRecord(held.voltage_v, held.current_a, held.capacity_mah, held.step, 0 * held.half_cycle)
    (rate,) = delivered_rates(one, 2.0, ENDS_V)
    assert rate.charge_mah == pytest.approx(2.0)
    assert rate.current_a == 2e-4
    assert not rate.contradicts


def test_a_cell_at_rest_has_no_rate():
    assert delivered_rates(record((0.0, 0.0, 3.5, 0)), 2.0, ENDS_V) == []
