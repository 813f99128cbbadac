"""The cycler's own file of a program: its record, appended while it runs, as EC-Lab saves its data."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from pathlib import Path

from caproto import ChannelData

from ..instrument.channel import Channel, RefusedError, State
from ..instrument.sample import COLUMNS
from .channel import Hook, choice, plain, text

logger = logging.getLogger(__name__)
NO_YES = ("NO", "YES")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,64}")


class CyclerFile:
    """Writes the record of each program into a file of its own, if a client asked for it.

    Parameters
    ----------
    cycler
        Whose record is written.
    folder
        Where the files go, `<prefix><UTC start>_C<channel>.csv`.
    channel
        Number of the cycler's channel.
    """

    def __init__(self, cycler: Channel, folder: Path, channel: int) -> None:
        self._cycler = cycler
        self._folder = folder
        self._channel = channel
        self._prefix, self._wanted = "", False
        self._next, self._runs = cycler.record.count, False
        self.path: Path | None = None

    def channels(self) -> dict[str, ChannelData]:
        """Make what clients may write, by its name below the prefix of the channel."""
        return {
            "SAVEDATA:SP": choice(NO_YES, NO_YES[0], self._want),
            "FILEPREFIX:SP": text("", self._name()),
        }

    async def _want(self, value: object) -> None:
        self._wanted = value in (1, NO_YES[1])

    def _name(self) -> Hook:
        async def hook(value: object) -> None:
            prefix = plain(value)
            if not _PREFIX.fullmatch(prefix):
                raise RefusedError(f"FILEPREFIX:SP {prefix!r}: use at most 64 letters, digits, _ and -")
            self._prefix = prefix

        return hook

    def values(self) -> dict[str, str | int]:
        """Tell what is saved, and where."""
        return {
            "SAVEDATA": NO_YES[self._wanted],
            "FILEPREFIX": self._prefix,
            "FILENAME": "" if self.path is None else str(self.path),
        }

    def follow(self) -> None:
        """Append what has come to the file of the program; begin one where a program has begun.

        A disk that cannot be written ends the file, never the program.
        """
        runs = self._cycler.state is not State.STOPPED
        try:
            self._write(runs=runs)
        except OSError as error:
            logger.error("the record is no longer saved: %s", error)
            self.path = None
        self._next, self._runs = self._cycler.record.count, runs

    def _write(self, *, runs: bool) -> None:
        if runs and not self._runs:
            self.path = self._begin() if self._wanted else None
        if self.path is not None and (runs or self._runs):
            self._append(self.path)

    def _append(self, path: Path) -> None:
        with path.open("a", encoding="utf-8") as file:
            while len(rows := self._cycler.record.block(self._next)):
                file.writelines(",".join(f"{value:.12g}" for value in row) + "\n" for row in rows)
                self._next = int(rows[-1, 0]) + 1

    def _begin(self) -> Path:
        began = datetime.fromtimestamp(self._cycler.started_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        path = self._folder / f"{self._prefix}{began}_C{self._channel}.csv"
        path.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
        return path
