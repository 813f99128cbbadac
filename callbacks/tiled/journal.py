"""Every document on disk before anything else sees it: one append-only file per run."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from .frame import MAGIC, SUFFIX, encode
from .tail import JournalRun, JournalTail, describe_run, follow, read_journal, runs

__all__ = [
    "Journal",
    "JournalFullError",
    "JournalRun",
    "JournalTail",
    "close_dead_run",
    "describe_run",
    "follow",
    "read_journal",
    "runs",
]

logger = logging.getLogger(__name__)


class JournalFullError(OSError):
    """The disk under the journal is full, or too full to begin."""


class _RunFile:
    """The open file of one run, locked while its process lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        self.size = 0
        self.dirty = False

    def append(self, data: bytes) -> None:
        """Write all of ``data`` or, on an error, nothing of it."""
        try:
            written = 0
            while written < len(data):
                written += os.write(self.fd, data[written:])
        except OSError:
            os.ftruncate(self.fd, self.size)
            raise
        self.size += len(data)
        self.dirty = True

    def close(self) -> None:
        os.fsync(self.fd)
        os.close(self.fd)


class Journal:
    """First subscriber of a RunEngine: appends each document to the file of its run.

    A document is handed to the operating system before the call returns and synced to the disk within
    ``sync_interval_s``, so a killed process loses nothing and a power cut at most that time.

    Parameters
    ----------
    folder : Path
        Where the files are kept; made if absent. Several processes may share it.
    minimum_free_bytes : int
        Free space in bytes below which no journal is begun.
    reserve_bytes : int
        Space in bytes held back, so that the stop documents fit when the disk is full.
    sync_interval_s : float
        Longest time in s between two fsyncs of a file that grows.

    Raises
    ------
    JournalFullError
        If less than ``minimum_free_bytes`` are free; on a call, once, when the disk has become full. The
        document of that call is still written, into the reserve, and so are those that end the runs.
    OSError
        On a call, once, when the disk could not be synced; the document of that call is written all the same.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        minimum_free_bytes: int = 200_000_000,
        reserve_bytes: int = 4_000_000,
        sync_interval_s: float = 1.0,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._minimum_free_bytes = minimum_free_bytes
        self._check_free_space()
        self._reserve = self.folder / f".reserve-{os.getpid()}-{id(self):x}"
        self._make_reserve(reserve_bytes)
        self._files: dict[str, _RunFile] = {}
        self._owner: dict[str, str] = {}
        self._lock = threading.Lock()
        self._sync_error: OSError | None = None
        self._closed = threading.Event()
        self._syncer = threading.Thread(
            target=self._sync_regularly, args=(sync_interval_s,), name="journal sync", daemon=True
        )
        self._syncer.start()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, name: str, doc: dict[str, Any]) -> None:
        """Append one document to the file of its run."""
        data = encode(name, doc)
        if name == "start":
            self._begin(doc)
        run = self._run_of(name, doc)
        self._write(self._files[run], name, data)
        if name == "stop":
            self._end(run)
        self._tell_failed_sync()

    def close(self) -> None:
        """Sync and close every file and give the reserve back; the runs themselves stay as they are."""
        self._closed.set()
        self._syncer.join()
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()
        self._reserve.unlink(missing_ok=True)

    def _check_free_space(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < self._minimum_free_bytes:
            raise JournalFullError(
                errno.ENOSPC,
                f"the journal's disk has {free / 1e6:.0f} MB free, {self._minimum_free_bytes / 1e6:.0f} MB "
                "are needed to begin: free some space or point OPERANDO_DATA to another disk",
                str(self.folder),
            )

    def _make_reserve(self, size_bytes: int) -> None:
        fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if size_bytes:
                os.posix_fallocate(fd, 0, size_bytes)
        finally:
            os.close(fd)

    def _begin(self, start: dict[str, Any]) -> None:
        self._check_free_space()
        began = datetime.fromtimestamp(start["time"], UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        file = _RunFile(self.folder / f"{began}_{start['uid']}{SUFFIX}")
        with self._lock:
            self._files[start["uid"]] = file
        self._owner[start["uid"]] = start["uid"]
        file.append(MAGIC)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _run_of(self, name: str, doc: dict[str, Any]) -> str:
        """Find the run of a document by the uid of what it belongs to."""
        if name == "start":
            return doc["uid"]
        for key in ("run_start", "descriptor", "resource", "stream_resource"):
            if (run := self._owner.get(doc.get(key, ""))) in self._files:
                break
        else:
            run = next(iter(self._files)) if len(self._files) == 1 else None
        if run is None:
            raise ValueError(f"a {name} document belongs to no open run of {self.folder}: {doc!r:.300}")
        if name in ("descriptor", "resource", "stream_resource"):
            self._owner[doc["uid"]] = run
        return run

    def _write(self, file: _RunFile, name: str, data: bytes) -> None:
        try:
            file.append(data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._reserve.exists():
                raise
            self._reserve.unlink()
            file.append(data)
            if name != "stop":
                raise JournalFullError(
                    errno.ENOSPC,
                    "the journal's disk is full; the plan ends, its last documents are kept in the reserve: "
                    "free some space before the next run",
                    str(file.path),
                ) from error
            logger.error("the disk under %s is full; the run was ended within the reserve", self.folder)

    def _tell_failed_sync(self) -> None:
        if self._sync_error is None:
            return
        error, self._sync_error = self._sync_error, None
        raise OSError(
            error.errno,
            f"the journal was written but not synced to its disk ({error.strerror}): a power cut may lose "
            "the last seconds; look at the disk, or point OPERANDO_DATA to another one",
            str(self.folder),
        ) from error

    def _end(self, run: str) -> None:
        with self._lock:
            self._files.pop(run).close()
        self._owner = {uid: owner for uid, owner in self._owner.items() if owner != run}

    def _sync_regularly(self, interval_s: float) -> None:
        while not self._closed.wait(interval_s):
            with self._lock:
                dirty = [file for file in self._files.values() if file.dirty]
                fds = [os.dup(file.fd) for file in dirty]
                for file in dirty:
                    file.dirty = False
            for fd in fds:
                try:
                    os.fsync(fd)
                except OSError as error:
                    self._sync_error = error
                finally:
                    os.close(fd)


def close_dead_run(path: Path, reason: str) -> dict[str, Any]:
    """Append a stop document (exit status ``abort``) to the run of a process that died.

    Parameters
    ----------
    path : Path
        File of the run. A torn record at its end is cut off.
    reason : str
        What is known of the death; kept in the stop document.

    Returns
    -------
    dict
        The stop document.

    Raises
    ------
    RuntimeError
        If the process that writes the run is alive, or the run has been stopped already.
    """
    run = describe_run(path)
    if run is None or run.stop is not None:
        raise RuntimeError(f"{path.name}: the run has ended already, or has no start document")
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f"{path.name}: the process that writes this run is alive; stop it first"
            ) from None
        counts: dict[str, int] = {}
        names: dict[str, str] = {}
        for name, doc in read_journal(path):
            if name == "descriptor":
                names[doc["uid"]] = doc["name"]
                counts.setdefault(doc["name"], 0)
            if name == "event":
                stream = names[doc["descriptor"]]
                counts[stream] = max(counts[stream], doc["seq_num"])
        stop = {
            "uid": f"{run.start['uid'][:-4]}dead",
            "run_start": run.start["uid"],
            "time": path.stat().st_mtime,
            "exit_status": "abort",
            "reason": reason,
            "num_events": counts,
        }
        file.truncate(run.end)
        file.seek(run.end)
        file.write(encode("stop", stop))
        file.flush()
        os.fsync(file.fileno())
    return stop
