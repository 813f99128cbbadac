"""The driver of the microscope's camera: regions and binning, and stages where they were in each frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..clock import ClockMode, SharedClock
from ..motion import MoveLog
from ..physics.array import FloatArray
from ..physics.scintillator_camera import Region
from ..wire import Sight
from .camera_driver import CameraDriver
from .cell_wait import CELL_LAG_S, has_reached
from .file_plugin import FilePlugin
from .frame_source import Shot
from .microscope_exposure import MicroscopeExposure
from .microscope_scene import POSITIONS, MicroscopeScene
from .trigger_input import TriggerInput

BINNINGS = (1, 2, 4)
CATCH_UP_S = 2.0
"""How late frames may be in real time, s, until the camera begins to count anew."""


class MicroscopeDriver(CameraDriver):
    """NDArray driver of the microscope's camera.

    Parameters
    ----------
    exposure, plugin, clock, sight, trigger
        As of `CameraDriver`.
    log
        Where the stages were.
    """

    def __init__(
        self,
        exposure: MicroscopeExposure,
        plugin: FilePlugin,
        clock: SharedClock,
        sight: Sight,
        trigger: TriggerInput,
        log: MoveLog,
    ) -> None:
        super().__init__(exposure, plugin, clock, sight, trigger)
        self._seen = exposure
        self._log = log
        self._lost_at_s = math.nan
        rows, columns = exposure.shape
        settings = {"BinX": 1, "BinY": 1, "MinX": 0, "MinY": 0, "SizeX": columns, "SizeY": rows}
        for name, value in settings.items():
            self.page.add_integer(name, value, self._region_check(name))

    def _region_check(self, name: str):  # noqa: ANN202
        async def check(value: int) -> None:
            if self.page["AcquireBusy"] != "Done":
                raise ValueError(f"{name} {value} while the camera acquires: put 0 to Acquire first")
            await self._take_region(name, value)

        return check

    async def _take_region(self, name: str, value: int) -> None:
        names = ("MinY", "MinX", "SizeY", "SizeX", "BinX", "BinY")
        wanted: dict[str, Any] = {one: self.page[one] for one in names} | {name: value}
        if wanted["BinX"] not in BINNINGS or wanted["BinY"] not in BINNINGS:
            raise ValueError(f"{name} {value}: this camera bins by {', '.join(map(str, BINNINGS))}")
        # Both are put one after the other: the second makes it so.
        binning = wanted["BinX"] if wanted["BinX"] == wanted["BinY"] else self._seen.region.binning
        region = Region(wanted["MinY"], wanted["MinX"], wanted["SizeY"], wanted["SizeX"], binning)
        most = self._seen.camera.shape
        for axis, low, size, whole in zip(
            "YX", (region.row, region.column), (region.rows, region.columns), most, strict=True
        ):
            if low < 0 or size < binning or low + size > whole or size % binning:
                raise ValueError(
                    f"Min{axis} {low} and Size{axis} {size} with bins of {binning} are not within {whole} "
                    f"pixels, in whole bins: put the one that makes room first"
                )
        self._seen.region = region
        await self.page.show("ArraySizeX", region.shape[1])
        await self.page.show("ArraySizeY", region.shape[0])
        await self.page.show("ArraySize", region.shape[0] * region.shape[1] * 2)

    def _shots(
        self,
        count: int,
        begin_s: float,
        period_s: float,
        exposure_s: float,
        before: MicroscopeScene,
        after: MicroscopeScene,
    ) -> list[Shot]:
        """Frames between two looks at the board; the stages' moves are known better than that."""
        begun_s: FloatArray = period_s * np.arange(count, dtype=np.float64)
        middle_s: FloatArray = begin_s + begun_s + 0.5 * exposure_s
        along = {slot: self._log.true(slot, middle_s) for slot in POSITIONS}
        shares: FloatArray = (begun_s + 0.5 * exposure_s) / (count * period_s)
        scenes = before.between(after, shares, along)
        shots: list[Shot] = []
        for time_s, scene in zip((begin_s + begun_s).tolist(), scenes, strict=True):
            self._unique_id += 1
            shots.append(Shot(self._unique_id, time_s, exposure_s, scene))
        return shots

    @property
    def _longest_lag_s(self) -> float:
        # A real camera goes on while this machine is busy: what it took meanwhile is made up for.
        return CATCH_UP_S if self._clock.mode is ClockMode.REAL else CELL_LAG_S

    async def _scene_is_known(self, time_s: float) -> None:
        await super()._scene_is_known(time_s)
        # A server that stands still is waited for once.
        if self._sight["heater_time"] != self._lost_at_s:
            known = await has_reached(self._sight, "heater_time", time_s)
            self._lost_at_s = math.nan if known else self._sight["heater_time"]
