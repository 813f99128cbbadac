"""Server of the area detector: an areaDetector driver `cam1:` and its file plugin `HDF1:`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from caproto import ChannelData

from ..board import Board
from ..motion import Track
from ..mount import Mount, load_mounts
from .camera_driver import READOUT_S, CameraDriver
from .exposure import DISTANCE_SLOT, Exposure
from .file_fault import fault_channels
from .file_plugin import FilePlugin
from .frame_place import FramePlace
from .motor import Axis, MotorIOC
from .particle_exposure import ParticleExposure
from .server import ServerSettings, parse_settings, serve
from .trigger_input import TriggerInput


def distance_axis(start_mm: float) -> Axis:
    """Make the axis along the beam on which the camera stands; it says its true distance."""
    return Axis("mm", low=40.0, high=1000.0, velocity=20.0, acceleration_s=0.2, start=start_mm, precision=4)


def build_exposure(mounts: Sequence[Mount], board: Board, seed: int) -> Exposure | ParticleExposure:
    """Return what the camera sees: the particle where there is one, else the cell."""
    if mounts[0].scenario.particle is None:
        return Exposure(mounts, board, seed)
    return ParticleExposure(mounts, board, seed)


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of the camera.

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
        If the first scenario has no section [diffraction].
    """
    clock, sight = settings.clock(), settings.sight()
    exposure = build_exposure(load_mounts(settings.scenarios), sight, settings.seed)
    plugin = FilePlugin(exposure, FramePlace(settings.data_folder or settings.run_folder / "frames"))
    trigger = TriggerInput(settings.wire(), clock, READOUT_S, reader="camera", waiting=lambda: plugin.waiting)
    driver = CameraDriver(exposure, plugin, clock, sight, trigger)
    moved = partial(sight.__setitem__, DISTANCE_SLOT)
    axis = distance_axis(exposure.detector.geometry.distance_mm)
    track = Track(settings.moves(), "CAM1:Z", lambda dial: dial)
    arm = MotorIOC(f"{settings.prefix}CAM1:Z", axis=axis, clock=clock, moved=moved, track=track)
    pages = {"cam1:": driver.page.channels, "HDF1:": plugin.page.channels, "SIM:": fault_channels(plugin)}
    return arm.pvdb | {
        f"{settings.prefix}CAM1:{page}{name}": channel
        for page, channels in pages.items()
        for name, channel in channels.items()
    }


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Area detector of the simulated beamline")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
