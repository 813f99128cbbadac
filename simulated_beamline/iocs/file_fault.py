"""What can go wrong with the file plugin of a detector, as process variables below `SIM:`."""

from __future__ import annotations

import os
import signal

from caproto import ChannelData

from .channel import integer, number
from .file_plugin import FilePlugin


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
