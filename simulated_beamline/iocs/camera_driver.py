"""The camera itself: exposures in simulated time, each of the cell at its own instant."""

from __future__ import annotations

import asyncio
import logging
import math

from ..clock import ClockMode, SharedClock
from ..wire import Sight
from .camera_page import driver_page
from .cell_wait import CELL_LAG_S, cell_has_reached, unless_stopped
from .detector_page import Check
from .file_plugin import FilePlugin
from .frame_source import SceneSource, Seen, Shot
from .trigger_input import TriggerInput

logger = logging.getLogger(__name__)
READOUT_S = 9.5e-4
"""Time after a frame in which the camera takes no trigger: that of a Pilatus3 (Dectris data sheet)."""
TOGETHER = 64
"""Frames of pulses that are handed on together at most."""


class CameraDriver:
    """NDArray driver of one area detector.

    Parameters
    ----------
    exposure
        What it sees.
    plugin
        Gets the frames.
    clock, sight
        Of the simulated beamline; what the exposure sees it by.
    trigger
        Brings the pulses of the trigger box.
    """

    def __init__(
        self,
        exposure: SceneSource,
        plugin: FilePlugin,
        clock: SharedClock,
        sight: Sight,
        trigger: TriggerInput,
    ) -> None:
        self._exposure = exposure
        self._plugin = plugin
        self._clock = clock
        self._sight = sight
        self._trigger = trigger
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._unique_id = 0
        checks: dict[str, Check] = {"NumImages": _check_images}
        data_type = f"UInt{8 * exposure.dtype.itemsize}"
        self.page = driver_page(exposure.shape, data_type, self._acquire, self._halt, checks)
        for page in (self.page, plugin.page):
            page.noticed = clock.notice

    async def _halt(self) -> None:
        self._stop.set()

    async def _acquire(self) -> None:
        """Take the images of the mode; over when the last is taken, and written if WaitForPlugins says so."""
        if not self._idle.is_set():
            await self._idle.wait()
            return
        self._idle.clear()
        self._stop.clear()
        self._trigger.arm()
        await self._announce(begun=True)
        external = self.page["TriggerMode"] == "External"
        try:
            await (self._expose_pulses if external else self._expose_all)(self._images())
            if self.page["WaitForPlugins"] == "Yes":
                await self._plugin.idle()
        finally:
            self._trigger.rest()
            await self._announce(begun=False)
            self._idle.set()

    def _images(self) -> float:
        return {"Single": 1, "Multiple": self.page["NumImages"]}.get(self.page["ImageMode"], math.inf)

    async def _announce(self, *, begun: bool) -> None:
        state = "Acquire" if begun else "Aborted" if self._stop.is_set() else "Idle"
        await self.page.show("DetectorState", state)
        if begun:
            await self.page.show("NumImagesCounter", 0)
            await self.page.show("StatusMessage", "acquiring")
        else:
            await self.page.show("StatusMessage", "")
        await self.page.show("AcquireBusy", "Acquiring" if begun else "Done")
        await self.page.show("Acquire", "Acquire" if begun else "Done")

    async def _expose_all(self, images: float) -> None:
        exposure_s = self.page["AcquireTime"]
        period_s = max(self.page["AcquirePeriod"], exposure_s)
        together = max(1, int(CELL_LAG_S / period_s))
        taken, due_s, before = 0, -math.inf, self._exposure.scene()
        while taken < images and not self._stop.is_set():
            count = int(min(together, images - taken))
            now_s = self._clock.now()
            if now_s > due_s + self._longest_lag_s:
                due_s, before = now_s, self._exposure.scene()
            end_s = due_s + count * period_s
            if not await unless_stopped(self._clock.work(max(0.0, end_s - now_s)), self._stop):
                return
            await self._scene_is_known(end_s)
            after = self._exposure.scene()
            await self._deliver(self._shots(count, due_s, period_s, exposure_s, before, after))
            taken, due_s, before = taken + count, end_s, after

    @property
    def _longest_lag_s(self) -> float:
        """How late frames of the camera's own clock may be, s, until it begins to count anew."""
        return CELL_LAG_S

    async def _scene_is_known(self, time_s: float) -> None:
        await cell_has_reached(self._sight, time_s)

    async def _expose_pulses(self, images: float) -> None:
        """Take one frame for each pulse of the trigger box, of what was there in its middle."""
        exposure_s = self.page["AcquireTime"]
        taken = 0
        while taken < images and not self._stop.is_set():
            most = int(min(images - taken, TOGETHER))
            pulses = await self._trigger.wait(most, lambda _: exposure_s, self._stop)
            shots: list[Shot] = []
            for pulse in pulses:
                self._unique_id += 1
                with self._sight.of(pulse):
                    scene = self._exposure.scene()
                shots.append(Shot(self._unique_id, pulse.begin_s, exposure_s, scene))
            await self.page.show("MissedTriggers", self._trigger.missed)
            await self._deliver(shots)
            taken += len(shots)

    def _shots(
        self, count: int, begin_s: float, period_s: float, exposure_s: float, before: Seen, after: Seen
    ) -> list[Shot]:
        """Frames between two looks at the board, each of what was there in the middle of its exposure."""
        whole_s = count * period_s
        shots: list[Shot] = []
        for index in range(count):
            self._unique_id += 1
            begun_s = index * period_s
            scene = before.towards(after, (begun_s + 0.5 * exposure_s) / whole_s)
            shots.append(Shot(self._unique_id, begin_s + begun_s, exposure_s, scene))
        return shots

    async def _deliver(self, shots: list[Shot]) -> None:
        await self.page.show("NumImagesCounter", self.page["NumImagesCounter"] + len(shots))
        await self.page.show("ArrayCounter", self.page["ArrayCounter"] + len(shots))
        if self.page["ArrayCallbacks"] == "Enable":
            await self._plugin.offer(shots, patient=self._clock.mode is ClockMode.ELASTIC)


async def _check_images(value: int) -> None:
    if value < 1:
        raise ValueError(f"NumImages {value} must be at least 1")
