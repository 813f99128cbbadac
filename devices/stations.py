"""A beamline as each of several cells has it: all is shared but the potentiostat, one channel for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from .beamline import Beamline, load_beamline, read_settings
from .connection import ConnectionReport, connect


@dataclass(frozen=True)
class Stations:
    """The beamline once for each cell.

    Parameters
    ----------
    channels : tuple of int
        Of the cycler, in the order of the cells.
    each : tuple of Beamline
        In the same order; they differ in `cell` alone.
    """

    channels: tuple[int, ...]
    each: tuple[Beamline, ...]

    def connect(self, timeout_s: float | None = None) -> ConnectionReport:
        """Wait until all process variables answer and tell which do not; as `Beamline.connect`."""
        shared = {name: device for name, device in self.each[0].devices().items() if name != "cell"}
        cells = {f"cell of channel {n}": one.cell for n, one in zip(self.channels, self.each, strict=True)}
        limit_s = self.each[0].timing.connect_s if timeout_s is None else timeout_s
        return connect({**cells, **shared}, limit_s)

    def release(self) -> None:
        """Give every channel back; the devices cannot be used afterwards."""
        self.each[0].release()
        for station in self.each[1:]:
            with suppress(Exception):  # as in `Beamline.release`
                station.cell.destroy()


def load_stations(path: Path | str, channels: Sequence[int], *, camera: bool = True) -> Stations:
    """Build the devices of a settings file for several cells; nothing is waited for.

    Parameters
    ----------
    path
        A toml file; its `devices.cell.prefix` holds `{channel}`.
    channels
        Of the cycler, one for each cell, at least one.
    camera
        Whether the camera of the settings is wanted, so that its server has to run.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not valid, or names but one channel and others are asked for.
    """
    section = read_settings(Path(path)).devices.cell
    for channel in channels:
        section.prefix_of(channel)
    # A nanoprobe or a microscope holds one specimen, of one cell.
    beamline = load_beamline(path, channels[0], camera=camera, nanoprobe=False, microscope=False)
    further = [replace(beamline, cell=section.device(channel)) for channel in channels[1:]]
    return Stations(tuple(channels), (beamline, *further))
