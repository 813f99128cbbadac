"""Reading a run back from Tiled and comparing it with its journal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from .access import find_node
from .table import StreamTable
from .tail import read_journal
from .writer import Normalizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamVerdict:
    """What was found of one stream.

    Parameters
    ----------
    emitted : int
        Distinct sequence numbers in the journal.
    recovered : int
        Distinct sequence numbers in Tiled.
    doubled : int
        Rows in Tiled beyond one per sequence number.
    different : tuple of str
        Keys whose values differ; of external files those that were refused, are short or cannot be read.
    """

    emitted: int
    recovered: int
    doubled: int
    different: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the stream is in Tiled as it was emitted."""
        return self.emitted == self.recovered and not self.doubled and not self.different


@dataclass(frozen=True)
class RunVerdict:
    """What was found of one run.

    Parameters
    ----------
    uid : str
        Uid of the run.
    streams : dict of str to StreamVerdict
        By name of the stream.
    stop : bool
        Whether the stop documents agree.
    """

    uid: str
    streams: dict[str, StreamVerdict]
    stop: bool

    @property
    def complete(self) -> bool:
        """Whether the run is in Tiled as it was emitted."""
        return self.stop and all(stream.good for stream in self.streams.values())


@dataclass
class _Expected:
    tables: dict[str, StreamTable]
    arrays: dict[str, dict[str, list[tuple[int, np.ndarray]]]]
    frames: dict[str, dict[str, int]]
    stop: dict[str, Any] | None = None


def _expected(path: Path) -> _Expected:
    """Collect what Tiled should hold."""
    found, names, resources = _Expected({}, {}, {}), {}, {}

    def collect(name: str, doc: dict[str, Any]) -> None:
        if name == "descriptor":
            names[doc["uid"]] = doc["name"]
            found.tables.setdefault(doc["name"], StreamTable(doc["data_keys"]))
            found.frames.setdefault(doc["name"], {})
        elif name == "stream_resource":
            resources[doc["uid"]] = doc["data_key"]
        elif name == "stream_datum":
            frames, key = found.frames[names[doc["descriptor"]]], resources[doc["stream_resource"]]
            frames[key] = max(frames.get(key, 0), doc["indices"]["stop"])
        elif name == "event":
            found.tables[names[doc["descriptor"]]].add(doc)
        elif name == "stop":
            found.stop = doc

    normalizer = Normalizer()
    normalizer.subscribe(collect)
    for name, doc in read_journal(path):
        normalizer(name, doc)
    found.arrays = {name: table.merge() if table.pending else {} for name, table in found.tables.items()}
    return found


def _unreadable(run: Any, name: str, frames: dict[str, int]) -> tuple[str, ...]:  # noqa: ANN401
    """Keys of external files of which Tiled does not give the last frame."""
    return tuple(key for key, count in frames.items() if not _has_frame(find_node(run, name, key), count))


def _has_frame(array: Any, count: int) -> bool:  # noqa: ANN401
    if array is None or array.shape[0] < count:
        return False
    try:
        return np.asarray(array[count - 1]).size > 0
    except (httpx.HTTPError, OSError, ValueError) as error:
        logger.error("frame %d of %s cannot be read: %s", count, array.uri, error)
        return False


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    if left.shape != right.shape:
        return False
    if left.dtype.kind in "fiub" and right.dtype.kind in "fiub":
        return bool(np.array_equal(left.astype(float), right.astype(float), equal_nan=True))
    return left.astype(str).tolist() == right.astype(str).tolist()


def _compare(
    expected: StreamTable,
    arrays: dict[str, list[tuple[int, np.ndarray]]],
    run: Any,  # noqa: ANN401
    name: str,
    known: Any = None,  # noqa: ANN401
) -> StreamVerdict:
    frame = expected.frame
    if frame.empty:
        return StreamVerdict(0, 0, 0, ())
    table = find_node(run, name, "internal") if known is None else known
    if table is None:
        return StreamVerdict(len(frame), 0, 0, ())
    found: pd.DataFrame = table.read()
    recovered = len(set(found["seq_num"]))
    doubled = len(found) - recovered
    if recovered != len(frame) or doubled:
        return StreamVerdict(len(frame), recovered, doubled, ())
    found = found.sort_values(by="seq_num", ignore_index=True)
    different = [
        key
        for key in frame.columns
        if key not in found.columns or not _same(frame[key].to_numpy(), found[key].to_numpy())
    ]
    for key, ((_, block),) in arrays.items():
        array = find_node(run, name, key)
        if array is None or not _same(block, np.asarray(array.read())):
            different.append(key)
    return StreamVerdict(len(frame), recovered, doubled, tuple(different))


def verify(path: Path, client: Any, table: Callable[[str], Any] = lambda _: None) -> RunVerdict:  # noqa: ANN401
    """Compare every stream of a run in Tiled with its journal.

    Parameters
    ----------
    path : Path
        Journal of the run.
    client : tiled.client.container.Container
        Catalogue of runs.
    table : callable
        Gives the client of a stream's table where one is at hand, which saves looking it up; rows are read
        from the server in any case.

    Returns
    -------
    RunVerdict
        Counts, doubles and differing keys of every stream.
    """
    uid = path.stem.rpartition("_")[2]
    expected = _expected(path)
    run = find_node(client, uid)
    if run is None:
        missing = {name: StreamVerdict(len(table.frame), 0, 0, ()) for name, table in expected.tables.items()}
        return RunVerdict(uid, missing, False)
    streams = {}
    for name, rows in expected.tables.items():
        stream = _compare(rows, expected.arrays[name], run.base, name, table(name))
        lacking = _unreadable(run.base, name, expected.frames[name])
        streams[name] = replace(stream, different=(*stream.different, *lacking))
    stop = run.metadata.get("stop")
    agree = (stop is None) == (expected.stop is None)
    if stop is not None and expected.stop is not None:
        agree = stop["uid"] == expected.stop["uid"]
    return RunVerdict(uid, streams, agree)
