"""Server of the fluorescence detector, in the manner of Xspress3: driver, elements and file plugin."""

from __future__ import annotations

from collections.abc import Mapping

from caproto import ChannelData

from ..physics.emission_line import emission_lines
from ..scenario import load_scenario
from .channel import number
from .file_fault import fault_channels
from .fluorescence_driver import READOUT_S, FluorescenceDriver
from .fluorescence_page import REGIONS, ElementPage
from .frame_place import FramePlace
from .server import ServerSettings, parse_settings, serve
from .spectra import Spectra
from .spectrum_file import SpectrumPlugin
from .trigger_input import TriggerInput

HALF_REGION_EV = 150.0
"""A region of interest reaches so far to both sides of the strongest line of its element."""


def regions_of(spectra: Spectra) -> dict[str, tuple[int, int]]:
    """First channel and number of channels around the strongest K line of each element, by its name."""
    detector = spectra.model.detector
    found: dict[str, tuple[int, int]] = {}
    for element in spectra.model.elements:
        lines = [line for line in emission_lines(element) if line.shell == "K"]
        if lines:
            strongest = max(lines, key=lambda line: line.share)
            first = int((strongest.energy_ev - HALF_REGION_EV) / detector.channel_ev)
            found[f"{element} Ka"] = first, int(2.0 * HALF_REGION_EV / detector.channel_ev)
    return dict(list(found.items())[:REGIONS])


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of the fluorescence detector.

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
        If the first scenario has no section [particle] or [fluorescence].
    """
    clock, sight = settings.clock(), settings.sight()
    spectra = Spectra(load_scenario(settings.scenario), sight, settings.seed)
    # The first exposure reads tables for half a second: not while someone waits.
    spectra.expose(1e-4, clock.now())
    plugin = SpectrumPlugin(spectra, FramePlace(settings.data_folder or settings.run_folder / "frames"))
    count, channels = spectra.shape
    regions = regions_of(spectra)
    elements = [ElementPage(index + 1, channels, regions) for index in range(count)]
    trigger = TriggerInput(
        settings.wire(), clock, READOUT_S, reader="fluorescence_detector", waiting=lambda: plugin.waiting
    )
    driver = FluorescenceDriver(spectra, elements, plugin, clock, sight, trigger)
    pages = {"det1:": driver.page.channels, "HDF1:": plugin.page.channels, "SIM:": fault_channels(plugin)}
    named = {
        f"{page}{name}": channel for page, channels in pages.items() for name, channel in channels.items()
    }
    for element in elements:
        named |= element.channels
    named["SIM:GATE"] = number(0.0, driver.gate, units="s")
    return {f"{settings.prefix}XSP3:{name}": channel for name, channel in named.items()}


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Fluorescence detector of the simulated beamline")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
