"""The driver of the microscope's camera: regions and binning, and stages where they were in each frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from ..clock import SharedClock
from ..motion import MoveLog
from ..physics.scintillator_camera import Region
from ..wire import Sight
from .camera_driver import CameraDriver
from .exposure import Exposure, Scene, Shot
from .file_plugin import FilePlugin
from .microscope_exposure import POSITIONS, MicroscopeExposure, MicroscopeScene
from .trigger_input import TriggerInput

BINNINGS = (1, 2, 4)


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
        # Driver and plugin ask for shape, type, mask, scene and drawing alone.
        super().__init__(cast("Exposure", exposure), plugin, clock, sight, trigger)
        self._seen = exposure
        self._log = log
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
        self, count: int, begin_s: float, period_s: float, exposure_s: float, before: Scene, after: Scene
    ) -> list[Shot]:
        """Frames between two looks at the board; the stages' moves are known better than that."""
        shots = super()._shots(count, begin_s, period_s, exposure_s, before, after)
        middle_s = np.array([shot.time_s for shot in shots]) + 0.5 * exposure_s
        along = {slot: self._log.true(slot, middle_s).tolist() for slot in POSITIONS}
        placed: list[Shot] = []
        for index, shot in enumerate(shots):
            scene = cast("MicroscopeScene", shot.scene)
            scene = scene.placed({slot: values[index] for slot, values in along.items()})
            placed.append(replace(shot, scene=cast("Scene", scene)))
        return placed
