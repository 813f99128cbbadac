"""What the fluorescence detector sees: the particle in the focus as the board says it stands, counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..board import Board
from ..nanoprobe_scenario import (
    build_drift,
    build_edges,
    build_fluorescence,
    build_front,
    build_optic,
    build_particle,
    nanoprobe_of,
)
from ..physics.fluorescence import Exposure
from ..physics.nanobeam import GaussianSpot, SpotContent, meet
from ..physics.particle_state import ParticleState, particle_state
from ..scenario import Scenario
from .incident_beam import IncidentBeam

SAME_LITHIUM_CONTENT = 1e-4
"""Change of lithium content up to which the maps are used again."""


@dataclass(frozen=True)
class SpectrumShot:
    """Spectra of one exposure: number, begin (simulated UNIX s), length, counts, scalers (elements, 11)."""

    unique_id: int
    time_s: float
    exposure_s: float
    counts: NDArray[np.int64]
    scalers: NDArray[np.float64]


class Spectra:
    """Exposes the particle; positions, energy, beam and cell are those on the board.

    Parameters
    ----------
    scenario
        The truth about particle, detector and beam.
    board
        Where the other servers write.
    seed
        Of the noise.
    """

    def __init__(self, scenario: Scenario, board: Board, seed: int) -> None:
        self._board = board
        self._scenario = scenario
        self._beam = IncidentBeam(scenario, board)
        self._transmission = nanoprobe_of(scenario).transmission
        self._plate, self._focus = build_optic(scenario)
        self._drift = build_drift(scenario)
        self.particle = build_particle(scenario)
        self._front = build_front(scenario)
        self._edges = build_edges(scenario)
        self.model = build_fluorescence(scenario)
        self._rng = np.random.default_rng([scenario.seed, seed])
        self._charging = True
        self._kept: tuple[float, bool, ParticleState] | None = None
        self._start_ev = scenario.monochromator.start_energy_ev

    @property
    def shape(self) -> tuple[int, int]:
        """Elements and channels."""
        return len(self.model.geometry.solid_angle_sr), self.model.detector.channels

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Of the spectra in a file."""
        return np.dtype(np.uint32)

    def pixel_mask(self) -> None:
        """No channel is masked."""
        return None

    def draw(self, shot: SpectrumShot, out: NDArray[np.generic]) -> None:
        """Copy spectra that were counted into the frame of a file."""
        np.copyto(out, shot.counts, casting="unsafe")

    def energy_ev(self) -> float:
        """Energy of the beam; that of the scenario's start while nobody told the angle."""
        true_deg = self._board["bragg_true_deg"]
        if math.isnan(true_deg):
            return self._start_ev
        return self._beam.standing()[1]

    def state(self) -> ParticleState:
        """Give the maps of the particle at the lithium content of the illuminated spot of the cell."""
        board = self._board
        content = board.get("spot_lithium_content", self._scenario.cell.initial_lithium_content)
        current_a = board.get("cell_current_a", 0.0)
        if current_a:
            self._charging = current_a > 0.0
        kept = self._kept
        if kept and abs(kept[0] - content) <= SAME_LITHIUM_CONTENT and kept[1] == self._charging:
            return kept[2]
        clipped = min(max(content, 0.0), 1.0)
        state = particle_state(self.particle, clipped, front=self._front, charging=self._charging)
        self._kept = content, self._charging, state
        return state

    def spot(self) -> GaussianSpot:
        """Beam on the specimen, larger where that is out of focus."""
        board, energy_ev = self._board, self.energy_ev()
        focus_mm = self._plate.focal_length_mm(energy_ev)
        follows = board.get("zone_plate_follows", 1.0) > 0.0
        plate_mm = focus_mm if follows else board.get("zone_plate_mm", focus_mm)
        distance_mm = plate_mm + 1e-3 * board.get("nano_z_um", 0.0)
        return self._focus.blurred(self._plate.blur_nm(energy_ev, distance_mm))

    def content(self, time_s: float) -> SpotContent:
        """Matter in the beam at a simulated UNIX time (s), drift included."""
        x_nm, y_nm = self._drift.offset_nm(time_s)
        return meet(
            self.particle,
            self.state(),
            self.spot(),
            x_nm=1e3 * self._board.get("nano_x_um", 0.0) + x_nm,
            y_nm=1e3 * self._board.get("nano_y_um", 0.0) + y_nm,
        )

    def expose(self, exposure_s: float, time_s: float) -> Exposure:
        """Count for a time.

        Parameters
        ----------
        exposure_s
            Length, s.
        time_s
            Middle of the exposure, simulated UNIX s.

        Returns
        -------
        Exposure
        """
        energy_ev, content = self.energy_ev(), self.content(time_s)
        return self.model.expose(
            energy_ev,
            self._flux_ph_s(energy_ev),
            content.areal_mass_g_cm2,
            self._edges.heights(energy_ev, content),
            real_s=exposure_s,
            rng=self._rng,
        )

    def _flux_ph_s(self, energy_ev: float) -> float:
        motor_deg, _ = self._beam.standing()
        if math.isnan(motor_deg):
            return 0.0
        return self._transmission * self._beam.flux_ph_s(energy_ev, motor_deg)
