"""A tomogram of two balls told frame by frame, to the journal and to the router of live slices alike."""

import uuid

import h5py
import numpy as np
from event_model import compose_run
from operando.callbacks.live.slices import Slices
from operando.callbacks.tiled.journal import Journal

ROWS, COLUMNS, COUNT = 24, 48, 72
PIXEL_UM, AXIS_PX = 0.5, 25.2
BALLS = ((4.0, -7.0, 2.0, 6.5, 0.2), (-9.0, 4.0, -1.0, 5.0, 0.2))
"""Place from the axis and middle row x, y, z (pixels), radius (pixels), attenuation (1/um)."""

FLAT, DARK = 20000.0, 100.0
FIRST_ID = 8


def line_integrals(angle_deg):
    """Of all balls at an angle, shape (rows, columns)."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    total = np.zeros((ROWS, COLUMNS))
    turn = np.radians(angle_deg)
    for x, y, z, radius, per_um in BALLS:
        column = AXIS_PX + x * np.cos(turn) - y * np.sin(turn)
        off = (columns - column) ** 2 + (rows - 0.5 * (ROWS - 1) - z) ** 2
        total += 2 * per_um * PIXEL_UM * np.sqrt(np.clip(radius**2 - off, 0, None))
    return total


def counts(angle_deg, rng):
    """A frame as a camera takes it."""
    return rng.poisson(FLAT * np.exp(-line_integrals(angle_deg)) + DARK).astype("<u2")


def write_camera_file(path, frames, numbers):
    """As an areaDetector server writes it."""
    with h5py.File(path, "w", libver="latest") as file:
        file["entry/data/data"] = np.asarray(frames)
        file["entry/instrument/NDAttributes/NDArrayUniqueId"] = np.asarray(numbers, dtype="<i8")
        file["entry/instrument/NDAttributes/NDArrayTimeStamp"] = np.asarray(numbers, dtype=float)


def kind_of(value):
    """Type of a value for a descriptor."""
    return "array" if isinstance(value, list) else "string" if isinstance(value, str) else "number"


class ToldTomogram:
    """Files and documents of one tomogram; `gates` of the frames that were not dropped."""

    def __init__(self, folder, *, draws=False):
        self.folder = folder
        self.journal = Journal(folder / "journal", minimum_free_bytes=0)
        self.experiment = {"uid": str(uuid.uuid4()), "name": "e"}
        pictures = folder / "experiments" if draws else None
        self.slices = Slices(self.journal, (folder,), folder / "results", pictures)
        cycling = compose_run(metadata={"purpose": "cycling", "experiment": self.experiment})
        self.tell("start", cycling.start_doc)
        self.rng = np.random.default_rng(7)

    def tell(self, name, doc):
        self.journal(name, dict(doc))
        self.slices(name, dict(doc))

    def begin(
        self,
        angles_deg,
        *,
        mode="fly",
        taken_deg=None,
        dropped=(),
        references=True,
        saturated_columns=0,
        **further,
    ):
        """Begin a run, and have all frames in their files; documents tell of flats and darks."""
        self.angles_deg = np.asarray(angles_deg)
        self.taken_deg = self.angles_deg if taken_deg is None else np.asarray(taken_deg)
        self.mode = mode
        self.run = compose_run(
            metadata={
                "purpose": "measurement",
                "technique": "tomography",
                "measurement": "tomo",
                "experiment": self.experiment,
                "cell": {"chemistry": "NMC811"},
                "mode": mode,
                "turn": {"angles_deg": self.angles_deg.tolist(), "exposure_s": 0.1, "flats": 4, "darks": 4},
                **further,
            }
        )
        self.uid = self.run.start_doc["uid"]
        self.tell("start", self.run.start_doc)
        gates = [gate for gate in range(len(self.angles_deg)) if gate not in dropped]
        self.frames = len(gates)
        taken = [counts(self.taken_deg[gate], self.rng) for gate in gates]
        flats = self.rng.poisson(FLAT + DARK, (4, ROWS, COLUMNS)).astype("<u2")
        flats[..., :saturated_columns] = 65535
        darks = self.rng.poisson(DARK, (4, ROWS, COLUMNS)).astype("<u2")
        self.streams = {}
        for stream, frames, numbers in (
            ("dark", darks, range(4)),
            ("flat", flats, range(4, 8)),
            ("projections", taken, [gate + FIRST_ID for gate in gates]),
        ):
            if references or stream == "projections":
                self._describe(stream, frames, numbers)
        if references:
            self.announce("dark", 0, 4)
            self.announce("flat", 0, 4)
        self.gates = gates
        if mode == "fly":
            self.event()
            place = {"first": 0, "count": len(self.angles_deg), "first_id": FIRST_ID, "attempt": 1}
            self.tell_event("passes", {f"pass_{key}": value for key, value in place.items()})

    def _describe(self, stream, frames, numbers):
        path = self.folder / f"{stream}_{self.uid[:8]}.h5"
        write_camera_file(path, frames, numbers)
        key = {"source": "x", "dtype": "array", "shape": [ROWS, COLUMNS], "external": "STREAM:"}
        made = self.run.compose_descriptor(
            name=stream, data_keys={"microscope_camera_image": {**key, "dtype_numpy": "<u2"}}
        )
        bundle = self.run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{path}",
            data_key="microscope_camera_image",
            parameters={"dataset": "/entry/data/data", "chunk_shape": [1, ROWS, COLUMNS], "swmr": False},
        )
        self.streams[stream] = made, bundle
        self.tell("descriptor", made.descriptor_doc)

    def announce(self, stream, start, stop):
        made, bundle = self.streams[stream]
        if start == 0:
            self.tell("stream_resource", bundle.stream_resource_doc)
        datum = bundle.compose_stream_datum({"start": start, "stop": stop})
        self.tell("stream_datum", {**datum, "descriptor": made.descriptor_doc["uid"]})

    def event(self, angle_deg=0.0, **further):
        state = {"time": 10.0, "voltage": 3.9, "current": 1e-3, "capacity": 1.0, "lithium_content": 0.5}
        data = {f"cell_{name}": value for name, value in state.items()}
        data |= {"microscope_rotation": float(angle_deg), "microscope_pixel_um": PIXEL_UM}
        data |= {"mono_energy": 8400.0, **further}
        self.tell_event("primary", data)

    def tell_event(self, stream, data):
        if stream not in self.streams:
            shapes = {name: [len(value)] if isinstance(value, list) else [] for name, value in data.items()}
            keys = {
                name: {"source": "x", "dtype": kind_of(data[name]), "shape": shape}
                for name, shape in shapes.items()
            }
            self.streams[stream] = self.run.compose_descriptor(name=stream, data_keys=keys), None
            self.tell("descriptor", self.streams[stream][0].descriptor_doc)
        made = self.streams[stream][0]
        self.tell("event", made.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))

    def take(self, start, stop):
        """Tell of frames, step by step with an event for each trigger."""
        if self.mode == "step":
            for place in range(start, stop):
                self.event(self.taken_deg[place], projection_number=place, projection_frame=place)
        self.announce("projections", start, min(stop, self.frames))

    def outcome(self, dark=()):
        """Tell how it went, with the angles that the encoder showed."""
        count = len(self.angles_deg)
        frame = [self.gates.index(number) if number in self.gates else -1 for number in range(count)]
        data = {
            "status": "whole",
            "reason": "",
            "frame": frame,
            "verdict": [2 if number in dark else int(place < 0) for number, place in enumerate(frame)],
            "angle_deg": self.taken_deg.tolist(),
            "time_s": np.arange(float(count)).tolist(),
            "light": [1.0] * count,
            "lithium_content": np.linspace(0.5, 0.49, count).tolist(),
        }
        self.tell_event("outcome", {f"tomogram_{key}": value for key, value in data.items()})

    def end(self, status="success", *, dark=()):
        if self.mode == "fly":
            self.event()
            self.outcome(dark)
        self.tell("stop", self.run.compose_stop(exit_status=status))

    def work(self):
        """Let the router do all that waits."""
        while self.slices.step():
            pass
