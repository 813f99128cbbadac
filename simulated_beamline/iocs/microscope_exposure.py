"""What the camera of the microscope sees: the specimen as the board says it stands, projected and counted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..board import Board
from ..imaging_scenario import (
    build_axis,
    build_full_field,
    build_imaged_specimen,
    build_scintillator_camera,
    build_stage_drift,
    microscope_of,
    scintillator_camera_of,
)
from ..physics.imaged_specimen import View
from ..physics.nanostage import Drift
from ..physics.phase_ring import PhaseRing
from ..physics.scintillator_camera import Region
from ..scenario import Scenario
from .frame_source import Shot
from .incident_beam import IncidentBeam
from .microscope_counts import FrameCounts, Light
from .microscope_picture import DrawnPicture, Picture
from .microscope_scene import POSITIONS, MicroscopeScene

CONDENSER_DEPTH_MM = 4.0
"""How far the condenser may be off until it lights the specimen at 1/e of its best."""


class MicroscopeExposure:
    """Draws frames of the specimen; has what driver and file plugin ask of an `Exposure`.

    Parameters
    ----------
    scenario
        The truth.
    board
        Where the other servers write positions, beam and cell.
    seed
        Of chance.
    """

    def __init__(self, scenario: Scenario, board: Board, seed: int) -> None:
        section = microscope_of(scenario)
        self._board, self._section = board, section
        self._beam = IncidentBeam(scenario, board)
        self._chamber = scenario.build_ion_chambers().i0
        self._nominal_ph_s = scenario.beam.flux_ph_s * self._passed(scenario.beam.nominal_energy_ev)
        self._start_ev = scenario.monochromator.start_energy_ev
        self._initial = scenario.cell.initial_lithium_content
        self.optic = build_full_field(scenario)
        self._start_mm = self.optic.in_focus_mm(self._start_ev, section.magnification)
        self.axis = build_axis(scenario)
        self.specimen = build_imaged_specimen(scenario)
        self.camera = build_scintillator_camera(scenario, seed)
        self._camera_section = scintillator_camera_of(scenario)
        self._drift = build_stage_drift(scenario)
        self._rng = np.random.default_rng([scenario.seed, seed, 53])
        rows, columns = self.camera.shape
        self.dtype = np.dtype(np.uint16)
        self.region = Region(0, 0, rows, columns)
        self._picture = Picture(self.specimen, PhaseRing(section.phase_ring_um))
        drift = Drift(section.beam_drift, scenario.seed + 1)
        self.counts = FrameCounts(
            self.camera, self._camera_section.pixel_photons_s, flicker=section.flicker, slope=drift.offset_nm
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.region.shape

    def pixel_mask(self) -> NDArray[np.uint32]:
        """Bits of NXdetector: 2 where a dead pixel is in; those of wrong gain are for the user to find."""
        return 2 * (self.region.binned(self.camera.dead.astype(np.float32)) > 0.0).astype(np.uint32)

    def _passed(self, energy_ev: float) -> float:
        """Give the part of the photons that the first ion chamber leaves to the specimen."""
        return 1.0 - self._chamber.absorbed_fraction(energy_ev)

    def scene(self) -> MicroscopeScene:
        """Read the board."""
        board = self._board
        energy_ev, flux_ph_s = self._start_ev, 0.0
        if not math.isnan(board["bragg_true_deg"]):
            motor_deg, energy_ev = self._beam.standing()
            flux_ph_s = self._beam.flux_ph_s(energy_ev, motor_deg) * self._passed(energy_ev)
        condenser_mm = board.get("txm_condenser_mm", 0.0)
        lit = math.exp(-((condenser_mm / CONDENSER_DEPTH_MM) ** 2))
        return MicroscopeScene(
            *(board.get(slot, 0.0) for slot in POSITIONS),
            plate_mm=board.get("txm_plate_mm", self._start_mm[0]),
            detector_mm=board.get("txm_detector_mm", self._start_mm[1]),
            phase_ring=bool(board.get("txm_phase_ring", 0.0)),
            energy_ev=energy_ev,
            brightness=lit * flux_ph_s / self._nominal_ph_s,
            lithium_content=board.get("spot_lithium_content", self._initial),
            charging=board.get("front_charging_share", 1.0),
            cycles=board.get("cell_cycles", 0.0),
            c_rate=board.get("cell_c_rate", 0.0),
            runaway_began_s=board["runaway_began_s"],
            cell_voltage_v=board["cell_voltage_v"],
            cell_degc=board["cell_temperature_degc"],
            heater_degc=board["heater_degc"],
            heater_rate_k_s=board["heater_rate_k_s"],
        )

    def prepare(self) -> None:
        """Draw one picture and a dark, so that the first frame finds machine code and specimen ready."""
        scene = self.scene()
        # A specimen that changes within milliseconds computes its states beforehand.
        ready = getattr(self.specimen, "prepare", None)
        if ready is not None:
            ready(self.axis.standing(scene.rotation_deg)[0])
        self.picture(scene, self.view(scene, 0.0, steady=True), 0.0)
        self.counts.draw_dark(self.region, 0.0, np.empty(self.shape, self.dtype))

    def draw(self, shot: Shot, out: NDArray[np.generic]) -> None:
        """Fill a frame (rows, columns) of `dtype`."""
        self.draw_all([shot], out[None])

    def draw_all(self, shots: Sequence[Shot], out: NDArray[np.generic]) -> None:
        """Fill frames (n, rows, columns) of `dtype`; those that show the same picture are drawn together."""
        first, views, lights = 0, list[View](), list[Light]()
        shown: DrawnPicture | None = None
        for index, shot in enumerate(shots):
            now = self._seen(shot)
            if shown and not (now and now[0] is shown and self.counts.is_same(now[2], lights[0])):
                self.counts.draw(shown, views, lights, out[first:index])
                shown = None
            if now is None:
                self.counts.draw_dark(self.region, shot.exposure_s, out[index])
                continue
            if shown is None:
                first, shown, views, lights = index, now[0], [], []
            views.append(now[1])
            lights.append(now[2])
        if shown:
            self.counts.draw(shown, views, lights, out[first : len(shots)])

    def _seen(self, shot: Shot) -> tuple[DrawnPicture, View, Light] | None:
        """Return what a frame shows; None without light."""
        scene: MicroscopeScene = shot.scene
        time_s = shot.time_s + 0.5 * shot.exposure_s
        if not scene.brightness > 0.0:
            return None
        view = self.view(scene, time_s)
        light = Light(self.region, scene.brightness, shot.exposure_s, time_s)
        return self.picture(scene, view, time_s), view, light

    def picture(self, scene: MicroscopeScene, view: View, time_s: float) -> DrawnPicture:
        """Draw the part of the light that passes at a simulated UNIX time (s)."""
        along_mm = 1e-3 * scene.y_um
        plate_mm, detector_mm = scene.plate_mm + along_mm, scene.detector_mm + along_mm
        return self._picture.seen(
            view,
            angle_deg=self.axis.standing(scene.rotation_deg)[0],
            energy_ev=scene.energy_ev,
            state=scene.specimen_state(time_s),
            blur_um=self.optic.blur_um(scene.energy_ev, plate_mm, detector_mm),
            phase_ring=scene.phase_ring,
        )

    def view(self, scene: MicroscopeScene, time_s: float, *, steady: bool = False) -> View:
        """Grid of the frames in the plane of the specimen; `steady`: without vibration."""
        region, axis, section = self.region, self.axis, self._section
        along_mm = 1e-3 * scene.y_um
        magnification = self.optic.magnification(scene.plate_mm + along_mm, scene.detector_mm + along_mm)
        pixel_um = self._camera_section.pixel_um / magnification
        shaken_um = (0.0, 0.0) if steady else self._rng.normal(0.0, 1e-3 * section.vibration_nm, 2).tolist()
        crept_nm = self._drift.offset_nm(time_s)
        _, across_um, along_um = axis.standing(scene.rotation_deg)
        across_um += scene.x_um + shaken_um[0] + 1e-3 * crept_nm[0]
        along_um += scene.z_um + shaken_um[1] + 1e-3 * crept_nm[1]
        rows, columns = self.camera.shape
        half = 0.5 * (region.binning - 1)
        column = 0.5 * (columns - 1) + across_um / pixel_um - region.column - half
        row = 0.5 * (rows - 1) + along_um / pixel_um - region.row - half
        return View(
            region.shape,
            pixel_um * region.binning,
            column / region.binning,
            row / region.binning,
            axis.tilt_deg,
        )
