"""What stands in the microscope at an instant, and between two instants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..physics.array import FloatArray
from ..physics.imaged_specimen import SpecimenState

POSITIONS = {
    "txm_rotation_deg": "rotation_deg",
    "txm_x_um": "x_um",
    "txm_y_um": "y_um",
    "txm_z_um": "z_um",
}
"""Slots of the board that stages are in, and what they are called here."""
ATTRIBUTES = ("CellVoltage", "CellTemperature", "HeaterTemperature", "HeaterRate")
"""Attributes of a frame, which may trigger the ring buffer."""
STATES = ("brightness", "lithium_content", "cell_voltage_v", "cell_degc", "heater_degc", "heater_rate_k_s")
CONTINUOUS = (*POSITIONS.values(), *STATES)
"""What of a scene changes gradually."""
OVER_S = 0.5
"""Time after which a runaway changes no picture any more, s: what it throws out has left the picture."""


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
    cycles, c_rate : float
        Full cycles of the cell, and their mean rate, 1/h.
    runaway_began_s : float
        Simulated UNIX time; NaN if there is none.
    cell_voltage_v, cell_degc, heater_degc, heater_rate_k_s : float
        Voltage of the cell, its temperature as the cycler and as the heater measure it, and the rate of the
        latter (K/s); NaN for unknown.
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
    cycles: float
    c_rate: float
    runaway_began_s: float
    cell_voltage_v: float = math.nan
    cell_degc: float = math.nan
    heater_degc: float = math.nan
    heater_rate_k_s: float = math.nan

    def towards(self, later: MicroscopeScene, share: float) -> MicroscopeScene:
        """Scene a share of the way (0..1) to a later one."""
        return self.between(later, np.array([share]), {})[0]

    def between(
        self, later: MicroscopeScene, shares: FloatArray, positions: Mapping[str, FloatArray]
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
        """FloatArray of a frame's attributes, in the order of `ATTRIBUTES`."""
        return self.cell_voltage_v, self.cell_degc, self.heater_degc, self.heater_rate_k_s

    def specimen_state(self, time_s: float) -> SpecimenState:
        """State of the specimen at a simulated UNIX time (s)."""
        since_s = time_s - self.runaway_began_s
        return SpecimenState(
            self.lithium_content,
            self.charging,
            self.cycles,
            self.c_rate,
            runaway_s=-1.0 if math.isnan(since_s) else min(max(since_s, -1.0), OVER_S),
        )
