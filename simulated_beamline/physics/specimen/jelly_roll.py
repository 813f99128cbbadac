"""A small cylindrical cell: electrodes wound to a roll in a can, and what thermal runaway makes of it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..array import FloatArray
from .electrode_optics import Substance
from .thermal_runaway import RunawayStage

RealArray = NDArray[np.floating]
"""Of double or of single precision; what is computed from it has the same."""

LAYERS = (
    (0.22, Substance("LiNi0.8Mn0.1Co0.1O2", 3.0)),
    (0.05, Substance("Al", 2.70)),
    (0.22, Substance("LiNi0.8Mn0.1Co0.1O2", 3.0)),
    (0.09, Substance("C3H6", 0.9)),
    (0.15, Substance("C", 1.5)),
    (0.03, Substance("Cu", 8.96)),
    (0.15, Substance("C", 1.5)),
    (0.09, Substance("C3H6", 0.9)),
)
"""Of one turn, inside to outside: share of the pitch, and substance. Collectors are coated on both sides."""
CAN = Substance("Al", 2.70)
GAS_GAPS = (0.535, 0.955)
"""Where in a turn layers part: in the separators."""
TURN_STEPS = 1024
"""Steps across a turn."""
RIM_MM, PARTED_AT_ONCE = 0.2, 0.6
"""Width of the front across which layers part, and how far they do before gas gathers."""
POCKETS = 5
"""Angular orders of the gas pockets."""


@dataclass(frozen=True)
class JellyRoll:
    """The cell; its axis is that of rotation.

    Attributes
    ----------
    diameter_mm, height_mm, can_mm : float
        Of the canister outside, and its wall, lids included.
    core_mm, pitch_mm : float
        Diameter of the hole in the middle of the roll, and thickness of a turn.
    plug_share : float
        Part of the roll, in radii, that is thrown out.
    hot_spot_mm : tuple of float
        (z, y, x) from the middle, where runaway begins.
    seed : int
        Of the gas pockets.
    """

    diameter_mm: float = 5.0
    height_mm: float = 8.0
    can_mm: float = 0.15
    core_mm: float = 0.6
    pitch_mm: float = 0.35
    plug_share: float = 0.5
    hot_spot_mm: tuple[float, float, float] = (-1.5, 0.3, 0.8)
    seed: int = field(default=1)

    def __post_init__(self) -> None:
        room = self.diameter_mm - 2.0 * self.can_mm - self.core_mm
        if min(self.can_mm, self.core_mm, self.pitch_mm) <= 0.0 or room < 2.0 * self.pitch_mm:
            raise ValueError(
                f"jelly roll: no turn of {self.pitch_mm} mm fits between a core of {self.core_mm} mm and "
                f"a can of {self.diameter_mm} mm with walls of {self.can_mm} mm: take a larger can"
            )

    @property
    def roll_mm(self) -> float:
        """Outer radius of the roll."""
        return 0.5 * self.diameter_mm - self.can_mm - 0.02

    def can_per_mm(
        self, z_mm: RealArray, y_mm: RealArray, x_mm: RealArray, energy_ev: float, *, is_vented: bool
    ) -> RealArray:
        """Attenuation of the canister (1/mm) at places that broadcast; a vented one has no upper lid."""
        radius = np.hypot(y_mm, x_mm)
        outer, half = 0.5 * self.diameter_mm, 0.5 * self.height_mm
        wall = (radius <= outer) & (radius > outer - self.can_mm) & (np.abs(z_mm) <= half)
        lid = (radius <= outer) & (z_mm < self.can_mm - half) & (z_mm >= -half)
        if not is_vented:
            lid |= (radius <= outer) & (z_mm > half - self.can_mm) & (z_mm <= half)
        return np.where(wall | lid, 1e3 * CAN.attenuation_per_um(energy_ev), 0.0)

    def roll_per_mm(
        self, z_mm: RealArray, y_mm: RealArray, x_mm: RealArray, energy_ev: float, stage: RunawayStage
    ) -> RealArray:
        """Attenuation of the roll (1/mm) at places that broadcast, the core as if it had not moved."""
        radius = np.hypot(y_mm, x_mm)
        turn = np.arctan2(y_mm, x_mm) / (2.0 * np.pi)
        parted = self._parted(z_mm, y_mm, x_mm, turn, stage)
        phase = np.mod(radius / self.pitch_mm - turn + 0.3 * parted, 1.0)
        step = np.minimum((phase * TURN_STEPS).astype(np.intp), TURN_STEPS - 1)
        inside = (radius > 0.5 * self.core_mm) & (radius < self.roll_mm)
        inside = inside & (np.abs(z_mm) < 0.5 * self.height_mm - self.can_mm)
        lost = np.minimum(1.2 * parted, 1.0) * _gap_shape().astype(parted.dtype)[step]
        return inside * self.turn_per_mm(energy_ev).astype(parted.dtype)[step] * (1.0 - lost)

    def is_core(self, y_mm: RealArray, x_mm: RealArray) -> NDArray[np.bool_]:
        """Whether a place belongs to the part of the roll that is thrown out."""
        return np.hypot(y_mm, x_mm) < self.plug_share * self.roll_mm

    def per_mm(
        self, z_mm: RealArray, y_mm: RealArray, x_mm: RealArray, energy_ev: float, stage: RunawayStage
    ) -> RealArray:
        """Attenuation of the whole cell at one stage: the truth.

        Parameters
        ----------
        z_mm, y_mm, x_mm
            Places from the middle of the cell, that broadcast.
        energy_ev
            Mean energy of the beam.
        stage
            Of the runaway.

        Returns
        -------
        ndarray
            1/mm, of the common shape.
        """
        can = self.can_per_mm(z_mm, y_mm, x_mm, energy_ev, is_vented=stage.is_vented)
        core = self.is_core(y_mm, x_mm)
        stays = np.where(core, 0.0, self.roll_per_mm(z_mm, y_mm, x_mm, energy_ev, stage))
        lower = z_mm - stage.ejected_mm
        return can + stays + np.where(core, self.roll_per_mm(lower, y_mm, x_mm, energy_ev, stage), 0.0)

    def turn_per_mm(self, energy_ev: float) -> FloatArray:
        """Attenuation across one turn (1/mm), smeared by a twentieth of it, shape (1024,)."""
        edges = np.cumsum([0.0, *(share for share, _ in LAYERS)])
        place = (np.arange(TURN_STEPS) + 0.5) / TURN_STEPS
        values = np.array([1e3 * layer.attenuation_per_um(energy_ev) for _, layer in LAYERS])
        fine = values[np.searchsorted(edges, place) - 1]
        order = np.fft.rfftfreq(fine.size, 1.0 / fine.size)
        return np.fft.irfft(np.fft.rfft(fine) * np.exp(-2.0 * (np.pi * 0.05 * order) ** 2), fine.size)

    @cached_property
    def _waves(self) -> FloatArray:
        """Amplitude, angular order, waves along z per mm, and phase of the gas pockets, shape (5, 4)."""
        rng = np.random.default_rng([self.seed, 61])
        order = np.arange(1.0, POCKETS + 1.0)
        along = rng.uniform(-0.6, 0.6, POCKETS)
        return np.stack([1.0 / order, order, along, rng.uniform(0.0, 1.0, POCKETS)], axis=1)

    def _parted(
        self, z_mm: RealArray, y_mm: RealArray, x_mm: RealArray, turn: RealArray, stage: RunawayStage
    ) -> RealArray:
        """How far the layers have parted, 0 to 1: nothing beyond the reach, pockets within.

        Everywhere the same happens after the front has passed, so that all of it runs at its speed.
        """
        if stage.reach_mm <= 0.0:
            return np.zeros(np.broadcast_shapes(z_mm.shape, turn.shape), dtype=turn.dtype)
        z0, y0, x0 = self.hot_spot_mm
        away = np.sqrt((z_mm - z0) ** 2 + (y_mm - y0) ** 2 + (x_mm - x0) ** 2)
        behind = np.maximum(stage.reach_mm - away, 0.0)
        gas = PARTED_AT_ONCE - (1.0 - PARTED_AT_ONCE) * np.expm1(-behind / stage.wake_mm)
        pocket = np.zeros(np.broadcast_shapes(z_mm.shape, turn.shape), dtype=turn.dtype)
        for size, order, along, phase in self._waves.tolist():
            around, up = 2.0 * np.pi * (order * turn + phase), 2.0 * np.pi * along * z_mm
            pocket += size * (np.cos(around) * np.cos(up) - np.sin(around) * np.sin(up))
        return np.minimum(behind / RIM_MM, 1.0) * gas * np.clip(0.4 + 0.5 * pocket, 0.0, 1.0)


def _gap_shape() -> FloatArray:
    """Share of a turn's layers that gas drives out, 0 to 1, shape (1024,)."""
    phase = np.arange(TURN_STEPS) / TURN_STEPS
    shape = sum(np.exp(-0.5 * ((phase - place) / 0.06) ** 2) for place in GAS_GAPS)
    return np.minimum(np.asarray(shape), 1.0)
