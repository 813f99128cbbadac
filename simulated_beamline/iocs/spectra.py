"""What the fluorescence detector sees: the particle in the focus as the board says it stands, counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..board import Board
from ..nanoprobe_scenario import build_edges, build_fluorescence
from ..physics.fluorescence import Exposure
from ..physics.nanobeam import SpotContent, meet
from ..scenario import Scenario
from .frame_source import Shot
from .specimen import Specimen


@dataclass(frozen=True)
class CountedSpectra:
    """Spectra of one exposure: counts (elements, channels) and scalers (elements, 11)."""

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
        self._specimen = Specimen(scenario, board)
        self._edges = build_edges(scenario)
        self.model = build_fluorescence(scenario)
        self._rng = np.random.default_rng([scenario.seed, seed])

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

    def draw(self, shot: Shot, out: NDArray[np.generic]) -> None:
        """Copy spectra that were counted into the frame of a file."""
        np.copyto(out, shot.scene.counts, casting="unsafe")

    def content(self, time_s: float, energy_ev: float) -> SpotContent:
        """Matter in the beam of an energy at a simulated UNIX time (s), drift included."""
        specimen = self._specimen
        stage_nm, drift_nm = specimen.stage_nm(), specimen.drift_nm(time_s)
        return meet(
            specimen.particle,
            specimen.state(*specimen.cell()),
            specimen.spot(energy_ev),
            x_nm=stage_nm[0] + drift_nm[0],
            y_nm=stage_nm[1] + drift_nm[1],
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
        energy_ev = self._specimen.energy_ev()
        content = self.content(time_s, energy_ev)
        return self.model.expose(
            energy_ev,
            self._specimen.flux_ph_s(energy_ev),
            content.areal_mass_g_cm2,
            self._edges.heights(energy_ev, content),
            real_s=exposure_s,
            rng=self._rng,
        )
