"""Server of the area detector: an areaDetector driver `cam1:` and its file plugin `HDF1:`."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from caproto import ChannelData

from ..mount import load_mounts
from .camera_driver import CameraDriver
from .channel import integer, number
from .exposure import Exposure
from .file_plugin import FilePlugin
from .frame_place import FramePlace
from .server import ServerSettings, parse_settings, serve


def fault_channels(plugin: FilePlugin) -> dict[str, ChannelData]:
    """Make what lets something go wrong, by name below `SIM:`; devices never know of them."""

    async def drop(count: int) -> None:
        plugin.drops_left = int(count)

    async def repeat(count: int) -> None:
        plugin.repeats_left = int(count)

    async def fill_disk(value: int) -> None:
        plugin.disk_is_full = bool(value)

    async def stall(duration_s: float) -> None:
        plugin.stall(float(duration_s))

    async def kill(value: int) -> None:
        if value:
            os.kill(os.getpid(), signal.SIGKILL)

    return {
        "DROP": integer(0, drop),
        "REPEAT": integer(0, repeat),
        "STALL": number(0.0, stall, units="s"),
        "DISK_FULL": integer(0, fill_disk),
        "KILL_WRITER": integer(0, kill),
    }


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
    clock, board = settings.clock(), settings.board()
    exposure = Exposure(load_mounts(settings.scenarios), board, settings.seed)
    plugin = FilePlugin(exposure, FramePlace(settings.data_folder or settings.run_folder / "frames"))
    driver = CameraDriver(exposure, plugin, clock, board)
    pages = {"cam1:": driver.page.channels, "HDF1:": plugin.page.channels, "SIM:": fault_channels(plugin)}
    return {
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
