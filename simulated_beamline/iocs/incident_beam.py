"""The beam in front of the sample, as the board says that ring, shutters and crystals stand."""

from __future__ import annotations

from ..board import Board
from ..scenario import Scenario


class IncidentBeam:
    """Photon energy and flux in front of the first ion chamber.

    Parameters
    ----------
    scenario
        The truth about source and crystals.
    board
        Where the other servers write how they stand.
    """

    def __init__(self, scenario: Scenario, board: Board) -> None:
        self._board = board
        self._crystals = scenario.build_monochromator()
        self._beam = scenario.build_beam()
        self.area_mm2 = self._beam.area_mm2

    def standing(self) -> tuple[float, float]:
        """Angle of the Bragg motor (degree) and the true energy (eV); NaN where nobody knows the angle."""
        motor_deg = self._board["bragg_true_deg"] - self._crystals.bragg_zero_error_deg
        return motor_deg, self._crystals.energy_ev(motor_deg)

    def flux_ph_s(self, energy_ev: float, motor_deg: float) -> float:
        """Photons per second; 0 behind a closed shutter."""
        board = self._board
        if not (board.get("front_end_open", 0.0) and board.get("photon_open", 0.0)):
            return 0.0
        height_mm = self._crystals.height_error_mm(motor_deg, board["perp_mm"])
        return self._beam.photon_flux(energy_ev, board.get("ring_current_ma", 0.0), height_error_mm=height_mm)
