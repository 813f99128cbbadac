"""Server of the microscope: rotation and stages of the specimen, and its optic."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from caproto import ChannelData

from ..board import Board
from ..imaging_scenario import build_full_field, microscope_of
from ..motion import Track
from ..scenario import Scenario, load_scenario
from .channel import choice
from .detector_page import index_of
from .motor import Axis, MotorIOC
from .server import ServerSettings, parse_settings, serve

ROTATION = Axis(
    "deg",
    low=0.0,
    high=0.0,
    velocity=30.0,
    acceleration_s=0.2,
    start=0.0,
    precision=5,
    max_velocity=360.0,
)
"""Turns without end: air bearing and slip rings."""
STAGE = Axis(
    "um",
    low=-5000.0,
    high=5000.0,
    velocity=500.0,
    acceleration_s=0.05,
    start=0.0,
    precision=4,
    settle_s=0.02,
)
IN_OUT = ("Out", "In")


def phase_ring_channels(board: Board) -> dict[str, ChannelData]:
    """Make what moves the phase ring in and out of the beam, by name."""
    shown = choice(IN_OUT, "Out")

    async def move(value: object) -> None:
        place = index_of(IN_OUT, value)
        board["txm_phase_ring"] = float(place)
        await shown.write(IN_OUT[place], verify_value=False)

    board["txm_phase_ring"] = 0.0
    return {"PHASE_RING": choice(IN_OUT, "Out", move), "PHASE_RING_RBV": shown}


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of stages and optic.

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
        If the first scenario has no section [microscope].
    """
    clock, board, log = settings.clock(), settings.board(), settings.moves()
    prefix = f"{settings.prefix}TXM:"
    channels: dict[str, ChannelData] = {}
    for name, (axis, slot) in _axes(load_scenario(settings.scenario)).items():
        track = Track(log, f"TXM:{name}", lambda dial: dial)
        moved = partial(board.__setitem__, slot)
        # A sweep of the rotation lasts as long as its frames are drawn, as a real one does.
        options: dict[str, Any] = {"followed_by": settings.wire()} if name == "ROTATION" else {}
        motor = MotorIOC(f"{prefix}{name}", axis=axis, clock=clock, moved=moved, track=track, **options)
        channels |= motor.pvdb
    channels |= {f"{prefix}{name}": one for name, one in phase_ring_channels(board).items()}
    return channels


def _axes(scenario: Scenario) -> dict[str, tuple[Axis, str]]:
    """Motors by name, with the slot of the board that tells where they are."""
    section, optic = microscope_of(scenario), build_full_field(scenario)
    energy_ev = scenario.monochromator.start_energy_ev
    plate_mm, detector_mm = optic.in_focus_mm(energy_ev, section.magnification)
    plate = Axis("mm", low=5.0, high=150.0, velocity=2.0, acceleration_s=0.1, start=plate_mm, precision=5)
    detector = Axis(
        "mm", low=100.0, high=5000.0, velocity=20.0, acceleration_s=0.2, start=detector_mm, precision=4
    )
    condenser = Axis("mm", low=-20.0, high=20.0, velocity=2.0, acceleration_s=0.1, start=0.0, precision=4)
    return {
        "ROTATION": (ROTATION, "txm_rotation_deg"),
        "SAMPLE_X": (STAGE, "txm_x_um"),
        "SAMPLE_Y": (STAGE, "txm_y_um"),
        "SAMPLE_Z": (STAGE, "txm_z_um"),
        "CONDENSER_Z": (condenser, "txm_condenser_mm"),
        "ZONE_PLATE_Z": (plate, "txm_plate_mm"),
        "DETECTOR_Z": (detector, "txm_detector_mm"),
    }


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Stages and optic of the simulated microscope")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
