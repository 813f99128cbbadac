"""Scans against the simulated beamline take as long as was announced before they began."""

import pytest
from bluesky import RunEngine
from operando.experiment.conversion import dead_times
from operando.plans.grids import grid_from_regions
from operando.plans.waiting import set_all
from operando.plans.xanes import xanes

pytestmark = pytest.mark.system

FINE = grid_from_regions([(-20, 40, 0.5, 0.5)], e0="Ni_K")
COARSE = grid_from_regions([(-60, -20, 5, 0.2), (-20, 40, 0.8, 0.2), (40, 150, 5, 0.2)], e0="Ni_K")


@pytest.fixture(scope="module", autouse=True)
def front_end(beamline):
    RunEngine({})(set_all({beamline.front_end_shutter: "open"}))


def scan(beamline, clock, grid):
    """Start document, and the simulated time (s) that the scan took."""
    starts = []
    begin_s = clock.now()
    timing = dead_times(beamline.timing)
    RunEngine({})(
        xanes(beamline, grid=grid, element="Ni", timing=timing),
        {"start": [lambda _, doc: starts.append(doc)]},
    )
    return starts[0], clock.now() - begin_s


@pytest.mark.parametrize("grid", [FINE, COARSE], ids=["fine", "coarse"])
def test_a_scan_takes_as_long_as_announced(beamline, simulated_beamline, grid):
    start, took_s = scan(beamline, simulated_beamline.clock, grid)
    assert start["estimated_duration_s"] == pytest.approx(took_s, rel=0.15)


def test_a_scan_of_half_a_second_per_point_counts_for_most_of_its_beam_time(beamline, simulated_beamline):
    start, took_s = scan(beamline, simulated_beamline.clock, FINE)
    assert FINE.counting_s / took_s > 0.85
    assert start["detector_live_fraction"] == pytest.approx(FINE.counting_s / took_s, rel=0.15)
