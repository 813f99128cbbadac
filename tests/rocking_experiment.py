"""A rocking map of the simulated particle as a journal and files: every document, no devices."""

import numpy as np
from event_model import StreamRange, compose_run, compose_stream_resource
from operando.callbacks.tiled.journal import Journal
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.iocs.exposure import Shot
from operando.simulated_beamline.iocs.particle_exposure import ParticleExposure
from operando.simulated_beamline.mount import load_mounts
from operando.simulated_beamline.physics.crystal import bragg_deg
from operando.simulated_beamline.physics.nanobeam import meet

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

    def __init__(self, folder, lithium_content=0.6, flux_ph_s=None):
        mounts = load_mounts([SCENARIO])
        self.board = Board(folder / "board")
        crystals = mounts[0].scenario.build_monochromator()
        true_deg = bragg_deg(ENERGY_EV)
        self.board.update({"bragg_true_deg": true_deg, "ring_current_ma": 500.0})
        self.board["perp_mm"] = crystals.perp_mm(true_deg - crystals.bragg_zero_error_deg)
        self.board.update({"front_end_open": 1.0, "photon_open": 1.0, "spot_lithium_content": lithium_content})
        self.exposure = ParticleExposure(mounts, self.board, 3)
        self.specimen = self.exposure._specimen
        self.rng = np.random.default_rng(9)

    def at(self, x_um, y_um, angle_deg):
        self.board.update({"nano_x_um": x_um, "nano_y_um": y_um, "nano_rx_deg": angle_deg})

    def frame(self, dwell_s, time_s):
        out = np.empty(self.exposure.shape, self.exposure.dtype)
        self.exposure.draw(Shot(1, time_s, dwell_s, self.exposure.scene()), out)
        return out

    def seen(self, time_s):
        """What of the maps is under the beam: content, c (angstrom), tilts (degree), each a mean."""
        from operando.simulated_beamline.physics.lit_crystal import lit_crystal

        scene, drift_nm = self.exposure.scene(), self.specimen.drift_nm(time_s)
        place = {"x_nm": scene.x_nm + drift_nm[0], "y_nm": scene.y_nm + drift_nm[1]}
        state = self.specimen.state(scene.lithium_content, scene.charging)
        lit = lit_crystal(self.specimen.particle, state, scene.spot, self.exposure._crystal, **place)
        nickel = meet(self.specimen.particle, state, scene.spot, **place)
        return lit, nickel

    def counts(self, dwell_s, time_s):
        _, content = self.seen(time_s)
        return self.rng.poisson(2e9 * dwell_s * content.areal_mass_g_cm2["Ni"])


def write_rocking(folder, particle, *, angles_deg, x_um, y_um, dwell_s, drifts_um=None, redone=(), tell=None):
    """Documents and files of a rocking map below a folder; gives the folder of the journal."""
    import h5py

    drifts = drifts_um if drifts_um is not None else [(0.0, 0.0)] * len(angles_deg)
    with Journal(folder / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        cycling = compose_run(metadata={"purpose": "cycling", "experiment": EXPERIMENT})
        journal("start", dict(cycling.start_doc))
        journal("stop", dict(cycling.compose_stop()))
        time_s = TIME_S
        for index, (angle, drift) in enumerate(zip(angles_deg, drifts, strict=True)):
            here_x, here_y = np.asarray(x_um) + drift[0], np.asarray(y_um) + drift[1]
            start = {
                "purpose": "measurement",
                "technique": "map",
                "plan_name": "rocking_map",
                "experiment": EXPERIMENT,
                "measurement": "tilts",
                "rocking": {
                    "uid": "r" * 36,
                    "index": index,
                    "angles_deg": list(map(float, angles_deg)),
                    "axis": [1.0, 0.0, 0.0],
                },
                "angle_deg": float(angle),
                "drift_um": list(drift),
                "shape": [len(y_um), len(x_um)],
                "snaking": [False, True],
                "map": {
                    "x_um": here_x.tolist(),
                    "y_um": here_y.tolist(),
                    "step_um": float(x_um[1] - x_um[0]),
                    "dwell_s": dwell_s,
                    "detectors": ["fluorescence", "camera"],
                },
                "geometry": GEOMETRY,
                "energy_ev": ENERGY_EV,
            }
            run = compose_run(metadata=start)
            journal("start", dict(run.start_doc))
            image = {"source": "x", "dtype": "array", "shape": [256, 256], "dtype_numpy": "<u4", "external": "STREAM:"}
            camera = run.compose_descriptor(name="camera", data_keys={"camera_image": image})
            number = {"source": "x", "dtype": "number", "shape": []}
            text = {"source": "x", "dtype": "string", "shape": []}
            pixel_keys = dict.fromkeys(("pixel_row", "pixel_column", "fluorescence_region_1"), number)
            pixels = run.compose_descriptor(name="primary", data_keys=pixel_keys)
            row_keys = dict.fromkeys(
                ("map_row", "map_attempt", "map_first_frame", "map_frames", "mono_energy", "cell_lithium_content"),
                number,
            )
            rows = run.compose_descriptor(name="rows", data_keys=row_keys | {"map_status": text})
            for each in (camera, pixels, rows):
                journal("descriptor", dict(each.descriptor_doc))
            path = folder / f"frames_{index:03d}.h5"
            bundle = compose_stream_resource(
                mimetype="application/x-hdf5",
                uri=f"file://localhost{path.resolve()}",
                data_key="camera_image",
                parameters={"dataset": "/entry/data/data", "chunk_shape": [1, 256, 256], "swmr": True},
                start=run.start_doc,
            )
            journal("stream_resource", dict(bundle.stream_resource_doc))
            frames, told = [], 0
            for row, y in enumerate(here_y):
                order = range(len(here_x))[:: -1 if row % 2 else 1]
                for column in order:
                    particle.at(here_x[column], y, angle)
                    frames.append(particle.frame(dwell_s, time_s))
                    data = {
                        "pixel_row": row,
                        "pixel_column": column,
                        "fluorescence_region_1": int(particle.counts(dwell_s, time_s)),
                    }
                    journal("event", dict(pixels.compose_event(data=data, timestamps=dict.fromkeys(data, time_s))))
                    time_s += dwell_s
                datum = bundle.compose_stream_datum(
                    StreamRange(start=told, stop=told + len(x_um)),
                    StreamRange(start=told + 1, stop=told + len(x_um) + 1),
                    camera.descriptor_doc,
                )
                journal("stream_datum", dict(datum))
                data = {
                    "map_row": row,
                    "map_attempt": 1,
                    "map_first_frame": told,
                    "map_frames": len(x_um),
                    "mono_energy": ENERGY_EV,
                    "cell_lithium_content": 0.6,
                    "map_status": "good",
                }
                journal("event", dict(rows.compose_event(data=data, timestamps=dict.fromkeys(data, time_s))))
                told += len(x_um)
            with h5py.File(path, "w", libver="latest") as file:
                file["entry/data/data"] = np.stack(frames)
            journal("stop", dict(run.compose_stop()))
            if tell:
                tell(index)
    return folder / "journal"
