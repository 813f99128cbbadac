"""The writer behind the trigger box: DATA:* variables, and rules for when a capture begins and is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .capture_file import CaptureFile
from .detector_page import DetectorPage
from .frame_place import FramePlace

logger = logging.getLogger(__name__)
FAILURES = (OSError, ValueError, RuntimeError)


class CapturePlugin:
    """Writes rows of captured values into a file while DATA:CAPTURE is on.

    Parameters
    ----------
    place
        Where files may be.
    """

    page: DetectorPage

    def __init__(self, place: FramePlace) -> None:
        self._place = place
        self._file: CaptureFile | None = None
        self._on = False
        self._files = asyncio.Lock()

    async def take_directory(self, path: str) -> None:
        """Make the folder if asked to, and tell whether it is there."""
        self._place.make(path, self.page["DATA:CREATE_DIRECTORY"])
        exists = self._place.exists(path)
        await self.page.show("DATA:DIRECTORY_EXISTS", "Yes" if exists else "No")
        if not exists:
            await self._tell(f"{path} is no folder inside the data folder {self._place.folder}")

    async def switch(self, on: bool) -> None:
        """Begin or end a capture; its file is opened with the first rows, when their names are known."""
        async with self._files:
            if on and not self._on:
                await self.page.show("DATA:NUM_CAPTURED", 0)
                await self.page.show("DATA:NUM_RECEIVED", 0)
                await self.page.show("DATA:HDF_FULL_FILE_PATH", "")
                self._on = True
                await self._tell("Starting capture")
            elif not on and self._on:
                await self._finish("Finished capture")

    async def take(self, columns: Mapping[str, NDArray[np.float64]]) -> None:
        """Write rows; those beyond DATA:NUM_CAPTURE are not written."""
        async with self._files:
            count = len(next(iter(columns.values()))) if columns else 0
            if not self._on or not count:
                return
            received = self.page["DATA:NUM_RECEIVED"] + count
            most, captured = self.page["DATA:NUM_CAPTURE"], self.page["DATA:NUM_CAPTURED"]
            kept = max(min(count, most - captured), 0) if most else count
            try:
                await self._append({name: values[:kept] for name, values in columns.items()})
            except FAILURES as error:
                logger.warning("capture: %s", error)
                await self._finish(f"ERROR: {error}")
                return
            await self.page.show("DATA:NUM_RECEIVED", received)
            await self.page.show("DATA:NUM_CAPTURED", captured + kept)
            if most and captured + kept >= most:
                await self._finish("Requested number of frames captured")

    async def _append(self, columns: Mapping[str, NDArray[np.float64]]) -> None:
        if self._file is None:
            page = self.page
            path = self._place.file(page["DATA:HDF_DIRECTORY"], page["DATA:HDF_FILE_NAME"], "%s%s.h5", 0)
            self._file = CaptureFile(path, tuple(columns))
            await page.show("DATA:HDF_FULL_FILE_PATH", str(path))
        await asyncio.to_thread(self._file.append, columns)

    async def _finish(self, message: str) -> None:
        self._on = False
        file, self._file = self._file, None
        if file is not None:
            await asyncio.to_thread(file.close)
        await self._tell(message)
        await self.page.show("DATA:CAPTURE", "0")

    async def _tell(self, message: str) -> None:
        await self.page.show("DATA:STATUS", message)
