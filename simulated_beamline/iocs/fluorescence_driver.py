"""The fluorescence detector itself: exposures in simulated time, by its own clock, a gate or software."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence

import numpy as np

from ..clock import ClockMode, SharedClock
from ..physics.fluorescence import Exposure
from ..physics.pulse_processing import Scalers
from ..wire import Pulse, Sight
from .camera_page import LONGEST_S, SHORTEST_S
from .cell_wait import CELL_LAG_S, cell_has_reached, unless_stopped
from .file_plugin import FilePlugin
from .fluorescence_page import SERVED_MODES, ElementPage, driver_page
from .frame_source import Shot
from .spectra import CountedSpectra, Spectra
from .trigger_input import POLL_S, TriggerInput

logger = logging.getLogger(__name__)
MOST_IMAGES = 16384
READOUT_S = 1e-6
"""Time between two gates that Xspress3 can tell apart."""
SHOW_S = 0.1
"""Wall time between two publications of spectra while gates come fast; the file has every one."""


class FluorescenceDriver:
    """Xspress3 of one detector.

    Parameters
    ----------
    spectra
        What it sees.
    elements
        Variables of each detector element.
    plugin
        Gets the spectra for its file.
    clock, sight
        Of the simulated beamline; what the spectra are exposed by.
    trigger
        Brings the gates of the trigger box.
    """

    def __init__(
        self,
        spectra: Spectra,
        elements: Sequence[ElementPage],
        plugin: FilePlugin,
        clock: SharedClock,
        sight: Sight,
        trigger: TriggerInput,
    ) -> None:
        self._spectra = spectra
        self._elements = elements
        self._plugin = plugin
        self._clock = clock
        self._sight = sight
        self._trigger = trigger
        self._stop = asyncio.Event()
        self._gates: asyncio.Queue[float] = asyncio.Queue()
        self._busy = False
        self._shown_at = -math.inf
        self._unique_id = 0
        checks = {
            "NumImages": _check_images,
            "TriggerMode": self._check_mode,
            "ERASE": self._erase,
            "SoftTrigger": self._soft_trigger,
        }
        self.page = driver_page(*spectra.shape, self._acquire, self._halt, checks)

    async def gate(self, duration_s: float) -> None:
        """Take the gate of another instrument: a frame as long as it is high (s)."""
        if not SHORTEST_S <= duration_s <= LONGEST_S:
            raise ValueError(f"a gate of {duration_s} s is outside {SHORTEST_S:g}..{LONGEST_S:g} s")
        if not self._busy or self.page["TriggerMode"] != "TTL Veto Only":
            raise ValueError("the detector does not wait for a gate: TriggerMode TTL Veto Only, then Acquire")
        self._gates.put_nowait(float(duration_s))

    async def _soft_trigger(self, value: int) -> None:
        if value and self._busy and self.page["TriggerMode"] == "Software + Internal":
            self._gates.put_nowait(self.page["AcquireTime"])

    async def _halt(self) -> None:
        self._stop.set()

    async def _acquire(self) -> None:
        """Take NumImages exposures; over when the last is published."""
        if self._busy:
            return
        self._busy = True
        self._stop = asyncio.Event()
        self._gates = asyncio.Queue()
        self._trigger.arm()
        if self.page["EraseOnStart"] == "Yes":
            await self._erase(1)
        await self._announce("Acquire", "acquiring", begun=True)
        try:
            await self._expose_all()
            if self.page["WaitForPlugins"] == "Yes":
                await self._plugin.idle()
        finally:
            self._busy = False
            self._trigger.rest()
            await self._announce("Aborted" if self._stop.is_set() else "Idle", "", begun=False)

    async def _expose_all(self) -> None:
        end_s = -math.inf
        for _ in range(self.page["NumImages"]):
            exposure_s = await self._next_exposure_s()
            if exposure_s is None:
                return
            if isinstance(exposure_s, Pulse):
                await self._expose_pulse(exposure_s)
                continue
            now_s = self._clock.now()
            # Frames of its own clock follow each other without a gap, however long their publication took.
            begun_s = end_s if now_s - end_s < CELL_LAG_S and self._is_internal else now_s
            end_s = begun_s + exposure_s
            if not await unless_stopped(self._clock.work(max(end_s - now_s, 0.0)), self._stop):
                return
            await cell_has_reached(self._sight, end_s)
            exposure = self._spectra.expose(exposure_s, begun_s + 0.5 * exposure_s)
            await self._publish(exposure, begun_s, exposure_s)

    async def _expose_pulse(self, pulse: Pulse) -> None:
        with self._sight.of(pulse):
            exposure = self._spectra.expose(pulse.length_s, 0.5 * (pulse.begin_s + pulse.end_s))
        now = asyncio.get_running_loop().time()
        shown = now - self._shown_at > SHOW_S or self.page["NumImagesCounter"] + 1 == self.page["NumImages"]
        await self.page.show("MissedTriggers", self._trigger.missed)
        await self._publish(exposure, pulse.begin_s, pulse.length_s, shown=shown)
        if shown:
            self._shown_at = now
        await asyncio.sleep(0.0)

    async def _next_exposure_s(self) -> float | Pulse | None:
        """Wait for the start of the next frame; None if stopped meanwhile."""
        if self._stop.is_set():
            return None
        if self._is_internal:
            return self.page["AcquireTime"]
        if self.page["TriggerMode"] == "TTL Veto Only":
            return await self._next_gate()
        waiting = asyncio.ensure_future(self._gates.get())
        return waiting.result() if await unless_stopped(waiting, self._stop) else None

    async def _next_gate(self) -> float | Pulse | None:
        while not self._stop.is_set():
            if not self._gates.empty():
                return self._gates.get_nowait()
            if pulses := self._trigger.take(1, lambda pulse: pulse.length_s):
                self._clock.notice()
                return pulses[0]
            await asyncio.sleep(POLL_S)
        return None

    @property
    def _is_internal(self) -> bool:
        return self.page["TriggerMode"] == "Internal"

    async def _publish(
        self, exposure: Exposure, begun_s: float, exposure_s: float, *, shown: bool = True
    ) -> None:
        """Show all of it; the counter last, so that who sees it has the spectra."""
        self._unique_id += 1
        for element, counts, scalers in zip(self._elements, exposure.counts, exposure.scalers, strict=True):
            await element.show(counts, scalers, shown=shown)
        counted = CountedSpectra(exposure.counts, np.stack([one.values for one in self._elements]))
        shot = Shot(self._unique_id, begun_s, exposure_s, counted)
        if self.page["ArrayCallbacks"] == "Enable":
            patient = self._clock.mode is ClockMode.ELASTIC
            await self._plugin.offer([shot], patient=patient)
        await self.page.show("NumImagesCounter", self.page["NumImagesCounter"] + 1)
        await self.page.show("ArrayCounter", self.page["ArrayCounter"] + 1)

    async def _announce(self, state: str, message: str, *, begun: bool) -> None:
        await self.page.show("DetectorState", state)
        await self.page.show("StatusMessage", message)
        await self.page.show("AcquireBusy", "Acquiring" if begun else "Done")
        await self.page.show("Acquire", "Acquire" if begun else "Done")

    async def _erase(self, value: int) -> None:
        """Empty spectra, scalers and counters."""
        if not value:
            return
        nothing = Scalers(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, self._spectra.model.processor.event_width)
        for element in self._elements:
            await element.show(np.zeros(self._spectra.shape[1], dtype=np.int64), nothing)
        await self.page.show("NumImagesCounter", 0)
        await self.page.show("ArrayCounter", 0)

    async def _check_mode(self, mode: str) -> None:
        if mode not in SERVED_MODES:
            raise ValueError(f"TriggerMode {mode!r} is not simulated: take one of {', '.join(SERVED_MODES)}")
        if self._busy:
            raise ValueError(f"TriggerMode {mode!r} during an acquisition: put 0 to Acquire first")


async def _check_images(value: int) -> None:
    if not 1 <= value <= MOST_IMAGES:
        raise ValueError(f"NumImages {value} is outside 1..{MOST_IMAGES}, the frames that Xspress3 holds")
