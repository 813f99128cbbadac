"""What the camera sees: the cell in the beam as the board says it is, drawn and counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..board import Board, cell_slot
from ..diffraction_scenario import (
    build_area_detector,
    build_powder_cell,
    build_powder_stations,
)
from ..mount import Mount, build_holder
from ..physics.area_detector import Projection
from ..physics.counting import Expectation, FrameNoise
from .detector_frame import DetectorFrames
from .frame_source import Shot
from .incident_beam import IncidentBeam

SAME_LITHIUM_CONTENT = 1e-4
"""Change of lithium content up to which a drawn frame is used again: c of NMC811 moves by 4e-4 angstrom."""
SAME_PHOTONS = 5e-4
"""Relative change of photons on the sample up to which expected counts are used again."""
SAME_ENERGY_EV = 0.02
SAME_DISTANCE_MM = 1e-4
DISTANCE_SLOT = "camera_z_mm"
"""Where on the board the true distance of the camera stands, mm."""


@dataclass(frozen=True)
class Scene:
    """What stands in the beam at an instant.

    Attributes
    ----------
    channel : int
        Of the cycler that has the cell in the beam; 0 for none.
    lithium_content : float
        Of the illuminated spot.
    energy_ev : float
        True photon energy.
    flux_ph_s : float
        Photons per second on the sample; 0 where a shutter is closed or there is no beam.
    station : str
        Powder or empty container in the beam; empty for none.
    distance_mm : float
        Of the camera.
    """

    channel: int
    lithium_content: float
    energy_ev: float
    flux_ph_s: float
    station: str = ""
    distance_mm: float = 0.0

    @property
    def subject(self) -> tuple[int, str]:
        """What is in the beam."""
        return self.channel, self.station

    def towards(self, later: Scene, share: float) -> Scene:
        """Scene a share of the way (0..1) to a later one."""
        flux_ph_s = self.flux_ph_s + share * (later.flux_ph_s - self.flux_ph_s)
        if later.subject != self.subject:
            return replace(self if share < 0.5 else later, flux_ph_s=flux_ph_s)
        content = self.lithium_content + share * (later.lithium_content - self.lithium_content)
        return replace(self, lithium_content=content, flux_ph_s=flux_ph_s)


class Exposure(DetectorFrames):
    """Draws frames; each takes one draw of noise, for the expected counts are kept while nothing moves.

    Parameters
    ----------
    mounts
        The truth about each cell; that of the first about everything else.
    board
        Where the other servers write positions, beam and cells.
    seed
        Of the noise.
    """

    def __init__(self, mounts: Sequence[Mount], board: Board, seed: int) -> None:
        scenario = mounts[0].scenario
        super().__init__(scenario)
        self._board = board
        self._mounts = tuple(mounts)
        self._beam = IncidentBeam(scenario, board)
        self._first_chamber = scenario.build_ion_chambers().i0
        self._holder = build_holder(mounts)
        self._powders = {
            one.channel: build_powder_cell(one.scenario) for one in mounts if one.scenario.diffraction
        }
        self._stations = build_powder_stations(scenario)
        self._scenario = scenario
        self._standing = self.detector
        self._noise = FrameNoise(np.random.default_rng([scenario.seed, seed]))
        self._projection: Projection | None = None
        self._drawn: tuple[Scene, NDArray[np.float32]] | None = None
        self._expected: tuple[Scene, float, Expectation] | None = None

    def scene(self) -> Scene:
        """Read the board."""
        board = self._board
        motor_deg, energy_ev = self._beam.standing()
        place = board.get("stage_x_mm", 0.0), board.get("stage_y_mm", 0.0)
        channel, met = self._holder.channel_at(*place), self._holder.at(*place)
        station = met if met in self._stations else ""
        distance_mm = board.get(DISTANCE_SLOT, self.detector.geometry.distance_mm)
        if math.isnan(motor_deg):
            return Scene(channel, 1.0, 0.0, 0.0, station, distance_mm)
        content = 1.0
        if channel:
            initial = self._mounts[channel - 1].scenario.cell.initial_lithium_content
            content = board.get(cell_slot("spot_lithium_content", channel), initial)
        flux_ph_s = self._beam.flux_ph_s(energy_ev, motor_deg)
        passed = 1.0 - self._first_chamber.absorbed_fraction(energy_ev)
        return Scene(channel, content, energy_ev, flux_ph_s * passed, station, distance_mm)

    def draw(self, shot: Shot, out: NDArray[np.generic]) -> None:
        """Fill a frame (rows, columns) of `dtype`; gaps hold the largest number of the type."""
        self._noise.draw(self._expectation(shot.scene, shot.exposure_s), out)
        self._mark_gaps(out)

    def expected_counts(self, scene: Scene, exposure_s: float) -> NDArray[np.float32]:
        """Mean counts (rows, columns) of an exposure, gaps 0."""
        photons = scene.flux_ph_s * exposure_s
        counts = (self.detector.extra_counts_s * exposure_s).astype(np.float32)
        if photons and (scene.channel in self._powders or scene.station):
            counts += np.float32(photons) * self._per_photon(scene)
        counts.reshape(-1)[self._gap] = 0.0
        return counts

    def _expectation(self, scene: Scene, exposure_s: float) -> Expectation:
        kept = self._expected
        if kept and kept[1] == exposure_s and _same(kept[0], scene) and _same_photons(kept[0], scene):
            return kept[2]
        expectation = Expectation(self.expected_counts(scene, exposure_s))
        self._expected = scene, exposure_s, expectation
        return expectation

    def _per_photon(self, scene: Scene) -> NDArray[np.float32]:
        if self._drawn is None or not _same(self._drawn[0], scene):
            projection = self._projection_at(scene)
            self._drawn = scene, self._projected(scene, projection)
        return self._drawn[1]

    def _projection_at(self, scene: Scene) -> Projection:
        moved = abs(self._standing.geometry.distance_mm - scene.distance_mm) > SAME_DISTANCE_MM
        if moved and scene.distance_mm > 0.0:
            self._standing = build_area_detector(self._scenario, scene.distance_mm)
        known = self._projection
        if known is None or moved or abs(known.energy_ev - scene.energy_ev) > SAME_ENERGY_EV:
            known = self._projection = self._standing.at_energy(scene.energy_ev)
        return known

    def _projected(self, scene: Scene, projection: Projection) -> NDArray[np.float32]:
        q, energy_ev = projection.q_per_angstrom, projection.energy_ev
        if scene.station:
            powder, _ = self._stations[scene.station]
            return projection.counts(powder.pattern(q, energy_ev), float(powder.absorbance(energy_ev)[0]))
        pattern = self._powders[scene.channel].pattern(q, energy_ev, scene.lithium_content)
        stack, _ = self._holder.cells[scene.channel - 1]
        return projection.counts(pattern, float(stack.absorbance(scene.energy_ev, scene.lithium_content)[0]))


def _same(one: Scene, other: Scene) -> bool:
    return (
        one.subject == other.subject
        and abs(one.distance_mm - other.distance_mm) <= SAME_DISTANCE_MM
        and abs(one.lithium_content - other.lithium_content) <= SAME_LITHIUM_CONTENT
        and abs(one.energy_ev - other.energy_ev) <= SAME_ENERGY_EV
    )


def _same_photons(one: Scene, other: Scene) -> bool:
    return abs(one.flux_ph_s - other.flux_ph_s) <= SAME_PHOTONS * one.flux_ph_s
