"""Server of the microscope's camera: driver `cam1:`, ring buffer `CB1:` and file plugin `HDF1:`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from caproto import ChannelData

from ..scenario import load_scenario
from .channel import number
from .circular_buffer import CircularBuffer
from .file_fault import fault_channels
from .file_plugin import FilePlugin
from .frame_place import FramePlace
from .frame_source import Shot
from .microscope_driver import MicroscopeDriver
from .microscope_exposure import MicroscopeExposure
from .microscope_scene import ATTRIBUTES, MicroscopeScene
from .microscope_truth import TruthPage
from .server import ServerSettings, parse_settings, serve
from .stream_plugin import StreamPlugin
from .trigger_input import TriggerInput

READOUT_S = 1e-5
"""Time after an exposure in which the camera takes no trigger: it reads while it exposes."""


def attributes(shot: Shot) -> Mapping[str, float]:
    """Give the attributes of a frame, by name: of the instant at which it was taken."""
    scene: MicroscopeScene = shot.scene
    return dict(zip(ATTRIBUTES, scene.attributes(), strict=True))


def truth_channels(exposure: MicroscopeExposure) -> dict[str, ChannelData]:
    """Make what tells the truth about axis and picture, by name below `SIM:`; for tests alone."""
    scene = exposure.scene()
    view = exposure.view(scene, 0.0, steady=True)
    return {
        "PIXEL_UM": number(view.pixel_um),
        "AXIS_TILT": number(view.tilt_deg, units="deg"),
        "AXIS_COLUMN": number(0.5 * (view.shape[1] - 1) + exposure.axis.offset_um / view.pixel_um),
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
        If the first scenario has no section [microscope].
    """
    clock, sight = settings.clock(), settings.sight()
    exposure = MicroscopeExposure(load_scenario(settings.scenario), sight, settings.seed)
    place = FramePlace(settings.data_folder or settings.run_folder / "frames")
    plugin = StreamPlugin(exposure, place, ATTRIBUTES, attributes)

    buffer = CircularBuffer(plugin, attributes)
    trigger = TriggerInput(
        settings.wire(), clock, READOUT_S, reader="microscope_camera", waiting=lambda: plugin.waiting
    )
    # The driver offers frames and waits, which a ring buffer does as a file plugin does.
    driver = MicroscopeDriver(exposure, cast("FilePlugin", buffer), clock, sight, trigger, settings.moves())
    truth = TruthPage(exposure, clock, settings.run_folder / "truth")
    pages = {
        "cam1:": driver.page.channels,
        "CB1:": buffer.page.channels,
        "HDF1:": plugin.page.channels,
        "SIM:": fault_channels(plugin) | truth_channels(exposure) | truth.channels(),
    }

    async def prepare(async_lib: object = None) -> None:
        del async_lib
        await asyncio.to_thread(exposure.prepare)

    # Caproto runs the start-up hook of a process variable once the server listens.
    pages["SIM:"]["PIXEL_UM"].server_startup = prepare  # type: ignore[attr-defined]
    return {
        f"{settings.prefix}TXMCAM:{page}{name}": channel
        for page, channels in pages.items()
        for name, channel in channels.items()
    }


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Camera of the simulated microscope")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
