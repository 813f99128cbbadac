"""An experiment that is paused and resumed has one row per point, and its cell has gone on meanwhile."""

import threading

import numpy as np
import pytest
from bluesky.utils import RunEngineInterrupted
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.experiment.acquisition import choose_start, whole_experiment
from operando.experiment.heartbeat import Heartbeat
from operando.experiment.reading import read_experiment
from operando.experiment.run_engine import JsonMetadata, make_run_engine
from operando.experiment.settings import DataRoot
from operando_run import POINTS, STEADY, assert_one_experiment_without_doubles, write_experiment
from waiting import until

pytestmark = pytest.mark.system

PAUSE_AFTER = 8


def test_a_paused_scan_goes_on_with_one_row_per_point_and_its_cell_has_lived_on(
    simulated_beamline, beamline, tmp_path
):
    simulated_beamline.clock.set_mode("elastic", STEADY)
    cell, root = beamline.cell, DataRoot(tmp_path)
    experiment = read_experiment(write_experiment(tmp_path, charge_s=60, watchdog_s=30))
    seen = []
    with Journal(root.journal) as journal, Heartbeat(cell.heartbeat):
        engine = make_run_engine(journal, JsonMetadata(root.metadata))

        def pause_once(name, doc):
            if name == "event" and "mono_energy" in doc["data"]:
                seen.append(doc)
                if len(seen) == PAUSE_AFTER:
                    # Else the protocol would come to its end while the scan is paused.
                    simulated_beamline.clock.set_mode("elastic", 1.0)
                    threading.Thread(target=engine.request_pause).start()

        engine.subscribe(pause_once)
        start = choose_start(experiment, beamline, root.journal)
        with pytest.raises(RunEngineInterrupted):
            engine(whole_experiment(experiment, beamline, start, root.journal))
        before, beats = cell.time.get(), cell.heartbeat.get()
        until(lambda: cell.heartbeat.get() > beats + 1, 20)
        assert cell.time.get() > before
        assert cell.state.get() == "Running"
        simulated_beamline.clock.set_mode("elastic", STEADY)
        result = engine.resume().plan_result
    assert result.done == len(experiment_from_journal(root.journal, start.uid).measurements("Ni"))
    for spectrum in experiment_from_journal(root.journal, start.uid).measurements("Ni"):
        assert spectrum.complete
        assert len(spectrum.points) == POINTS
        assert np.all(np.diff(spectrum.points["energy_ev"]) > 0)
    assert_one_experiment_without_doubles(tmp_path)
