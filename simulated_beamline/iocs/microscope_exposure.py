"""What the camera of the microscope sees: the specimen as the board says it stands, projected and counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
from ..physics.imaged_specimen import SpecimenState, View
from ..physics.nanostage import Drift
from ..physics.scintillator_camera import Region
from ..scenario import Scenario
from .exposure import Shot
from .incident_beam import IncidentBeam
from .microscope_counts import FrameCounts, Light
from .microscope_picture import DrawnPicture, Picture

CONDENSER_DEPTH_MM = 4.0
"""How far the condenser may be off until it lights the specimen at 1/e of its best."""
POSITIONS = {
    "txm_rotation_deg": "rotation_deg",
    "txm_x_um": "x_um",
    "txm_y_um": "y_um",
    "txm_z_um": "z_um",
}
"""Slots of the board that stages are in, and what they are called here."""
ATTRIBUTES = ("CellVoltage", "CellTemperature", "HeaterTemperature")
"""Attributes of a frame, which may trigger the ring buffer."""
STATES = ("brightness", "lithium_content", "cell_voltage_v", "cell_degc", "heater_degc")
CONTINUOUS = (*POSITIONS.values(), *STATES)
"""What of a scene changes gradually."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class MicroscopeScene:
    """What stands in the microscope at an instant.

    Attributes
    ----------
    rotation_deg : float
        By the encoder.
    x_um, y_um, z_um : float
        Stages below the rotation: across the beam, along it, along the axis.
    plate_mm, detector_mm : float
        From the home of the specimen.
    phase_ring : bool
        Whether it is in the beam.
    energy_ev : float
        True photon energy.
    brightness : float
        Light over that at the nominal flux; 0 where a shutter is closed or there is no beam.
    lithium_content : float
        Of the illuminated spot of the cell.
    charging : float
        How far the lithium is spread as in a charge, 0..1.
    runaway_began_s : float
        Simulated UNIX time; NaN if there is none.
    cell_voltage_v, cell_degc, heater_degc : float
        Voltage of the cell, its temperature as the cycler and as the heater measure it; NaN for unknown.
    """

    rotation_deg: float
    x_um: float
    y_um: float
    z_um: float
    plate_mm: float
    detector_mm: float
    phase_ring: bool
    energy_ev: float
    brightness: float
    lithium_content: float
    charging: float
    runaway_began_s: float
    cell_voltage_v: float = math.nan
    cell_degc: float = math.nan
    heater_degc: float = math.nan

    def towards(self, later: MicroscopeScene, share: float) -> MicroscopeScene:
        """Scene a share of the way (0..1) to a later one."""
        return self.between(later, np.array([share]), {})[0]

    def between(
        self, later: MicroscopeScene, shares: Values, positions: Mapping[str, Values]
    ) -> list[MicroscopeScene]:
        """Scenes at shares (n,) of the way (0..1) to a later one.

        Parameters
        ----------
        later, shares
            Where the way ends, and where on it the scenes are.
        positions
            Known values (n,) of slots of the board that tell where stages are; NaN where unknown.
        """
        along = {name: (getattr(self, name), getattr(later, name)) for name in CONTINUOUS}
        values = {name: first + shares * (last - first) for name, (first, last) in along.items()}
        for slot, known in positions.items():
            name = POSITIONS[slot]
            values[name] = np.where(np.isnan(known), values[name], known)
        # Most of it stands still within a tenth of a second: that is written once.
        still = {name: float(one[0]) for name, one in values.items() if (one == one[0]).all()}
        steady = replace(self, **still, runaway_began_s=later.runaway_began_s)
        moving = {name: one.tolist() for name, one in values.items() if np.ptp(one) > 0.0}
        if not moving:
            return [steady] * len(shares)
        rows = zip(*moving.values(), strict=True)
        return [replace(steady, **dict(zip(moving, row, strict=True))) for row in rows]

    def attributes(self) -> tuple[float, ...]:
        """Values of a frame's attributes, in the order of `ATTRIBUTES`."""
        return self.cell_voltage_v, self.cell_degc, self.heater_degc


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
        self._nominal_ph_s = scenario.beam.flux_ph_s
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
        self._picture = Picture(self.specimen, section.phase_contrast)
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

    def scene(self) -> MicroscopeScene:
        """Read the board."""
        board = self._board
        energy_ev, flux_ph_s = self._start_ev, 0.0
        if not math.isnan(board["bragg_true_deg"]):
            motor_deg, energy_ev = self._beam.standing()
            flux_ph_s = self._beam.flux_ph_s(energy_ev, motor_deg)
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
            runaway_began_s=board["runaway_began_s"],
            cell_voltage_v=board["cell_voltage_v"],
            cell_degc=board["cell_temperature_degc"],
            heater_degc=board["heater_degc"],
        )

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
        scene: MicroscopeScene = shot.scene  # type: ignore[assignment]
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
        since_s = time_s - scene.runaway_began_s
        return self._picture.seen(
            view,
            angle_deg=self.axis.standing(scene.rotation_deg)[0],
            energy_ev=scene.energy_ev,
            state=SpecimenState(
                scene.lithium_content, scene.charging, runaway_s=-1.0 if math.isnan(since_s) else since_s
            ),
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
