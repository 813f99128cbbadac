"""Which cell comes next: against every order of small sets, and 8 cells at C/5."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.plans.schedule import cadence, requests_every, simulate
from operando.plans.scheduler import (
    Activity,
    Request,
    SampleChanger,
    Situation,
    choose,
    most_kept,
    round_robin,
)

CELLS = tuple(f"cell_{number}" for number in range(8))
CHANGER = SampleChanger({cell: (20.0 * number, 0.0) for number, cell in enumerate(CELLS)})
HERE = Situation(0.0, "cell_0", CHANGER)


@st.composite
def request_sets(draw, largest=6):
    times = st.integers(0, 300)
    return [
        Request(
            draw(st.sampled_from(CELLS[:4])), release, release + draw(times), draw(st.integers(10, 90)), n
        )
        for n, release in enumerate(draw(st.lists(times, max_size=largest)))
    ]


def kept_in_order(requests):
    situation, kept = HERE, 0
    for request in requests:
        if situation.is_kept(request):
            situation, kept = situation.after(request), kept + 1
    return kept


def eight_cells(latest_s=math.inf):
    """Cells that differ by up to 7 % in rate and by half an hour in their start; 0.6 lithium, every 0.02."""
    rng = np.random.default_rng(3)
    requests, activity = [], {}
    for cell in CELLS:
        hours, begin_s = 5 * rng.uniform(0.93, 1.07), rng.uniform(0, 1800)
        end_s = begin_s + 0.6 * hours * 3600
        requests += requests_every(
            cell, 0.02 * hours * 3600, 28.0, begin_s=begin_s, end_s=end_s, latest_s=latest_s
        )
        activity[cell] = Activity(1 / (hours * 3600), rng.uniform(0.5, 1.5))
    return requests, activity


@settings(max_examples=60, deadline=None)
@given(request_sets(largest=4))
def test_the_search_finds_what_every_order_tried_one_by_one_finds(requests):
    best = max(kept_in_order(order) for order in permutations(requests))
    assert most_kept(requests, HERE) == best


@settings(max_examples=60, deadline=None)
@given(request_sets())
def test_what_is_known_ahead_is_kept_as_well_as_can_be_and_never_worse_than_round_robin(requests):
    schedule = simulate(requests, choose, CHANGER, forecast_s=math.inf)
    assert len(schedule.served) == most_kept(requests, HERE)
    assert len(schedule.lost) <= len(simulate(requests, round_robin, CHANGER).lost)


@settings(max_examples=60, deadline=None)
@given(request_sets(), st.sampled_from([0.0, 100.0]), st.sampled_from([choose, round_robin]))
def test_each_request_is_served_in_time_or_lost_and_the_beam_is_never_at_two_cells(requests, ahead, policy):
    schedule = simulate(requests, policy, CHANGER, forecast_s=ahead)
    outcome = [served.request for served in schedule.served] + list(schedule.lost)
    assert sorted(outcome, key=lambda r: r.number) == requests
    free_s, at = 0.0, "cell_0"
    for served in schedule.served:
        request = served.request
        assert served.start_s >= free_s + CHANGER.travel_s(at, request.cell)
        assert request.release_s <= served.start_s <= request.latest_start_s
        free_s, at = served.start_s + request.duration_s, request.cell


@pytest.mark.parametrize("forecast_s", [0.0, 120.0])
def test_eight_cells_at_a_fifth_of_c_lose_no_trigger(forecast_s):
    requests, activity = eight_cells()
    schedule = simulate(requests, choose, CHANGER, activity=activity, forecast_s=forecast_s)
    assert len(requests) > 230
    assert schedule.lost == ()


def test_deadlines_too_tight_for_all_cost_less_than_round_robin_and_little_against_hindsight():
    requests, activity = eight_cells(latest_s=80.0)
    ahead = simulate(requests, choose, CHANGER, activity=activity, forecast_s=120.0)
    blind = simulate(requests, choose, CHANGER, activity=activity)
    turns = simulate(requests, round_robin, CHANGER)
    hindsight = most_kept(requests, HERE, width=4)
    assert len(turns.served) < len(blind.served) < len(ahead.served) < len(requests)
    assert len(ahead.served) >= 0.98 * hindsight


def test_the_cell_in_which_most_has_happened_unseen_comes_first():
    requests = [Request(cell, 0, 1000, 30) for cell in CELLS[1:3]]
    activity = {"cell_1": Activity(1e-5, 1.0), "cell_2": Activity(1e-5, 3.0)}
    situation = Situation(500.0, "cell_0", CHANGER, activity, {"cell_1": 0.0, "cell_2": 0.0})
    assert choose(requests, situation).cell == "cell_2"
    seen = Situation(500.0, "cell_0", CHANGER, activity, {"cell_1": 0.0, "cell_2": 480.0})
    assert choose(requests, seen).cell == "cell_1"


def test_the_beam_waits_for_an_expected_request_that_would_be_lost_otherwise():
    long, brief = Request("cell_0", 0, 500, 300), Request("cell_1", 20, 60, 10)
    assert choose([long, brief], HERE) == brief
    assert choose([long], HERE) == long


def test_nothing_is_chosen_where_nothing_can_be_kept():
    assert choose([Request("cell_7", 0, 5, 10)], HERE) is None
    assert choose([], HERE) is None


def test_planned_and_achieved_cadence_are_told_for_each_cell():
    requests = [*requests_every("cell_0", 100.0, 30.0, begin_s=0, end_s=400), Request("cell_7", 90, 91, 10)]
    rows = cadence(simulate(requests, choose, CHANGER))
    assert [row.cell for row in rows] == ["cell_0", "cell_7"]
    assert (rows[0].requested, rows[0].served, rows[0].planned_s, rows[0].achieved_s) == (4, 4, 100.0, 100.0)
    assert rows[0].delay_max_s == 0.0
    assert (rows[1].requested, rows[1].served) == (1, 0)
    assert math.isnan(rows[1].achieved_s)


def test_a_request_that_ends_before_it_is_asked_for_is_refused():
    with pytest.raises(ValueError, match="request 2 of a"):
        Request("a", 10.0, 5.0, 1.0, 2)
