"""The particle in the focus as the board says it stands: one for every detector that sees it."""

from __future__ import annotations

import math

from ..board import Board
from ..nanoprobe_scenario import build_drift, build_front, build_optic, build_particle, nanoprobe_of
from ..physics.nanobeam import GaussianSpot
from ..physics.particle_state import ParticleState, particle_state
from ..scenario import Scenario
from .incident_beam import IncidentBeam

SAME_LITHIUM_CONTENT = 1e-4
"""Change of lithium content up to which the maps are used again."""
SAME_SHARE = 1e-3
"""Likewise of the share of the direction of charge."""


class Specimen:
    """Particle, spot and beam; positions, energy and cell are those on the board.

    Parameters
    ----------
    scenario
        The truth about particle, optic and beam.
    board
        Where the other servers write.
    """

    def __init__(self, scenario: Scenario, board: Board) -> None:
        self._board = board
        self._initial = scenario.cell.initial_lithium_content
        self._beam = IncidentBeam(scenario, board)
        self._transmission = nanoprobe_of(scenario).transmission
        self._plate, self._focus = build_optic(scenario)
        self._drift = build_drift(scenario)
        self._front = build_front(scenario)
        self.particle = build_particle(scenario)
        self._kept: tuple[float, float, ParticleState] | None = None
        self._eccentricity_nm = 1e3 * nanoprobe_of(scenario).eccentricity_um
        self._start_ev = scenario.monochromator.start_energy_ev

    def energy_ev(self) -> float:
        """Energy of the beam; that of the scenario's start while nobody told the angle."""
        if math.isnan(self._board["bragg_true_deg"]):
            return self._start_ev
        return self._beam.standing()[1]

    def flux_ph_s(self, energy_ev: float) -> float:
        """Photons per second in the focus."""
        motor_deg, _ = self._beam.standing()
        return (
            0.0 if math.isnan(motor_deg) else self._transmission * self._beam.flux_ph_s(energy_ev, motor_deg)
        )

    def cell(self) -> tuple[float, float]:
        """Lithium content of the illuminated spot of the cell, and how far it is that of a charge (0..1)."""
        content = self._board.get("spot_lithium_content", self._initial)
        return min(max(content, 0.0), 1.0), self._board.get("front_charging_share", 1.0)

    def state(self, lithium_content: float, charging: float) -> ParticleState:
        """Give the maps of the particle, those of before while nothing has changed."""
        kept = self._kept
        if (
            kept is None
            or abs(kept[0] - lithium_content) > SAME_LITHIUM_CONTENT
            or abs(kept[1] - charging) > SAME_SHARE
        ):
            state = particle_state(self.particle, lithium_content, front=self._front, charging=charging)
            self._kept = kept = lithium_content, charging, state
        return kept[2]

    def spot(self, energy_ev: float) -> GaussianSpot:
        """Beam on the specimen, larger where that is out of focus."""
        board = self._board
        focus_mm = self._plate.focal_length_mm(energy_ev)
        follows = board.get("zone_plate_follows", 1.0) > 0.0
        plate_mm = focus_mm if follows else board.get("zone_plate_mm", focus_mm)
        distance_mm = plate_mm + 1e-3 * board.get("nano_z_um", 0.0)
        return self._focus.blurred(self._plate.blur_nm(energy_ev, distance_mm))

    def stage_nm(self) -> tuple[float, float]:
        """Where stages and rotation have brought the beam on the particle, nm from its centre."""
        lifted_nm = self._eccentricity_nm * math.sin(math.radians(self.rotation_deg()))
        board = self._board
        return 1e3 * board.get("nano_x_um", 0.0), 1e3 * board.get("nano_y_um", 0.0) + lifted_nm

    def rotation_deg(self) -> float:
        """Angle of the rotation."""
        return self._board.get("nano_rx_deg", 0.0)

    def drift_nm(self, time_s: float) -> tuple[float, float]:
        """How far the particle has crept at a simulated UNIX time (s), to be added to the stages'."""
        return self._drift.offset_nm(time_s)
