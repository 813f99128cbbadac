"""Server of the trigger box, in the manner of a PandABox: position compare, sequences, gates and capture."""

from __future__ import annotations

from collections.abc import Mapping

from caproto import ChannelData

from ..mount import load_mounts
from .capture_plugin import CapturePlugin
from .channel import integer
from .frame_place import FramePlace
from .gate_record import Encoders
from .ion_chambers import RANGES_A, Experiment
from .server import ServerSettings, parse_settings, serve
from .trigger_driver import TriggerDriver


def fault_channels(driver: TriggerDriver) -> dict[str, ChannelData]:
    """Make what lets something go wrong, by name below `SIM:`; devices never know of them."""

    async def lose(count: int) -> None:
        driver.captures_to_lose = int(count)

    async def miss(count: int) -> None:
        driver.pulses_to_lose = int(count)

    return {"SIM:LOSE_CAPTURES": integer(0, lose), "SIM:LOSE_PULSES": integer(0, miss)}


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of the trigger box.

    Parameters
    ----------
    settings
        Arguments of the server.

    Returns
    -------
    Mapping
        Name to channel.
    """
    sight = settings.sight()
    mounts = load_mounts(settings.scenarios)
    experiment = Experiment(mounts, sight, settings.seed)
    experiment.set_full_scale(RANGES_A["1 uA"])
    log = settings.moves()
    encoders = Encoders(mounts[0].scenario, log, settings.seed)
    plugin = CapturePlugin(FramePlace(settings.data_folder or settings.run_folder / "frames"))
    driver = TriggerDriver(settings.clock(), sight, log, settings.wire(), encoders, experiment, plugin)
    named = driver.page.channels | fault_channels(driver)
    return {f"{settings.prefix}PANDA1:{name}": channel for name, channel in named.items()}


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Trigger box of the simulated beamline")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
