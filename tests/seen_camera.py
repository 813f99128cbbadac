"""A soft camera whose frames are those that the simulated beamline's camera would draw."""

import h5py
import numpy as np
from changed_file import changed_scenario
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.iocs.exposure import Exposure
from operando.simulated_beamline.iocs.frame_source import Shot
from operando.simulated_beamline.mount import build_holder, load_mounts
from operando.simulated_beamline.physics.crystal import bragg_deg
from soft_camera import SoftCamera
from soft_station import Instant, SoftStation

SIDE, PIXEL_MM = 512, 0.344
TRUE_GEOMETRY = {
    "distance_mm": 149.9963,
    "poni1_mm": 88.2030,
    "poni2_mm": 86.6558,
    "rot1_deg": -0.32766,
    "rot2_deg": 0.22943,
    "shape": (SIDE, SIDE),
    "pixel_mm": (PIXEL_MM, PIXEL_MM),
}
"""Where the scenario has its camera, in the convention of pyFAI: as exact trigonometry gives it."""
WHOLE_GEOMETRY = {**TRUE_GEOMETRY, "shape": (2 * SIDE, 2 * SIDE), "pixel_mm": (PIXEL_MM / 2, PIXEL_MM / 2)}
"""The same with every pixel of the scenario."""


def coarse_scenario(folder, name="nmc811-first-charge"):
    """A scenario whose camera has a quarter of the pixels on the same area."""
    size = f"rows = {SIDE}\ncolumns = {SIDE}\npixel_mm = {PIXEL_MM}"
    changes = {
        "[diffraction.detector]": f"[diffraction.detector]\n{size}",
        "beam_row = 516.3": "beam_row = 258.15",
        "beam_column = 508.8": "beam_column = 254.4",
        "module_rows = 508": "module_rows = 254",
        "module_columns = 508": "module_columns = 254",
        "gap_pixels = 8": "gap_pixels = 4",
    }
    return changed_scenario(folder, name, changes)


class SeenCamera(SoftCamera):
    """Its beamline is a board; `at(...)` says where stage, energy, shutter and camera stand."""

    def __init__(self, folder, at, *, whole=False, **kwargs):
        super().__init__(folder=folder / "frames", **kwargs)
        (folder / "frames").mkdir()
        mounts = load_mounts(["nmc811-first-charge" if whole else str(coarse_scenario(folder))])
        self.board, self.at = Board(folder / "board"), at
        self.exposure = Exposure(mounts, self.board, 1)
        self.crystals = mounts[0].scenario.build_monochromator()
        self.holder = build_holder(mounts)
        self.sizes = self.exposure.shape
        self.cam.rows.sim_put(self.sizes[0])
        self.cam.columns.sim_put(self.sizes[1])
        self.cam.data_type.sim_put("UInt32")
        self.drawn = []

    def go(self):
        stands = self.at()
        true_deg = bragg_deg(stands["energy_ev"])
        self.board.update(
            {
                "bragg_true_deg": true_deg,
                "perp_mm": self.crystals.perp_mm(true_deg - self.crystals.bragg_zero_error_deg),
                "stage_x_mm": stands["x_mm"],
                "stage_y_mm": stands["y_mm"],
                "ring_current_ma": 500.0,
                "front_end_open": 1.0,
                "photon_open": float(stands["shutter"] == "open"),
                "spot_lithium_content": 0.9,
                "camera_z_mm": stands.get("distance_mm", 150.0),
            }
        )
        for _ in range(int(self.cam.images.get()) if self.hdf.capture.get() else 0):
            frame = np.zeros(self.sizes, self.exposure.dtype)
            exposure_s = float(self.cam.exposure.get())
            self.exposure.draw(Shot(1, 0.0, exposure_s, self.exposure.scene()), frame)
            self.drawn.append(frame)
        super().go()

    def _close(self):
        numbers = np.array(self.written)
        with h5py.File(self._file(), "w") as file:
            file["entry/data/data"] = np.stack([self.drawn[number] for number in numbers])
            file["entry/instrument/NDAttributes/NDArrayUniqueId"] = numbers
            file["entry/instrument/NDAttributes/NDArrayTimeStamp"] = numbers * 0.5
            file["entry/instrument/detector/pixel_mask"] = self.exposure.pixel_mask()
        self.hdf.full_name.sim_put(str(self._file()))


class SeenStation(SoftStation):
    """Its camera sees what stands where the stage is; with `arm_mm` an arm has the camera, there at first."""

    def __init__(
        self, folder, *, at_mm=(0.0, 0.0), arm_mm=None, whole=False, geometry=TRUE_GEOMETRY, limits_s=20.0
    ):
        super().__init__()
        self.stage.x, self.stage.y = (
            Instant(name=f"stage_{axis}", value=mm) for axis, mm in zip("xy", at_mm, strict=True)
        )
        self.mono.energy.put(18000.0)
        self.camera = SeenCamera(folder, self.stands, whole=whole, geometry=geometry, limits_s=limits_s)
        if arm_mm is not None:
            self.camera_arm = Instant(name="camera_arm", value=arm_mm)

    def stands(self):
        arm = getattr(self, "camera_arm", None)
        return {
            "energy_ev": self.mono.energy.get(),
            "x_mm": self.stage.x.get(),
            "y_mm": self.stage.y.get(),
            "shutter": self.photon_shutter.get(),
            **({} if arm is None else {"distance_mm": arm.get()}),
        }
