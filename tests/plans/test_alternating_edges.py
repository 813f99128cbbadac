"""Several edges of one cell, asked for by the same rule."""

from functools import partial

import pytest
from bluesky import RunEngine
from operando.plans.beam_guard import BeamGuard
from operando.plans.grids import edge_energy_ev, grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.xanes import xanes
from ophyd import Component as Cpt
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline, SoftCycler, SoftTrigger
from soft_station import collected

EDGES = ("Mn", "Co", "Ni")


class ThreeTriggers(SoftCycler):
    trigger_3 = Cpt(SoftTrigger, "", kind="omitted")

    @property
    def triggers(self):
        return {1: self.trigger_1, 2: self.trigger_2, 3: self.trigger_3}


def grid(element, dwell_s):
    return grid_from_regions([(0, 1, 1, dwell_s)], e0=f"{element}_K")


def measured(interval, dwell_s, *, with_energy=True):
    """Elements in the order in which they were measured, and what the plan returned."""
    line = SoftBeamline()
    line.cell = ThreeTriggers(name="cell", intervals=(interval,) * 3, end=0.9)
    measurements = [
        Measurement(
            element,
            partial(xanes, line, grid=grid(element, dwell_s), element=element, guard=BeamGuard()),
            energy_ev=edge_energy_ev(f"{element}_K") if with_energy else None,
        )
        for element in EDGES
    ]
    engine = RunEngine({}, call_returns_result=True)
    documents = collected(engine)
    rules = dict.fromkeys(EDGES, f"every lithium_content {interval}")
    result = engine(
        operando(
            line.cell,
            PROTOCOL,
            measurements,
            rules,
            limits=LIMITS,
            experiment={"uid": "e1", "name": "test"},
            poll_s=0.001,
        )
    ).plan_result
    runs = [doc for name, doc in documents if name == "start" and doc["purpose"] == "measurement"]
    return [doc["element"] for doc in runs], result


def test_edges_are_measured_back_and_forth():
    order, result = measured(0.02, 1.0)
    assert order == ["Mn", "Co", "Ni", "Ni", "Co", "Mn", "Mn", "Co", "Ni", "Ni", "Co", "Mn", "Mn", "Co", "Ni"]
    assert (result.done, result.missed) == (15, 0)


def test_edges_without_energies_take_turns_in_their_order():
    order, _ = measured(0.02, 1.0, with_energy=False)
    assert order == ["Mn", "Co", "Ni"] * 5


@pytest.mark.parametrize("with_energy", [True, False])
def test_no_edge_starves_where_a_round_takes_longer_than_the_interval(with_energy):
    order, result = measured(0.01, 3.0, with_energy=with_energy)
    assert result.missed > 0
    counts = [order.count(element) for element in EDGES]
    assert max(counts) - min(counts) <= 1
