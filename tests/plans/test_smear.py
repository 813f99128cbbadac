"""What the first of several measurements took is told to the later ones."""

import pytest
from bluesky import RunEngine
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.smear import Smear
from operando.plans.xanes import xanes
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected, of_kind

GRID = grid_from_regions([(0, 2, 1, 8.0)], e0="Ni_K")


def starts_and_times(**told):
    """Start documents of the measurements, and the times at which the first one read the cell, s."""
    line, engine = SoftBeamline(intervals=(0.01, 0.02)), RunEngine({})
    documents = collected(engine)

    def measure(*, md):
        return (yield from xanes(line, grid=GRID, element="Ni", md={**md, **told}))

    rules, experiment = {"ni": "every lithium_content 0.01"}, {"uid": "e1", "name": "test"}
    asked = [Measurement("ni", measure, on_miss="queue")]
    engine(operando(line.cell, PROTOCOL, asked, rules, limits=LIMITS, experiment=experiment, poll_s=0.01))
    starts = [one for one in of_kind(documents, "start") if one.get("measurement") == "ni"]
    streams = {one["uid"] for one in of_kind(documents, "descriptor") if one["run_start"] == starts[0]["uid"]}
    events = [one for one in of_kind(documents, "event") if one["descriptor"] in streams]
    return starts, [one["data"]["cell_time"] for one in events if "cell_time" in one["data"]]


def test_a_later_run_is_told_how_long_the_first_one_smeared_the_cell_and_what_it_had_reckoned():
    (first, second, *_), times_s = starts_and_times(estimated_smear_s=9.0)
    assert "measured_before" not in first
    before = second["measured_before"]
    assert before["estimated_s"] == 9.0
    assert before["run_s"] == pytest.approx(max(times_s) - min(times_s), abs=2e-3)
    assert before["run_s"] == before["all_s"] > 0.0


def test_a_measurement_that_reckons_nothing_is_told_nothing():
    starts, _ = starts_and_times()
    assert len(starts) > 1
    assert not any("measured_before" in one for one in starts)


def test_what_is_read_before_the_first_run_does_not_count():
    smear = Smear()
    smear.note(1.0)
    smear.begin_run(None)
    smear.note(5.0)
    smear.note(7.0)
    assert (smear.run_s, smear.all_s) == (2.0, 2.0)
