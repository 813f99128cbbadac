"""What the camera sees behind a nanoprobe: the reflection of the grains under the beam, drawn and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..board import Board
from ..diffraction_scenario import build_area_detector, build_oxide
from ..mount import Mount
from ..nanoprobe_scenario import build_grain_crystal, build_optic
from ..physics.counting import Expectation, FrameNoise, largest_count
from ..physics.lit_crystal import lit_crystal
from ..physics.nanobeam import GaussianSpot
from ..physics.particle_diffraction import DrawnSpot, ReflectionCamera, ReflectionStrength
from .detector_frame import DetectorFrames
from .exposure import DISTANCE_SLOT, SAME_DISTANCE_MM
from .frame_source import Shot
from .specimen import Specimen

SAME_ENERGY_EV = 1.0
"""Change of energy up to which the strength of the reflection is used again."""


@dataclass(frozen=True)
class ParticleScene:
    """What stands in the focus at an instant.

    Attributes
    ----------
    x_nm, y_nm : float
        Beam on the particle as the stages have it, without drift.
    rotation_deg : float
        Of the particle.
    lithium_content, charging : float
        Of the cell's spot, and how far its map is that of a charge (0..1).
    energy_ev, flux_ph_s : float
        Of the beam in the focus; no photons where a shutter is closed or there is no beam.
    spot : GaussianSpot
        Its profile.
    distance_mm : float
        Where the arm of the camera stands; 0: as the scenario says.
    """

    x_nm: float
    y_nm: float
    rotation_deg: float
    lithium_content: float
    charging: float
    energy_ev: float
    flux_ph_s: float
    spot: GaussianSpot
    distance_mm: float = 0.0

    def towards(self, later: ParticleScene, share: float) -> ParticleScene:
        """Scene a share of the way (0..1) to a later one."""
        moving = ("x_nm", "y_nm", "rotation_deg", "lithium_content", "charging", "flux_ph_s")
        values = {name: getattr(self, name) for name in moving}
        between = {name: value + share * (getattr(later, name) - value) for name, value in values.items()}
        return replace(self, **between)


class ParticleExposure(DetectorFrames):
    """Draws frames of the particle; has what driver and file plugin ask of an `Exposure`.

    Parameters
    ----------
    mounts
        The truth, of which that of the first cell counts: the particle is one of its cathode.
    board
        Where the other servers write positions, beam and cell.
    seed
        Of the noise.
    """

    def __init__(self, mounts: Sequence[Mount], board: Board, seed: int) -> None:
        scenario = mounts[0].scenario
        super().__init__(scenario)
        self._scenario, self._board = scenario, board
        self._specimen = Specimen(scenario, board)
        self._crystal = build_grain_crystal(scenario)
        self._oxide = build_oxide(scenario)
        self._optic = build_optic(scenario)[0]
        self._standing_mm = self.detector.geometry.distance_mm
        self._reflection = ReflectionCamera(self.detector, self._optic, self._crystal)
        self._rng = np.random.default_rng([scenario.seed, seed])
        self._noise = FrameNoise(self._rng)
        self._strength: ReflectionStrength | None = None
        self._dark: tuple[float, Expectation] | None = None

    def scene(self) -> ParticleScene:
        """Read the board."""
        specimen, energy_ev = self._specimen, self._specimen.energy_ev()
        stage_nm, cell = specimen.stage_nm(), specimen.cell()
        return ParticleScene(
            *stage_nm,
            specimen.rotation_deg(),
            *cell,
            energy_ev,
            specimen.flux_ph_s(energy_ev),
            specimen.spot(energy_ev),
            self._board.get(DISTANCE_SLOT, 0.0),
        )

    def draw(self, shot: Shot, out: NDArray[np.generic]) -> None:
        """Fill a frame (rows, columns) of `dtype`; gaps hold the largest number of the type."""
        self._noise.draw(self._background(shot.exposure_s), out)
        scene: ParticleScene = shot.scene
        spot = self.spot(scene, shot.time_s + 0.5 * shot.exposure_s)
        most = largest_count(out.dtype)
        if spot is not None:
            photons = scene.flux_ph_s * shot.exposure_s
            drawn = self._rng.poisson(photons * spot.counts) + out[spot.window].astype(np.int64)
            out[spot.window] = np.minimum(drawn, most)
        self._mark_gaps(out)

    def spot(self, scene: ParticleScene, time_s: float) -> DrawnSpot | None:
        """Draw expected counts per photon of a scene at a simulated UNIX time (s), drift included."""
        if not scene.flux_ph_s:
            return None
        drift_nm = self._specimen.drift_nm(time_s)
        lit = lit_crystal(
            self._specimen.particle,
            self._specimen.state(scene.lithium_content, scene.charging),
            scene.spot,
            self._crystal,
            x_nm=scene.x_nm + drift_nm[0],
            y_nm=scene.y_nm + drift_nm[1],
        )
        return self._reflection_at(scene.distance_mm).draw(
            lit,
            self._strength_at(scene.energy_ev),
            rotation_deg=scene.rotation_deg,
            energy_ev=scene.energy_ev,
        )

    def _reflection_at(self, distance_mm: float) -> ReflectionCamera:
        if distance_mm > 0.0 and abs(distance_mm - self._standing_mm) > SAME_DISTANCE_MM:
            self._standing_mm = distance_mm
            moved = build_area_detector(self._scenario, distance_mm)
            self._reflection = ReflectionCamera(moved, self._optic, self._crystal)
        return self._reflection

    def _strength_at(self, energy_ev: float) -> ReflectionStrength:
        known = self._strength
        if known is None or abs(known.energy_ev - energy_ev) > SAME_ENERGY_EV:
            known = self._strength = ReflectionStrength(self._oxide, self._oxide.phases[0], energy_ev)
        return known

    def _background(self, exposure_s: float) -> Expectation:
        if self._dark is None or self._dark[0] != exposure_s:
            counts = (self.detector.extra_counts_s * exposure_s).astype(np.float32)
            counts.reshape(-1)[self._gap] = 0.0
            self._dark = exposure_s, Expectation(counts)
        return self._dark[1]
