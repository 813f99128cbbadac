"""Process variables of Xspress3's driver, by the names of epics-modules/xspress3 (release 3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from caproto import ChannelData, ChannelInteger
from numpy.typing import NDArray

from ..physics.pulse_processing import Scalers
from .camera_page import CORE_VERSION, DATA_TYPES, DETECTOR_STATES, IMAGE_MODES, LONGEST_S, SHORTEST_S
from .channel import choice, integer, number
from .detector_page import OFF_ON, YES_NO, Busy, Check, DetectorPage, Verb

TRIGGER_MODES = (
    "Software",
    "Internal",
    "IDC",
    "TTL Veto Only",
    "TTL Both",
    "LVDS Veto Only",
    "LVDS Both",
    "Software + Internal",
)
SERVED_MODES = ("Internal", "TTL Veto Only", "Software + Internal")
SCALERS = 11
"""Clock ticks, reset ticks, reset count, all events, all good, window 1 and 2, pile-up, event width,
dead-time factor and dead time in per cent, in this order."""
WINDOWS = 2
REGIONS = 8


def driver_page(
    elements: int, channels: int, begin: Verb, end: Verb, checks: Mapping[str, Check]
) -> DetectorPage:
    """Variables below `det1:`.

    Parameters
    ----------
    elements, channels
        Shape of the spectra.
    begin, end
        What Acquire does.
    checks
        By setting: sees a value before it is taken, and refuses it by raising.
    """
    page = DetectorPage()
    page.add("Acquire", Busy(("Done", "Acquire"), begin, end))
    page.add("Acquire_RBV", choice(("Done", "Acquire"), "Done"))
    page.add("AcquireBusy", choice(("Done", "Acquiring"), "Done"))
    page.add("DetectorState_RBV", choice(DETECTOR_STATES, "Idle"))
    page.add_number("AcquireTime", 1.0, "s", limits=(SHORTEST_S, LONGEST_S))
    page.add_number("AcquirePeriod", 1.0, "s")
    page.add_integer("NumImages", 1, checks["NumImages"])
    page.add_integer("ArrayCounter", 0)
    page.add_choice("ImageMode", IMAGE_MODES, "Multiple")
    page.add("DataType_RBV", choice(DATA_TYPES, "UInt32"))
    page.add_choice("TriggerMode", TRIGGER_MODES, "Internal", checks["TriggerMode"])
    page.add_choice("ArrayCallbacks", OFF_ON, "Enable")
    page.add_choice("WaitForPlugins", YES_NO, "Yes")
    page.add_choice("EraseOnStart", YES_NO, "Yes")
    page.add_choice("CTRL_DTC", OFF_ON, "Disable", _off)
    page.add_shown(NumImagesCounter=0, ArrayRate=0.0, TimeRemaining=0.0, StatusMessage="")
    page.add_shown(ArraySizeX=channels, ArraySizeY=elements, MaxSizeX=channels, MaxSizeY=elements)
    page.add_shown(
        Manufacturer="operando", Model="simulated Xspress3", PortName="XSP3", ADCoreVersion=CORE_VERSION
    )
    page.add_shown(NUM_CHANNELS=elements, CONNECTED=1, MissedTriggers=0)
    page.add("ERASE", integer(0, checks["ERASE"]))
    page.add("SoftTrigger", integer(0, checks["SoftTrigger"]))
    return page


class ElementPage:
    """Variables of one detector element: spectrum, scalers, dead time and regions of interest.

    Parameters
    ----------
    number_
        Of the element, from 1.
    channels
        Of its spectrum.
    regions
        Name to first channel and number of channels, for the first regions.
    """

    def __init__(self, number_: int, channels: int, regions: Mapping[str, tuple[int, int]]) -> None:
        self._channels = channels
        self.values = np.zeros(SCALERS)
        self.spectrum = ChannelInteger(value=[0] * channels, max_length=channels)
        self.scalers = [number(0.0) for _ in range(SCALERS)]
        self.factor, self.per_cent = number(1.0), number(0.0)
        self.event_width = number(6.0)
        self.windows = [DetectorPage() for _ in range(WINDOWS)]
        self.regions = [DetectorPage() for _ in range(REGIONS)]
        self._number = number_
        given = list(regions.items())
        for index, page in enumerate(self.regions):
            name, (first, size) = given[index] if index < len(given) else (f"ROI{index + 1}", (0, 0))
            page.add_text("Name", name)
            page.add_integer("MinX", first, self._check_channel)
            page.add_integer("SizeX", size, self._check_channel)
            page.add_choice("Use", YES_NO, "Yes" if size else "No")
            page.add("Total_RBV", number(0.0))
            page.add("Value_RBV", number(0.0))
        for page, low, high in zip(self.windows, (0, 0), (channels - 1, channels - 1), strict=True):
            page.add_integer("LowThreshold", low, self._check_channel)
            page.add_integer("HighThreshold", high, self._check_channel)

    @property
    def channels(self) -> dict[str, ChannelData]:
        """All variables by their name below the detector's prefix."""
        n = self._number
        found: dict[str, ChannelData] = {
            f"MCA{n}:ArrayData": self.spectrum,
            f"C{n}:DTFactor_RBV": self.factor,
            f"C{n}:DeadTime_RBV": self.per_cent,
            f"C{n}:EventWidth": self.event_width,
        }
        found |= {f"C{n}SCA:{index}:Value_RBV": channel for index, channel in enumerate(self.scalers)}
        for index, page in enumerate(self.windows):
            found |= {f"C{n}SCA{5 + index}:{name}": channel for name, channel in page.channels.items()}
        for index, page in enumerate(self.regions, start=1):
            found |= {f"MCA{n}ROI:{index}:{name}": channel for name, channel in page.channels.items()}
        return found

    async def show(self, counts: NDArray[np.int64], scalers: Scalers, *, shown: bool = True) -> None:
        """Take the scalers of one exposure, and publish them with spectrum and regions unless told not to."""
        factor = scalers.dead_time_factor
        windows = [
            float(counts[page["LowThreshold"] : page["HighThreshold"] + 1].sum()) for page in self.windows
        ]
        values = (
            scalers.clock_ticks,
            scalers.reset_ticks,
            scalers.reset_count,
            scalers.all_events,
            scalers.good_events,
            *windows,
            scalers.pileup,
            scalers.event_width,
            factor,
            100.0 * scalers.dead_share,
        )
        self.values = np.array(values)
        if not shown:
            return
        targets = (*self.scalers, self.factor, self.per_cent)
        for channel, value in zip(targets, (*self.values, factor, self.values[-1]), strict=True):
            if channel.value != value:
                await channel.write(float(value), verify_value=False)
        for page in self.regions:
            if page["Use"] == "Yes":
                total = float(counts[page["MinX"] : page["MinX"] + page["SizeX"]].sum())
                await page.show("Total", total)
                await page.show("Value", total * factor)
        await self.spectrum.write(counts.astype(np.int32), verify_value=False)

    async def _check_channel(self, value: int) -> None:
        if not 0 <= value <= self._channels:
            raise ValueError(f"channel {value} is outside 0..{self._channels} of the spectrum")


async def _off(value: str) -> None:
    if value != "Disable":
        raise ValueError("CTRL_DTC: spectra are served uncorrected; multiply by C<n>:DTFactor_RBV")
