"""Facts of a tomogram are those of its documents."""

import pytest
from operando.callbacks.export.tomogram_run import tomogram_facts


@pytest.mark.parametrize(("turn", "pixel_um"), [({}, 0.02), ({"binning": 4}, 0.08)])
def test_a_pixel_is_as_large_as_all_that_the_camera_added_up(turn, pixel_um):
    start = {"uid": "a", "time": 1.0, "turn": {"exposure_s": 0.1, **turn}}
    event = {"data": {"microscope_pixel_um": 0.02, "mono_energy": 8400.0}}
    facts = tomogram_facts([("start", start), ("event", event)])
    assert facts.pixel_um == pytest.approx(pixel_um)
    assert facts.energy_ev == 8400.0
