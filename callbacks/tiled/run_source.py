"""Runs of an experiment as tables, read from Tiled or straight from the journal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .access import find_node
from .external_frame import ExternalFrames, Frames
from .table import StreamTable, stacked
from .tail import JournalTail


@dataclass(frozen=True)
class ExperimentName:
    """What an experiment is called.

    Parameters
    ----------
    uid : str
        Unique identifier, in every start document.
    name : str
        Name given by the user; several experiments may share it.
    time : float
        Start of its first cycling run, s since 1970; 0 where it is not known.
    """

    uid: str
    name: str
    time: float = 0.0

    def __str__(self) -> str:
        """Name, uid and start, by which experiments of one name are told apart."""
        began = f", {datetime.fromtimestamp(self.time).astimezone():%Y-%m-%d %H:%M}" if self.time else ""
        return f"{self.name} ({self.uid[:8]}{began})"


def _experiments(cycling: Iterable[dict[str, Any]]) -> list[ExperimentName]:
    """Name the experiments of start documents of cycling runs, oldest first."""
    found: dict[str, ExperimentName] = {}
    for start in sorted(cycling, key=lambda start: start["time"]):
        experiment = start["experiment"]
        name = ExperimentName(experiment["uid"], experiment["name"], start["time"])
        found.setdefault(experiment["uid"], name)
    return list(found.values())


def analyses(starts: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Choose the start documents of the results of an analysis."""
    return [start for start in starts if (start.get("analysis") or {}).get("name") == name]


def latest_analyses(starts: Iterable[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    """Give the latest start document of an analysis by the uid of the run that it is of."""
    return {start["analysis"]["of"]: start for start in analyses(starts, name)}


class RunSource(ABC):
    """Start documents, stop documents and streams of stored runs."""

    tells_of_parts = True
    """Whether `frames` leaves out what a file holds besides the frames that documents told of."""

    @abstractmethod
    def starts(self, experiment_uid: str) -> list[dict[str, Any]]:
        """Start documents of an experiment, in the order of their time."""

    @abstractmethod
    def stop(self, uid: str) -> dict[str, Any] | None:
        """Stop document of a run, None while it is open."""

    @abstractmethod
    def stream(self, uid: str, name: str) -> pd.DataFrame:
        """Rows of a stream (columns ``seq_num``, ``time`` and the data keys); empty if there is none."""

    @abstractmethod
    def array(self, uid: str, stream: str, key: str) -> np.ndarray:
        """Arrays of a data key, stacked in the order of ``seq_num``: shape (n_events, ...); (0,) if none."""

    @abstractmethod
    def streams(self, uid: str) -> list[str]:
        """Names of the streams of a run."""

    @abstractmethod
    def frames(self, uid: str, stream: str, key: str) -> Frames | None:
        """Frames that were written into files of their own; None if there is nothing."""

    @abstractmethod
    def experiments(self) -> list[ExperimentName]:
        """Experiments that are known, oldest first."""


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop time stamps and undo the renaming of reserved keys."""
    kept = frame.loc[:, [column for column in frame.columns if not column.startswith("ts_")]]
    if "time_" in kept.columns:
        kept = kept.drop(columns="time").rename(columns={"time_": "time"})
    return kept


class TiledSource(RunSource):
    """Runs in Tiled.

    Parameters
    ----------
    client : tiled.client.container.Container
        Catalogue of runs.
    """

    tells_of_parts = False

    def __init__(self, client: Any) -> None:  # noqa: ANN401
        self._client = client
        self._runs: dict[str, Any] = {}
        self._ended: dict[tuple[str, str], pd.DataFrame] = {}

    def _search(self, key: str, value: str) -> Iterator[Any]:
        from tiled.queries import Key

        yield from self._client.search(Key(key) == value).values()

    def starts(self, experiment_uid: str) -> list[dict[str, Any]]:
        """Start documents of an experiment, in the order of their time."""
        self._runs = {
            run.metadata["start"]["uid"]: run for run in self._search("start.experiment.uid", experiment_uid)
        }
        return sorted(
            (dict(run.metadata["start"]) for run in self._runs.values()), key=lambda start: start["time"]
        )

    def stop(self, uid: str) -> dict[str, Any] | None:
        """Stop document of a run, None while it is open."""
        return self._runs[uid].metadata.get("stop")

    def stream(self, uid: str, name: str) -> pd.DataFrame:
        """Rows of a stream; those of a run that has ended are asked for once."""
        if (uid, name) in self._ended:
            return self._ended[uid, name].copy()
        table = find_node(self._runs[uid].base, name, "internal")
        rows = pd.DataFrame() if table is None else _plain(table.read())
        if self.stop(uid) is not None:
            self._ended[uid, name] = rows.copy()
        return rows

    def array(self, uid: str, stream: str, key: str) -> np.ndarray:
        """Arrays of a data key, stacked in the order of ``seq_num``."""
        node = find_node(self._runs[uid].base, stream, key)
        return np.empty(0) if node is None else np.asarray(node.read())

    def streams(self, uid: str) -> list[str]:
        """Names of the streams of a run."""
        from tiled.client.container import Container

        return list(Container.__iter__(self._runs[uid].base))

    def frames(self, uid: str, stream: str, key: str) -> Frames | None:
        """Frames, which the server sends."""
        node = find_node(self._runs[uid].base, stream, key)
        if node is None:
            return None
        count, *shape = node.shape
        return Frames(lambda a, b: np.asarray(node[a:b]), count, lambda: (tuple(shape), node.dtype))

    def experiments(self) -> list[ExperimentName]:
        """Experiments that are known, oldest first."""
        return _experiments(run.metadata["start"] for run in self._search("start.purpose", "cycling"))


class JournalSource(RunSource):
    """Runs in a journal; what was written since is taken in by `refresh`, and whenever runs are asked for.

    Parameters
    ----------
    folder : Path
        The journal.
    roots : tuple of Path
        Folders in which detectors may have their files, besides that of the journal.
    """

    def __init__(self, folder: Path | str, roots: tuple[Path, ...] = ()) -> None:
        self._tail = JournalTail(folder)
        self._external = ExternalFrames((Path(folder).resolve().parent, *roots))
        self._starts: dict[str, dict[str, Any]] = {}
        self._stops: dict[str, dict[str, Any]] = {}
        self._streams: dict[tuple[str, str], StreamTable] = {}
        self._arrays: dict[tuple[str, str, str], dict[int, Any]] = {}
        self._descriptors: dict[str, tuple[str, str]] = {}
        self.refresh()

    def refresh(self) -> int:
        """Take in what was written since the last look; return the number of documents."""
        documents = self._tail.poll()
        for name, doc in documents:
            self.take(name, doc)
        return len(documents)

    def take(self, name: str, doc: dict[str, Any]) -> None:
        """Take in one document."""
        if name == "start":
            self._starts[doc["uid"]] = doc
        elif name == "stop":
            self._stops[doc["run_start"]] = doc
        elif name == "descriptor":
            self._descriptors[doc["uid"]] = (doc["run_start"], doc["name"])
            self._streams.setdefault((doc["run_start"], doc["name"]), StreamTable(doc["data_keys"]))
        elif name == "event":
            where = self._descriptors[doc["descriptor"]]
            for key in self._streams[where].array_keys:
                self._arrays.setdefault((*where, key), {})[doc["seq_num"]] = doc["data"][key]
            self._streams[where].add(_renamed(doc))
        elif name == "stream_resource":
            self._external.add_resource(doc)
        elif name == "stream_datum":
            self._external.add_datum(doc, self._descriptors[doc["descriptor"]])

    def measurements(self) -> list[dict[str, Any]]:
        """Start documents of all measurements, also of those outside of an experiment, by time."""
        chosen = (start for start in self._starts.values() if start.get("purpose") == "measurement")
        return sorted(chosen, key=lambda start: start["time"])

    def starts(self, experiment_uid: str) -> list[dict[str, Any]]:
        """Start documents of an experiment, in the order of their time."""
        self.refresh()
        chosen = (
            start
            for start in self._starts.values()
            if start.get("experiment", {}).get("uid") == experiment_uid
        )
        return sorted(chosen, key=lambda start: start["time"])

    def stop(self, uid: str) -> dict[str, Any] | None:
        """Stop document of a run, None while it is open."""
        return self._stops.get(uid)

    def stream(self, uid: str, name: str) -> pd.DataFrame:
        """Rows of a stream."""
        table = self._streams.get((uid, name))
        if table is None:
            return pd.DataFrame()
        if table.pending:
            table.merge()
        return _plain(table.frame)

    def array(self, uid: str, stream: str, key: str) -> np.ndarray:
        """Arrays of a data key, stacked in the order of ``seq_num``, or read from the files of a detector.

        Raises
        ------
        ExternalFileRefusedError
            If one of the files lies outside of the roots.
        """
        found = self._arrays.get((uid, stream, key), {})
        if not found:
            return self._external.whole(uid, stream, key)
        return stacked([found[number] for number in sorted(found)])

    def streams(self, uid: str) -> list[str]:
        """Names of the streams of a run."""
        return [name for run, name in self._streams if run == uid]

    def frames(self, uid: str, stream: str, key: str) -> Frames | None:
        """Frames in their files.

        Raises
        ------
        ExternalFileRefusedError
            If one lies outside of the roots.
        """
        return self._external.reader(uid, stream, key)

    def experiments(self) -> list[ExperimentName]:
        """Experiments that are known, oldest first."""
        return _experiments(start for start in self._starts.values() if start.get("purpose") == "cycling")


def _renamed(event: dict[str, Any]) -> dict[str, Any]:
    """Keep a data key called ``time`` apart from the time of the event."""
    if "time" not in event["data"]:
        return event
    data = {"time_" if key == "time" else key: value for key, value in event["data"].items()}
    stamps = {"time_" if key == "time" else key: value for key, value in event["timestamps"].items()}
    return {**event, "data": data, "timestamps": stamps}
