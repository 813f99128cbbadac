"""Server of the nanoprobe: coarse and piezo axes, zone plate, and interferometers that tell the truth."""

# pyright: reportArgumentType=false, reportIncompatibleMethodOverride=false
# Caproto types its hooks for the base group, and a channel's value as anything.

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping

import numpy as np
from caproto import ChannelData
from caproto.server import PVGroup, pvproperty

from ..board import Board
from ..clock import SharedClock
from ..motion import Track, Truth
from ..nanoprobe_scenario import build_drift, build_optic, nanoprobe_of, particle_of
from ..physics.array import FloatArray
from ..physics.nanostage import Drift, PiezoAxis
from ..scenario import Scenario, load_scenario
from .motor import Axis, MotorIOC
from .server import ServerSettings, parse_settings, serve

PUBLISH_S = 0.05
SPACE = "XYZ"
COARSE = Axis(
    "mm", low=-10.0, high=10.0, velocity=1.0, acceleration_s=0.1, start=0.0, precision=5, settle_s=0.02
)
ROTATION = Axis("deg", low=-90.0, high=90.0, velocity=5.0, acceleration_s=0.2, start=0.0, precision=4)
FINE_SPEED_UM_S, FINE_ACCELERATION_S, FINE_SETTLE_S = 100.0, 0.002, 0.005


class Placement:
    """Where the specimen is, from the motors of all axes; writes it on the board.

    Parameters
    ----------
    scenario
        The truth about piezos and drift.
    clock, board
        Of the simulated beamline.
    seed
        Of the interferometers' noise.
    """

    def __init__(self, scenario: Scenario, clock: SharedClock, board: Board, seed: int) -> None:
        section = nanoprobe_of(scenario)
        self._clock = clock
        self._board = board
        self._drift: Drift = build_drift(scenario)
        self._noise_um = 1e-3 * section.interferometer_noise_nm
        self._rng = np.random.default_rng([scenario.seed, seed])
        self._coarse_um = dict.fromkeys(SPACE, 0.0)
        self._fine_um = dict.fromkeys(SPACE, 0.0)
        self._piezos = {name: PiezoAxis(section.fine_limit_um, section.hysteresis) for name in SPACE}

    def coarse(self, name: str, dial_mm: float) -> None:
        """Take the position of a coarse axis, mm."""
        self._coarse_um[name] = 1e3 * dial_mm
        self._write(name)

    def fine(self, name: str, dial_um: float) -> None:
        """Take the command of a piezo axis, um."""
        self._fine_um[name] = self._piezos[name].move(dial_um)
        self._write(name)

    def fine_way(self, name: str, dial_um: FloatArray) -> FloatArray:
        """Tell the places (um) of a piezo axis on its way through commands (n,), um, without giving them."""
        piezo = copy.deepcopy(self._piezos[name])
        return np.array([piezo.move(float(one)) for one in dial_um])

    def measured_um(self, name: str) -> float:
        """Measure an axis with its interferometer now: true position, drift included, and its noise (um)."""
        drift_nm = dict(zip("XY", self._drift.offset_nm(self._clock.now()), strict=True))
        true_um = self._coarse_um[name] + self._fine_um[name] + 1e-3 * drift_nm.get(name, 0.0)
        return true_um + self._noise_um * float(self._rng.standard_normal())

    def _write(self, name: str) -> None:
        self._board[f"nano_{name.lower()}_um"] = self._coarse_um[name] + self._fine_um[name]


class InterferometerIOC(PVGroup):
    """Position of one axis against the optic; measured anew whenever it is read."""

    position = pvproperty(name="INTERF", value=0.0, read_only=True, units="um", precision=5)

    def __init__(self, prefix: str, *, axis: str, placement: Placement) -> None:
        super().__init__(prefix)
        self._axis = axis
        self._placement = placement

    @position.getter
    async def _on_get_position(self, instance: ChannelData) -> float:
        """Measure."""
        return self._placement.measured_um(self._axis)

    @position.startup
    async def _on_start_position(self, instance: ChannelData, async_lib: object) -> None:
        """Tell those who monitor."""
        while True:
            await self.position.write(self._placement.measured_um(self._axis))
            await asyncio.sleep(PUBLISH_S)


class FollowIOC(PVGroup):
    """Whether the zone plate moves with the energy by itself, so that the specimen stays in focus."""

    follow = pvproperty(
        name="FOLLOW", value=1, doc="1: the focus follows the energy, 0: it stays with the motor"
    )

    def __init__(self, prefix: str, *, board: Board) -> None:
        super().__init__(prefix)
        self._board = board
        self._board["zone_plate_follows"] = 1.0

    @follow.putter
    async def _on_put_follow(self, instance: ChannelData, value: int) -> None:
        """Tell the optic."""
        self._board["zone_plate_follows"] = float(bool(value))


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of all stages.

    Parameters
    ----------
    settings
        Arguments of the server.

    Returns
    -------
    Mapping
        Name to channel.

    Raises
    ------
    ValueError
        If the first scenario has no section [particle].
    """
    clock, board = settings.clock(), settings.board()
    scenario = load_scenario(settings.scenario)
    particle_of(scenario)
    placement = Placement(scenario, clock, board, settings.seed)
    channels: dict[str, ChannelData] = {}
    log, wire, truths = settings.moves(), settings.wire(), _truths(placement)
    for name, (axis, moved) in _axes(scenario, placement, board).items():
        prefix, motor = f"{settings.prefix}NANO:{name}", f"NANO:{name}"
        track = Track(log, motor, truths.get(name, lambda dial: dial))
        followed_by = wire if name.startswith("F") else None
        motor = MotorIOC(prefix, axis=axis, clock=clock, moved=moved, track=track, followed_by=followed_by)
        channels.update(motor.pvdb)
    for name in SPACE:
        prefix = f"{settings.prefix}NANO:{name}:"
        channels.update(InterferometerIOC(prefix, axis=name, placement=placement).pvdb)
    channels.update(FollowIOC(f"{settings.prefix}NANO:ZP:", board=board).pvdb)
    return channels


def _truths(placement: Placement) -> dict[str, Truth]:
    """Tell what the axes that add up to the place of the specimen contribute on their way, um."""
    truths: dict[str, Truth] = {name: lambda dial: 1e3 * dial for name in SPACE}
    for name in SPACE:
        truths[f"F{name}"] = lambda dial, name=name: placement.fine_way(name, dial)
    return truths


def _axes(
    scenario: Scenario, placement: Placement, board: Board
) -> dict[str, tuple[Axis, Callable[[float], None]]]:
    """Motors by name, with what they tell of their dial position."""
    limit_um = nanoprobe_of(scenario).fine_limit_um
    fine = Axis(
        "um",
        low=-limit_um,
        high=limit_um,
        velocity=FINE_SPEED_UM_S,
        acceleration_s=FINE_ACCELERATION_S,
        start=0.0,
        precision=4,
        settle_s=FINE_SETTLE_S,
    )
    plate, _ = build_optic(scenario)
    focus_mm = plate.focal_length_mm(scenario.monochromator.start_energy_ev)
    optic = Axis("mm", low=5.0, high=150.0, velocity=2.0, acceleration_s=0.1, start=focus_mm, precision=5)
    axes: dict[str, tuple[Axis, Callable[[float], None]]] = {
        "RX": (ROTATION, lambda dial: board.update({"nano_rx_deg": dial})),
        "ZP": (optic, lambda dial: board.update({"zone_plate_mm": dial})),
    }
    for name in SPACE:
        axes[name] = COARSE, lambda dial, name=name: placement.coarse(name, dial)
        axes[f"F{name}"] = fine, lambda dial, name=name: placement.fine(name, dial)
    return axes


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Stages and optic of the simulated nanoprobe")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
