"""Bringing Tiled up to date with the journal, after an outage or from nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .frame import SUFFIX
from .note import read_note
from .projection import RunProjection, conclude, note_waiting
from .verify import verify


@dataclass(frozen=True)
class ReplayReport:
    """What a replay found and did, as uids of runs.

    Parameters
    ----------
    unchanged : tuple of str
        Were complete in Tiled.
    written : tuple of str
        Were missing or incomplete and are complete now.
    incomplete : tuple of str
        Still differ from the journal; see ``journal/forwarded/<uid>.json``.
    """

    unchanged: tuple[str, ...]
    written: tuple[str, ...]
    incomplete: tuple[str, ...]


@contextmanager
def only_forwarder(folder: Path) -> Iterator[None]:
    """Hold the right to carry this journal to Tiled.

    Raises
    ------
    RuntimeError
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "forwarded").mkdir(exist_ok=True)
    with (folder / "forwarded" / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RuntimeError(
                f"process {lock.read().strip()} is forwarding {folder} already: stop it, or let it work"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def replay(folder: Path | str, client: Any, *, roots: tuple[Path, ...] = ()) -> ReplayReport:  # noqa: ANN401
    """Bring Tiled up to date with every run of a journal; what is there already is not written twice.

    Parameters
    ----------
    folder : Path
        The journal.
    client : tiled.client.container.Container
        Catalogue of runs, with the key of the writer.
    roots : tuple of Path
        Folders from which external files may be registered.

    Returns
    -------
    ReplayReport
        Uids of the runs by what became of them.

    Raises
    ------
    RuntimeError
        If a forwarder is at work on this journal.
    """
    folder = Path(folder)
    unchanged, written, incomplete, projections = [], [], [], []
    nodes: dict[str, Any] = {}
    with only_forwarder(folder):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            projection = RunProjection(path, client, roots, nodes)
            note = read_note(folder, projection.uid)
            if verify(path, client).complete and not (note or {}).get("waiting"):
                unchanged.append(projection.uid)
                continue
            while projection.advance():
                pass
            verdict = conclude(projection, folder)
            projections.append(projection)
            (written if verdict.complete else incomplete).append(projection.uid)
        for projection in projections:
            projection.attach_results(search=True)
            note_waiting(projection, folder)
    return ReplayReport(tuple(unchanged), tuple(written), tuple(incomplete))
