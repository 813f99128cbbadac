"""Server of monochromator and sample stage: four motor records whose true positions go to the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from caproto import ChannelData

from ..board import Board
from ..motion import Track, Truth
from ..physics.crystal import Monochromator, bragg_deg
from ..scenario import Scenario, load_scenario
from .motor import Axis, MotorIOC
from .server import ServerSettings, parse_settings, serve

ACCELERATION_S = 0.025
MAX_BRAGG_DEG_S = 12.0
"""Of a directly driven crystal stage: it sweeps an edge in a tenth of a second."""
STAGE = Axis("mm", low=-60.0, high=60.0, velocity=5.0, acceleration_s=0.1, start=0.0, precision=4)


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of the four motors.

    Parameters
    ----------
    settings
        Arguments of the server.

    Returns
    -------
    Mapping
        Name to channel.
    """
    clock, board = settings.clock(), settings.board()
    scenario = load_scenario(settings.scenario)
    crystals = scenario.build_monochromator()
    bragg, perp = crystal_axes(scenario)
    axes: dict[str, tuple[Axis, Callable[[float], None]]] = {
        "MONO:BRAGG": (bragg, lambda dial: _write_true_angle(board, crystals, dial)),
        "MONO:PERP": (perp, lambda dial: board.update({"perp_mm": dial})),
        "STAGE:X": (STAGE, lambda dial: board.update({"stage_x_mm": dial})),
        "STAGE:Y": (STAGE, lambda dial: board.update({"stage_y_mm": dial})),
    }
    truths: dict[str, Truth] = {"MONO:BRAGG": lambda dial: dial + crystals.bragg_zero_error_deg}
    channels: dict[str, ChannelData] = {}
    log = settings.moves()
    for name, (axis, moved) in axes.items():
        track = Track(log, name, truths.get(name, lambda dial: dial))
        motor = MotorIOC(settings.prefix + name, axis=axis, clock=clock, moved=moved, track=track)
        channels.update(motor.pvdb)
    return channels


def crystal_axes(scenario: Scenario) -> tuple[Axis, Axis]:
    """Bragg and second-crystal motors, standing where the crystals reflect the scenario's first energy.

    Returns
    -------
    tuple
        Axes of the Bragg angle (degree) and of the gap (mm).
    """
    mono, crystals = scenario.monochromator, scenario.build_monochromator()
    start_deg = bragg_deg(mono.start_energy_ev) - crystals.bragg_zero_error_deg
    bragg = Axis(
        "deg",
        *mono.bragg_limits_deg,
        velocity=mono.bragg_speed_deg_s,
        max_velocity=MAX_BRAGG_DEG_S,
        acceleration_s=ACCELERATION_S,
        start=start_deg,
        precision=7,
        settle_s=mono.settle_s,
    )
    perp = Axis(
        "mm",
        *mono.perp_limits_mm,
        velocity=mono.perp_speed_mm_s,
        acceleration_s=ACCELERATION_S,
        start=crystals.perp_mm(start_deg),
        precision=6,
        settle_s=mono.settle_s,
    )
    return bragg, perp


def _write_true_angle(board: Board, crystals: Monochromator, dial_deg: float) -> None:
    board["bragg_true_deg"] = crystals.true_bragg_deg(dial_deg)


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Monochromator and sample stage of the simulated beamline")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
