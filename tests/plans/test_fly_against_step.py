"""The same edge step by step and on the fly: half steps of the live analysis agree, whatever the grid."""

import pytest
from bluesky import RunEngine
from edge_station import EdgeStation
from operando.callbacks.live.edge_analysis import EdgeAnalysis
from operando.callbacks.live.spectrum import RunRecord, spectrum_of
from operando.plans.fly_xanes import fly_xanes
from operando.plans.grids import grid_from_regions
from operando.plans.xanes import xanes
from soft_station import collected

GRIDS = {
    "shipped": [
        (-155, -45, 22, 0.5),
        (-45, -10, 12, 0.2),
        (-10, 30, 1, 0.2),
        (30, 95, 13, 0.2),
        (95, 410, 15, 0.5),
    ],
    "ends at the windows": [
        (-150, -50, 20, 1),
        (-50, -10, 10, 1),
        (-10, 30, 0.5, 1),
        (30, 100, 10, 1),
        (100, 400, 20, 1),
    ],
    "XANES alone": [(-50, -20, 6, 1), (-20, 20, 0.6, 1), (20, 60, 8, 1)],
    "to 250 eV": [(-100, -50, 10, 1), (-50, -10, 5, 1), (-10, 40, 0.8, 1), (40, 250, 10, 1)],
}
DRIFT_EV = 0.8
"""By how much the energy is off what the monochromator reads when it flies."""


@pytest.mark.parametrize("name", GRIDS)
def test_half_steps_agree_within_twenty_mev_in_both_directions(name):
    station, analysis = EdgeStation(), EdgeAnalysis()
    engine = RunEngine({}, call_returns_result=True)
    documents = collected(engine)

    def half_step_ev(plan, **options):
        documents.clear()
        engine(plan(station, grid=grid_from_regions(GRIDS[name], e0="Ni_K"), element="Ni", **options))
        record = RunRecord({"purpose": "measurement", **documents[0][1]})
        for kind, doc in documents:
            record.add(kind, doc)
        return analysis.result(spectrum_of(record))["half_step_ev"]

    step = half_step_ev(xanes)
    station.off_ev = DRIFT_EV
    flown = [half_step_ev(fly_xanes, duration_s=30.0, direction=way) for way in ("up", "down")]
    assert flown == pytest.approx([step, step], abs=0.02)
    assert flown[0] == pytest.approx(flown[1], abs=0.005)
