"""A rocking map of the simulated particle as a journal and files: every document, no devices."""

import h5py
import numpy as np
from event_model import StreamRange, compose_run, compose_stream_resource
from operando.callbacks.tiled.journal import Journal
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.iocs.frame_source import Shot
from operando.simulated_beamline.iocs.particle_exposure import ParticleExposure
from operando.simulated_beamline.mount import load_mounts
from operando.simulated_beamline.physics.crystal import bragg_deg
from operando.simulated_beamline.physics.lit_crystal import lit_crystal
from operando.simulated_beamline.physics.nanobeam import meet
from operando.simulated_beamline.physics.nanostage import Drift

SCENARIO = "nmc811-particle"
ENERGY_EV = 8500.0
EXPERIMENT = {"uid": "c" * 36, "name": "rocked"}
GEOMETRY = {
    "distance_mm": 400.0,
    "poni1_mm": -1570.8 * 0.075,
    "poni2_mm": 128.0 * 0.075,
    "rot1_deg": 0.0,
    "rot2_deg": 0.0,
    "rot3_deg": 0.0,
    "shape": [256, 256],
    "pixel_mm": [0.075, 0.075],
    "detector": "",
}
TIME_S = 1.7e9


class RockedParticle:
    """The particle before the camera, without servers: positions go onto the board."""

    def __init__(self, folder, lithium_content=0.6, still=False):
        mounts = load_mounts([SCENARIO])
        self.board = Board(folder / "board")
        crystals = mounts[0].scenario.build_monochromator()
        true_deg = bragg_deg(ENERGY_EV)
        self.board.update({"bragg_true_deg": true_deg, "ring_current_ma": 500.0})
        self.board["perp_mm"] = crystals.perp_mm(true_deg - crystals.bragg_zero_error_deg)
        self.board.update(
            {"front_end_open": 1.0, "photon_open": 1.0, "spot_lithium_content": lithium_content}
        )
        self.exposure = ParticleExposure(mounts, self.board, 3)
        self.specimen = self.exposure._specimen
        if still:
            self.specimen._eccentricity_nm, self.specimen._drift = 0.0, Drift(0.0)
        self.rng = np.random.default_rng(9)

    def at(self, x_um, y_um, angle_deg):
        self.board.update({"nano_x_um": x_um, "nano_y_um": y_um, "nano_rx_deg": angle_deg})

    def frame(self, dwell_s, time_s):
        out = np.empty(self.exposure.shape, self.exposure.dtype)
        self.exposure.draw(Shot(1, time_s, dwell_s, self.exposure.scene()), out)
        return out

    def seen(self, time_s):
        """What of the maps is under the beam: crystal, and masses."""
        scene, drift_nm = self.exposure.scene(), self.specimen.drift_nm(time_s)
        place = {"x_nm": scene.x_nm + drift_nm[0], "y_nm": scene.y_nm + drift_nm[1]}
        state = self.specimen.state(scene.lithium_content, scene.charging)
        lit = lit_crystal(self.specimen.particle, state, scene.spot, self.exposure._crystal, **place)
        nickel = meet(self.specimen.particle, state, scene.spot, **place)
        return lit, nickel

    def counts(self, dwell_s, time_s):
        _, content = self.seen(time_s)
        return self.rng.poisson(2e9 * dwell_s * content.areal_mass_g_cm2["Ni"])


NUMBER = {"source": "simulated", "dtype": "number", "shape": []}
TEXT = {"source": "simulated", "dtype": "string", "shape": []}
IMAGE = NUMBER | {"dtype": "array", "shape": [256, 256], "dtype_numpy": "<u4", "external": "STREAM:"}
STREAMS = {
    "camera": {"camera_image": IMAGE},
    "primary": dict.fromkeys(("pixel_row", "pixel_column", "fluorescence_region_1"), NUMBER),
    "rows": {"map_status": TEXT}
    | dict.fromkeys(
        ("map_row", "map_attempt", "map_first_frame", "map_frames", "mono_energy", "cell_lithium_content"),
        NUMBER,
    ),
}


def write_rocking(folder, particle, *, angles_deg, x_um, y_um, dwell_s, drifts_um=None):
    """Documents and files of a rocking map below a folder; gives the folder of the journal."""
    drifts = drifts_um if drifts_um is not None else [(0.0, 0.0)] * len(angles_deg)
    time_s = TIME_S
    with Journal(folder / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        cycling = compose_run(metadata={"purpose": "cycling", "experiment": EXPERIMENT})
        journal("start", dict(cycling.start_doc))
        journal("stop", dict(cycling.compose_stop()))
        for index, (angle, drift) in enumerate(zip(angles_deg, drifts, strict=True)):
            here = np.asarray(x_um) + drift[0], np.asarray(y_um) + drift[1]
            told = {"index": index, "angles_deg": list(map(float, angles_deg))}
            start = start_of(told, float(angle), drift, here, dwell_s)
            time_s = _write_angle(journal, folder, particle, start, time_s)
    return folder / "journal"


def start_of(told, angle_deg, drift_um, here, dwell_s):
    """Start document of one angle."""
    x_um, y_um = here
    return {
        "purpose": "measurement",
        "technique": "map",
        "plan_name": "rocking_map",
        "experiment": EXPERIMENT,
        "measurement": "tilts",
        "rocking": {"uid": "r" * 36, "axis": [1.0, 0.0, 0.0], **told},
        "angle_deg": angle_deg,
        "drift_um": list(drift_um),
        "shape": [len(y_um), len(x_um)],
        "snaking": [False, True],
        "map": {
            "x_um": x_um.tolist(),
            "y_um": y_um.tolist(),
            "step_um": float(x_um[1] - x_um[0]),
            "dwell_s": dwell_s,
            "detectors": ["fluorescence", "camera"],
        },
        "geometry": GEOMETRY,
        "energy_ev": ENERGY_EV,
    }


def _write_angle(journal, folder, particle, start, time_s):
    """Documents and file of one angle; gives the time of its end."""
    run = compose_run(metadata=start)
    journal("start", dict(run.start_doc))
    streams = {name: run.compose_descriptor(name=name, data_keys=keys) for name, keys in STREAMS.items()}
    for each in streams.values():
        journal("descriptor", dict(each.descriptor_doc))

    def tell(stream, data):
        event = streams[stream].compose_event(data=data, timestamps=dict.fromkeys(data, time_s))
        journal("event", dict(event))

    path = folder / f"frames_{start['rocking']['index']:03d}.h5"
    bundle = compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{path.resolve()}",
        data_key="camera_image",
        parameters={"dataset": "/entry/data/data", "chunk_shape": [1, 256, 256], "swmr": True},
        start=run.start_doc,
    )
    journal("stream_resource", dict(bundle.stream_resource_doc))
    frames, columns = [], start["shape"][1]
    for row, y_um in enumerate(start["map"]["y_um"]):
        first = len(frames)
        for column in range(columns)[:: -1 if row % 2 else 1]:
            particle.at(start["map"]["x_um"][column], y_um, start["angle_deg"])
            dwell_s = start["map"]["dwell_s"]
            frames.append(particle.frame(dwell_s, time_s))
            counts = int(particle.counts(dwell_s, time_s))
            tell("primary", {"pixel_row": row, "pixel_column": column, "fluorescence_region_1": counts})
            time_s += dwell_s
        spans = StreamRange(start=first, stop=len(frames)), StreamRange(start=first + 1, stop=len(frames) + 1)
        journal("stream_datum", dict(bundle.compose_stream_datum(*spans, streams["camera"].descriptor_doc)))
        numbers = {"map_row": row, "map_attempt": 1, "map_first_frame": first, "map_frames": columns}
        state = {"map_status": "good", "mono_energy": ENERGY_EV, "cell_lithium_content": 0.6}
        tell("rows", numbers | state)
    with h5py.File(path, "w", libver="latest") as file:
        file["entry/data/data"] = np.stack(frames)
    journal("stop", dict(run.compose_stop()))
    return time_s
