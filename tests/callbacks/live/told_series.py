"""Frames of a detector with known rings, and an experiment that tells the live patterns of them."""

import uuid

import h5py
import numpy as np
from event_model import compose_run
from operando.callbacks.live.frame_file import EPICS_EPOCH_S, PIXEL_MASK, TIME_STAMPS
from operando.callbacks.live.patterns import Patterns
from operando.callbacks.tiled.journal import Journal, JournalTail
from operando.callbacks.tiled.open_experiment import experiment_from_journal

SHAPE, PIXEL_MM, DISTANCE_MM, ENERGY_EV = (256, 256), 0.5, 120.0, 17000.0
GEOMETRY = {
    "distance_mm": DISTANCE_MM,
    "poni1_mm": 64.0,
    "poni2_mm": 64.0,
    "shape": SHAPE,
    "pixel_mm": [PIXEL_MM, PIXEL_MM],
}
BEGIN_S = 1.8e9
A_ANGSTROM = (2.86, 2.85, 2.84)
SAMPLE = {"cell_time": "s", "cell_voltage": "V", "cell_lithium_content": ""}


def rings(a, c=14.3, counts=400.0):
    """Frame of a layered oxide's strong lines, from Bragg's law and the hexagonal cell by hand."""
    rows, columns = np.indices(SHAPE)
    radius_mm = np.hypot(rows - 127.5, columns - 127.5) * PIXEL_MM
    q = 4 * np.pi * ENERGY_EV / 12398.42 * np.sin(0.5 * np.arctan(radius_mm / DISTANCE_MM))
    frame = np.full(SHAPE, 20.0)
    lines = {(0, 0, 3): 1.0, (1, 0, 1): 0.5, (1, 0, 4): 0.9, (0, 1, 5): 0.2, (1, 0, 7): 0.2, (1, 1, 0): 0.3}
    for (h, k, m), strength in lines.items():
        at = 2 * np.pi * np.sqrt(4 / 3 * (h * h + h * k + k * k) / a**2 + (m / c) ** 2)
        frame += counts * strength * np.exp(-0.5 * ((q - at) / 0.02) ** 2)
    return np.random.default_rng(7).poisson(frame).astype(np.uint32)


def write_frames(path, frames):
    with h5py.File(path, "w", libver="latest") as file:
        file["/entry/data/data"] = np.stack(frames)
        file[TIME_STAMPS] = BEGIN_S - EPICS_EPOCH_S + 100.0 * np.arange(len(frames))
        file[PIXEL_MASK] = np.zeros(SHAPE, np.uint32)
    return path


class Series:
    """A run of frames, told of bit by bit."""

    def __init__(self, told, path, geometry, md):
        self.told, self.count = told, 0
        self.run = compose_run(
            metadata={
                "purpose": "measurement",
                "technique": "xrd",
                "measurement": "diffraction",
                "experiment": told.experiment,
                "cell": {"chemistry": "NMC811"},
                "cycling_run": told.cycling.start_doc["uid"],
                **({"geometry": geometry} if geometry else {}),
                **md,
            }
        )
        self.uid = self.run.start_doc["uid"]
        told.tell("start", self.run.start_doc)
        key = {"source": "x", "dtype": "array", "shape": list(SHAPE), "external": "STREAM:"}
        key["dtype_numpy"] = "<u4"
        self.stream = self.run.compose_descriptor(name="frames", data_keys={"camera_image": key})
        told.tell("descriptor", self.stream.descriptor_doc)
        number = {"source": "x", "dtype": "number", "shape": []}
        primary = self.run.compose_descriptor(name="primary", data_keys={"mono_energy": number})
        told.tell("descriptor", primary.descriptor_doc)
        energy, stamp = {"mono_energy": ENERGY_EV}, {"mono_energy": 0.0}
        told.tell("event", primary.compose_event(data=energy, timestamps=stamp))
        self.resource = self.run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{path}",
            data_key="camera_image",
            parameters={"dataset": "/entry/data/data"},
        )
        told.tell("stream_resource", self.resource.stream_resource_doc)

    def frames(self, count):
        """Tell of so many more."""
        datum = self.resource.compose_stream_datum({"start": self.count, "stop": self.count + count})
        self.count += count
        self.told.tell("stream_datum", {**datum, "descriptor": self.stream.descriptor_doc["uid"]})

    def end(self, exit_status="success", reason=""):
        self.told.tell("stop", self.run.compose_stop(exit_status=exit_status, reason=reason))
        return self.uid


class Told:
    """A cycling run and a series of frames, told to the journal and to the router alike."""

    def __init__(self, folder):
        self.folder, self.frames = folder, folder / "frames"
        self.frames.mkdir()
        self.journal = Journal(folder / "journal")
        self.patterns = Patterns(self.journal, (folder,))
        self.experiment = {"uid": str(uuid.uuid4()), "name": "e"}
        self.cycling = compose_run(
            metadata={
                "purpose": "cycling",
                "experiment": self.experiment,
                "clock_offset_s": 0.0,
                "cell": {"chemistry": "NMC811"},
            }
        )
        self.tell("start", self.cycling.start_doc)
        self.cell = self.cycling.compose_descriptor(
            name="electrochemistry",
            data_keys={
                key: {"source": "cycler", "dtype": "number", "shape": [], "units": unit}
                for key, unit in SAMPLE.items()
            },
        )
        self.tell("descriptor", self.cell.descriptor_doc)
        for each in ((0.0, 3.6, 0.9), (400.0, 4.0, 0.5)):
            self.sample(*each)

    def tell(self, name, doc):
        self.journal(name, dict(doc))
        self.patterns(name, dict(doc))

    def sample(self, time_s, volt, content):
        values = dict(zip(SAMPLE, (BEGIN_S + time_s, volt, content), strict=True))
        self.tell("event", self.cell.compose_event(data=values, timestamps=dict.fromkeys(values, 0.0)))

    def begin(self, path, geometry=GEOMETRY, **md):
        return Series(self, path, geometry, md)

    def series(self, path, count, geometry=GEOMETRY, **md):
        """A whole series; gives the uid of its run."""
        series = self.begin(path, geometry, **md)
        series.frames(count)
        return series.end()

    def analyse(self):
        while self.patterns.step():
            pass
        self.patterns.settle()

    def advance(self):
        """Analyse without ending the run of results."""
        while self.patterns.step():
            pass

    def result(self):
        return experiment_from_journal(self.folder / "journal", self.experiment["uid"])

    def close(self):
        self.tell("stop", self.cycling.compose_stop())
        self.patterns.close()
        self.journal.close()


def read_whole(journal):
    return JournalTail(journal).poll()


def of_stream(told, stream):
    """Data of the events of a stream of all result runs, in their order."""
    documents = read_whole(told.folder / "journal")
    results = {doc["uid"] for name, doc in documents if name == "start" and "analysis" in doc}
    streams = {
        doc["uid"]
        for name, doc in documents
        if name == "descriptor" and doc["run_start"] in results and doc["name"] == stream
    }
    return [doc["data"] for name, doc in documents if name == "event" and doc["descriptor"] in streams]
