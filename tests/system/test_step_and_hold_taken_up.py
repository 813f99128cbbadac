"""An acquisition that is killed while it holds a cell: the cell stays at rest, the next one goes on there."""

import signal

import pytest
from channels import variables
from operando_run import Acquisition, ledger, of_purpose, points, samples
from waiting import until

pytestmark = pytest.mark.system

TEXT = """
[experiment]
name = "held"
[cell]
chemistry = "NMC811"
active_mass_mg = 7.3
area_cm2 = 1.327
declared_capacity_mah = 2.011
initial_lithium_content = 0.93
[limits]
voltage_max_v = 4.4
voltage_min_v = 2.0
current_max_ma = 9.0
[protocol]
record = { dt_s = 5.0 }
[[protocol.steps]]
id = "charge"
technique = "constant_current"
direction = "charge"
rate = "1C"
until_time_s = 180
[acquisition]
mode = "step_and_hold"
states = [{ lithium_content = 0.92 }, { lithium_content = 0.91 }]
relaxation = { slope_max_mv_h = 50.0, window_s = 60.0, longest_s = "2h" }
[[measurements]]
name = "ni_k"
technique = "xanes"
element = "Ni"
grid.regions = [[-20, 40, 3, 0.1]]
"""
RULES = [f"at lithium_content {content} both once" for content in (0.92, 0.91)]


def test_a_cell_that_is_held_stays_at_rest_and_each_state_is_measured_once(simulated_beamline, tmp_path):
    file, settings = tmp_path / "held.toml", simulated_beamline.settings
    file.write_text(TEXT)
    with variables("OP:ECLAB_01:C1:STATE", "OP:ECLAB_01:C1:I") as (state, current):
        with Acquisition(file, settings, tmp_path / "data") as first:
            first.wait_for_points(3)
            first.end(signal.SIGKILL)
        assert state.get(as_string=True, use_monitor=False) == "Paused"
        assert current.get(use_monitor=False) == 0.0
        with Acquisition(file, settings, tmp_path / "data") as second:
            assert second.wait() == 0, second.said()
        until(lambda: state.get(as_string=True, use_monitor=False) != "Running", 10)
    root = tmp_path / "data"
    assert [(entry["ledger_rule"], entry["ledger_status"]) for entry in ledger(root)] == [
        (rule, "done") for rule in RULES
    ]
    scans = of_purpose(root, "measurement")
    assert [scan.stop["exit_status"] for scan in scans] == ["abort", "success", "success"]
    assert {event["data"]["cell_current"] for event in points(root)} == {0.0}
    assert all(scan.start["relaxation"]["reached"] for scan in scans)
    # The rest of the second process is told from the latch on, with the voltage under current.
    again = scans[1].start
    assert again["relaxation"]["voltage_before_v"] == again["trigger"]["voltage"]
    numbers = samples(root)
    assert numbers.tolist() == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len({scan.start["experiment"]["uid"] for scan in scans}) == 1
