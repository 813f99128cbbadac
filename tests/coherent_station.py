"""A soft nanoprobe whose camera sees the far field of a specimen, or of a crystal that rocks."""

import h5py
import numpy as np
from coherent_field import (
    focused_beam,
    ptycho_frame,
    rocked_frames,
    specimen_pixel_m,
    thin_specimen,
)
from soft_camera import SoftCamera
from soft_nanoprobe import NanoStation
from soft_station import Instant

SIDE, PIXEL_MM, DISTANCE_MM, ENERGY_EV = 64, 0.075, 2000.0, 8333.0
BEAM_UM, MARGIN = 1.0, 8
GEOMETRY = {
    "distance_mm": DISTANCE_MM,
    "poni1_mm": (SIDE // 2 + 0.5) * PIXEL_MM,
    "poni2_mm": (SIDE // 2 + 0.5) * PIXEL_MM,
    "rot1_deg": 0.0,
    "rot2_deg": 0.0,
    "rot3_deg": 0.0,
    "shape": [SIDE, SIDE],
    "pixel_mm": [PIXEL_MM, PIXEL_MM],
    "detector": "",
}


class SeeingCamera(SoftCamera):
    """Writes `frame()` as it was when the camera was triggered."""

    def __init__(self, frame, **kwargs):
        super().__init__(geometry=GEOMETRY, **kwargs)
        self.frame, self.seen, self.sizes = frame, {}, (SIDE, SIDE)
        self.cam.rows.sim_put(SIDE)
        self.cam.columns.sim_put(SIDE)

    def go(self):
        for number in range(self.taken, self.taken + int(self.cam.images.get())):
            self.seen[number] = self.frame()
        super().go()

    def _close(self):
        with h5py.File(self._file(), "w", libver="latest") as file:
            file["entry/data/data"] = np.array([self.seen[number] for number in self.written], "<u2")
            group = file.create_group("entry/instrument/NDAttributes")
            group["NDArrayUniqueId"] = np.asarray(self.written, np.int64)
            group["NDArrayTimeStamp"] = np.asarray(self.written) * 0.5
        self.hdf.full_name.sim_put(str(self._file()))


class CoherentStation(NanoStation):
    """Specimen, beam and crystal are known: `specimen`, `beam`, `crystal`."""

    def __init__(self, folder, photons=2e5, reach_um=2.0):
        super().__init__(folder)
        self.rng = np.random.default_rng(7)
        self.pixel_um = 1e6 * specimen_pixel_m(
            SIDE, energy_ev=ENERGY_EV, distance_m=1e-3 * DISTANCE_MM, pixel_m=1e-3 * PIXEL_MM
        )
        self.photons, self.rocks = photons, False
        self.beam = focused_beam(SIDE, BEAM_UM / self.pixel_um)
        self.specimen = thin_specimen(SIDE + 2 * MARGIN + int(reach_um / self.pixel_um), self.rng)
        self.nanostage.rotation = Instant(name="nanostage_rotation", value=0.0)
        self.camera = SeeingCamera(self.frame, folder=folder)

    def rock(self, crystal, photons, step_deg):
        """Let the camera see a crystal (angles, rows, columns) that rocks."""
        self.rocked = self.rng.poisson(rocked_frames(crystal, photons))
        self.rocks, self.step_deg = True, step_deg

    def frame(self):
        if self.rocks:
            index = round(self.nanostage.rotation.get() / self.step_deg) + len(self.rocked) // 2
            return self.rocked[index]
        y_um, x_um = self.nanostage.y.get(), self.nanostage.x.get()
        row, column = (MARGIN + round(um / self.pixel_um) for um in (y_um, x_um))
        return self.rng.poisson(self.photons * ptycho_frame(self.specimen, self.beam, row, column))
