"""Step and hold through real servers: the cell stands, relaxes on its own clock, is measured and goes on."""

from functools import partial

import numpy as np
import pytest
from bluesky import RunEngine
from operando.devices.protocol import ConstantCurrent, Limits, Protocol, Rest
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.relaxation import Relaxation
from operando.plans.step_and_hold import State, step_and_hold
from operando.plans.waiting import set_all
from operando.plans.xanes import xanes
from waiting import PATIENT_GUARD

pytestmark = pytest.mark.system

GRID = grid_from_regions([(-20, 40, 10, 0.1)], e0="Ni_K")
STATES = (State("lithium_content", 0.92), State("lithium_content", 0.91))
QUICK = Relaxation(slope_max_mv_h=20.0, window_s=120.0, longest_s=7200.0)


@pytest.fixture(scope="module")
def run(beamline):
    """Result and documents of one experiment with two states."""
    engine, documents = RunEngine({}, call_returns_result=True), []
    engine(set_all({beamline.front_end_shutter: "open"}))
    engine.subscribe(lambda name, doc: documents.append((name, doc)))
    current_a = 0.5e-3 * float(beamline.cell.cell_capacity.get())
    scan = partial(xanes, beamline, grid=GRID, element="Ni", guard=PATIENT_GUARD)
    outcome = engine(
        step_and_hold(
            beamline.cell,
            Protocol((ConstantCurrent(current_a, until_time_s=300.0, id="charge"), Rest(5.0))),
            STATES,
            [Measurement("ni", scan)],
            QUICK,
            limits=Limits(4.5, 2.0, 10e-3, 20.0),
            experiment={"uid": "held", "name": "held"},
            guard=PATIENT_GUARD,
            ring=beamline.ring,
            front_end_shutter=beamline.front_end_shutter,
            poll_s=0.05,
        )
    )
    return outcome.plan_result, documents


def scans(documents):
    return [doc for name, doc in documents if name == "start" and doc["purpose"] == "measurement"]


def samples(documents, key):
    pages = [doc["data"] for name, doc in documents if name == "event_page" and "cell_sample" in doc["data"]]
    return np.concatenate([page[f"cell_{key}"] for page in pages])


def test_each_state_is_measured_once_and_the_protocol_comes_to_its_end(run):
    result, documents = run
    assert (result.done, result.late, result.missed, result.fault) == (2, 0, 0, "")
    assert [doc["trigger"]["lithium_content"] for doc in scans(documents)] == pytest.approx(
        [0.92, 0.91], abs=1e-6
    )
    assert samples(documents, "step").max() == 1


def test_a_spectrum_is_taken_of_a_cell_at_rest_that_has_relaxed(run):
    _, documents = run
    points = [doc["data"] for name, doc in documents if name == "event" and "mono_energy" in doc["data"]]
    assert len(points) == 2 * len(GRID)
    assert {point["cell_current"] for point in points} == {0.0}
    for doc in scans(documents):
        relaxation = doc["relaxation"]
        assert relaxation["reached"]
        # The slope of a straight line has noise of its own.
        assert abs(relaxation["slope_mv_h"]) <= 1.3 * QUICK.slope_max_mv_h
        assert QUICK.shortest_s <= relaxation["duration_s"] <= QUICK.longest_s
        assert relaxation["voltage_after_v"] < relaxation["voltage_before_v"]


def test_a_relaxation_is_told_by_the_clock_of_the_record(run):
    _, documents = run
    time_s, voltage_v = samples(documents, "time"), samples(documents, "voltage")
    resting = samples(documents, "current") == 0.0
    for doc in scans(documents):
        relaxation, crossed_s = doc["relaxation"], doc["trigger"]["time"]
        assert relaxation["began_s"] == pytest.approx(time_s[resting & (time_s > crossed_s)][0], abs=1e-3)
        ended_s, window_s = relaxation["ended_s"], QUICK.window_s
        begin_v = np.interp(ended_s - window_s, time_s, voltage_v)
        # 20 mV/h over 120 s are 0.67 mV, with noise of 0.05 mV at both ends.
        assert abs(relaxation["voltage_after_v"] - begin_v) / window_s * 3.6e6 <= 1.3 * QUICK.slope_max_mv_h


def test_the_charge_and_its_relaxation_are_in_the_record_without_a_hole(run):
    _, documents = run
    numbers = samples(documents, "sample")
    assert numbers.tolist() == list(range(numbers[0], numbers[0] + len(numbers)))
    time_s, current_a = samples(documents, "time"), samples(documents, "current")
    resting = (current_a == 0.0) & (samples(documents, "step") == 0)
    # Rest holds up the step: what is charged is what 300 s of current charge.
    charged_s = np.diff(time_s)[~resting[:-1]].sum()
    assert charged_s == pytest.approx(300.0, abs=30.0)
    stood_at = samples(documents, "lithium_content")[resting & (time_s < time_s[-1] - 60.0)]
    assert set(np.round(stood_at, 2)) == {0.92, 0.91}
