"""One run on its way from the journal to Tiled, and the note of how far it came."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .access import find_node
from .note import is_in_tiled, read_note, write_note
from .tail import RunTail
from .verify import RunVerdict, verify
from .writer import Normalizer, RunWriter

logger = logging.getLogger(__name__)


def _json_value(value: Any) -> Any:  # noqa: ANN401
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


class RunProjection:
    """Carries the documents of one run to Tiled, as far as they are written.

    It starts at the first document: what Tiled holds already is taken up or written again, never doubled.
    After any error it is thrown away and a new one made.

    Parameters
    ----------
    path : Path
        Journal of the run.
    client : tiled.client.container.Container
        Catalogue of runs.
    roots : tuple of Path
        Folders from which external files may be registered.
    nodes : dict, optional
        Containers of ended runs by uid, shared by the projections of one client: to attach a live result
        then needs no search. An entry is taken out when it is used.
    """

    def __init__(
        self,
        path: Path,
        client: Any,  # noqa: ANN401
        roots: tuple[Path, ...] = (),
        nodes: dict[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.client = client
        self._nodes = {} if nodes is None else nodes
        self._tail = RunTail(path)
        self._results: dict[str, tuple[str, dict[str, Any]]] = {}
        self._analysis = ""
        self.writer = RunWriter(client, roots)
        self._normalizer = Normalizer()
        self._normalizer.subscribe(self.writer)

    @property
    def uid(self) -> str:
        """Uid of the run."""
        return self.path.stem.rpartition("_")[2]

    @property
    def ended(self) -> bool:
        """Whether the stop document is in Tiled."""
        return self._tail.ended

    def advance(self) -> int:
        """Carry what was written since the last call; return the number of documents."""
        documents = self._tail.poll()
        for name, doc in documents:
            if name == "start" and doc.get("purpose") == "analysis":
                self._analysis = doc.get("analysis", {}).get("name", "analysis")
            # A verdict has what is said of the whole run or frame; rows of details have none.
            if self._analysis and name == "event" and {"measurement_run", "verdict"} <= doc["data"].keys():
                self._results[doc["data"]["measurement_run"]] = (self._analysis, doc["data"])
            self._normalizer(name, doc)
        if documents:
            self.writer.flush()
        if self.ended and self.writer.root_node is not None:
            self._nodes[self.uid] = self.writer.root_node
        self.attach_results()
        return len(documents)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Raw runs whose live results are not attached yet, since they are not in Tiled."""
        return tuple(self._results)

    def attach_results(self, *, search: bool = False) -> None:
        """Put live results into the metadata of the raw runs they were made from, as far as those are there.

        Parameters
        ----------
        search : bool
            Ask Tiled for every run that is wanted. Without, only for those that are known to be in it: an
            experiment's results come long before its runs, and to ask for each again and again is slow.
        """
        for uid, (name, data) in list(self._results.items()):
            # Not by truth: a container's truth is its length, which is a request.
            if uid in self._nodes:
                run = self._nodes.pop(uid)
            elif search or is_in_tiled(self.path.parent, uid):
                run = find_node(self.client, uid)
            else:
                continue
            if run is None:
                continue
            values = {key: _json_value(value) for key, value in data.items() if np.ndim(value) == 0}
            run.update_metadata({"results": {name: values}}, drop_revision=True)
            del self._results[uid]


def note_waiting(projection: RunProjection, folder: Path) -> None:
    """Keep which live results still wait, so that a later process attaches them if this one dies."""
    note = read_note(folder, projection.uid) or {}
    write_note(folder, **{**note, "uid": projection.uid, "waiting": list(projection.waiting)})


def conclude(projection: RunProjection, folder: Path) -> RunVerdict:
    """Read a run back from Tiled and keep the verdict."""
    verdict = verify(projection.path, projection.client, projection.writer.table)
    said = "complete" if verdict.complete else "incomplete"
    write_note(
        folder,
        projection.uid,
        verdict=said,
        streams={name: asdict(stream) for name, stream in verdict.streams.items()},
        refused=list(projection.writer.refused.values()),
        waiting=list(projection.waiting),
    )
    log = logger.info if verdict.complete else logger.error
    log("run %s is %s in Tiled: %s", projection.uid[:8], said, verdict.streams)
    return verdict
