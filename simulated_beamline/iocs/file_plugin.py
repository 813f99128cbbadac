"""The file plugin behind the camera: a queue of frames, and the rules of capture, stream and single files."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .camera_page import check_count, file_page
from .frame_file import FrameFile
from .frame_place import FramePlace, PlaceError
from .frame_source import FrameSource, Shot

logger = logging.getLogger(__name__)
EPICS_EPOCH_S = 631152000.0
"""UNIX time of 1990-01-01, from which NDArrayTimeStamp counts."""
BATCH = 8
"""Frames between two publications at most."""
FAILURES = (OSError, ValueError, RuntimeError)
NOT_PRIMED = (
    "ERROR: capture not permitted, no array received yet and its size is unknown: acquire one frame first, "
    "or set LazyOpen"
)


class FilePlugin:
    """NDFileHDF5 for one camera; frames are drawn and written in one thread, so that the loop never waits.

    Parameters
    ----------
    exposure
        Draws the frames.
    place
        Where files may be.
    """

    file_type: Callable[..., FrameFile] = FrameFile

    @property
    def batch(self) -> int:
        """Most frames that are drawn and written at once."""
        return BATCH

    def __init__(self, exposure: FrameSource, place: FramePlace) -> None:
        self._exposure = exposure
        self._place = place
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="frames")
        self._buffer = np.empty(exposure.shape, exposure.dtype)
        self._queue: deque[Shot] = deque()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._file: FrameFile | None = None
        self._files = asyncio.Lock()
        self._held: list[Shot] = []
        self._last: Shot | None = None
        self._over: asyncio.Event | None = None
        self._stalled_until_s, self._at_work, self.disk_is_full = 0.0, 0, False
        self.drops_left, self.repeats_left = 0, 0
        checks = {
            "FilePath": self._take_path,
            "NumCapture": check_count,
            "FileWriteMode": self._check_mode,
        }
        self.page = file_page(
            exposure.shape,
            f"UInt{8 * exposure.dtype.itemsize}",
            self._capture,
            self._end,
            self._write_file,
            checks,
        )

    async def offer(self, shots: Sequence[Shot], *, patient: bool) -> None:
        """Queue frames for the file.

        Parameters
        ----------
        shots
            In the order of exposure.
        patient
            Whether to wait while the queue is full; else, or while the writer is stalled, frames are dropped.
        """
        if self.page["EnableCallbacks"] != "Enable":
            return
        for shot in shots:
            if self.drops_left > 0:
                self.drops_left -= 1
                await self._drop()
                continue
            while len(self._queue) >= self.page["QueueSize"] and patient and not self._stalled:
                self._room.clear()
                await self._room.wait()
            if len(self._queue) >= self.page["QueueSize"]:
                await self._drop()
                continue
            self._queue.extend([shot] * (2 if self.repeats_left > 0 else 1))
            self.repeats_left = max(self.repeats_left - 1, 0)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._drain())

    async def idle(self) -> None:
        """Wait until the queue is empty."""
        if self._task is not None:
            await self._task

    @property
    def waiting(self) -> int:
        """Frames that are still to be written."""
        return len(self._queue) + self._at_work

    def stall(self, duration_s: float) -> None:
        """Write nothing for some wall seconds (a fault)."""
        self._stalled_until_s = asyncio.get_running_loop().time() + duration_s

    @property
    def _stalled(self) -> bool:
        return asyncio.get_running_loop().time() < self._stalled_until_s

    async def _drop(self) -> None:
        await self.page.show("DroppedArrays", self.page["DroppedArrays"] + 1)

    async def _drain(self) -> None:
        while self._queue:
            while self._stalled:
                await asyncio.sleep(0.01)
            batch = [self._queue.popleft() for _ in range(min(self.batch, len(self._queue)))]
            self._at_work = len(batch)
            try:
                async with self._files:
                    await self._process(batch)
            except FAILURES as error:
                await self._fail(str(error))
            self._room.set()
            await self._publish(batch)
            self._at_work = 0

    async def _process(self, batch: list[Shot]) -> None:
        """Do with frames what the mode says."""
        self._last = batch[-1]
        if self.page["FileWriteMode"] == "Single":
            if self.page["AutoSave"] == "Yes":
                for shot in batch:
                    await self._write_whole([shot])
            return
        if self._over is None:
            return
        most = self.page["NumCapture"]
        taken = batch[: most - self.page["NumCaptured"]] if most else batch
        if self.page["FileWriteMode"] == "Capture":
            self._held += taken
        else:
            if self._file is None:
                await self._open(most)
            await self._in_thread(self._append, taken)
        captured = self.page["NumCaptured"] + len(taken)
        await self.page.show("NumCaptured", captured)
        if most and captured >= most:
            await self._end()

    async def _capture(self) -> None:
        """Begin a capture or stream; over when it has ended."""
        async with self._files:
            over = self._over
            if over is None:
                try:
                    await self._begin()
                except FAILURES as error:
                    await self._fail(str(error))
                    return
                self._held, self._over = [], asyncio.Event()
                over = self._over
                await self.page.show("NumCaptured", 0)
                await self._tell("")
                await self.page.show("Capture", "Capture")
        await over.wait()

    async def _begin(self) -> None:
        """Check what a capture needs, and open its file unless that waits for the first frame."""
        lazy = self.page["LazyOpen"] == "Yes"
        if self.page["FileWriteMode"] == "Single":
            raise PlaceError("ERROR: capture not permitted in FileWriteMode Single: set Capture or Stream")
        if self._last is None and not lazy:
            raise PlaceError(NOT_PRIMED)
        self._find_file()
        if self.page["FileWriteMode"] == "Stream" and not lazy:
            await self._open(self.page["NumCapture"])

    async def _end(self) -> None:
        """End a capture; in mode Capture with AutoSave what it holds is written."""
        over, self._over = self._over, None
        if over is None:
            return
        try:
            await self._close()
            if self.page["FileWriteMode"] == "Capture" and self.page["AutoSave"] == "Yes":
                await self._write_whole(self._held)
        except FAILURES as error:
            await self._fail(str(error))
        await self.page.show("Capture", "Done")
        over.set()

    async def _write_file(self) -> None:
        """Write the last frame (Single) or those that were captured (Capture)."""
        mode = self.page["FileWriteMode"]
        shots = [self._last] if mode == "Single" and self._last else self._held if mode == "Capture" else []
        if not shots:
            await self._fail(f"ERROR: no array to write in FileWriteMode {mode}: acquire first")
            return
        try:
            await self._write_whole(shots)
        except FAILURES as error:
            await self._fail(str(error))

    async def _write_whole(self, shots: Sequence[Shot]) -> None:
        await self.page.show("WriteFile", "Write")
        try:
            await self._open(len(shots))
            await self._in_thread(self._append, shots)
        finally:
            await self._close()
            await self.page.show("WriteFile", "Done")
        await self._tell("")

    def _find_file(self) -> Path:
        page = self.page
        return self._place.file(page["FilePath"], page["FileName"], page["FileTemplate"], page["FileNumber"])

    async def _open(self, most: int) -> None:
        path, shape, dtype = self._find_file(), self._exposure.shape, self._exposure.dtype
        mask = self._exposure.pixel_mask()
        self._file = await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self.file_type(path, shape, dtype, most=most, pixel_mask=mask)
        )
        await self.page.show("FullFileName", str(path))
        await self.page.show("SWMRActive", "Active")
        if self.page["AutoIncrement"] == "Yes":
            await self.page.show("FileNumber", self.page["FileNumber"] + 1)

    async def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, file.close)
            await self.page.show("SWMRActive", "Off")

    async def _in_thread(self, work: object, shots: Sequence[Shot]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work, shots)  # type: ignore[arg-type]

    def _append(self, shots: Sequence[Shot]) -> None:
        """In the thread: draw and write."""
        file = self._file
        if file is None:
            return
        if self.disk_is_full:
            raise OSError(f"ERROR writing {file.path}: no space left on device")
        for shot in shots:
            self._exposure.draw(shot, self._buffer)
            self._write_shot(file, shot)
        # Before they are counted: NumCaptured says what a reader finds.
        file.flush()

    def _write_shot(self, file: FrameFile, shot: Shot) -> None:
        """In the thread: append what was drawn."""
        file.append(self._buffer, shot.time_s - EPICS_EPOCH_S, shot.unique_id)

    async def _publish(self, batch: Sequence[Shot]) -> None:
        shown = {
            "ArrayCounter": self.page["ArrayCounter"] + len(batch),
            "UniqueId": batch[-1].unique_id,
            "TimeStamp": batch[-1].time_s - EPICS_EPOCH_S,
            "ArraySize0": self._exposure.shape[1],
            "ArraySize1": self._exposure.shape[0],
            "NDimensions": 2,
            "QueueUse": len(self._queue),
            "QueueFree": self.page["QueueSize"] - len(self._queue),
        }
        for name, value in shown.items():
            await self.page.show(name, value)

    async def _take_path(self, path: str) -> None:
        """Make the folder if asked to, and tell whether it is there."""
        self._place.make(path, self.page["CreateDirectory"])
        exists = self._place.exists(path)
        await self.page.show("FilePathExists", "Yes" if exists else "No")
        if not exists:
            where = f"{path} is no folder inside the data folder {self._place.folder}"
            await self._fail(f"ERROR: {where}: nothing is written")

    async def _check_mode(self, mode: str) -> None:
        if self._over is not None:
            raise ValueError(f"FileWriteMode {mode} while a capture is on: put 0 to Capture first")

    async def _tell(self, message: str) -> None:
        await self.page.show("WriteStatus", "Write error" if message else "Write OK")
        await self.page.show("WriteMessage", message)

    async def _fail(self, message: str) -> None:
        logger.warning("file plugin: %s", message)
        if self._over is not None:
            await self._end()
        await self._tell(message)
