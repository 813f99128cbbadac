"""An onset in the journal steers triggers of a cell on its servers, once, though the acquisition dies."""

import signal
import uuid

import pytest
from operando.callbacks.live.result import ResultRun
from operando.callbacks.tiled.journal import Journal
from operando_run import Acquisition, events, of_purpose, write_experiment
from waiting import until

pytestmark = pytest.mark.system

WITH_CAMERA = True
PHASE = "NMC811 collapsed"
ONSET = f'{{ phase = "{PHASE}", frames = 3 }}'
GRID = "[[-60, -20, 20, 0.1], [-20, 40, 6, 0.1]]"
MEASUREMENTS = f"""
[[measurements]]
name = "sparse"
technique = "xanes"
element = "Ni"
grid.regions = {GRID}
trigger = {{ every_lithium_content = 0.004, until_onset = {ONSET} }}
[[measurements]]
name = "dense"
technique = "xanes"
element = "Ni"
grid.regions = {GRID}
trigger = {{ every_lithium_content = 0.003, after_onset = {ONSET} }}
[[measurements]]
name = "at_onset"
technique = "xanes"
element = "Ni"
grid.regions = {GRID}
trigger.onset_confirmed = {ONSET}
[[measurements]]
name = "xrd"
technique = "xrd"
energy_ev = 18000.0
exposure_s = 1.0
trigger.manual = true
[policies]
"""


def written(folder):
    path = write_experiment(folder, charge_s=120)
    head, _, rest = path.read_text().partition("[[measurements]]")
    path.write_text(head + MEASUREMENTS + rest.partition("[policies]")[2])
    return path


def ledger(root):
    return [event["data"] for run in of_purpose(root, "cycling") for event in events(run, "ledger_status")]


def publish_frames(root, significances):
    """Results as live analysis writes them, of a frame each; the phase is in those with a significance."""
    (cycling, *_) = of_purpose(root, "cycling")
    with Journal(root / "journal") as journal:
        results = ResultRun(journal, cycling.start["experiment"], {}, cycling.uid, {}, name="pattern_fit")
        for number, significance in enumerate(significances):
            head = {"measurement_run": str(uuid.uuid4()), "measurement": "xrd", "frame": 0}
            head |= {"time": 1.7e9 + number, "voltage": 3.7, "lithium_content": 0.92 - 0.001 * number}
            results.add(head | {"verdict": "mixture" if significance else "single"})
            told = {"candidates": PHASE, "fraction": 0.1, "frames_seen": 1}
            if significance:
                results.add(head | told | {"phase": PHASE, "significance": significance}, "phases")
        results.close()


def test_an_onset_is_acted_upon_once_by_the_potentiostat_though_the_acquisition_dies(
    simulated_beamline, tmp_path
):
    root, file = tmp_path / "data", written(tmp_path)

    def entries(name):
        return [each for each in ledger(root) if each["ledger_measurement"] == name]

    # Slow enough that the cell has still lithium left when the second acquisition is there.
    simulated_beamline.clock.set_mode("elastic", 20.0)
    with Acquisition(file, simulated_beamline.settings, root) as first:
        until(lambda: entries("sparse"))
        assert not entries("dense")
        simulated_beamline.clock.set_mode("elastic", 2.0)
        publish_frames(root, (None, 9.0, 9.0, 9.0))
        until(lambda: any(each["ledger_status"] == "onset" for each in ledger(root)))
        until(lambda: entries("at_onset"))
        first.end(signal.SIGKILL)
    with Acquisition(file, simulated_beamline.settings, root) as second:
        until(lambda: "going on with" in second.said())
        simulated_beamline.clock.set_mode("elastic", 20.0)
        assert second.wait() == 0, second.said()
    (onset,) = [each for each in ledger(root) if each["ledger_status"] == "onset"]
    assert f"{PHASE} first seen in frame 0" in onset["ledger_reason"]
    (fired,) = entries("at_onset")
    assert (fired["ledger_status"], fired["ledger_count"]) == ("done", 1)
    counts = [each["ledger_count"] for each in entries("dense")]
    assert counts == sorted(set(counts))
    assert [each["ledger_status"] for each in entries("dense")].count("done") >= 2
    acted_at = onset["ledger_lithium_content"]
    assert all(each["ledger_lithium_content"] < acted_at for each in entries("dense"))
    assert all(each["ledger_lithium_content"] >= acted_at - 1e-3 for each in entries("sparse"))
