"""A microscope without servers: stages and focus obey, the camera shows a specimen with an edge."""

import h5py
import numpy as np
from operando.devices.frame_file import ATTRIBUTES
from ophyd import Component as Cpt
from ophyd import Device, Signal
from soft_camera import SoftCamera
from soft_station import Instant, SoftStation

SIDE = 48
PIXEL_UM = 0.02
DARK_COUNTS, LIGHT_COUNTS = 100, 40000.0


class SoftFocus(Instant):
    def check_value(self, value):
        del value


class SoftScope(Device):
    rotation = Cpt(Instant, value=0.0)
    sample_x = Cpt(Instant, value=0.0, kind="config")
    pixel_um = Cpt(Signal, value=PIXEL_UM)
    focus = Cpt(SoftFocus, value=8333.0, kind="config")


class PictureCamera(SoftCamera):
    """Writes what `draw(exposure_s)` gives for each frame, (SIDE, SIDE), at the time of its trigger."""

    def __init__(self, *args, draw, **kwargs):
        super().__init__(*args, **kwargs)
        self.draw = draw
        self.sizes = (SIDE, SIDE)
        self.cam.rows.sim_put(SIDE)
        self.cam.columns.sim_put(SIDE)
        self.pictures = {}
        self.name = "microscope_camera"

    def go(self):
        # By number, for `faults` may lose some.
        for number in range(self.taken, self.taken + int(self.cam.images.get())):
            self.pictures[number] = self.draw(float(self.cam.exposure.get()))
        super().go()

    def _close(self):
        numbers = np.asarray(self.written, dtype=np.int64)
        with h5py.File(self._file(), "w") as file:
            frames = [self.pictures[number] for number in self.written]
            file["entry/data/data"] = np.array(frames, dtype="<u2")
            file[f"{ATTRIBUTES}/NDArrayUniqueId"] = numbers
            file[f"{ATTRIBUTES}/NDArrayTimeStamp"] = numbers * 0.5
        self.hdf.full_name.sim_put(str(self._file()))


def half_step_ev():
    """Truth: where the edge of each pixel is, eV: rises by 2 eV from column to column."""
    return np.broadcast_to(8343.0 + 2.0 * np.arange(SIDE) / SIDE, (SIDE, SIDE))


class ScopeStation(SoftStation):
    """Beamline with a microscope; `moved_px(energy_ev)`: rows and columns by which the specimen drifts."""

    def __init__(self, folder, **kwargs):
        super().__init__()
        self.microscope = SoftScope(name="microscope")
        self.microscope_camera = PictureCamera(folder=folder, draw=self.picture, **kwargs)
        self.moved_px = lambda energy_ev: (0.0, 0.0)
        self.rng = np.random.default_rng(7)
        self.light = LIGHT_COUNTS * (1.0 + 0.2 * self.rng.random((SIDE, SIDE)))

    @property
    def beam(self):
        """Part of the full light that reaches the camera."""
        return float(self.photon_shutter.get() == "open") * float(self.ring.get()) / 300.0

    def picture(self, exposure_s):
        del exposure_s
        out = abs(self.microscope.sample_x.get()) > 50.0
        energy_ev = float(self.mono.energy.get())
        passed = 1.0 if out else np.exp(-self.path(energy_ev))
        counts = self.beam * self.light * passed
        noisy = counts + np.sqrt(counts) * self.rng.standard_normal(counts.shape)
        return np.clip(DARK_COUNTS + noisy, 0, 65535).astype("<u2")

    def path(self, energy_ev):
        """Optical depth (SIDE, SIDE) of a disc with holes."""
        row, column = np.mgrid[0:SIDE, 0:SIDE] - np.array(self.moved_px(energy_ev))[:, None, None]
        thick = 1.0 / (1.0 + np.exp((np.hypot(row - 24, column - 24) - 15.0) / 0.7))
        for hole in ((18, 20), (30, 27), (22, 32)):
            thick -= 0.7 * np.exp(-((row - hole[0]) ** 2 + (column - hole[1]) ** 2) / 6.0)
        offset = energy_ev - (8343.0 + 2.0 * column / SIDE)
        rise = 1 / (1 + np.exp(-offset / 1.2)) + 0.6 * np.exp(-0.5 * ((offset - 8.0) / 3.0) ** 2)
        return np.clip(thick, 0.0, None) * (0.5 - 4e-4 * (energy_ev - 8333.0) + 0.8 * rise)
