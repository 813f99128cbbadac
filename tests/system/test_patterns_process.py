"""The process of live patterns: results while a series goes on, an orderly end on Ctrl-C, a successor."""

import os
import signal
import subprocess
import sys
import uuid

import h5py
import numpy as np
import pytest
from event_model import compose_run

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")
from operando.callbacks.tiled.journal import Journal, runs
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from waiting import until

pytestmark = pytest.mark.system

SHAPE = (64, 64)
GEOMETRY = {
    "distance_mm": 60.0,
    "poni1_mm": 32.0,
    "poni2_mm": 32.0,
    "shape": list(SHAPE),
    "pixel_mm": [1.0, 1.0],
}
EXPERIMENT = {"uid": str(uuid.uuid4()), "name": "process"}


class Process:
    """Live patterns of a data root, as the services start them."""

    def __init__(self, root):
        command = [
            sys.executable,
            "-m",
            "operando.callbacks.live.patterns",
            "--journal",
            str(root / "journal"),
        ]
        self.log = root / "patterns.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=log, stderr=log
            )

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(40)


@pytest.fixture
def started(tmp_path):
    processes = []

    def start():
        processes.append(Process(tmp_path))
        return processes[-1]

    (tmp_path / "journal").mkdir()
    yield start
    for each in processes:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait(20)


def begin_series(journal, path):
    """Tell of a series without any frame yet; gives what tells of frames."""
    common = {"experiment": EXPERIMENT, "cell": {"chemistry": "NMC811"}}
    cycling = compose_run(metadata={"purpose": "cycling", "clock_offset_s": 0.0, **common})
    journal("start", cycling.start_doc)
    measurement = {"purpose": "measurement", "technique": "xrd", "geometry": GEOMETRY, "energy_ev": 18000.0}
    run = compose_run(metadata={**measurement, **common})
    journal("start", run.start_doc)
    key = {"source": "x", "dtype": "array", "dtype_numpy": "<u4", "shape": list(SHAPE), "external": "STREAM:"}
    frames = run.compose_descriptor(name="frames", data_keys={"camera_image": key})
    journal("descriptor", frames.descriptor_doc)
    resource = run.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{path}",
        data_key="camera_image",
        parameters={"dataset": "/entry/data/data"},
    )
    journal("stream_resource", resource.stream_resource_doc)

    def tell(start, stop):
        datum = resource.compose_stream_datum({"start": start, "stop": stop})
        journal("stream_datum", {**datum, "descriptor": frames.descriptor_doc["uid"]})

    return tell


def test_patterns_come_while_a_file_grows_and_a_successor_goes_on_after_ctrl_c(tmp_path, started):
    path, folder = tmp_path / "frames.h5", tmp_path / "journal"
    rng = np.random.default_rng(3)

    def frames():
        return [int(frame) for _, frame in experiment_from_journal(folder, "process").lattice.index]

    with Journal(folder) as journal, h5py.File(path, "w", libver="latest", locking=False) as file:
        data = file.create_dataset(
            "/entry/data/data", (0, *SHAPE), "<u4", maxshape=(None, *SHAPE), chunks=(1, *SHAPE)
        )
        file.swmr_mode = True
        tell = begin_series(journal, path)

        def grow(count):
            begin = len(data)
            data.resize(begin + count, axis=0)
            data[begin:] = rng.poisson(50, (count, *SHAPE))
            data.flush()
            tell(begin, begin + count)

        first = started()
        grow(2)
        until(lambda: frames() == [0, 1], 100)
        assert first.end(signal.SIGINT) == 0
        assert "Traceback" not in first.log.read_text()
        results = [run for run in runs(folder) if run.start["purpose"] == "analysis"]
        assert [run.stop["exit_status"] for run in results] == ["success"]
        second = started()
        grow(3)
        until(lambda: frames() == [0, 1, 2, 3, 4], 100)
        assert second.end(signal.SIGTERM) == 0
