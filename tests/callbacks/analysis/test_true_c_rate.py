"""C-rates refer to a capacity that is declared or follows from the composition; a wrong one is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.callbacks.analysis.electrochemistry.c_rate import (
    spell_c_rate,
    theoretical_capacity_mah_g,
    true_c_rate,
)
from operando.experiment.chemistry import CHEMISTRIES

positive = st.floats(1e-6, 1e6)


@pytest.mark.parametrize("name", CHEMISTRIES)
def test_capacities_of_the_known_chemistries_follow_from_their_formulas(name):
    chemistry = CHEMISTRIES[name]
    expected = theoretical_capacity_mah_g(chemistry.formula)
    assert chemistry.theoretical_capacity_mah_g == pytest.approx(expected, rel=1e-3)


def test_a_formula_that_is_none_is_refused():
    with pytest.raises(ValueError, match="Xx"):
        theoretical_capacity_mah_g("LiXxO2")


def test_twice_the_declared_capacity_is_half_the_rate():
    rate = true_c_rate(-1e-3, declared_capacity_mah=2.0, delivered_capacity_mah=4.0)
    assert (rate.declared_per_hour, rate.true_per_hour) == (0.5, 0.25)
    assert rate.contradicts
    assert rate.text == "C/2 was truly C/4: 2 times the declared capacity was delivered"


@pytest.mark.parametrize("delivered_mah", [1.8, 2.0, 2.2])
def test_a_delivered_capacity_near_the_declared_one_is_no_contradiction(delivered_mah):
    assert not true_c_rate(1e-3, 2.0, delivered_mah).contradicts


@given(positive, positive, positive)
def test_the_rates_are_in_the_ratio_of_the_capacities(current_a, declared_mah, delivered_mah):
    rate = true_c_rate(current_a, declared_mah, delivered_mah)
    assert rate.declared_per_hour / rate.true_per_hour == pytest.approx(delivered_mah / declared_mah)


def test_a_cell_that_delivered_nothing_has_no_rate():
    with pytest.raises(ValueError, match="delivered_capacity_mah is 0"):
        true_c_rate(1e-3, 2.0, 0)


def test_rates_are_spelled_as_people_do():
    assert [spell_c_rate(rate) for rate in (0.05, 1.0, 2.5)] == ["C/20", "C/1", "2.5C"]
